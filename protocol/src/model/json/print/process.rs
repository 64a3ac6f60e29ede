//! Processes and what they said.

use serde_json::{Value, json};

use super::{
    ColonyContext, function_spec, rfc3339,
    spec::{texts, values},
    time::maybe,
};
use crate::{
    identity::{Digest, Identity},
    model::{AttributeKind, Process, ProcessId, State, StoredLogLine, WorkflowId},
    reply::stream_word,
    time::Timestamp,
};

/// A process, with `number`, `attempt`, `token`, `executorname` and `retryof` of ours.
#[must_use]
pub fn process(process: &Process, colony: ColonyContext<'_>) -> Value {
    json!({
        "processid": process.id.to_hex(),
        "initiatorid": process.initiator.to_hex(),
        "initiatorname": process.initiator_name.as_str(),
        "assignedexecutorid": process.assigned_to.as_ref().map(Identity::to_hex).unwrap_or_default(),
        "isassigned": process.assigned_to.is_some(),
        "state": u8::from(process.state),
        "prioritytime": process.priority_time,
        "submissiontime": rfc3339(process.submitted_at),
        "starttime": maybe(process.started_at),
        "endtime": maybe(process.ended_at),
        "waitdeadline": maybe(process.wait_deadline),
        "execdeadline": maybe(exec_deadline(process)),
        "retries": process.retries,
        "attributes": attributes(process, colony),
        "spec": function_spec(&process.spec, colony),
        "waitforparents": process.waits_for_parents,
        "parents": ids(&process.parents),
        "children": ids(&process.children),
        "processgraphid": workflow_id(process),
        "in": values(&process.input),
        "out": values(&process.output),
        "errors": texts(&process.errors),
        "number": process.number(),
        "attempt": process.attempt(),
        "token": process.token,
        "executorname": process.executor_name.as_str(),
        "retryof": process.retry_of.as_ref().map(ProcessId::to_hex).unwrap_or_default(),
    })
}

/// A line of a process's log, with `stream` and `line` of ours.
#[must_use]
pub fn log_line(line: &StoredLogLine, process: &ProcessId, colony: ColonyContext<'_>) -> Value {
    json!({
        "processid": process.to_hex(),
        "colonyname": colony.name,
        "executorname": line.executor_name.as_str(),
        "message": line.message.as_str(),
        "timestamp": line.at.as_nanos(),
        "stream": stream_word(line.stream),
        "line": line.line,
    })
}

/// A list of process ids.
pub(super) fn ids(ids: &[ProcessId]) -> Value {
    ids.iter().map(ProcessId::to_hex).collect()
}

fn workflow_id(process: &Process) -> String {
    process.workflow.as_ref().map(WorkflowId::to_hex).unwrap_or_default()
}

/// The running lease's end; after the run, what it was.
fn exec_deadline(process: &Process) -> Option<Timestamp> {
    if let Some(lease) = process.lease {
        return lease.hard_deadline;
    }
    let limit = process.spec.max_exec_time.as_seconds()?;
    let started = process.started_at.filter(|_| process.state != State::Waiting)?;
    Some(started.after(limit))
}

/// Environment variables first, as ColonyOS makes them at submission, then what the executor added.
fn attributes(process: &Process, colony: ColonyContext<'_>) -> Value {
    let env = process.spec.env.iter().map(|(key, value)| (AttributeKind::Env, key.as_str(), value.as_str()));
    let added = process.attributes.iter().map(|added| (added.kind, added.key.as_str(), added.value.as_str()));
    let target = process.id.to_hex();
    let attribute = |(kind, key, value): (AttributeKind, &str, &str)| {
        let code = u8::from(kind);
        // ColonyOS's own formula, so that a client may compute the id.
        let id = Digest::of(&[target.as_bytes(), key.as_bytes(), code.to_string().as_bytes()]);
        json!({
            "attributeid": Identity::from_bytes(id.0).to_hex(),
            "targetid": target,
            "targetcolonyname": colony.name,
            "targetprocessgraphid": workflow_id(process),
            "state": u8::from(process.state),
            "attributetype": code,
            "key": key,
            "value": value,
        })
    };
    env.chain(added).map(attribute).collect()
}
