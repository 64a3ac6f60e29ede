//! Processes, as people and programs see them.

use std::collections::BTreeMap;

use colony_protocol::{
    model::{AttributeKind, Name, Process, State, json},
    time::{Span, Timestamp},
};

use super::Seen;
use crate::output::{
    age::{moment, short},
    listing::{Column, Listing, Row, column, wide},
};

/// Names of executors that are silent as they said they would be, and when each can be reached again.
pub(crate) type Silent = BTreeMap<Name, Timestamp>;

/// Processes as rows.
pub(crate) fn processes(seen: Seen<'_>, processes: &[Process]) -> Listing {
    processes_with(seen, processes, &Silent::new())
}

/// Processes as rows; of those that run on an executor that is silent, when it will be heard again.
pub(crate) fn processes_with(seen: Seen<'_>, processes: &[Process], silent: &Silent) -> Listing {
    let columns = vec![
        column("ID"),
        column("FUNCTION"),
        column("STATE"),
        column("ON"),
        column("AGE"),
        column("TRY"),
        column("NOTE"),
        wide("TYPE"),
        wide("BY"),
        wide("PROCESSID"),
    ];
    let rows = processes.iter().map(|process| row(seen, process, silent)).collect();
    Listing { columns, rows, empty: "no processes" }
}

fn row(seen: Seen<'_>, process: &Process, silent: &Silent) -> Row {
    let id = name(process);
    let cells = vec![
        id.clone(),
        process.spec.func_name.to_string(),
        process.state.word().to_owned(),
        executor(process),
        short(seen.now.since(process.submitted_at)),
        tries(process),
        remark(seen, process, silent),
        process.spec.conditions.executor_type.to_string(),
        process.initiator_name.to_string(),
        process.id.to_hex(),
    ];
    Row { cells, json: json::process(process, seen.context()), quiet: id }
}

/// `p7`.
pub(crate) fn name(process: &Process) -> String {
    format!("p{}", process.number())
}

fn executor(process: &Process) -> String {
    if process.executor_name.is_empty() { "-".to_owned() } else { process.executor_name.to_string() }
}

/// The try it is on, of how many it may have: `1/3`, or `1/-` if any number.
fn tries(process: &Process) -> String {
    let all = u64::try_from(process.spec.max_retries)
        .map_or_else(|_| "-".to_owned(), |retries| retries.saturating_add(1).to_string());
    format!("{}/{all}", process.attempt())
}

/// The one thing worth knowing about it now.
fn remark(seen: Seen<'_>, process: &Process, silent: &Silent) -> String {
    let until = silent.get(&process.executor_name).filter(|_| process.state == State::Running);
    if let Some(until) = until {
        return format!("silent, next contact in {}", short(until.since(seen.now)));
    }
    match process.state {
        State::Waiting if process.waits_for_parents => "for its parents".to_owned(),
        State::Waiting => {
            let kind = &process.spec.conditions.executor_type;
            if kind.is_empty() {
                "in the queue".to_owned()
            } else {
                format!("for an executor of type {kind}")
            }
        }
        State::Running => process
            .lease
            .and_then(|lease| lease.hard_deadline.map(|end| end.since(lease.granted_at)))
            .map(|limit| format!("at most {}", short(limit)))
            .unwrap_or_default(),
        State::Success => output(process),
        State::Failed => process.errors.first().map(ToString::to_string).unwrap_or_default(),
        State::Cancelled => String::new(),
    }
}

/// Its output as a shell would show it.
fn output(process: &Process) -> String {
    process.output.iter().map(colony_protocol::bounded::Json::to_plain).collect::<Vec<_>>().join(" ")
}

/// All about one process.
pub(crate) fn process_record(seen: Seen<'_>, process: &Process) -> Listing {
    let facts = facts(seen, process);
    let columns: Vec<Column> = facts.iter().map(|(title, _)| column(title)).collect();
    let cells = facts.into_iter().map(|(_, cell)| cell).collect();
    let row = Row { cells, json: json::process(process, seen.context()), quiet: name(process) };
    Listing { columns, rows: vec![row], empty: "" }
}

fn facts(seen: Seen<'_>, process: &Process) -> Vec<(&'static str, String)> {
    let spec = &process.spec;
    let list = |values: &[colony_protocol::bounded::Json]| {
        values.iter().map(colony_protocol::bounded::Json::to_plain).collect::<Vec<_>>().join(" ")
    };
    let numbers = |ids: &[colony_protocol::model::ProcessId]| {
        ids.iter().map(|id| format!("p{}", id.number())).collect::<Vec<_>>().join(" ")
    };
    vec![
        ("ID", format!("{} ({})", name(process), process.id)),
        ("FUNCTION", spec.func_name.to_string()),
        ("ARGS", list(&spec.args)),
        ("NODE", spec.node_name.to_string()),
        ("LABEL", spec.label.to_string()),
        ("STATE", process.state.word().to_owned()),
        ("TYPE", spec.conditions.executor_type.to_string()),
        ("ON", executor(process)),
        ("TRY", tries(process)),
        ("BY", process.initiator_name.to_string()),
        ("WORKFLOW", process.workflow.map(|id| format!("w{}", id.number())).unwrap_or_default()),
        ("PARENTS", numbers(&process.parents)),
        ("CHILDREN", numbers(&process.children)),
        ("RETRY OF", process.retry_of.map(|id| format!("p{}", id.number())).unwrap_or_default()),
        ("SUBMITTED", moment(seen.now, process.submitted_at)),
        ("WAITED", wait_span(seen, process)),
        ("RAN", run_span(seen, process)),
        ("LIMITS", limits(process)),
        ("ENV", pairs(spec.env.iter().map(|(key, value)| (key.as_ref(), value.as_ref())))),
        ("ATTRIBUTES", attributes(process)),
        ("INPUT", list(&process.input)),
        ("OUTPUT", list(&process.output)),
        ("ERRORS", process.errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
        ("LOG", if process.log_lines == 0 { String::new() } else { format!("{} lines", process.log_lines) }),
    ]
}

fn wait_span(seen: Seen<'_>, process: &Process) -> String {
    let until = match process.state {
        State::Waiting => seen.now,
        _ => process.started_at.or(process.ended_at).unwrap_or(seen.now),
    };
    short(until.since(process.submitted_at))
}

fn run_span(seen: Seen<'_>, process: &Process) -> String {
    ran(process)
        .or_else(|| {
            let running = process.state == State::Running;
            running.then(|| process.started_at.map(|start| seen.now.since(start))).flatten()
        })
        .map(short)
        .unwrap_or_default()
}

/// How long its last run took, once it has ended.
pub(crate) fn ran(process: &Process) -> Option<Span> {
    let ended = process.state.is_terminal().then_some(process.ended_at).flatten()?;
    Some(ended.since(process.started_at?))
}

fn limits(process: &Process) -> String {
    let spec = &process.spec;
    let mut limits = Vec::new();
    if let Some(wait) = spec.max_wait_time.as_seconds() {
        limits.push(format!("waits at most {}", short(wait)));
    }
    if let Some(run) = spec.max_exec_time.as_seconds() {
        limits.push(format!("runs at most {}", short(run)));
    }
    limits.join(", ")
}

fn attributes(process: &Process) -> String {
    let noted = process.attributes.iter().filter(|attribute| attribute.kind != AttributeKind::Env);
    pairs(noted.map(|attribute| (attribute.key.as_ref(), attribute.value.as_ref())))
}

fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    pairs.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join("\n")
}
