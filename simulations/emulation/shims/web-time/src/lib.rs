//! `web_time` on tokio's clock, which the emulator stops and moves.
//!
//! Wall time is the same clock, counted from a fixed day: what is stamped with it must not differ from run to run.

use std::{ops::Add, sync::OnceLock};

pub use std::time::{Duration, SystemTimeError};
pub use tokio::time::Instant;

/// The moment of the first reading.
static START: OnceLock<Instant> = OnceLock::new();
/// The day it is then, in seconds after 1970: 2027-01-15.
const DAY: Duration = Duration::from_secs(1_800_000_000);

/// Wall time, since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SystemTime(Duration);

/// What wall time counts from.
pub const UNIX_EPOCH: SystemTime = SystemTime(Duration::ZERO);

impl SystemTime {
    /// The same as [`UNIX_EPOCH`].
    pub const UNIX_EPOCH: Self = UNIX_EPOCH;

    /// Now.
    #[must_use]
    pub fn now() -> Self {
        let now = Instant::now();
        Self(DAY + now.duration_since(*START.get_or_init(|| now)))
    }

    /// How long after `earlier` this is.
    ///
    /// # Errors
    /// [`SystemTimeError`] if it is before.
    pub fn duration_since(&self, earlier: Self) -> Result<Duration, SystemTimeError> {
        let day = std::time::UNIX_EPOCH;
        (day + self.0).duration_since(day + earlier.0)
    }
}

impl Add<Duration> for SystemTime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0 + duration)
    }
}
