//! What the doctor goes by.

use std::{io, path::PathBuf, time::Duration};

/// What the machine, and this home on it, are like.
#[derive(Debug)]
pub struct Machine {
    /// How long it takes until a small write is safe in the data directory.
    pub disk: Result<Duration, io::Error>,
    /// Room where the data is; `None` if the system does not tell.
    pub space: Option<Space>,
    /// All keys of the home.
    pub keys: Vec<KeyFile>,
}

/// Room on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes there are.
    pub total: u64,
}

/// A file that holds a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Where it is.
    pub path: PathBuf,
    /// Who may do what with it, as the system counts that.
    pub mode: u32,
}

/// Another member's clock against ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Clock {
    /// Whose.
    pub name: String,
    /// How far it is ahead of ours, in seconds; negative if it is behind.
    pub ahead: f64,
    /// How far that may be off: half of what the question took.
    pub doubt: f64,
}

/// The colony, as far as somebody answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colony {
    /// Its name.
    pub name: String,
    /// Who coordinates it, as whoever answered knows.
    pub coordinator: Option<String>,
    /// Who answered; empty if nobody did.
    pub answered: Vec<String>,
    /// Who did not, each with the reason.
    pub silent: Vec<(String, String)>,
    /// Who is there and refuses to answer, because of our clock or its own.
    pub misdated: Vec<String>,
}

/// What runs here, and what others run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// Of this program.
    pub own: String,
    /// Of others, by name.
    pub others: Vec<(String, String)>,
}
