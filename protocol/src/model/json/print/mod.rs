//! Writing: each noun in the exact shape of ColonyOS, plus keys of ours.
//!
//! Where its clients differ the safest form is taken: lists are `[]`, never null, except the few that ColonyOS's own
//! code leaves null; times that never happened are the first moment of the year 1.

mod answer;
mod automation;
mod blueprint;
mod file;
mod member;
mod process;
mod spec;
mod time;
mod workflow;

pub use answer::{explanation, statistics, status};
pub use automation::{cron, generator, next_runs, workflow_spec};
pub use blueprint::{blueprint, blueprint_change, channel_entry, definition};
pub use file::{file, file_entry, label, location, snapshot};
pub use member::{executor, function, member, user};
pub use process::{log_line, process};
pub use spec::function_spec;
pub use time::rfc3339;
pub use workflow::workflow;

/// What the shapes repeat in every object and our rows do not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColonyContext<'a> {
    /// The colony's name.
    pub name: &'a str,
}

#[cfg(test)]
mod tests;
