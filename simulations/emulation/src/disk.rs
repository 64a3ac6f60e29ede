//! A disk that keeps what a disk must keep, and nothing else.
//!
//! A write is certain to last only once a sync after it has returned. When the power goes, each sector written since is
//! old or new, as luck has it: writes are torn, and overtake each other. On demand it fails, fills up, flips bits, or cuts
//! the power in the middle of a transaction.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use colony_simulations::chance::Chance;
use redb::StorageBackend;

use crate::{machine::Power, trace::Trace};

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A disk; clones are the same.
#[derive(Clone)]
pub struct Disk(Arc<Mutex<Platter>>);

enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

struct Platter {
    number: u64,
    trace: Option<Trace>,
    chance: Chance,
    /// What no power cut can take away.
    synced: Vec<u8>,
    /// What was changed since, in order.
    unsynced: Vec<Change>,
    /// What reading shows.
    shown: Vec<u8>,
    syncs: u64,
    takes: Duration,
    power: Option<Arc<Power>>,
    /// Changes left until the power goes.
    cut_in: Option<u64>,
    failing: Option<io::ErrorKind>,
    /// Changes that failed.
    failures: u64,
}

impl Disk {
    /// An empty disk.
    #[must_use]
    pub fn new(number: u64, trace: Trace, chance: Chance) -> Self {
        Self::of(number, Some(trace), chance, Vec::new())
    }

    fn of(number: u64, trace: Option<Trace>, chance: Chance, content: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Platter {
            number,
            trace,
            chance,
            synced: content.clone(),
            unsynced: Vec::new(),
            shown: content,
            syncs: 0,
            takes: Duration::from_millis(1),
            power: None,
            cut_in: None,
            failing: None,
            failures: 0,
        })))
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A disk with the same content that nothing goes wrong with, for who examines it.
    #[must_use]
    pub fn copied(&self) -> Self {
        let platter = self.platter();
        Self::of(platter.number, None, Chance::new(platter.number), platter.shown.clone())
    }

    /// Whose power a cut takes away.
    pub fn power(&self, power: Arc<Power>) {
        self.platter().power = Some(power);
    }

    /// The backend for one start of a node.
    #[must_use]
    pub fn backend(&self) -> Box<dyn StorageBackend> {
        let power = self.platter().power.clone();
        Box::new(Session { disk: self.clone(), power })
    }

    /// How long a sync takes.
    #[must_use]
    pub fn sync_takes(&self) -> Duration {
        self.platter().takes
    }

    /// Makes it slower or faster.
    pub fn set_sync_takes(&self, takes: Duration) {
        self.platter().takes = takes;
    }

    /// Syncs so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.platter().syncs
    }

    /// Lets the power go after so many more changes.
    pub fn arm(&self, changes: u64) {
        self.platter().cut_in = Some(changes);
    }

    /// Lets the power stay.
    pub fn disarm(&self) {
        self.platter().cut_in = None;
    }

    /// Lets every change fail from now on, or work again.
    pub fn fail(&self, kind: Option<io::ErrorKind>) {
        self.platter().failing = kind;
    }

    /// Changes that failed.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.platter().failures
    }

    /// Flips a bit of something that was written and synced; gives where.
    pub fn flip(&self) -> Option<usize> {
        let mut platter = self.platter();
        let length = platter.synced.len();
        // Most of a store is free: a bit counts only where something is.
        for _ in 0..10_000 {
            let place = usize::try_from(platter.chance.below(length as u64)).ok()?;
            if platter.synced.get(place).is_some_and(|byte| *byte != 0) && platter.shown.len() > place {
                let bit = 1 << platter.chance.below(8);
                platter.synced[place] ^= bit;
                platter.shown[place] ^= bit;
                return Some(place);
            }
        }
        None
    }

    /// Takes everything away: another disk in the same machine.
    pub fn wipe(&self) {
        let mut platter = self.platter();
        platter.synced.clear();
        platter.shown.clear();
        platter.unsynced.clear();
    }

    /// What the power cut left; gives how many changes were not synced. Faults end with it.
    pub fn settle(&self) -> usize {
        let mut platter = self.platter();
        let pending = platter.unsynced.len();
        platter.lose();
        platter.cut_in = None;
        platter.power = None;
        pending
    }
}

impl Platter {
    fn change(&mut self, change: Change) -> io::Result<()> {
        self.count()?;
        change.apply(&mut self.shown);
        self.unsynced.push(change);
        Ok(())
    }

    /// One more change or sync: it may fail, or be the one at which the power goes.
    fn count(&mut self) -> io::Result<()> {
        if let Some(kind) = self.failing {
            self.failures += 1;
            return Err(kind.into());
        }
        match self.cut_in {
            Some(0) => {
                self.cut_in = None;
                if let Some(power) = &self.power {
                    power.cut();
                }
                return Err(dark());
            }
            Some(left) => self.cut_in = Some(left - 1),
            None => {}
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.count()?;
        for change in self.unsynced.drain(..) {
            change.apply(&mut self.synced);
        }
        self.syncs += 1;
        if let Some(trace) = &self.trace {
            trace.step(self.number, &self.syncs.to_le_bytes());
        }
        Ok(())
    }

    /// Keeps of what was not synced what luck keeps.
    fn lose(&mut self) {
        let luck = self.chance.below(3);
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::Length(length) => {
                    if luck == 1 || (luck == 2 && self.chance.below(2) == 0) {
                        Change::Length(length).apply(&mut self.synced);
                    }
                }
                Change::Write(offset, data) => {
                    let mut at = offset;
                    let mut rest = data.as_slice();
                    while !rest.is_empty() {
                        // Up to the end of the sector it begins in.
                        let length = (SECTOR - at % SECTOR).min(rest.len());
                        let (sector, others) = rest.split_at(length);
                        if luck == 1 || (luck == 2 && self.chance.below(2) == 0) {
                            Change::Write(at, sector.to_vec()).apply(&mut self.synced);
                        }
                        at += length;
                        rest = others;
                    }
                }
            }
        }
        self.shown.clone_from(&self.synced);
    }
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Length(length) => content.resize(*length, 0),
            Self::Write(offset, data) => {
                let end = offset + data.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[*offset..end].copy_from_slice(data);
            }
        }
    }
}

fn place(number: u64) -> io::Result<usize> {
    usize::try_from(number).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// A disk as one start of a machine sees it: whatever outlives the machine in memory cannot write any more.
struct Session {
    disk: Disk,
    power: Option<Arc<Power>>,
}

impl Session {
    fn platter(&self) -> io::Result<MutexGuard<'_, Platter>> {
        if self.power.as_ref().is_some_and(|power| power.is_off()) {
            return Err(dark());
        }
        Ok(self.disk.platter())
    }
}

fn dark() -> io::Error {
    io::Error::other("the power is off")
}

impl StorageBackend for Session {
    fn len(&self) -> io::Result<u64> {
        Ok(self.platter()?.shown.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.platter()?;
        let from = place(offset)?;
        let bytes = platter.shown.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.platter()?.change(Change::Length(place(len)?))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.platter()?.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.platter()?.change(Change::Write(place(offset)?, data.to_vec()))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.disk.fmt(f)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It stands for its place in messages.
        write!(f, "disk {}", self.platter().number)
    }
}
