//! What is measured while a run goes on. Definitions and units stand in `simulations/METRICS.md`.

use std::collections::BTreeMap;

use colony_protocol::model::State;

use super::histogram::Histogram;

/// Something that happened, as it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// When, in microseconds of virtual time.
    pub at: u64,
    /// What.
    pub what: What,
    /// In which colony.
    pub colony: u16,
    /// The node it happened to, or that did it.
    pub node: u32,
    /// The process, announcement or term it is about.
    pub subject: u64,
    /// A number that goes with it: a duration in microseconds, or a count.
    pub value: u64,
}

macro_rules! whats {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Kinds of events.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum What { $($(#[$doc])* $name,)* }

        impl What {
            /// All of them, in order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As it is written down.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

whats! {
    /// A process was submitted and is in the log; value: since it was first sent.
    Submitted = "submitted",
    /// A process reached an executor; value: since it was first sent.
    Assigned = "assigned",
    /// A process ended well; value: since it was first sent.
    Succeeded = "succeeded",
    /// A process ended badly; value: since it was first sent.
    Failed = "failed",
    /// A lease ended under its holder.
    LeaseLost = "lease-lost",
    /// A result was refused.
    Refused = "result-refused",
    /// A request was given up.
    GivenUp = "given-up",
    /// Work was announced; value: processes waiting.
    Announced = "announced",
    /// A colony has no coordinator that can commit.
    Lost = "coordinator-lost",
    /// A coordinator was elected; value: since the last one was lost.
    Elected = "elected",
    /// The first entry after that; value: since the last coordinator was lost.
    Available = "available",
    /// A node stopped.
    Down = "node-down",
    /// A node started.
    Up = "node-up",
    /// A contact window opened.
    Contact = "contact",
    /// A contact window closed.
    Silence = "silence",
    /// A timeline's deed.
    Deed = "timeline",
}

/// What a process has been through.
#[derive(Debug, Clone, Copy)]
pub struct Life {
    /// When its submission was first sent.
    pub asked: u64,
    /// When it entered, by the colony's own clock.
    pub entered: u64,
    /// When it first reached an executor; 0 for never.
    pub assigned: u64,
    /// When it ended; 0 for not yet.
    pub ended: u64,
    /// How often it was granted.
    pub grants: u16,
    /// How many of its results were applied.
    pub results: u16,
    /// Whether it is at an executor.
    pub runs: bool,
    /// Whether whoever submitted it knows of it.
    pub acknowledged: bool,
    /// How it ended.
    pub state: State,
}

/// One point of the time series.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Point {
    /// When, in microseconds.
    pub at: u64,
    /// Processes that can be assigned, or wait for parents.
    pub waiting: u64,
    /// Processes at executors.
    pub running: u64,
    /// Processes that ended, so far.
    pub ended: u64,
    /// Processes submitted, so far.
    pub submitted: u64,
    /// Executors that run.
    pub executors_up: u64,
    /// Of these, how many can be reached.
    pub executors_reachable: u64,
    /// Colonies with a coordinator that can commit.
    pub colonies_available: u64,
    /// Requests for work so far.
    pub asks: u64,
    /// Announcements so far.
    pub announcements: u64,
    /// Leases lost so far.
    pub leases_lost: u64,
    /// Messages carried so far.
    pub messages: u64,
}

/// Everything measured.
#[derive(Debug, Default)]
pub struct Measure {
    /// Single events.
    pub rows: Vec<Row>,
    /// Events beyond the limit.
    pub rows_dropped: u64,
    /// The time series.
    pub points: Vec<Point>,
    /// Events taken from the agenda.
    pub events: u64,
    /// Messages carried between nodes.
    pub messages: u64,
    /// Messages by path: direct, punched, relayed.
    pub paths: [u64; 3],
    /// Requests for work.
    pub asks: u64,
    /// Of these, because of an announcement,
    pub asks_called: u64,
    /// and of those, with work as the answer.
    pub asks_called_won: u64,
    /// Requests given up.
    pub given_up: u64,
    /// Requests sent again.
    pub resent: u64,
    /// Requests refused because of a clock.
    pub refused_clock: u64,
    /// Processes granted.
    pub grants: u64,
    /// Leases that ended under their holder.
    pub leases_lost: u64,
    /// Of these, while the holder was silent as it had said it would be.
    pub leases_lost_to_silence: u64,
    /// Results that were refused.
    pub results_refused: u64,
    /// Commands acknowledged on fewer copies than a quorum. Must be zero.
    pub acknowledged_without_quorum: u64,
    /// Announcements made.
    pub announcements: u64,
    /// Processes announced, each once.
    pub announced: u64,
    /// Receptions that should be: listeners that were up, for each announcement.
    pub hearings_due: u64,
    /// Receptions that were.
    pub hearings: u64,
    /// Receptions of something known already.
    pub duplicates: u64,
    /// From an announcement to each who hears it.
    pub propagation: Histogram,
    /// Hops to each who hears it.
    pub hops: Histogram,
    /// From a submission's first sending to its process at an executor.
    pub submit_to_assigned: Histogram,
    /// From a submission's first sending to its acknowledgement.
    pub acknowledgement: Histogram,
    /// In the queue, by the colony's own clock.
    pub wait: Histogram,
    /// From a submission to the end of its process.
    pub turnaround: Histogram,
    /// From a process' entry to its end, by the colony's own clock.
    pub in_colony: Histogram,
    /// From a request for work to its answer, if it did not wait.
    pub ask_latency: Histogram,
    /// From the loss of a coordinator to the next.
    pub elections: Histogram,
    /// From the loss of a coordinator to the next entry.
    pub unavailability: Histogram,
    /// Windows without a coordinator: colony, start, end.
    pub windows: Vec<(u16, u64, u64)>,
    /// Lookups made,
    pub lookups: u64,
    /// found,
    pub lookups_found: u64,
    /// their hops,
    pub lookup_hops: Histogram,
    /// and their time.
    pub lookup_time: Histogram,
    /// Entries in logs.
    pub entries: u64,
    /// Requests in entries.
    pub entry_requests: u64,
    /// Processes granted, by executor.
    pub granted_by: BTreeMap<u32, u64>,
    /// The end of the last process.
    pub last_end: u64,
}

impl Measure {
    /// Writes an event down, if there is room.
    pub fn row(&mut self, limit: u64, row: Row) {
        if (self.rows.len() as u64) < limit {
            self.rows.push(row);
        } else {
            self.rows_dropped += 1;
        }
    }
}
