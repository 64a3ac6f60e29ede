//! Clients at work: submitters, and executors that end their work, try it with stale tokens, and fall silent.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use colony_node::client::{Client, ClientError};
use colony_protocol::{
    bounded::{List, Text},
    command::{Assign, Closing, LeaseRef, Submission},
    model::{Conditions, FunctionSpec, Process},
    refusal::Refusal,
    time::Span,
};
use colony_simulations::chance::Chance;
use colony_tests::history::{Attempt, Verdict};
use tokio::task::JoinHandle;

use crate::{
    Shared,
    members::{Members, TYPE},
};

/// Submitters at once.
const SUBMITTERS: usize = 3;
/// What executors promise: the shortest there is, so that lost work comes back soon.
const HEARTBEAT: Span = Span::from_secs(1);
/// Silence after which every lease of a silent executor is gone.
const SILENCE: Duration = Duration::from_millis(2_500);
/// How long a client may take to notice that the node is gone.
const STOP: Duration = Duration::from_secs(60);

/// Clients at work until they are stopped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    /// Submitters and executors.
    pub(crate) fn start(client: &Client, members: &Members, history: &Shared, chance: &mut Chance) -> Self {
        let mut load = Self::executors(client, members, history, chance, false);
        for _ in 0..SUBMITTERS {
            let submitter = Submitter {
                client: client.with_key(members.submitter.clone()),
                history: Arc::clone(history),
                stop: Arc::clone(&load.stop),
                chance: chance.split(),
            };
            load.tasks.push(tokio::spawn(submitter.run()));
        }
        load
    }

    /// Diligent executors, to empty the queue.
    pub(crate) fn executors_only(
        client: &Client,
        members: &Members,
        history: &Shared,
        chance: &mut Chance,
    ) -> Self {
        Self::executors(client, members, history, chance, true)
    }

    fn executors(
        client: &Client,
        members: &Members,
        history: &Shared,
        chance: &mut Chance,
        is_diligent: bool,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let executors = members.executors.iter().map(|key| Executor {
            client: client.with_key(key.clone()),
            history: Arc::clone(history),
            stop: Arc::clone(&stop),
            chance: chance.split(),
            is_diligent,
            attempts: 0,
        });
        let tasks = executors.map(|executor| tokio::spawn(executor.run())).collect();
        Self { stop, tasks }
    }

    /// Lets every request under way come to its end, so that each is recorded.
    pub(crate) async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            tokio::time::timeout(STOP, task).await.expect("a client hangs").unwrap();
        }
    }
}

struct Submitter {
    client: Client,
    history: Shared,
    stop: Arc<AtomicBool>,
    chance: Chance,
}

impl Submitter {
    async fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let count = if self.chance.below(4) == 0 { 10 } else { 1 };
            let items = vec![submission(); count];
            let answer = self.client.submit(items).await;
            let mut history = self.history.lock().unwrap();
            match answer {
                Ok(ids) => history.submitted(&ids),
                Err(error) => {
                    assert!(is_maybe(&error), "a submit was refused: {error}");
                    history.maybe_submitted(count);
                }
            }
        }
    }
}

/// No limits: only a close can end it.
fn submission() -> Submission {
    let conditions = Conditions { executor_type: Text::cut(TYPE), ..Conditions::default() };
    let func_name = Text::cut("nothing");
    let spec = FunctionSpec { func_name, conditions, max_retries: -1, ..FunctionSpec::default() };
    Submission { spec, retry_of: None }
}

struct Executor {
    client: Client,
    history: Shared,
    stop: Arc<AtomicBool>,
    chance: Chance,
    /// Takes much at once and never falls silent.
    is_diligent: bool,
    /// Makes each output differ.
    attempts: u64,
}

impl Executor {
    async fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let held = self.assign().await;
            if held.is_empty() {
                continue;
            }
            if !self.is_diligent && self.chance.below(25) == 0 {
                // Silent for too long, and then with a result that nobody should take any more.
                tokio::time::sleep(SILENCE).await;
            }
            let accepted = self.close(&held).await;
            // Once more, with other results, and with tokens of a lease before.
            if self.chance.below(5) == 0 {
                self.close(&accepted).await;
                let older = held.iter().filter(|lease| lease.token > 1);
                let older: Vec<_> =
                    older.map(|lease| LeaseRef { token: lease.token - 1, ..*lease }).collect();
                self.close(&older).await;
            }
        }
    }

    async fn assign(&mut self) -> Vec<LeaseRef> {
        let max = if self.is_diligent { 200 } else { self.chance.between(1, 30) };
        let max = u16::try_from(max).unwrap();
        let ask =
            Assign { max, wait: Span::from_millis(500), heartbeat: Some(HEARTBEAT), ..Assign::default() };
        let processes = match self.client.assign(ask).await {
            Ok(processes) => processes,
            Err(error) => {
                assert!(is_maybe(&error), "an assign was refused: {error}");
                return Vec::new();
            }
        };
        let mut history = self.history.lock().unwrap();
        for process in &processes {
            history.granted(self.client.identity(), process);
        }
        processes.iter().map(lease).collect()
    }

    /// Gives the leases whose close was accepted.
    async fn close(&mut self, leases: &[LeaseRef]) -> Vec<LeaseRef> {
        if leases.is_empty() {
            return Vec::new();
        }
        let mut attempts: Vec<Attempt> = leases.iter().map(|lease| self.attempt(lease)).collect();
        let items = leases.iter().zip(&attempts).map(|(lease, attempt)| closing(*lease, attempt)).collect();
        match self.client.close(items).await {
            Ok(outcomes) => {
                for (attempt, outcome) in attempts.iter_mut().zip(&outcomes) {
                    attempt.verdict = if outcome.is_ok() { Verdict::Acknowledged } else { Verdict::Refused };
                }
            }
            Err(error) => assert!(is_maybe(&error), "a close was refused as a whole: {error}"),
        }
        let mut history = self.history.lock().unwrap();
        let mut accepted = Vec::new();
        for (lease, attempt) in leases.iter().zip(attempts) {
            if attempt.verdict == Verdict::Acknowledged {
                accepted.push(*lease);
            }
            history.closed(lease.process, attempt);
        }
        accepted
    }

    fn attempt(&mut self, lease: &LeaseRef) -> Attempt {
        self.attempts += 1;
        let output = format!("p{} {} {}", lease.process.number(), self.client.identity(), self.attempts);
        Attempt { token: lease.token, success: self.chance.below(4) != 0, output, verdict: Verdict::Unknown }
    }
}

fn lease(process: &Process) -> LeaseRef {
    LeaseRef { process: process.id, token: process.token }
}

fn closing(lease: LeaseRef, attempt: &Attempt) -> Closing {
    Closing {
        lease,
        success: attempt.success,
        output: attempt.values(),
        errors: List::default(),
        attributes: List::default(),
        lines: List::default(),
        receipt: None,
    }
}

/// Whether the request may have been carried out nevertheless.
const fn is_maybe(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Transport(_) | ClientError::Refused(Refusal::Unavailable(_) | Refusal::Busy(_))
    )
}
