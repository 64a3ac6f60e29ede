//! Rows as bytes: a version, then CBOR.

use serde::{Serialize, de::DeserializeOwned};

use super::{Colony, RestoreError, RowKey};
use crate::{
    codec::{self, CodecError},
    model::{Process, StoredLogLine, Workflow},
};

/// The version written, and the newest one known.
const VERSION: u8 = 1;

/// Why a row's bytes could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// No bytes at all, not even a version.
    #[error("the row is empty")]
    Empty,
    /// A later version than this program knows.
    #[error("the row has version {version}; this program knows up to {VERSION}")]
    Version {
        /// The row's version.
        version: u8,
    },
    /// The row belongs to the archive, not to the core.
    #[error("the row is not a live one")]
    NotLive,
    /// The bytes do not decode.
    #[error("the row is damaged")]
    Value(#[from] CodecError),
}

impl RowError {
    pub(super) fn of_row(self, key: RowKey) -> RestoreError {
        match self {
            Self::Empty => RestoreError::Empty { key },
            Self::NotLive => RestoreError::Key,
            Self::Version { version } => RestoreError::Version { key, version, known: VERSION },
            Self::Value(source) => RestoreError::Value { key, source },
        }
    }
}

/// A value behind its version.
pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Rows consist of structs, texts and numbers, for which the encoder has no error.
    codec::encode_behind(&[VERSION], codec::ROOM, value).unwrap_or_default()
}

/// The value behind a version.
pub(super) fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<T, RowError> {
    match row.split_first() {
        None => Err(RowError::Empty),
        Some((&VERSION, value)) => Ok(codec::decode(value)?),
        Some((version, _)) => Err(RowError::Version { version: *version }),
    }
}

/// The row of a process, live or archived.
#[must_use]
pub fn encode_process(process: &Process) -> Vec<u8> {
    encode(process)
}

/// Reads the row of a process.
///
/// # Errors
/// [`RowError`].
pub fn decode_process(row: &[u8]) -> Result<Process, RowError> {
    decode(row)
}

/// The row of a workflow, live or archived.
#[must_use]
pub fn encode_workflow(workflow: &Workflow) -> Vec<u8> {
    encode(workflow)
}

/// Reads the row of a workflow.
///
/// # Errors
/// [`RowError`].
pub fn decode_workflow(row: &[u8]) -> Result<Workflow, RowError> {
    decode(row)
}

/// The row of a log line.
#[must_use]
pub fn encode_log_line(line: &StoredLogLine) -> Vec<u8> {
    encode(line)
}

/// Reads the row of a log line.
///
/// # Errors
/// [`RowError`].
pub fn decode_log_line(row: &[u8]) -> Result<StoredLogLine, RowError> {
    decode(row)
}

impl Colony {
    /// The present bytes of a live row; `None` if there is no such row, or not any more.
    #[must_use]
    pub fn row(&self, key: &RowKey) -> Option<Vec<u8>> {
        match key {
            RowKey::Meta => Some(encode(&self.meta)),
            RowKey::Executor(id) => self.members.executors.get(id).map(encode),
            RowKey::User(id) => self.members.users.get(id).map(encode),
            RowKey::Function(number) => self.functions.by_number.get(number).map(encode),
            RowKey::Process(number) => self.processes.get(number).map(|process| encode_process(process)),
            RowKey::Workflow(number) => {
                self.workflows.get(number).map(|workflow| encode_workflow(&workflow.row))
            }
            RowKey::Seen(slice) => self.seen.slice(*slice).map(|requests| encode(&requests)),
            RowKey::Member(id) => self.roster.get(id).map(encode),
            RowKey::Ticket(id) => self.tickets.get(id).map(encode),
            RowKey::Delegation => self.delegation.as_ref().map(encode),
            RowKey::ArchivedProcess(_) | RowKey::ArchivedWorkflow(_) | RowKey::LogLine(..) => None,
        }
    }
}
