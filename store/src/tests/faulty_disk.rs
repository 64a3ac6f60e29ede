//! A disk that fails or loses power at a chosen call, and keeps only what a disk must keep.
//!
//! A write is certain to last only once a sync after it has returned. When the power is cut, each sector written since
//! the last sync is old or new, whichever it pleases, in any combination: a write can be torn and writes can overtake
//! each other.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use redb::StorageBackend;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// What goes wrong, and at which of the calls that change something.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// From this call on, every change fails like this; reading works.
    Fail { at: u64, kind: io::ErrorKind },
    /// At this call the power goes.
    Cut { at: u64, luck: Luck },
}

/// What becomes of sectors that were written but not synced.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Luck {
    /// All are old.
    None,
    /// All are new.
    All,
    /// A coin decides for each.
    Coin(u64),
}

#[derive(Debug)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

/// A disk; clones are the same disk.
#[derive(Clone)]
pub(crate) struct FaultyDisk(Arc<Mutex<Platter>>);

/// In messages it stands for its place; its content would fill them.
impl std::fmt::Debug for FaultyDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("faulty disk")
    }
}

#[derive(Debug, Default)]
struct Platter {
    /// What a power cut cannot take away.
    synced: Vec<u8>,
    /// What was changed since, in order.
    unsynced: Vec<Change>,
    /// What reading shows.
    shown: Vec<u8>,
    calls: u64,
    syncs: u64,
    fault: Option<Fault>,
    dark: bool,
}

impl FaultyDisk {
    /// An empty disk.
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self(Arc::new(Mutex::new(Platter { fault, ..Platter::default() })))
    }

    /// The disk after repair: what was on it, and nothing goes wrong any more.
    pub(crate) fn repaired(&self) -> Self {
        let platter = self.platter();
        let content = if platter.dark { platter.synced.clone() } else { platter.shown.clone() };
        Self(Arc::new(Mutex::new(Platter { synced: content.clone(), shown: content, ..Platter::default() })))
    }

    /// The same content with a fault to come, counted from now.
    pub(crate) fn with_fault(&self, fault: Fault) -> Self {
        let disk = self.repaired();
        disk.platter().fault = Some(fault);
        disk
    }

    /// Calls so far that changed something.
    pub(crate) fn calls(&self) -> u64 {
        self.platter().calls
    }

    /// Syncs so far.
    pub(crate) fn syncs(&self) -> u64 {
        self.platter().syncs
    }

    /// Whether the fault happened.
    pub(crate) fn has_struck(&self) -> bool {
        let platter = self.platter();
        platter.fault.is_some_and(|fault| match fault {
            Fault::Fail { at, .. } | Fault::Cut { at, .. } => platter.calls >= at,
        })
    }

    /// Changes bytes behind the engine's back.
    pub(crate) fn damage(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut platter = self.platter();
        change(&mut platter.shown);
        platter.synced = platter.shown.clone();
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap()
    }

    /// Counts a change and lets the fault strike.
    fn change(&self, change: Option<Change>) -> io::Result<()> {
        let mut platter = self.platter();
        platter.powered()?;
        platter.calls += 1;
        match platter.fault {
            Some(Fault::Fail { at, kind }) if platter.calls >= at => return Err(kind.into()),
            Some(Fault::Cut { at, luck }) if platter.calls >= at => {
                // What was being written when the power went may be there too.
                platter.unsynced.extend(change);
                platter.cut(luck);
                return platter.powered();
            }
            _ => {}
        }
        match change {
            Some(change) => {
                let mut coin = || true;
                change.carry_out(&mut platter.shown, &mut coin);
                platter.unsynced.push(change);
            }
            None => {
                platter.syncs += 1;
                platter.unsynced.clear();
                platter.synced = platter.shown.clone();
            }
        }
        Ok(())
    }
}

impl Platter {
    fn powered(&self) -> io::Result<()> {
        if self.dark { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    fn cut(&mut self, luck: Luck) {
        self.dark = true;
        let mut state = match luck {
            Luck::Coin(seed) => seed,
            Luck::None | Luck::All => 0,
        };
        let mut coin = || match luck {
            Luck::None => false,
            Luck::All => true,
            Luck::Coin(_) => {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                state >> 63 == 1
            }
        };
        for change in std::mem::take(&mut self.unsynced) {
            change.carry_out(&mut self.synced, &mut coin);
        }
    }
}

impl Change {
    fn carry_out(&self, content: &mut Vec<u8>, coin: &mut dyn FnMut() -> bool) {
        match self {
            Self::Length(length) => {
                if coin() {
                    content.resize(usize::try_from(*length).unwrap(), 0);
                }
            }
            Self::Write(offset, data) => {
                let offset = usize::try_from(*offset).unwrap();
                for (nth, sector) in data.chunks(SECTOR).enumerate() {
                    if coin() {
                        let from = offset + nth * SECTOR;
                        let to = from + sector.len();
                        if content.len() < to {
                            content.resize(to, 0);
                        }
                        content[from..to].copy_from_slice(sector);
                    }
                }
            }
        }
    }
}

impl StorageBackend for FaultyDisk {
    fn len(&self) -> io::Result<u64> {
        let platter = self.platter();
        platter.powered()?;
        Ok(platter.shown.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.platter();
        platter.powered()?;
        let from = usize::try_from(offset).unwrap();
        let bytes = platter.shown.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Some(Change::Length(len)))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.change(None)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Some(Change::Write(offset, data.to_vec())))
    }
}
