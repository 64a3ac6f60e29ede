//! Answers about the colony as a whole, and about one process's chances.

use serde_json::{Value, json};

use super::{ColonyContext, process, rfc3339};
use crate::{
    identity::Identity,
    model::State,
    reply::{Blocker, ExecutorVerdict, Explanation, Statistics, Status},
};

/// Counts by state, as ColonyOS gives them for one colony.
#[must_use]
pub fn statistics(statistics: &Statistics) -> Value {
    json!({
        "colonies": 1,
        "executors": statistics.executors,
        "activeexecutors": statistics.active_executors,
        "unregisteredexecutors": statistics.unregistered_executors,
        "waitingprocesses": statistics.processes_in(State::Waiting),
        "runningprocesses": statistics.processes_in(State::Running),
        "successfulprocesses": statistics.processes_in(State::Success),
        "failedprocesses": statistics.processes_in(State::Failed),
        "cancelledprocesses": statistics.processes_in(State::Cancelled),
        "waitingworkflows": statistics.workflows_in(State::Waiting),
        "runningworkflows": statistics.workflows_in(State::Running),
        "successfulworkflows": statistics.workflows_in(State::Success),
        "failedworkflows": statistics.workflows_in(State::Failed),
        "cancelledworkflows": statistics.workflows_in(State::Cancelled),
    })
}

/// A colony and its coordinator. `name_of` finds a member's name; without one its id stands for it. `coordinator` is
/// null while there is none.
#[must_use]
pub fn status(status: &Status, name_of: impl Fn(&Identity) -> Option<String>) -> Value {
    let name = |id: &Identity| name_of(id).unwrap_or_else(|| id.to_hex());
    let member = |id: &Identity| json!({"id": id.to_hex(), "name": name(id)});
    let members = |ids: &[Identity]| ids.iter().map(member).collect::<Value>();
    json!({
        "colony": status.colony.as_str(),
        "colonyid": status.colony_id.to_hex(),
        "node": status.node.to_hex(),
        "version": status.version.as_str(),
        "term": status.term,
        "coordinator": status.coordinator.as_ref().map(member),
        "voters": members(&status.voters),
        "learners": members(&status.learners),
        "committed": status.committed,
        "applied": status.applied,
        "paused": status.paused,
        "waiting": status.statistics.processes_in(State::Waiting),
        "running": status.statistics.processes_in(State::Running),
        "success": status.statistics.processes_in(State::Success),
        "failed": status.statistics.processes_in(State::Failed),
        "cancelled": status.statistics.processes_in(State::Cancelled),
        "executors": status.statistics.executors,
        "activeexecutors": status.statistics.active_executors,
    })
}

/// Why a process does, or does not, run.
#[must_use]
pub fn explanation(explanation: &Explanation, colony: ColonyContext<'_>) -> Value {
    json!({
        "process": process(&explanation.process, colony),
        "blockers": explanation.blockers.iter().map(blocker).collect::<Value>(),
        "ahead": explanation.ahead,
        "executors": explanation.executors.iter().map(verdict).collect::<Value>(),
    })
}

fn blocker(blocker: &Blocker) -> Value {
    match blocker {
        Blocker::Paused => json!({"blocker": "paused"}),
        Blocker::NotWaiting(state) => json!({"blocker": "notwaiting", "state": u8::from(*state)}),
        Blocker::Parent { process, node_name, state } => json!({
            "blocker": "parent",
            "processid": process.to_hex(),
            "number": process.number(),
            "nodename": node_name.as_str(),
            "state": u8::from(*state),
        }),
        Blocker::NoExecutorOfType(name) => json!({"blocker": "noexecutor", "executortype": name.as_str()}),
    }
}

fn verdict(verdict: &ExecutorVerdict) -> Value {
    let checks = verdict.checks.iter().map(|check| {
        json!({
            "condition": check.condition.as_str(),
            "met": check.met,
            "wanted": check.wanted.as_str(),
            "has": check.has.as_str(),
        })
    });
    json!({
        "executorname": verdict.name.as_str(),
        "executortype": verdict.executor_type.as_str(),
        "lastheardfromtime": rfc3339(verdict.last_heard_at),
        "checks": checks.collect::<Value>(),
    })
}
