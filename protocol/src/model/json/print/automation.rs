//! Crons and generators. Their workflow stands in them as a text of JSON, as ColonyOS has it.

use serde_json::{Value, json};

use super::{ColonyContext, function_spec, rfc3339, time::maybe};
use crate::{
    model::{Cron, Generator, Schedule, WorkflowId, WorkflowSpec},
    schedule::upcoming,
    time::{Span, Timestamp},
};

/// ColonyOS looks at its crons and generators once in so many milliseconds; ours start on time.
const CHECKER_PERIOD: u64 = 1_000;
/// How many runs of a cron are foretold.
const UPCOMING: usize = 5;

/// A workflow that is to be started.
#[must_use]
pub fn workflow_spec(spec: &WorkflowSpec, colony: ColonyContext<'_>) -> Value {
    let nodes: Vec<Value> = spec.nodes.iter().map(|node| function_spec(node, colony)).collect();
    json!({ "colonyname": colony.name, "functionspecs": nodes })
}

/// A cron, with `number`, `runs`, `upcoming` and `problem` of ours.
#[must_use]
pub fn cron(cron: &Cron, colony: ColonyContext<'_>) -> Value {
    let (expression, interval, random) = match &cron.schedule {
        Schedule::Expression(text) => (text.as_str(), -1, false),
        Schedule::Interval { every, random } => ("", seconds(*every), *random),
    };
    json!({
        "cronid": cron.id.to_hex(),
        "initiatorid": cron.initiator.to_hex(),
        "initiatorname": cron.initiator_name.as_str(),
        "colonyname": colony.name,
        "name": cron.name.as_str(),
        "cronexpression": expression,
        "interval": interval,
        "random": random,
        "nextrun": maybe(cron.next_run),
        "lastrun": maybe(cron.last_run),
        "workflowspec": workflow_spec(&cron.spec, colony).to_string(),
        "prevprocessgraphid": id(cron.previous),
        "waitforprevprocessgraph": cron.wait_for_previous,
        "checkerperiod": CHECKER_PERIOD,
        "number": cron.id.number(),
        "runs": cron.runs,
        "upcoming": upcoming(cron, UPCOMING).into_iter().map(rfc3339).collect::<Vec<_>>(),
        "problem": cron.problem.as_str(),
    })
}

/// A generator, with `number`, `runs`, `packed` and `problem` of ours.
#[must_use]
pub fn generator(generator: &Generator, colony: ColonyContext<'_>) -> Value {
    json!({
        "generatorid": generator.id.to_hex(),
        "initiatorid": generator.initiator.to_hex(),
        "initiatorname": generator.initiator_name.as_str(),
        "colonyname": colony.name,
        "name": generator.name.as_str(),
        "workflowspec": workflow_spec(&generator.spec, colony).to_string(),
        "trigger": generator.trigger,
        "timeout": generator.timeout.map_or(-1, seconds),
        "firstpack": maybe(generator.first_packed),
        "lastrun": maybe(generator.last_run),
        "queuesize": generator.waiting(),
        "checkerperiod": CHECKER_PERIOD,
        "number": generator.id.number(),
        "runs": generator.runs,
        "packed": generator.packed,
        "prevprocessgraphid": id(generator.previous),
        "problem": generator.problem.as_str(),
    })
}

/// When the next runs of a cron are, as [`cron`] tells them.
#[must_use]
pub fn next_runs(cron: &Cron) -> Vec<Timestamp> {
    upcoming(cron, UPCOMING)
}

fn id(workflow: Option<WorkflowId>) -> String {
    workflow.map(|id| id.to_hex()).unwrap_or_default()
}

/// Whole seconds, as ColonyOS counts.
fn seconds(span: Span) -> i64 {
    i64::try_from(span.as_micros() / 1_000_000).unwrap_or(i64::MAX)
}
