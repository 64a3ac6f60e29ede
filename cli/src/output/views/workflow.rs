//! Workflows, as people and programs see them.

use std::collections::BTreeMap;

use colony_protocol::model::{Process, State, Workflow, json};

use super::Seen;
use crate::output::{
    age::{moment, short},
    listing::{Column, Listing, Row, column, wide},
};

/// Workflows as rows.
pub(crate) fn workflows(seen: Seen<'_>, workflows: &[Workflow]) -> Listing {
    let columns = vec![
        column("ID"),
        column("STATE"),
        column("PROCESSES"),
        column("AGE"),
        column("TOOK"),
        column("BY"),
        wide("RETRY OF"),
        wide("WORKFLOWID"),
    ];
    let rows = workflows.iter().map(|workflow| row(seen, workflow)).collect();
    Listing { columns, rows, empty: "no workflows" }
}

fn row(seen: Seen<'_>, workflow: &Workflow) -> Row {
    let id = name(workflow);
    let cells = vec![
        id.clone(),
        workflow.state.word().to_owned(),
        workflow.processes.len().to_string(),
        short(seen.now.since(workflow.submitted_at)),
        took(workflow),
        workflow.initiator_name.to_string(),
        workflow.retry_of.map(|id| format!("w{}", id.number())).unwrap_or_default(),
        workflow.id.to_hex(),
    ];
    Row { cells, json: json::workflow(workflow, &[], seen.context()), quiet: id }
}

/// `w3`.
pub(crate) fn name(workflow: &Workflow) -> String {
    format!("w{}", workflow.id.number())
}

fn took(workflow: &Workflow) -> String {
    workflow.ended_at.map_or_else(|| "-".to_owned(), |end| short(end.since(workflow.submitted_at)))
}

/// All about one workflow, but for its processes, which are a listing of their own.
pub(crate) fn workflow_record(seen: Seen<'_>, workflow: &Workflow, processes: &[Process]) -> Listing {
    let facts = [
        ("ID", format!("{} ({})", name(workflow), workflow.id)),
        ("STATE", workflow.state.word().to_owned()),
        ("PROCESSES", counts(processes)),
        ("BY", workflow.initiator_name.to_string()),
        ("RETRY OF", workflow.retry_of.map(|id| format!("w{}", id.number())).unwrap_or_default()),
        ("SUBMITTED", moment(seen.now, workflow.submitted_at)),
        ("TOOK", took(workflow)),
    ];
    let columns: Vec<Column> = facts.iter().map(|(title, _)| column(title)).collect();
    let cells = facts.into_iter().map(|(_, cell)| cell).collect();
    let json = json::workflow(workflow, processes, seen.context());
    Listing { columns, rows: vec![Row { cells, json, quiet: name(workflow) }], empty: "" }
}

/// `20 success, 1 failed`.
fn counts(processes: &[Process]) -> String {
    let mut by_state: BTreeMap<State, usize> = BTreeMap::new();
    for process in processes {
        *by_state.entry(process.state).or_default() += 1;
    }
    by_state.iter().map(|(state, count)| format!("{count} {}", state.word())).collect::<Vec<_>>().join(", ")
}
