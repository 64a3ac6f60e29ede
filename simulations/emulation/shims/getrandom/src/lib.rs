//! `getrandom` 0.2 by way of 0.3.
//!
//! The older version asks the kernel by the number of its call; the newer asks the C library's function, which the
//! emulator answers from its seed.

use std::{fmt, num::NonZeroU32};

/// No randomness could be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error(NonZeroU32);

impl Error {
    /// Codes from here on are not the system's.
    pub const INTERNAL_START: u32 = 1 << 31;
    /// Codes from here on are free.
    pub const CUSTOM_START: u32 = (1 << 31) + (1 << 30);

    /// The code.
    #[must_use]
    pub const fn code(self) -> NonZeroU32 {
        self.0
    }

    /// The system's error number, which is not known here.
    #[must_use]
    pub const fn raw_os_error(self) -> Option<i32> {
        None
    }
}

impl From<NonZeroU32> for Error {
    fn from(code: NonZeroU32) -> Self {
        Self(code)
    }
}

impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no randomness: code {}", self.0)
    }
}

impl std::error::Error for Error {}

/// Fills a buffer.
///
/// # Errors
/// [`Error`] if the system gives nothing.
pub fn getrandom(buffer: &mut [u8]) -> Result<(), Error> {
    later::fill(buffer).map_err(|_| Error(NonZeroU32::MIN.saturating_add(Error::CUSTOM_START)))
}
