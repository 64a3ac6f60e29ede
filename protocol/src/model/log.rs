//! What a running process says.

use serde::{Deserialize, Serialize};

use super::Name;
use crate::{bounded::Text, time::Timestamp};

/// Bytes of one log line; a longer line is split by who sends it.
pub const LINE_MAX: usize = 16 * 1024;

/// Where a line came from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum LogStream {
    /// A message by the executor itself, or by a ColonyOS client.
    #[default]
    Note = 0,
    /// The program's standard output.
    Out = 1,
    /// The program's standard error.
    Err = 2,
}

impl From<LogStream> for u8 {
    fn from(stream: LogStream) -> Self {
        stream as Self
    }
}

impl TryFrom<u8> for LogStream {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        Ok(match code {
            0 => Self::Note,
            1 => Self::Out,
            2 => Self::Err,
            other => return Err(format!("unknown log stream {other}")),
        })
    }
}

/// A piece of output as it is sent. It keeps its line break, if it had one: a prompt without one is shown at once.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogLine {
    /// Where it came from.
    pub stream: LogStream,
    /// The text.
    pub message: Text<LINE_MAX>,
}

/// A line as it is kept: never changed after it was written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoredLogLine {
    /// Position in the process's log, from 0.
    pub line: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// Who wrote it.
    pub executor_name: Name,
    /// Where it came from.
    pub stream: LogStream,
    /// The text.
    pub message: Text<LINE_MAX>,
}
