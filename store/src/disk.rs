//! Where a store lives, and how it is opened.
//!
//! A new file is made under another name and renamed when it is complete, so a crash while it is made leaves nothing that
//! could be taken for a damaged store. What may never happen: a file that holds anything being overwritten.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use colony_protocol::model::member::StoreId;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase as _, StorageBackend,
    backends::{FileBackend, InMemoryBackend},
};

use crate::{
    StoreFailure,
    checked::Checked,
    failure::FailureKind,
    operation::Tables,
    tables::{FORMAT, FORMAT_KEY, ID_KEY},
};

/// The version of the whole layout this program writes.
pub const FORMAT_VERSION: u8 = 3;

/// Where a store lives.
#[derive(Debug)]
pub enum Disk {
    /// In a file, made if it does not exist. Its directory must exist.
    File(PathBuf),
    /// In memory, for tests and for colonies that need not last.
    Memory,
    /// In anything that reads, writes and syncs: emulated and faulty disks.
    Backend(Box<dyn StorageBackend>),
}

/// How a store is opened.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Bytes of memory the engine may use to cache its pages.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        // Live state is in memory anyway; the cache serves appends, which touch few pages, and reads of the archive.
        Self { cache_bytes: 24 * 1024 * 1024 }
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it open.
    #[error("{place} is in use by another process: a data directory belongs to one running node")]
    InUse {
        /// The file.
        place: String,
    },
    /// It, or its directory, may not be written.
    #[error("{place} cannot be written: {source}")]
    ReadOnly {
        /// The file.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// No space to open it.
    #[error("the disk is full: {place} cannot be opened")]
    DiskFull {
        /// The file.
        place: String,
    },
    /// A later program has written it.
    #[error("{place} has format {found}; this program knows up to {known}: use the newer program")]
    NewerFormat {
        /// The file.
        place: String,
        /// Its version.
        found: u8,
        /// The newest version known.
        known: u8,
    },
    /// It is no store, or not whole.
    #[error(
        "{place} is damaged or no store: {detail}. This node must not vote with it. The colony's other members still have \
         everything: move the file away, and let the node join again with a fresh ticket (`colony join`)"
    )]
    Damaged {
        /// The file.
        place: String,
        /// What was found.
        detail: String,
    },
    /// The system reported another error.
    #[error("{place} cannot be opened: {detail}")]
    Io {
        /// The file.
        place: String,
        /// What the system said.
        detail: String,
    },
}

/// Opens the database, making it if there is none, and says which store it is.
pub(crate) fn open(disk: Disk, options: Options, fresh: StoreId) -> Result<(Database, StoreId), OpenError> {
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes);
    match disk {
        Disk::File(path) => {
            let place = Place(path.display().to_string());
            if !path.try_exists().map_err(|error| place.io(error))? {
                make_file(&builder, &path, &place, fresh)?;
            }
            on_file(&builder, &path, &place, fresh)
        }
        Disk::Memory => on_backend(&builder, InMemoryBackend::new(), &Place("memory".into()), fresh),
        Disk::Backend(backend) => {
            let place = Place(format!("{backend:?}"));
            forget_unfinished(&*backend).map_err(|error| place.io(error))?;
            on_backend(&builder, Checked(backend), &place, fresh)
        }
    }
}

fn on_backend(
    builder: &Builder,
    backend: impl StorageBackend,
    place: &Place,
    fresh: StoreId,
) -> Result<(Database, StoreId), OpenError> {
    let database = builder.create_with_backend(backend).map_err(|error| place.engine(error))?;
    let id = prepare(&database, place, fresh)?;
    Ok((database, id))
}

/// Opens a file that was finished.
fn on_file(
    builder: &Builder,
    path: &Path,
    place: &Place,
    fresh: StoreId,
) -> Result<(Database, StoreId), OpenError> {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).map_err(|error| place.io(error))?;
    if file.metadata().map_err(|error| place.io(error))?.len() == 0 {
        // The engine would make a new store of it.
        return Err(place.damaged("it is empty"));
    }
    let backend = FileBackend::new(file).map_err(|error| place.engine(error))?;
    on_backend(builder, Checked(Box::new(backend)), place, fresh)
}

/// Makes a new store beside its final place and moves it there.
fn make_file(builder: &Builder, path: &Path, place: &Place, fresh: StoreId) -> Result<(), OpenError> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    // Left by a crash: never finished, never used.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(place.io(error)),
        _ => {}
    }
    let file = fs::OpenOptions::new().read(true).write(true).create_new(true).open(&unfinished);
    let backend = FileBackend::new(file.map_err(|error| place.io(error))?);
    let backend = Checked(Box::new(backend.map_err(|error| place.engine(error))?));
    drop(on_backend(builder, backend, place, fresh)?);
    fs::rename(&unfinished, path).map_err(|error| place.io(error))?;
    // The new name itself must survive a power cut.
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory =
        fs::File::open(directory.unwrap_or_else(|| Path::new("."))).map_err(|error| place.io(error))?;
    directory.sync_all().map_err(|error| place.io(error))
}

/// A backend has no names to rename: the engine writes its first bytes last, so if they are missing, a crash ended the
/// making of the store and it never held anything.
fn forget_unfinished(backend: &dyn StorageBackend) -> io::Result<()> {
    /// The engine's mark at the start of a finished file.
    const MARK_LEN: usize = 9;
    if backend.len()? < MARK_LEN as u64 {
        return backend.set_len(0);
    }
    let mut mark = [0; MARK_LEN];
    backend.read(0, &mut mark)?;
    if mark == [0; MARK_LEN] { backend.set_len(0) } else { Ok(()) }
}

/// Checks the format of an existing store and reads its identity; writes both into a new one.
fn prepare(database: &Database, place: &Place, fresh: StoreId) -> Result<StoreId, OpenError> {
    let found = read_format(database).map_err(|failure| place.failure(&failure))?;
    match found {
        Format::Version(FORMAT_VERSION) => read_id(database).map_err(|failure| place.failure(&failure)),
        Format::Version(found) if found > FORMAT_VERSION => {
            Err(OpenError::NewerFormat { place: place.0.clone(), found, known: FORMAT_VERSION })
        }
        Format::Version(found) => Err(place.damaged(format!("unknown format {found}"))),
        Format::Foreign => Err(place.damaged("it was written by another program")),
        Format::Empty => {
            write_format(database, fresh).map_err(|failure| place.failure(&failure))?;
            Ok(fresh)
        }
    }
}

enum Format {
    Empty,
    Foreign,
    Version(u8),
}

fn read_format(database: &Database) -> Result<Format, StoreFailure> {
    let transaction = database.begin_read()?;
    if transaction.list_tables()?.next().is_none() {
        return Ok(Format::Empty);
    }
    let table = match transaction.open_table(FORMAT) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(Format::Foreign),
        Err(error) => return Err(error.into()),
    };
    let version = table.get(FORMAT_KEY)?.and_then(|value| value.value().first().copied());
    Ok(version.map_or(Format::Foreign, Format::Version))
}

/// The version of the identity's value.
const ID_VERSION: u8 = 1;

fn read_id(database: &Database) -> Result<StoreId, StoreFailure> {
    let table = database.begin_read()?.open_table(FORMAT)?;
    let value = table.get(ID_KEY)?.ok_or_else(|| StoreFailure::damaged("the store has no identity"))?;
    match value.value().split_first() {
        Some((&ID_VERSION, id)) => id
            .try_into()
            .map(StoreId::from_bytes)
            .map_err(|_| StoreFailure::damaged("the store's identity has a wrong length")),
        _ => Err(StoreFailure::damaged("the store's identity has an unknown version")),
    }
}

fn write_format(database: &Database, fresh: StoreId) -> Result<(), StoreFailure> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    {
        let mut format = transaction.open_table(FORMAT)?;
        format.insert(FORMAT_KEY, [FORMAT_VERSION].as_slice())?;
        let mut id = vec![ID_VERSION];
        id.extend_from_slice(fresh.as_bytes());
        format.insert(ID_KEY, id.as_slice())?;
    }
    // Readers may come before the first write: all tables exist from the start.
    drop(Tables::open(&transaction)?);
    transaction.commit()?;
    Ok(())
}

/// The store's place, for error messages.
struct Place(String);

impl Place {
    fn io(&self, source: io::Error) -> OpenError {
        let place = self.0.clone();
        match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                OpenError::ReadOnly { place, source }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::DiskFull { place },
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                OpenError::Damaged { place, detail: source.to_string() }
            }
            _ => OpenError::Io { place, detail: source.to_string() },
        }
    }

    fn damaged(&self, detail: impl Into<String>) -> OpenError {
        OpenError::Damaged { place: self.0.clone(), detail: detail.into() }
    }

    fn failure(&self, failure: &StoreFailure) -> OpenError {
        let place = self.0.clone();
        match failure.kind() {
            FailureKind::DiskFull => OpenError::DiskFull { place },
            FailureKind::Damaged => self.damaged(failure.detail()),
            FailureKind::Io | FailureKind::Closed => OpenError::Io { place, detail: failure.to_string() },
        }
    }

    fn engine(&self, error: DatabaseError) -> OpenError {
        let place = self.0.clone();
        match error {
            DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
                OpenError::InUse { place }
            }
            DatabaseError::UpgradeRequired(version) => OpenError::Damaged {
                place,
                detail: format!("its file format {version} is too old for this program's storage engine"),
            },
            DatabaseError::Storage(redb::StorageError::Io(error)) => self.io(error),
            DatabaseError::Storage(error) => self.failure(&error.into()),
            other => OpenError::Io { place, detail: other.to_string() },
        }
    }
}
