//! How large a run is, and how often what goes wrong.

use colony_protocol::time::Span;

/// Everything that decides a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Fixes all chance.
    pub seed: u64,
    /// Members that submit and cancel.
    pub submitters: u64,
    /// Executors.
    pub executors: u64,
    /// How long faults and new work go on. Afterwards all is well, and everything must come to its end.
    pub storm: Span,
    /// How long the calm after it may take at most until everything has ended.
    pub calm: Span,
    /// Messages of a thousand that are lost.
    pub lost_per_mille: u64,
    /// Decisions of a thousand at which an executor falls silent for longer than it promised.
    pub stall_per_mille: u64,
    /// Decisions of a thousand at which an executor dies and forgets.
    pub death_per_mille: u64,
    /// Entries of a thousand at which the coordinator crashes.
    pub crash_per_mille: u64,
}

impl Scenario {
    /// The ordinary mixture of misfortunes.
    #[must_use]
    pub const fn of_seed(seed: u64) -> Self {
        Self {
            seed,
            submitters: 3,
            executors: 5,
            storm: Span::from_secs(120),
            calm: Span::from_secs(600),
            lost_per_mille: 20,
            stall_per_mille: 20,
            death_per_mille: 10,
            crash_per_mille: 4,
        }
    }

    /// The same run without misfortunes from now on.
    #[must_use]
    pub const fn without_faults(self) -> Self {
        Self { lost_per_mille: 0, stall_per_mille: 0, death_per_mille: 0, crash_per_mille: 0, ..self }
    }
}
