//! Clients at work, all at once, everything they ask and are told recorded.
//!
//! Submitters queue tagged work; executors take it, say that they are alive, end it, give it back, fall silent and come back
//! late or never, and claim what others hold; readers look at what is held and at what is long over; echoes send one signed request twice, over different
//! nodes, and expect one answer. A crowd never decides whether an answer was right: it only records.
//!
//! Their work has no time limits and unlimited retries, so that only they themselves can end it.

mod echo;
mod executor;
mod member;
mod reader;
mod submitter;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use colony_node::client::{Client, ClientError};
use colony_protocol::{
    command::LeaseRef,
    identity::Identity,
    model::{Process, ProcessId, State},
    query::{PAGE_MAX, ProcessFilter, Query},
    refusal::Refusal,
    reply::Answer,
};
use colony_simulations::chance::Chance;
use tokio::task::JoinHandle;

pub use echo::{Raw, sign};
use member::{executor_key, user_key};

pub use member::TYPE;

use crate::observed::{Observed, clock::Moment};

/// How long a client may take to come to the end of a call: longer than all its retries.
const STOP: Duration = Duration::from_secs(90);

/// What a run has shown so far, shared by all clients.
#[derive(Debug, Clone, Default)]
pub struct Record {
    observed: Arc<Mutex<Observed>>,
    marks: Arc<AtomicU64>,
    /// Some ids that were told, for readers to look at.
    known: Arc<Mutex<Vec<ProcessId>>>,
    /// The latest leases that anybody was told of, for executors that claim what is not theirs and readers that look at it.
    leases: Arc<Mutex<VecDeque<LeaseRef>>>,
}

/// Ids that readers remember.
const KNOWN: usize = 512;
/// Leases that executors remember of each other: most of them are still held.
const LEASES: usize = 16;

impl Record {
    /// What was observed.
    pub fn observed(&self) -> MutexGuard<'_, Observed> {
        // A client that panicked has been reported already.
        self.observed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number for a result or an item that nobody else has.
    fn mark(&self) -> u64 {
        self.marks.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn remember(&self, ids: impl IntoIterator<Item = ProcessId>, chance: &mut Chance) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            if known.len() < KNOWN {
                known.push(id);
            } else {
                let place = usize::try_from(chance.below(KNOWN as u64)).unwrap_or_default();
                known[place] = id;
            }
        }
    }

    fn remember_leases(&self, held: &[LeaseRef]) {
        let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.extend(held);
        let surplus = leases.len().saturating_sub(LEASES);
        leases.drain(..surplus);
    }

    fn lease(&self, chance: &mut Chance) -> Option<LeaseRef> {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(chance.below(leases.len().max(1) as u64)).ok()?;
        leases.get(place).copied()
    }

    fn known(&self, chance: &mut Chance) -> Option<ProcessId> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        chance.one_of(&known).copied()
    }
}

/// How many of each.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// Clients that queue work.
    pub submitters: usize,
    /// Clients that do it.
    pub executors: usize,
    /// Clients that look.
    pub readers: usize,
    /// Clients that send everything twice.
    pub echoes: usize,
    /// Whether executors make mistakes: fall silent, come late, use old tokens.
    pub is_careless: bool,
    /// A pause between the calls of a client that is no executor, so that the queue stays short in a long run.
    pub pause: Duration,
}

impl Mix {
    /// Everything that happens.
    pub const ALL: Self = Self {
        submitters: 4,
        executors: 4,
        readers: 2,
        echoes: 1,
        is_careless: true,
        pause: Duration::from_millis(5),
    };
    /// The largest of the numbers of clients that are users.
    const fn users(&self) -> usize {
        let most = if self.submitters > self.readers { self.submitters } else { self.readers };
        if most > self.echoes { most } else { self.echoes }
    }

    /// Diligent executors, to empty the queue.
    pub const DRAIN: Self = Self {
        submitters: 0,
        executors: 4,
        readers: 1,
        echoes: 0,
        is_careless: false,
        pause: Duration::ZERO,
    };
}

/// Clients at work until they are stopped.
#[derive(Debug)]
pub struct Crowd {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
    /// Who they are.
    identities: BTreeSet<Identity>,
}

/// What each client needs.
struct Context {
    client: Client,
    record: Record,
    chance: Chance,
    stop: Arc<AtomicBool>,
}

impl Context {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

impl Crowd {
    /// Makes a crowd's members, with the owner's client.
    ///
    /// # Errors
    /// What the colony said.
    pub async fn register(owner: &Client, mix: Mix, generation: u64) -> Result<(), ClientError> {
        member::register(owner, mix.users(), mix.executors, generation).await
    }

    /// Starts one. `doors` are the ways into the colony; the clients share them out. `generation` keeps its members apart
    /// from those of another crowd.
    #[must_use]
    pub fn start(doors: &[Door], mix: Mix, generation: u64, record: &Record, chance: &mut Chance) -> Self {
        let mut crowd =
            Self { stop: Arc::new(AtomicBool::new(false)), tasks: Vec::new(), identities: BTreeSet::new() };
        let mut place = 0;
        let mut door = || {
            place += 1;
            &doors[(place - 1) % doors.len()]
        };
        for number in 0..mix.executors {
            let context =
                crowd.context(&door().client.with_key(executor_key(generation, number)), record, chance);
            crowd.tasks.push(tokio::spawn(executor::run(context, mix.is_careless)));
        }
        for number in 0..mix.submitters {
            let context =
                crowd.context(&door().client.with_key(user_key(generation, number)), record, chance);
            crowd.tasks.push(tokio::spawn(submitter::run(context, mix.pause)));
        }
        for number in 0..mix.readers {
            let context =
                crowd.context(&door().client.with_key(user_key(generation, number)), record, chance);
            crowd.tasks.push(tokio::spawn(reader::run(context, mix.pause)));
        }
        for number in 0..mix.echoes {
            let context =
                crowd.context(&door().client.with_key(user_key(generation, number)), record, chance);
            let raw = doors.iter().map(|door| door.raw.clone()).collect();
            crowd.tasks.push(tokio::spawn(echo::run(context, raw, user_key(generation, number), mix.pause)));
        }
        crowd
    }

    fn context(&mut self, client: &Client, record: &Record, chance: &mut Chance) -> Context {
        self.identities.insert(client.identity());
        Context {
            client: client.clone(),
            record: record.clone(),
            chance: chance.split(),
            stop: Arc::clone(&self.stop),
        }
    }

    /// Who they are.
    #[must_use]
    pub fn identities(&self) -> BTreeSet<Identity> {
        self.identities.clone()
    }

    /// Lets every call under way come to its end, so that each is recorded.
    ///
    /// # Panics
    /// If a client hangs or panicked.
    pub async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            tokio::time::timeout(STOP, task).await.expect("a client hangs").unwrap();
        }
    }
}

/// A way into the colony.
#[derive(Debug, Clone)]
pub struct Door {
    /// For calls that retry by themselves.
    pub client: Client,
    /// The same way for raw bytes.
    pub raw: Raw,
}

/// Whether a call may have been carried out although it failed. Everything that is not a clear refusal may.
#[must_use]
pub const fn is_maybe(error: &ClientError) -> bool {
    matches!(
        error,
        ClientError::Transport(_)
            | ClientError::Refused(
                Refusal::Unavailable(_)
                    | Refusal::Busy(_)
                    | Refusal::Replayed
                    | Refusal::Envelope(_)
                    // Of a node that cannot say what became of it.
                    | Refusal::Storage(_)
            )
    )
}

/// All processes there are, page by page, over one client.
///
/// # Errors
/// The first call that failed.
pub async fn all_processes(client: &Client, mut each: impl FnMut(Process)) -> Result<(), ClientError> {
    let mut before = None;
    loop {
        let filter = ProcessFilter { before, limit: PAGE_MAX, ..ProcessFilter::default() };
        let Answer::Processes(page) = client.query(&Query::Processes(filter)).await? else {
            return Err(ClientError::Unexpected("to processes"));
        };
        let Some(oldest) = page.iter().map(Process::number).min() else { return Ok(()) };
        before = Some(oldest);
        page.into_iter().for_each(&mut each);
    }
}

/// Work that is not the crowd's: how many processes of an executor type there are in each state. Nobody here submitted it, so
/// the promises of the record say nothing about it; whoever put it there counts it.
pub type Others = BTreeMap<(String, State), u64>;

/// Looks at everything, while nobody works: records how it looks.
///
/// # Errors
/// The first call that failed.
pub async fn record_now(client: &Client, record: &Record) -> Result<(), ClientError> {
    let begin = Moment::now();
    let (own, _) = sorted(client).await?;
    record.observed().look(client.identity(), begin, Moment::now(), &own);
    Ok(())
}

/// The same for the last time. What is not of the crowd's type is only counted.
///
/// # Errors
/// The first call that failed.
pub async fn record_end(client: &Client, record: &Record) -> Result<Others, ClientError> {
    let begin = Moment::now();
    let (own, others) = sorted(client).await?;
    record.observed().end(client.identity(), begin, Moment::now(), &own);
    Ok(others)
}

/// The crowd's processes, and how many others there are.
async fn sorted(client: &Client) -> Result<(Vec<Process>, Others), ClientError> {
    let (mut own, mut others) = (Vec::new(), Others::new());
    all_processes(client, |process| {
        let executor_type = &process.spec.conditions.executor_type;
        if executor_type.as_str() == TYPE {
            own.push(process);
        } else {
            *others.entry((executor_type.as_str().to_owned(), process.state)).or_default() += 1;
        }
    })
    .await?;
    Ok((own, others))
}
