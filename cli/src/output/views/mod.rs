//! What each noun looks like, as a row and as a record.

mod automation;
mod executors;
mod findings;
mod members;
mod objects;
mod process;
mod workflow;

pub(crate) use self::{
    automation::{cron_record, crons, generator_record, generators, policy, until},
    executors::{executor_record, executors, functions, log_hits, log_lines, users},
    findings::{Findings, findings},
    members::{Everybody, member_name, members},
    objects::{
        blueprint_changes, blueprints, channels, definitions, files, labels, locations, revisions, snapshots,
    },
    process::{Silent, process_record, processes, processes_with, ran},
    workflow::{workflow_record, workflows},
};

use colony_protocol::{model::json::ColonyContext, time::Timestamp};

/// Whose eyes a view is made for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    /// The colony's name, which the JSON of ColonyOS repeats everywhere.
    pub(crate) colony: &'a str,
    /// Now, for ages.
    pub(crate) now: Timestamp,
}

impl<'a> Seen<'a> {
    /// What ColonyOS's JSON repeats.
    pub(crate) const fn context(self) -> ColonyContext<'a> {
        ColonyContext { name: self.colony }
    }
}
