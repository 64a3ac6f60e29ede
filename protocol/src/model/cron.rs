//! Crons: workflows that start by themselves, at the moments of a schedule.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{CronId, Name, Values, WorkflowId, WorkflowSpec, is_default};
use crate::{
    bounded::Text,
    identity::Identity,
    time::{Span, Timestamp},
};

/// When a cron runs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Schedule {
    /// Six fields or a descriptor, perhaps behind `TZ=Area/City `; UTC otherwise. See [`crate::schedule`].
    Expression(Text<256>),
    /// The same span again and again, counted from when the cron was made.
    Interval {
        /// The span, at least a second.
        every: Span,
        /// Whether each run is at a random moment of its span instead of at its end.
        random: bool,
    },
}

/// A cron as somebody asks for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NewCron {
    /// Its name, unique among the colony's crons.
    pub name: Name,
    /// When it runs.
    pub schedule: Schedule,
    /// Whether a run waits until the workflow of the one before has ended; what is missed meanwhile becomes one run.
    #[serde(default, skip_serializing_if = "is_default")]
    pub wait_for_previous: bool,
    /// What it starts.
    pub spec: Arc<WorkflowSpec>,
}

/// A cron.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Cron {
    /// Its id; carries its number.
    pub id: CronId,
    /// Its name.
    pub name: Name,
    /// Who made it: its workflows are started in this name, as long as it is a member.
    pub initiator: Identity,
    /// That name.
    pub initiator_name: Name,
    /// When it runs.
    pub schedule: Schedule,
    /// Whether a run waits until the workflow of the one before has ended.
    pub wait_for_previous: bool,
    /// What it starts.
    pub spec: Arc<WorkflowSpec>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The moment of the schedule that comes next.
    pub tick: Timestamp,
    /// When that run is; the tick, or a random delay after it. `None`: never again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_run: Option<Timestamp>,
    /// When it ran last, by schedule or by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<Timestamp>,
    /// What it started last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<WorkflowId>,
    /// How many workflows it has started.
    pub runs: u64,
    /// The outputs of the last processes of the workflow before: the input of the first ones of the next.
    #[serde(default, skip_serializing_if = "is_default")]
    pub handed_on: Values,
    /// Why the last run that was due did not start; empty if it did.
    #[serde(default, skip_serializing_if = "is_default")]
    pub problem: Text<512>,
}
