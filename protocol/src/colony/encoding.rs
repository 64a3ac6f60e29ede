//! Rows as bytes: a version, then CBOR.

use serde::{Serialize, de::DeserializeOwned};

use super::{Colony, RestoreError, RowKey};
use crate::{
    codec::{self, CodecError},
    model::{Process, StoredLogLine, Workflow, blueprint::BlueprintChange, channel::Entry},
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

/// The row of a process, live or archived. Fields stand there by their places: processes are most of what is written.
#[must_use]
pub fn encode_process(process: &Process) -> Vec<u8> {
    // As for `encode`.
    codec::encode_packed_behind(&[VERSION], codec::ROOM, process).unwrap_or_default()
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

/// The row of a blueprint's change.
pub(super) fn encode_blueprint_change(change: &BlueprintChange) -> Vec<u8> {
    encode(change)
}

/// Reads the row of a blueprint's change.
///
/// # Errors
/// [`RowError`].
pub fn decode_blueprint_change(row: &[u8]) -> Result<BlueprintChange, RowError> {
    decode(row)
}

/// The row of a channel's entry.
pub(super) fn encode_entry(entry: &Entry) -> Vec<u8> {
    encode(entry)
}

/// Reads the row of a channel's entry.
///
/// # Errors
/// [`RowError`].
pub fn decode_entry(row: &[u8]) -> Result<Entry, RowError> {
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
            RowKey::Cron(number) => self.crons.get(*number).map(encode),
            RowKey::Generator(number) => self.generators.get(*number).map(encode),
            RowKey::Packed(generator, place) => self.generators.packed(*generator, *place).map(encode),
            RowKey::Policy => (!self.policy.is_empty()).then(|| encode(&self.policy)),
            RowKey::Object(number) => self.object(*number).map(|object| encode(&object)),
            RowKey::Channels(process) => self.channels.table(*process).map(encode),
            RowKey::ArchivedProcess(_)
            | RowKey::ArchivedWorkflow(_)
            | RowKey::LogLine(..)
            | RowKey::BlueprintChange(..)
            | RowKey::ChannelEntry(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        bounded::{Json, List, Map, Text},
        identity::{Digest, Identity},
        model::{
            Attribute, AttributeKind, Conditions, Filesystem, FunctionSpec, GpuDemand, Lease, Limit,
            ProcessId, SnapshotMount, State, SyncDirectory, Values, WorkflowId,
        },
        time::{Span, Timestamp},
    };

    fn one(text: &str) -> Values {
        List::new(vec![Json::string(text)]).unwrap()
    }

    fn conditions() -> Conditions {
        Conditions {
            colony_name: Text::cut("dev"),
            executor_names: List::new(vec![Text::cut("e2")]).unwrap(),
            executor_type: Text::cut("cli"),
            location_name: Text::cut("here"),
            dependencies: List::new(vec![Text::cut("before")]).unwrap(),
            nodes: 1,
            cpu_millis: 2,
            processes: 3,
            processes_per_node: 4,
            memory: 5,
            storage: 6,
            gpu: GpuDemand { name: Text::cut("a100"), memory: 7, count: 8, node_count: 9 },
            wall_time: 10,
        }
    }

    fn spec() -> FunctionSpec {
        let snapshot = SnapshotMount {
            snapshot_id: Text::cut("snapshot"),
            label: Text::cut("/in"),
            dir: Text::cut("in"),
            keep_files: true,
            keep_snapshot: false,
        };
        let directory = SyncDirectory {
            label: Text::cut("/out"),
            dir: Text::cut("out"),
            keep_files: false,
            keep_local_on_start: true,
            keep_local_on_close: false,
        };
        let fs = Filesystem {
            mount: Text::cut("/mnt"),
            snapshots: List::new(vec![snapshot]).unwrap(),
            dirs: List::new(vec![directory]).unwrap(),
        };
        FunctionSpec {
            node_name: Text::cut("node"),
            func_name: Text::cut("echo"),
            args: one("argument"),
            kwargs: Map::new([(Text::cut("key"), Json::string("value"))].into()).unwrap(),
            priority: 11,
            max_wait_time: Limit(12),
            max_exec_time: Limit(13),
            max_retries: 14,
            conditions: conditions(),
            label: Text::cut("label"),
            fs,
            env: Map::new([(Text::cut("HOME"), Text::cut("/"))].into()).unwrap(),
            channels: List::new(vec![Text::cut("channel")]).unwrap(),
        }
    }

    /// Every field has a value of its own.
    fn process() -> Process {
        let at = Timestamp::from_micros;
        let id = |byte| ProcessId::from_bytes([byte; 32]);
        let holder = Identity::from_bytes([2; 32]);
        let lease = Lease {
            holder,
            token: 15,
            term: 16,
            granted_at: at(17),
            heartbeat: Some(Span::from_secs(18)),
            renew_by: Some(at(19)),
            hard_deadline: Some(at(20)),
        };
        let attribute =
            Attribute { key: Text::cut("key"), value: Text::cut("value"), kind: AttributeKind::Err };
        Process {
            id: id(1),
            spec: Arc::new(spec()),
            initiator: Identity::from_bytes([3; 32]),
            initiator_name: Text::cut("u4"),
            state: State::Running,
            assigned_to: Some(holder),
            executor_name: Text::cut("e2"),
            lease: Some(lease),
            token: 21,
            retries: 22,
            submitted_at: at(23),
            started_at: Some(at(24)),
            ended_at: Some(at(25)),
            wait_deadline: Some(at(26)),
            priority_time: 27,
            workflow: Some(WorkflowId::from_bytes([4; 32])),
            waits_for_parents: true,
            parents: List::new(vec![id(5)]).unwrap(),
            children: List::new(vec![id(6)]).unwrap(),
            input: one("input"),
            output: one("output"),
            errors: List::new(vec![Text::cut("error")]).unwrap(),
            attributes: List::new(vec![attribute]).unwrap(),
            log_lines: 28,
            retry_of: Some(id(7)),
        }
    }

    #[test]
    fn the_fields_of_a_process_keep_their_places() {
        let row = encode_process(&process());
        assert_eq!(decode_process(&row).unwrap(), process());
        // Rows on disks out there are read by place: whoever changes this makes them say something else, unless what was
        // added stands behind the last field of its struct.
        let places = hex::encode(Digest::of(&[&row]).0);
        assert_eq!(places, "b614bf2e42524a9affd2ed11c0b3199c94682f8dd4f2990adb4ec824fcb82e5e");
    }

    #[test]
    fn rows_that_name_their_fields_are_read_too() {
        assert_eq!(decode_process(&encode(&process())).unwrap(), process());
    }
}
