//! Rows: the form in which a colony's state is stored, and the order in which it is stored.
//!
//! Keys are built so that related rows lie together and hot rows are appended: processes are keyed by number, never
//! by hash. The first byte of every value is a version.

use crate::{codec::CodecError, identity::Identity};

/// Names a row of one colony.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKey {
    /// Name, counters, pause flag, statistics: one row.
    Meta,
    /// An executor.
    Executor(Identity),
    /// A user.
    User(Identity),
    /// A registered function, by number.
    Function(u64),
    /// A live process, by number: waiting, running, or in an unfinished workflow.
    Process(u64),
    /// A live workflow, by number.
    Workflow(u64),
    /// Requests remembered to refuse replays, by slice of time.
    Seen(u64),
    /// A member.
    Member(Identity),
    /// How often a ticket was used, by the ticket's id.
    Ticket([u8; 16]),
    /// Who may speak for the colony to strangers.
    Delegation,
    /// A cron, by number.
    Cron(u64),
    /// A generator, by number.
    Generator(u64),
    /// An argument that waits in a generator, by the generator's number and its own.
    Packed(u64, u64),
    /// How long finished work is kept.
    Policy,
    /// A file's revision, a snapshot, a location, a definition, a blueprint, a round or a server's owner, by number.
    Object(u64),
    /// What was said in the channels of a process and how much, by the process's number.
    Channels(u64),
    /// A finished process, by number.
    ArchivedProcess(u64),
    /// A finished workflow, by number.
    ArchivedWorkflow(u64),
    /// A log line, by process number and line.
    LogLine(u64, u64),
    /// What a blueprint said after a change, by the blueprint's number and the change's.
    BlueprintChange(u64, u64),
    /// An entry of a channel, by the number of the process, which of its channels, and the place in it.
    ChannelEntry(u64, u32, u64),
}

impl RowKey {
    /// The key's bytes. They sort as: kind, then number.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.kind()];
        match self {
            Self::Meta | Self::Delegation | Self::Policy => {}
            Self::Executor(id) | Self::User(id) | Self::Member(id) => bytes.extend_from_slice(id.as_bytes()),
            Self::Ticket(id) => bytes.extend_from_slice(id),
            Self::Function(number)
            | Self::Process(number)
            | Self::Workflow(number)
            | Self::Seen(number)
            | Self::Cron(number)
            | Self::Generator(number)
            | Self::Object(number)
            | Self::Channels(number)
            | Self::ArchivedProcess(number)
            | Self::ArchivedWorkflow(number) => bytes.extend_from_slice(&number.to_be_bytes()),
            Self::LogLine(number, line)
            | Self::Packed(number, line)
            | Self::BlueprintChange(number, line) => {
                bytes.extend_from_slice(&number.to_be_bytes());
                bytes.extend_from_slice(&line.to_be_bytes());
            }
            Self::ChannelEntry(process, channel, place) => {
                bytes.extend_from_slice(&process.to_be_bytes());
                bytes.extend_from_slice(&channel.to_be_bytes());
                bytes.extend_from_slice(&place.to_be_bytes());
            }
        }
        bytes
    }

    /// Reads a key's bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let number = || rest.try_into().ok().map(u64::from_be_bytes);
        let pair = || {
            let (first, second) = rest.split_at_checked(8)?;
            Some((u64::from_be_bytes(first.try_into().ok()?), u64::from_be_bytes(second.try_into().ok()?)))
        };
        let identity = || rest.try_into().ok().map(Identity::from_bytes);
        Some(match kind {
            0 if rest.is_empty() => Self::Meta,
            1 => Self::Executor(identity()?),
            2 => Self::User(identity()?),
            3 => Self::Function(number()?),
            4 => Self::Process(number()?),
            5 => Self::Workflow(number()?),
            6 => Self::Seen(number()?),
            7 => Self::Member(identity()?),
            8 => Self::Ticket(rest.try_into().ok()?),
            9 if rest.is_empty() => Self::Delegation,
            10 => Self::Cron(number()?),
            11 => Self::Generator(number()?),
            12 => {
                let (generator, place) = pair()?;
                Self::Packed(generator, place)
            }
            13 if rest.is_empty() => Self::Policy,
            14 => Self::Object(number()?),
            15 => Self::Channels(number()?),
            16 => Self::ArchivedProcess(number()?),
            17 => Self::ArchivedWorkflow(number()?),
            18 => {
                let (process, line) = pair()?;
                Self::LogLine(process, line)
            }
            19 => {
                let (blueprint, change) = pair()?;
                Self::BlueprintChange(blueprint, change)
            }
            20 => {
                let (process, rest) = rest.split_at_checked(8)?;
                let (channel, place) = rest.split_at_checked(4)?;
                Self::ChannelEntry(
                    u64::from_be_bytes(process.try_into().ok()?),
                    u32::from_be_bytes(channel.try_into().ok()?),
                    u64::from_be_bytes(place.try_into().ok()?),
                )
            }
            _ => return None,
        })
    }

    /// True for rows the core holds in memory and must be given back at a restart.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.kind() < 16
    }

    const fn kind(&self) -> u8 {
        match self {
            Self::Meta => 0,
            Self::Executor(_) => 1,
            Self::User(_) => 2,
            Self::Function(_) => 3,
            Self::Process(_) => 4,
            Self::Workflow(_) => 5,
            Self::Seen(_) => 6,
            Self::Member(_) => 7,
            Self::Ticket(_) => 8,
            Self::Delegation => 9,
            Self::Cron(_) => 10,
            Self::Generator(_) => 11,
            Self::Packed(..) => 12,
            Self::Policy => 13,
            Self::Object(_) => 14,
            Self::Channels(_) => 15,
            Self::ArchivedProcess(_) => 16,
            Self::ArchivedWorkflow(_) => 17,
            Self::LogLine(..) => 18,
            Self::BlueprintChange(..) => 19,
            Self::ChannelEntry(..) => 20,
        }
    }
}

/// Why stored rows could not be read back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// A key of no known kind, or of a kind that is not live.
    #[error("a row has a key that does not belong to a live row")]
    Key,
    /// A value without even a version.
    #[error("row {key:?} is empty")]
    Empty {
        /// The row.
        key: RowKey,
    },
    /// A value that says it is another row.
    #[error("row {key:?} holds something of another key")]
    Misplaced {
        /// The row.
        key: RowKey,
    },
    /// A value of a later version than this program knows.
    #[error("row {key:?} has version {version}; this program knows up to {known}")]
    Version {
        /// The row.
        key: RowKey,
        /// Its version.
        version: u8,
        /// The newest one known.
        known: u8,
    },
    /// A value that does not decode.
    #[error("row {key:?} is damaged")]
    Value {
        /// The row.
        key: RowKey,
        /// What the decoder said.
        #[source]
        source: CodecError,
    },
}
