//! The store of one node: one file, one writer, any number of colonies.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, Ordering},
    },
};

use colony_protocol::{
    colony::{Colony, RowKey},
    identity::Identity,
    model::member::StoreId,
    time::Timestamp,
};
use redb::{Database, ReadableDatabase as _, ReadableTable as _};
use tokio::sync::{mpsc, watch};

use crate::{
    ColonyTypes, ColonyView, Disk, LogStore, OpenError, Options, StateMachine, StoreFailure, Writer, disk,
    group::{EventSink, Group, Link},
    log::SharedLog,
    operation::Edit,
    pending::Pending,
    snapshot::{self, Sending},
    tables::{COLONIES, Fact, Fate, META, Rows, Slot},
};

/// Operations that may wait for the writer. Each colony has at most a few under way, so this is room for some hundred
/// colonies before senders wait.
const QUEUE: usize = 256;

/// The store of one node. Cheap to clone; the file is closed when the last handle, colony and the writer are gone.
#[derive(Clone)]
pub struct Store {
    pub(crate) link: Link,
    id: StoreId,
    colonies: Arc<Mutex<BTreeMap<Identity, Known>>>,
}

struct Known {
    slot: Slot,
    /// Whether the disk knows its slot. It does not if opening it was given up before that was written.
    recorded: bool,
    /// The colony while it is open: two state machines over the same rows would destroy each other's work.
    open: Weak<Group>,
}

/// A colony that was opened: its parts go to the consensus engine, the view to whoever reads.
#[derive(Debug)]
pub struct ColonyStore<C: ColonyTypes> {
    /// The engine's log.
    pub log: LogStore<C>,
    /// The engine's state machine.
    pub machine: StateMachine<C>,
    /// For reading.
    pub view: ColonyView,
}

/// Why a colony could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenColonyError {
    /// It is open already.
    #[error("the colony is open already")]
    Open,
    /// There is no slot left: 2^32 colonies were opened in this file.
    #[error("the store has no room for another colony")]
    Full,
    /// The rows do not make a colony.
    #[error("the colony's rows do not restore")]
    Restore(#[from] colony_protocol::colony::RestoreError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

/// Why a colony could not be forgotten.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ForgetError {
    /// It is in use.
    #[error("the colony is open")]
    Open,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreFailure),
}

impl Store {
    /// Opens a store, making it if there is none; a new one is known as `fresh`, which should be random, for as long as
    /// it lasts. Nothing else is written until the [`Writer`] runs.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(disk: Disk, options: Options, fresh: StoreId) -> Result<(Self, Writer), OpenError> {
        let place = format!("{disk:?}");
        let (database, id) = disk::open(disk, options, fresh)?;
        let database = Arc::new(database);
        let contents = read_contents(&database)
            .map_err(|failure| OpenError::Damaged { place, detail: failure.detail().to_owned() })?;
        let (outbox, inbox) = mpsc::channel(QUEUE);
        let (failed, failure) = watch::channel(None);
        let sending = Arc::new(Sending::default());
        let writer = Writer::new(database.clone(), inbox, failed, contents.doomed, sending.clone());
        let unused = Arc::new(AtomicU32::new(contents.unused));
        let link = Link { database, outbox, failure, unused, sending, reads: Arc::default() };
        Ok((Self { link, id, colonies: Arc::new(Mutex::new(contents.colonies)) }, writer))
    }

    /// Transactions committed since it was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.link.sending.commits()
    }

    /// Transactions that read, begun since it was opened.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.link.reads.load(Ordering::Relaxed)
    }

    /// Which store this is: another file, also an empty one in the same place, is another store.
    #[must_use]
    pub const fn id(&self) -> StoreId {
        self.id
    }

    /// Changes once, to what went wrong, when the store cannot write any more.
    #[must_use]
    pub fn failure(&self) -> watch::Receiver<Option<StoreFailure>> {
        self.link.failure.clone()
    }

    /// The colonies this store knows.
    ///
    /// # Errors
    /// [`StoreFailure`] if a thread died while it opened one.
    pub fn colonies(&self) -> Result<Vec<Identity>, StoreFailure> {
        let colonies = self.colonies.lock().map_err(|_| StoreFailure::poisoned())?;
        Ok(colonies.keys().copied().collect())
    }

    /// Opens a colony, new or known: reads its live state into memory. Entries after the last flush are replayed by the
    /// engine when it starts. `events` is told what happens, after each entry.
    ///
    /// # Errors
    /// [`OpenColonyError`].
    pub async fn open_colony<C: ColonyTypes>(
        &self,
        id: Identity,
        events: EventSink,
    ) -> Result<ColonyStore<C>, OpenColonyError> {
        let (group, fresh) = self.group(id, events)?;
        if fresh {
            self.link.commit(group.slot, vec![Edit::Colony(id)]).await?;
            let mut colonies = self.colonies.lock().map_err(|_| StoreFailure::poisoned())?;
            if let Some(known) = colonies.get_mut(&id) {
                known.recorded = true;
            }
        }
        let log = SharedLog::load(&group)?;
        Ok(ColonyStore {
            log: LogStore::new(group.clone(), log.clone()),
            machine: StateMachine::new(group.clone(), log),
            view: ColonyView::new(group),
        })
    }

    /// Forgets a colony: its log, its rows, its votes. When this returns the colony is gone for good; its bytes are
    /// removed bit by bit afterwards, by the [`Writer`], if need be after a restart. A colony this store does not know is
    /// forgotten already.
    ///
    /// # Errors
    /// [`ForgetError`], if the colony is open, which it is until everything of its [`ColonyStore`] is dropped.
    pub async fn forget(&self, id: Identity) -> Result<(), ForgetError> {
        let slot = {
            let mut colonies = self.colonies.lock().map_err(|_| StoreFailure::poisoned())?;
            let Some(known) = colonies.get(&id) else { return Ok(()) };
            if known.open.strong_count() > 0 {
                return Err(ForgetError::Open);
            }
            let slot = known.slot;
            colonies.remove(&id);
            slot
        };
        Ok(self.link.commit(slot, vec![Edit::Forget(id)]).await?)
    }

    /// Makes the shared part of a colony and marks it as open; says whether its slot is new.
    fn group(&self, id: Identity, events: EventSink) -> Result<(Arc<Group>, bool), OpenColonyError> {
        let mut colonies = self.colonies.lock().map_err(|_| StoreFailure::poisoned())?;
        let known = colonies.get(&id);
        if known.is_some_and(|known| known.open.strong_count() > 0) {
            return Err(OpenColonyError::Open);
        }
        let fresh = known.is_none_or(|known| !known.recorded);
        let slot = match known {
            Some(known) => known.slot,
            None => self.link.new_slot().ok_or(OpenColonyError::Full)?,
        };
        let (colony, pending) = load(&self.link, id, slot)?;
        let group = Arc::new(Group::new(id, slot, self.link.clone(), events, colony, pending));
        colonies.insert(id, Known { slot, recorded: !fresh, open: Arc::downgrade(&group) });
        Ok((group, fresh))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

/// What a file holds, as far as it is read before any colony is opened.
struct Contents {
    colonies: BTreeMap<Identity, Known>,
    /// Slots that a crash, or an end, has left to be emptied.
    doomed: VecDeque<(Slot, Fate)>,
    /// The lowest slot above all that are in use.
    unused: u32,
}

fn read_contents(database: &Database) -> Result<Contents, StoreFailure> {
    let transaction = database.begin_read()?;
    let mut contents = Contents { colonies: BTreeMap::new(), doomed: VecDeque::new(), unused: 0 };
    for row in transaction.open_table(COLONIES)?.iter()? {
        let (key, value) = row?;
        let id =
            key.value().try_into().map_err(|_| StoreFailure::damaged("a colony's id has a wrong length"))?;
        let slot = Slot::from_value(value.value())?;
        contents.unused = contents.unused.max(slot.0.saturating_add(1));
        contents.colonies.insert(Identity::from_bytes(id), Known { slot, recorded: true, open: Weak::new() });
    }
    for fact in transaction.open_table(META)?.iter()? {
        let (key, value) = fact?;
        let (slot, fact) = key.value();
        contents.unused = contents.unused.max(slot.saturating_add(1));
        if fact == Fact::Fate as u8 {
            let fate = Fate::from_value(value.value())?;
            contents.doomed.push_back((Slot(slot), fate));
        } else if fact == Fact::Rows as u8 {
            // A slot of nothing but rows stands nowhere else. Given out once more, it would mix two states.
            let rows = Slot::from_value(value.value())?;
            contents.unused = contents.unused.max(rows.0.saturating_add(1));
        }
    }
    Ok(contents)
}

/// The state of a colony as it is on disk.
fn load(link: &Link, id: Identity, slot: Slot) -> Result<(Colony, Pending), OpenColonyError> {
    let transaction = link.read()?;
    let (applied, membership) = snapshot::read_applied(&transaction, slot)?;
    let rows = live_rows(&Rows::open(&transaction, slot)?)?;
    let colony = if rows.is_empty() { Colony::new(id) } else { Colony::restore(id, rows)? };
    let now: Timestamp = colony.now();
    Ok((colony, Pending::new(applied, membership, now)))
}

/// The rows that make the live state.
pub(crate) fn live_rows(Rows { table, slot }: &Rows) -> Result<Vec<(RowKey, Vec<u8>)>, StoreFailure> {
    let mut rows = Vec::new();
    let range = slot.rows_under(&[]);
    for row in table.range(range.start.as_slice()..range.end.as_slice())? {
        let (key, value) = row?;
        let key =
            Slot::key_of(key.value()).ok_or_else(|| StoreFailure::damaged("a row has an unknown key"))?;
        if !key.is_live() {
            // Live rows come first in the order of keys; the archive, which may be large, is not read.
            break;
        }
        rows.push((key, value.value().to_vec()));
    }
    Ok(rows)
}
