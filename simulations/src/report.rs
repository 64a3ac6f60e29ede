//! What a run was like.

use colony_protocol::identity::Digest;

/// Declares the counters once, so that none is forgotten in a sum or in a check.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// How often things happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub struct Counters {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Adds those of another run.
            pub fn add(&mut self, other: &Self) {
                $(self.$name = self.$name.saturating_add(other.$name);)*
            }

            /// What never happened: a run that did not exercise a fault says nothing about it.
            #[must_use]
            pub fn unexercised(&self) -> Vec<&'static str> {
                let all = [$((stringify!($name), self.$name)),*];
                all.into_iter().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect()
            }
        }
    };
}

counters! {
    /// Log entries.
    entries,
    /// Requests answered again instead of being applied again.
    repeated,
    /// Requests given up without an answer.
    unanswered,
    /// Messages that never arrived.
    lost_messages,
    /// Processes submitted.
    submitted,
    /// Workflows submitted.
    workflows,
    /// Leases granted.
    granted,
    /// Leases that ended under their holder.
    leases_lost,
    /// Results applied.
    closed,
    /// Results refused because the lease was not live any more.
    stale_closes,
    /// Cancellations.
    cancelled,
    /// Crashes that lost an entry.
    crashes_before_disk,
    /// Crashes that lost only the answers.
    crashes_after_disk,
    /// Processes that succeeded.
    succeeded,
    /// Processes that failed.
    failed,
}

/// The outcome of one run.
#[derive(Debug, Clone)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// How often things happened.
    pub counters: Counters,
    /// The hash over all that happened.
    pub hash: Digest,
    /// Invariants that did not hold, each with what was seen.
    pub broken: Vec<String>,
}

impl Report {
    /// The command that repeats the run.
    #[must_use]
    pub fn replay(&self) -> String {
        format!("cargo run -p colony-simulations -- --seed {}", self.seed)
    }
}
