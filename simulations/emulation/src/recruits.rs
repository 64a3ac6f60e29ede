//! Executors that are let in, ask for work at once, and are sent away again.
//!
//! Whoever was told that somebody is let in may rely on it, through any node and whoever coordinates by then; so may who was
//! told that somebody is gone (G1, G6). A coordinator that begins before it knows what was decided before it breaks that: it
//! alone says who may ask, before anything reaches the log.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use colony_node::client::{Client, ClientError};
use colony_protocol::{
    bounded::Text,
    command::{Assign, Command},
    identity::SecretKey,
    model::{Executor, Name},
};
use colony_simulations::chance::Chance;
use colony_tests::crowd::{Door, is_maybe};
use tokio::{task::JoinHandle, time::sleep};

/// The type of work they ask for; nobody queues any.
const TYPE: &str = "recruit";
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(100);

/// The owner at work until it is stopped.
#[derive(Debug)]
pub struct Recruits {
    stop: Arc<AtomicBool>,
    task: JoinHandle<()>,
    broken: Arc<Mutex<Vec<String>>>,
}

impl Recruits {
    /// Begins.
    #[must_use]
    pub fn start(doors: &[Door], chance: &mut Chance) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let broken = Arc::default();
        let doors: Vec<Client> = doors.iter().map(|door| door.client.clone()).collect();
        let recruiting = Recruiting {
            doors,
            chance: chance.split(),
            stop: Arc::clone(&stop),
            broken: Arc::clone(&broken),
        };
        Self { stop, task: tokio::spawn(recruiting.run()), broken }
    }

    /// Lets the call under way come to its end; gives what was not kept.
    pub async fn stop(self, broken: &mut Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        if self.task.await.is_err() {
            broken.push("members: whoever lets them in has panicked".to_owned());
        }
        broken.append(&mut self.broken.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

struct Recruiting {
    doors: Vec<Client>,
    chance: Chance,
    stop: Arc<AtomicBool>,
    broken: Arc<Mutex<Vec<String>>>,
}

impl Recruiting {
    async fn run(mut self) {
        for number in 0_u64.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            self.recruit(number).await;
            sleep(PAUSE).await;
        }
    }

    /// One of them comes and goes. Where an answer is missing nothing was promised.
    async fn recruit(&mut self, number: u64) {
        let key = SecretKey::derive(format!("emulated recruit {number}").as_bytes());
        let name = Name::cut(&format!("recruit-{number}"));
        let executor = Executor {
            id: key.identity(),
            name: name.clone(),
            executor_type: Text::cut(TYPE),
            ..Executor::default()
        };
        let add = Command::AddExecutor { executor, approved: true };
        if !self.decide(&add).await {
            return;
        }
        if let Err(error) = self.ask(&key).await
            && !is_maybe(&error)
        {
            self.complain(format!("{name} was let in, and is refused: {error}"));
        }
        if self.decide(&Command::RemoveExecutor { name: name.clone() }).await && self.ask(&key).await.is_ok()
        {
            self.complain(format!("{name} was sent away, and is served"));
        }
    }

    /// Whether the owner was told that it is done.
    async fn decide(&mut self, command: &Command) -> bool {
        let Some(owner) = self.chance.one_of(&self.doors) else { return false };
        match owner.command(command).await {
            Ok(_) => true,
            Err(error) => {
                if !is_maybe(&error) {
                    self.complain(format!("the owner is refused: {error}"));
                }
                false
            }
        }
    }

    /// Asks for work, without waiting for any.
    async fn ask(&mut self, key: &SecretKey) -> Result<(), ClientError> {
        let Some(door) = self.chance.one_of(&self.doors) else { return Ok(()) };
        door.with_key(key.clone()).assign(Assign { max: 1, ..Assign::default() }).await.map(drop)
    }

    fn complain(&self, what: String) {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).push(format!("members: {what}"));
    }
}
