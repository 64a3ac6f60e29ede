//! What can go wrong with the disk after the store was opened, in words a person can act on.

use std::io;

use redb::StorageError;

/// The store cannot write any more. It stays readable as far as the disk lets it; what was acknowledged is on disk. A
/// node that sees this stops serving writes and is restarted once the cause is gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct StoreFailure {
    kind: FailureKind,
    detail: String,
}

/// The cause, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FailureKind {
    /// No space is left, or a quota is used up.
    #[error("the disk is full")]
    DiskFull,
    /// The file does not hold what was written to it.
    #[error(
        "the store's file is damaged and this node must not vote with it (the colony's other members still have everything: \
         move the file away and join again with a fresh ticket)"
    )]
    Damaged,
    /// The device or file system reported another error.
    #[error("the disk failed")]
    Io,
    /// The store's writer has ended.
    #[error("the store is closed")]
    Closed,
}

impl StoreFailure {
    /// The cause.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    /// What was found, without the cause.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The writer is gone: the node is stopping.
    pub(crate) fn closed() -> Self {
        Self { kind: FailureKind::Closed, detail: "its writer has ended".into() }
    }

    /// A lock was poisoned: a thread died while it held part of the state, which cannot be trusted any more.
    pub(crate) fn poisoned() -> Self {
        Self { kind: FailureKind::Closed, detail: "a thread died while it changed the state".into() }
    }

    /// Bytes on disk that do not read back.
    pub(crate) fn damaged(detail: impl Into<String>) -> Self {
        Self { kind: FailureKind::Damaged, detail: detail.into() }
    }

    /// As an I/O error, for the consensus engine's callbacks.
    pub(crate) fn to_io(&self) -> io::Error {
        let kind = match self.kind {
            FailureKind::DiskFull => io::ErrorKind::StorageFull,
            FailureKind::Damaged => io::ErrorKind::InvalidData,
            FailureKind::Io | FailureKind::Closed => io::ErrorKind::Other,
        };
        io::Error::new(kind, self.clone())
    }
}

/// Tells a full disk from a broken one.
pub(crate) fn kind_of_io(error: &io::Error) -> FailureKind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FailureKind::DiskFull,
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => FailureKind::Damaged,
        _ => FailureKind::Io,
    }
}

impl From<StorageError> for StoreFailure {
    fn from(error: StorageError) -> Self {
        let kind = match &error {
            StorageError::Io(io) => kind_of_io(io),
            StorageError::Corrupted(_) => FailureKind::Damaged,
            StorageError::DatabaseClosed => FailureKind::Closed,
            _ => FailureKind::Io,
        };
        Self { kind, detail: error.to_string() }
    }
}

impl From<redb::Error> for StoreFailure {
    fn from(error: redb::Error) -> Self {
        let kind = match &error {
            redb::Error::Io(io) => kind_of_io(io),
            redb::Error::Corrupted(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TableIsMultimap(_) => FailureKind::Damaged,
            redb::Error::DatabaseClosed => FailureKind::Closed,
            _ => FailureKind::Io,
        };
        Self { kind, detail: error.to_string() }
    }
}

/// The engine has an error type per call; here they mean the same.
macro_rules! from_engine {
    ($($error:ty),+) => {$(
        impl From<$error> for StoreFailure {
            fn from(error: $error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )+};
}
from_engine!(redb::TableError, redb::TransactionError, redb::CommitError, redb::SetDurabilityError);
