//! A colony of one test: it hands out the processes it is given and remembers what it is told about them.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use colony_protocol::{
    bounded::{Json, List, Map},
    command::{Closing, Command, Release},
    envelope::Signed,
    identity::{Identity, SecretKey},
    model::{FunctionSpec, Lease, LogLine, LogStream, Name, Process, ProcessId, State},
    query::Query,
    refusal::Refusal,
    reply::{Answer, LeaseStatus, Outcome, Reply, Response},
    rpc,
    time::{Span, Timestamp},
};
use tokio::sync::Notify;

use crate::{
    client::{Answering, Client, Transport, TransportError},
    runtime::{Runtime, Tokio},
};

/// What a test decides beforehand and looks at afterwards.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// Work not given out yet.
    pub(super) queue: VecDeque<Process>,
    /// Lines that came before their process was closed.
    pub(super) streamed: Vec<LogLine>,
    /// Results, in the order they came.
    pub(super) closings: Vec<Closing>,
    /// What was given back.
    pub(super) releases: Vec<Release>,
    /// How many requests brought results.
    pub(super) close_requests: usize,
    /// How many renewals came.
    pub(super) renewals: usize,
    /// What renewals are told, if not that the lease lives.
    pub(super) status: Option<LeaseStatus>,
    /// What log lines are told, if they are not taken.
    pub(super) log_refusal: Option<Refusal>,
    /// Whether the next answer that grants work is lost.
    pub(super) lose_grant: bool,
    /// What results are told, as long as they carry lines.
    pub(super) line_refusal: Option<Refusal>,
    /// What the next delivery of results is told as a whole.
    pub(super) close_refusal: Option<Refusal>,
    /// Whether no answer comes to anything.
    pub(super) cut_off: bool,
    /// What runs under the executor's key without its knowing.
    pub(super) leftovers: Vec<Process>,
}

/// The colony's side of the wire.
#[derive(Debug)]
pub(super) struct Fake {
    state: Mutex<Books>,
    changed: Notify,
    runtime: Runtime,
    /// How long every answer takes.
    latency: Duration,
}

impl Fake {
    pub(super) fn new(latency: Duration) -> Arc<Self> {
        let runtime = Runtime::new(Tokio::new());
        Arc::new(Self { state: Mutex::default(), changed: Notify::new(), runtime, latency })
    }

    pub(super) fn client(self: &Arc<Self>) -> Client {
        let colony = Identity::from_bytes([9; 32]);
        Client::new(
            Arc::new(Wire(Arc::clone(self))),
            colony,
            SecretKey::derive(b"executor"),
            self.runtime.clone(),
        )
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(super) fn state(&self) -> MutexGuard<'_, Books> {
        self.state.lock().unwrap()
    }

    pub(super) fn submit(&self, process: Process) {
        self.state().queue.push_back(process);
        self.changed.notify_waiters();
    }

    /// Waits until the state is as wanted; a test that waits for longer than 20 s has failed.
    pub(super) async fn until(&self, what: &str, wanted: impl Fn(&Books) -> bool) {
        for _ in 0..4_000 {
            if wanted(&self.state()) {
                return;
            }
            self.runtime.sleep(Duration::from_millis(5)).await;
        }
        panic!("never saw {what}: {:?}", self.state());
    }

    /// The one result, once it is there.
    pub(super) async fn closing(&self) -> Closing {
        self.until("a result", |state| !state.closings.is_empty()).await;
        self.state().closings[0].clone()
    }

    async fn answer(&self, request: &[u8]) -> Outcome {
        let (by, body) = Signed::from_bytes(request).unwrap().verify().unwrap();
        if &*body.kind == "query" {
            let Query::Processes(_) = Query::decode(&body.payload).unwrap() else {
                panic!("another question")
            };
            let mut processes = self.state().leftovers.clone();
            for process in &mut processes {
                process.lease = process.lease.map(|lease| Lease { holder: by, ..lease });
            }
            return Ok(Response::Answer(Answer::Processes(processes)));
        }
        let reply = match Command::decode(&body.payload).unwrap() {
            Command::Assign(ask) => {
                assert!(ask.heartbeat.is_some());
                Reply::Assigned { processes: self.assign(ask.max, ask.wait).await, paused: false }
            }
            Command::Renew { leases } => {
                let mut state = self.state();
                state.renewals += 1;
                Reply::Renewed(vec![state.status.unwrap_or(LeaseStatus::Live(None)); leases.len()])
            }
            Command::AddLog { lines, .. } => {
                let mut state = self.state();
                if let Some(refusal) = state.log_refusal.clone() {
                    return Err(refusal);
                }
                state.streamed.extend(lines);
                Reply::Done
            }
            Command::Close { items } => {
                let mut state = self.state();
                state.close_requests += 1;
                if let Some(refusal) = state.close_refusal.take() {
                    return Err(refusal);
                }
                let outcome = |item: &Closing| match &state.line_refusal {
                    Some(refusal) if !item.lines.is_empty() => Err(refusal.clone()),
                    _ => Ok(()),
                };
                let outcomes: Vec<_> = items.iter().map(outcome).collect();
                let taken = items.into_iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
                state.closings.extend(taken.map(|(item, _)| item));
                Reply::Closed(outcomes)
            }
            Command::Release { items } => {
                let outcomes = items.iter().map(|_| Ok(())).collect();
                self.state().releases.extend(items);
                Reply::Closed(outcomes)
            }
            other => panic!("an executor never asks for {}", other.kind()),
        };
        Ok(Response::Reply(reply))
    }

    async fn assign(&self, max: u16, wait: Span) -> Vec<Process> {
        let deadline = self.runtime.elapsed() + wait.to_std();
        while self.state().queue.is_empty() && self.runtime.elapsed() < deadline {
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = self.runtime.sleep(Duration::from_millis(5)) => {}
            }
        }
        let queue = &mut self.state().queue;
        let count = queue.len().min(max.into());
        queue.drain(..count).collect()
    }
}

#[derive(Debug)]
struct Wire(Arc<Fake>);

impl Transport for Wire {
    fn call(&self, request: Vec<u8>, timeout: Duration) -> Answering {
        let fake = Arc::clone(&self.0);
        Box::pin(async move {
            fake.runtime.sleep(fake.latency).await;
            if fake.state().cut_off {
                fake.runtime.sleep(timeout).await;
                return Err(TransportError::TimedOut(timeout));
            }
            let outcome = fake.answer(&request).await;
            if let Ok(Response::Reply(Reply::Assigned { processes, .. })) = &outcome
                && !processes.is_empty()
                && std::mem::take(&mut fake.state().lose_grant)
            {
                fake.state().leftovers.extend(processes.iter().cloned());
                return Err(TransportError::Unreachable("the node went away".to_owned()));
            }
            Ok(rpc::encode_outcome(&outcome).unwrap())
        })
    }
}

/// A process as the colony gives it out: running, with a lease of ten seconds' heartbeat and no deadline.
pub(super) fn process(number: u64, program: &str, args: &[&str]) -> Process {
    let spec = FunctionSpec {
        func_name: program.try_into().unwrap(),
        args: List::new(args.iter().map(|arg| Json::string(arg)).collect()).unwrap(),
        ..FunctionSpec::default()
    };
    let granted_at = Timestamp::from_micros(1_000_000);
    let heartbeat = Span::from_secs(10);
    let id = ProcessId::make(
        &Identity::NOBODY,
        &Identity::NOBODY,
        &colony_protocol::envelope::RequestId::from_bytes([0; 16]),
        number,
    );
    Process {
        id,
        spec: Arc::new(spec),
        initiator: Identity::NOBODY,
        initiator_name: Name::default(),
        state: State::Running,
        assigned_to: None,
        executor_name: Name::default(),
        lease: Some(Lease {
            holder: Identity::NOBODY,
            token: 1,
            term: 1,
            granted_at,
            heartbeat: Some(heartbeat),
            renew_by: Some(granted_at.after(heartbeat)),
            hard_deadline: None,
        }),
        token: 1,
        retries: 0,
        submitted_at: granted_at,
        started_at: Some(granted_at),
        ended_at: None,
        wait_deadline: None,
        priority_time: 0,
        workflow: None,
        waits_for_parents: false,
        parents: List::default(),
        children: List::default(),
        input: List::default(),
        output: List::default(),
        errors: List::default(),
        attributes: List::default(),
        log_lines: 0,
        retry_of: None,
    }
}

/// A process that runs a line of shell.
pub(super) fn shell(line: &str) -> Process {
    process(1, "sh", &["-c", line])
}

/// Changes what was asked for.
pub(super) fn with_spec(mut process: Process, change: impl FnOnce(&mut FunctionSpec)) -> Process {
    change(Arc::make_mut(&mut process.spec));
    process
}

/// Changes the lease.
pub(super) fn with_lease(mut process: Process, change: impl FnOnce(&mut Lease)) -> Process {
    process.lease.as_mut().map(change).unwrap();
    process
}

/// Variables for a process.
pub(super) fn env(entries: &[(&str, &str)]) -> Map<Name, colony_protocol::bounded::Text<65536>, 1024> {
    let entries =
        entries.iter().map(|(name, value)| ((*name).try_into().unwrap(), (*value).try_into().unwrap()));
    Map::new(entries.collect()).unwrap()
}

/// What a stream said, of lines.
pub(super) fn said<'a>(lines: impl IntoIterator<Item = &'a LogLine>, stream: LogStream) -> String {
    lines.into_iter().filter(|line| line.stream == stream).map(|line| line.message.as_str()).collect()
}
