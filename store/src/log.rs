//! The replicated log of one colony, as the consensus engine asks for it.
//!
//! The tail is in memory too: an entry can be read as soon as it was appended, and is let go of only after it is on disk.
//! Purging moves a mark and removes nothing: entries hold what members signed, which is the evidence of the colony's
//! history.
//!
//! Entries that a new coordinator contradicts are cut off. A deposed coordinator's replication may still be reading then:
//! its reader is of the log *as it was*, and gives nothing any more, rather than entries of two logs as one.
//!
//! What may never happen: an acknowledged append that a restart does not find; a hole in the log, or an entry given that
//! does not follow the one asked for; a purge mark on disk beyond the state on disk.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    ops::{Bound, RangeBounds},
    sync::{Arc, Mutex, MutexGuard},
};

use colony_protocol::mutant;
use openraft::{
    AnyError, ErrorSubject, ErrorVerb, LogState, OptionalSend, RaftLogReader, StorageIOError,
    storage::{LogFlushed, RaftLogStorage},
};

use crate::{
    ColonyTypes, EngineError, LogId, StoreFailure, Vote,
    encoding::{self, StoredLogId, StoredVote},
    entries::Entries,
    group::Group,
    operation::{Edit, Operation, Urgency},
    tables::{Fact, META},
};

/// Most entries of the tail kept in memory.
const TAIL_ENTRIES: usize = 4096;
/// Most bytes of the tail kept in memory: what followers that are a little behind ask for.
const TAIL_BYTES: usize = 8 * 1024 * 1024;
/// Bytes after which one read of a follower stops: it asks again, and frames have an end.
const READ_BYTES: usize = 1024 * 1024;

/// The log of one colony; clones read the same log.
pub struct LogStore<C: ColonyTypes> {
    group: Arc<Group>,
    log: SharedLog<C>,
    /// For a reader, how often the log had been cut when it was made; later it reads nothing.
    as_of: Option<u64>,
}

impl<C: ColonyTypes> Clone for LogStore<C> {
    fn clone(&self) -> Self {
        Self { group: self.group.clone(), log: self.log.clone(), as_of: self.as_of }
    }
}

impl<C: ColonyTypes> Debug for LogStore<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogStore").field("colony", &self.group.id).finish_non_exhaustive()
    }
}

/// The log's state in memory, shared between the log, its readers and the state machine.
pub(crate) struct SharedLog<C: ColonyTypes>(Arc<Mutex<Log<C>>>);

impl<C: ColonyTypes> Clone for SharedLog<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Log<C: ColonyTypes> {
    vote: Option<Vote>,
    committed: Option<LogId>,
    /// Whether `committed` moved since it was last sent to the disk.
    committed_moved: bool,
    purged: Option<LogId>,
    /// The last entry, or what the log begins after if it is empty.
    last: Option<LogId>,
    /// Counts how often entries were cut off.
    cuts: u64,
    /// Entries up to here are on disk.
    durable: Option<u64>,
    tail: BTreeMap<u64, Cached<C>>,
    tail_bytes: usize,
}

struct Cached<C: ColonyTypes> {
    entry: openraft::Entry<C>,
    bytes: usize,
}

impl<C: ColonyTypes> SharedLog<C> {
    /// Reads the log's state from disk.
    pub(crate) fn load(group: &Group) -> Result<Self, StoreFailure> {
        let transaction = group.link.read()?;
        let meta = transaction.open_table(META)?;
        let fact = |fact: Fact| meta.get(group.slot.fact(fact));
        let log_id = |what: Fact, name: &str| -> Result<Option<LogId>, StoreFailure> {
            let Some(value) = fact(what)? else { return Ok(None) };
            Ok(Some(encoding::open::<StoredLogId>(name, value.value())?.into()))
        };
        let vote = match fact(Fact::Vote)? {
            Some(value) => Some(encoding::open::<StoredVote>("the vote", value.value())?.into()),
            None => None,
        };
        let purged = log_id(Fact::Purged, "the purged log id")?;
        let last = later(last_below::<C>(group, u64::MAX)?, purged);
        Ok(Self(Arc::new(Mutex::new(Log {
            vote,
            committed: log_id(Fact::Committed, "the committed log id")?,
            committed_moved: false,
            purged,
            last,
            cuts: 0,
            durable: last.map(|id| id.index),
            tail: BTreeMap::new(),
            tail_bytes: 0,
        }))))
    }

    fn lock(&self) -> Result<MutexGuard<'_, Log<C>>, StoreFailure> {
        self.0.lock().map_err(|_| StoreFailure::poisoned())
    }

    /// Entries up to this one are not part of the log any more.
    pub(crate) fn purged(&self) -> Result<Option<LogId>, StoreFailure> {
        Ok(self.lock()?.purged)
    }

    /// A snapshot stands for all entries up to `upto`: the log goes on after it. Entries above `applied` were never
    /// applied here, so nobody knows whether they are the colony's history: they are removed, not kept as evidence.
    pub(crate) fn skip(&self, applied: Option<LogId>, upto: LogId) -> Result<Vec<Edit>, StoreFailure> {
        let mut log = self.lock()?;
        log.forget_through(upto);
        let from = applied.map_or(0, |id| id.index.saturating_add(1));
        let mut edits = vec![Edit::Fact(Fact::Purged, encoding::seal(&StoredLogId::from(upto))?)];
        if from <= upto.index {
            edits.push(Edit::CutLog { from, to: upto.index });
        }
        Ok(edits)
    }
}

impl<C: ColonyTypes> Log<C> {
    fn push(&mut self, entry: openraft::Entry<C>, bytes: usize) {
        self.last = Some(entry.log_id);
        self.tail_bytes = self.tail_bytes.saturating_add(bytes);
        self.tail.insert(entry.log_id.index, Cached { entry, bytes });
    }

    /// Makes entries readable, and gives the edits that keep them and the last index among them.
    fn take_up(
        &mut self,
        entries: Vec<(Vec<u8>, openraft::Entry<C>)>,
    ) -> Result<(Vec<Edit>, u64), StoreFailure> {
        let mut edits = Vec::with_capacity(entries.len().saturating_add(1));
        let mut last = 0;
        for (bytes, entry) in entries {
            last = entry.log_id.index;
            self.push(entry, bytes.len());
            edits.push(Edit::Entry { index: last, bytes });
        }
        if self.committed_moved
            && let Some(committed) = self.committed
        {
            edits.push(Edit::Fact(Fact::Committed, encoding::seal(&StoredLogId::from(committed))?));
            self.committed_moved = false;
        }
        Ok((edits, last))
    }

    /// Entries up to `index` are on disk: memory beyond the bounds can go.
    fn durable(&mut self, index: u64) {
        self.durable = self.durable.max(Some(index));
        while (self.tail.len() > TAIL_ENTRIES || self.tail_bytes > TAIL_BYTES)
            && let Some(first) = self.tail.first_entry()
            && Some(*first.key()) <= self.durable
        {
            self.tail_bytes = self.tail_bytes.saturating_sub(first.remove().bytes);
        }
    }

    /// Nothing up to `upto` is part of the log any more.
    fn forget_through(&mut self, upto: LogId) {
        self.purged = later(self.purged, Some(upto));
        self.last = later(self.last, self.purged);
        let kept = self.tail.split_off(&upto.index.saturating_add(1));
        self.replace_tail(kept);
    }

    /// Nothing from `from` on is part of the log any more.
    fn forget_from(&mut self, from: u64) {
        let mut kept = std::mem::take(&mut self.tail);
        kept.split_off(&from);
        self.replace_tail(kept);
        self.durable = self.durable.min(from.checked_sub(1));
        self.cuts = self.cuts.saturating_add(1);
    }

    fn replace_tail(&mut self, tail: BTreeMap<u64, Cached<C>>) {
        self.tail_bytes = tail.values().map(|cached| cached.bytes).fold(0, usize::saturating_add);
        self.tail = tail;
    }

    /// The entries of a range that is part of the log.
    fn clamp(&self, range: impl RangeBounds<u64>) -> (u64, u64) {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(end) => end.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        let first = self.purged.map_or(0, |id| id.index.saturating_add(1));
        let after = self.last.map_or(0, |id| id.index.saturating_add(1));
        (start.max(first), end.min(after))
    }
}

/// The one that comes later in the log. Ids are in the order of their terms first: an entry that nobody agreed to may have
/// a higher term, and so a greater id, than a snapshot that goes beyond it.
fn later(one: Option<LogId>, other: Option<LogId>) -> Option<LogId> {
    let place = |id: &Option<LogId>| id.map(|id| id.index);
    if place(&one) > place(&other) { one } else { other }
}

/// The last entry on disk below an index.
fn last_below<C: ColonyTypes>(group: &Group, index: u64) -> Result<Option<LogId>, StoreFailure> {
    let found = Entries::open(&group.link.read()?)?.last_below(group.slot, index)?;
    found.map(|(index, bytes)| Ok(encoding::open_entry::<C>(index, &bytes)?.log_id)).transpose()
}

impl<C: ColonyTypes> LogStore<C> {
    pub(crate) const fn new(group: Arc<Group>, log: SharedLog<C>) -> Self {
        Self { group, log, as_of: None }
    }

    /// The entries of a range, from the tail and, for what is older, from disk; stops after about `most` bytes.
    fn entries(
        &self,
        range: impl RangeBounds<u64>,
        most: usize,
    ) -> Result<Vec<openraft::Entry<C>>, StoreFailure> {
        // The tail first: what it lets go of afterwards is on disk by then.
        let (start, border, tail) = {
            let log = self.log.lock()?;
            let (start, end) = log.clamp(range);
            if start >= end || self.is_outdated(&log) {
                return Ok(Vec::new());
            }
            let border = log.tail.first_key_value().map_or(end, |(first, _)| end.min(*first));
            let mut budget = Budget(most);
            let tail: Vec<_> = log
                .tail
                .range(start..end)
                .take_while(|(_, cached)| budget.spend(cached.bytes))
                .map(|(_, cached)| cached.entry.clone())
                .collect();
            (start, border, tail)
        };
        if start >= border {
            return Ok(tail);
        }
        let mut budget = Budget(most);
        let (mut entries, whole) = self.entries_on_disk(start, border, &mut budget)?;
        if self.is_outdated(&*self.log.lock()?) {
            return Ok(Vec::new());
        }
        if whole {
            entries.extend(tail);
        }
        Ok(entries)
    }

    /// Whether this reads a log that has been cut since.
    fn is_outdated(&self, log: &Log<C>) -> bool {
        self.as_of.is_some_and(|cuts| cuts != log.cuts)
    }

    fn entries_on_disk(
        &self,
        start: u64,
        end: u64,
        budget: &mut Budget,
    ) -> Result<(Vec<openraft::Entry<C>>, bool), StoreFailure> {
        let on_disk = Entries::open(&self.group.link.read()?)?;
        let mut entries = Vec::new();
        let mut next = None;
        let mut spent = false;
        on_disk.visit(self.group.slot, (start, end), |index, bytes| {
            spent = !budget.spend(bytes.len());
            if spent || next.is_some_and(|next| next != index) {
                return Ok(false);
            }
            entries.push(encoding::open_entry(index, bytes)?);
            next = Some(index.saturating_add(1));
            Ok(true)
        })?;
        if spent {
            return Ok((entries, false));
        }
        // A reader may have been overtaken by a cut, which it sees next.
        match next {
            Some(missing) if missing != end && self.as_of.is_none() => {
                Err(StoreFailure::damaged(format!("log entry {missing} is missing")))
            }
            _ => Ok((entries, next.is_none_or(|next| next == end))),
        }
    }

    async fn cut_from(&self, from: u64) -> Result<(), StoreFailure> {
        let to = {
            let mut log = self.log.lock()?;
            let to = log.last.map_or(from, |last| last.index.max(from));
            log.forget_from(from);
            // Until the cut is on disk, the last entry below it bounds what can be read.
            let below = log.tail.last_key_value().map(|(_, cached)| cached.entry.log_id);
            log.last = later(later(below, last_below::<C>(&self.group, from)?), log.purged);
            to
        };
        self.group.link.commit(self.group.slot, vec![Edit::CutLog { from, to }]).await?;
        // An append before the cut may have reported itself meanwhile.
        self.log.lock()?.forget_from(from);
        Ok(())
    }

    async fn purge_through(&self, upto: LogId) -> Result<(), StoreFailure> {
        self.until_installed(upto).await?;
        // A restart replays the log from the flushed state on: nothing beyond it may go.
        self.group.flush().await?;
        let fact = Edit::Fact(Fact::Purged, encoding::seal(&StoredLogId::from(upto))?);
        let permit = self.group.link.reserve().await?;
        self.log.lock()?.forget_through(upto);
        // Losing the mark in a crash loses nothing: the entries are still there.
        if self.group.pending()?.applied().map(|id| id.index) >= Some(upto.index) {
            permit.send(Operation {
                slot: self.group.slot,
                edits: vec![fact],
                urgency: Urgency::WithNext,
                done: Box::new(|_| {}),
            });
        }
        Ok(())
    }

    /// The engine tells the log to begin after a snapshot before the state machine has installed it. What is appended
    /// after that would be acknowledged by a log with a hole in front, if the power went before the snapshot is there: so
    /// the log waits for it. An install that fails stops the engine and ends the waiting.
    async fn until_installed(&self, upto: LogId) -> Result<(), StoreFailure> {
        let transfers = &self.group.transfers;
        loop {
            let settled = transfers.settled.notified();
            tokio::pin!(settled);
            // Whatever settles from here on wakes it.
            settled.as_mut().enable();
            let applied = self.group.pending()?.applied().map(|id| id.index);
            if applied >= Some(upto.index) || !transfers.may_install()? {
                return Ok(());
            }
            settled.await;
        }
    }

    async fn send_append(
        &self,
        entries: Vec<openraft::Entry<C>>,
        callback: LogFlushed<C>,
    ) -> Result<(), StoreFailure> {
        // Encoding takes a while: nothing is locked or reserved yet.
        let sealed = entries
            .into_iter()
            .map(|entry| Ok((encoding::seal_entry(&entry)?, entry)))
            .collect::<Result<Vec<_>, StoreFailure>>()?;
        let permit = self.group.link.reserve().await?;
        let (edits, last) = self.log.lock()?.take_up(sealed)?;
        let log = self.log.clone();
        let done = Box::new(move |outcome: Result<(), StoreFailure>| {
            if outcome.is_ok()
                && let Ok(mut log) = log.lock()
            {
                log.durable(last);
            }
            callback.log_io_completed(outcome.map_err(|failure| failure.to_io()));
        });
        permit.send(Operation { slot: self.group.slot, edits, urgency: Urgency::Now, done });
        Ok(())
    }
}

/// Bytes left to read; the first piece is always granted, so that a reader makes progress.
struct Budget(usize);

impl Budget {
    const fn spend(&mut self, bytes: usize) -> bool {
        let granted = self.0 > 0;
        self.0 = self.0.saturating_sub(bytes);
        granted
    }
}

/// Our failure in the engine's words.
pub(crate) fn engine_error(
    subject: ErrorSubject<crate::MemberId>,
    verb: ErrorVerb,
) -> impl FnOnce(StoreFailure) -> EngineError {
    move |failure| StorageIOError::new(subject, verb, AnyError::error(failure)).into()
}

impl<C: ColonyTypes> RaftLogReader<C> for LogStore<C> {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<C::Entry>, EngineError> {
        self.entries(range, usize::MAX).map_err(engine_error(ErrorSubject::Logs, ErrorVerb::Read))
    }

    /// For a follower that is behind: entries from `start` on or none, never later ones. (After none the engine asks
    /// again, and sends a snapshot once it knows that the log begins later.)
    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> Result<Vec<C::Entry>, EngineError> {
        let entries = self.entries(start..end, READ_BYTES);
        let mut entries = entries.map_err(engine_error(ErrorSubject::Logs, ErrorVerb::Read))?;
        if entries.first().is_some_and(|first| first.log_id.index != start) {
            entries.clear();
        }
        Ok(entries)
    }
}

impl<C: ColonyTypes> RaftLogStorage<C> for LogStore<C> {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<C>, EngineError> {
        let log = self.log.lock().map_err(engine_error(ErrorSubject::Logs, ErrorVerb::Read))?;
        Ok(LogState { last_purged_log_id: log.purged, last_log_id: log.last })
    }

    /// The engine makes one for each replication it starts as coordinator, and none of those outlives a cut of the log:
    /// a coordinator never cuts its own.
    async fn get_log_reader(&mut self) -> Self {
        let as_of = self.log.0.lock().map_or(u64::MAX, |log| log.cuts);
        Self { as_of: Some(as_of), ..self.clone() }
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), EngineError> {
        let save = async {
            let bytes = encoding::seal(&StoredVote::from(vote))?;
            let mut edits = vec![Edit::Fact(Fact::Vote, bytes)];
            if mutant::is("forget-the-vote") {
                edits.clear();
            }
            self.group.link.commit(self.group.slot, edits).await?;
            self.log.lock()?.vote = Some(*vote);
            Ok(())
        };
        save.await.map_err(engine_error(ErrorSubject::Vote, ErrorVerb::Write))
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, EngineError> {
        let log = self.log.lock().map_err(engine_error(ErrorSubject::Vote, ErrorVerb::Read))?;
        Ok(log.vote)
    }

    /// Goes to disk with the next append: a restart then replays at once what was committed before that append, instead
    /// of waiting for a coordinator to say so again.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), EngineError> {
        let mut log = self.log.lock().map_err(engine_error(ErrorSubject::Logs, ErrorVerb::Write))?;
        log.committed = committed;
        log.committed_moved = true;
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, EngineError> {
        let log = self.log.lock().map_err(engine_error(ErrorSubject::Logs, ErrorVerb::Read))?;
        Ok(log.committed)
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<C>) -> Result<(), EngineError>
    where
        I: IntoIterator<Item = C::Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries.into_iter().collect();
        self.send_append(entries, callback).await.map_err(engine_error(ErrorSubject::Logs, ErrorVerb::Write))
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), EngineError> {
        self.cut_from(log_id.index).await.map_err(engine_error(ErrorSubject::Logs, ErrorVerb::Delete))
    }

    async fn purge(&mut self, log_id: LogId) -> Result<(), EngineError> {
        self.purge_through(log_id).await.map_err(engine_error(ErrorSubject::Logs, ErrorVerb::Delete))
    }
}
