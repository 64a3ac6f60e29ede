//! Workflows, which ColonyOS calls process graphs.

use super::{
    Action, Ask, Fault, Place, Show, Then,
    message::{Message, count},
    processes::{process_id, state},
};
use crate::{
    command::{AddChild, Command, LeaseRef},
    model::{FunctionSpec, Name, ProcessId, State, WorkflowId, WorkflowSpec},
    query::Query,
};

/// Most rows of a listing.
const ROWS_MAX: u16 = 100;

pub(super) fn read(kind: &str, message: &mut Message<'_>) -> Result<Option<Ask>, Fault> {
    Ok(Some(match kind {
        "submitworkflowspecmsg" => submit(message)?,
        "getprocessgraphmsg" => {
            let id = id(message)?;
            Ask::read(Place::Workflow(id), Query::Workflow(id.into()), Show::Workflow)
        }
        "getprocessgraphsmsg" => {
            let limit = count(message, ROWS_MAX)?;
            let state = state(message.get(&["state"])?)?;
            let query = Query::Workflows { state, before: None, limit };
            Ask::read(message.colony()?, query, Show::Workflows)
        }
        "removeprocessgraphmsg" => one(message, |workflow| Command::RemoveWorkflow { workflow })?,
        "cancelprocessgraphmsg" => one(message, |workflow| Command::CancelWorkflow { workflow })?,
        "removeallprocessgraphsmsg" => remove_all(message)?,
        "addchildmsg" => add_child(message)?,
        _ => return Ok(None),
    }))
}

fn submit(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let spec: WorkflowSpec = message.need(&["spec"])?;
    let colony = spec.colony_name.clone();
    let spec = in_colony(spec, &colony);
    Ok(Ask::change(Place::Colony(colony), Command::SubmitWorkflow { spec, retry_of: None }, Then::Workflow))
}

/// A workflow that runs in one colony, whatever it and its nodes say.
pub(super) fn in_colony(spec: WorkflowSpec, colony: &Name) -> WorkflowSpec {
    let nodes = spec.nodes.iter().cloned().map(|mut node| {
        node.conditions.colony_name = colony.clone();
        node
    });
    let nodes = crate::bounded::List::new(nodes.collect()).unwrap_or_default();
    WorkflowSpec { colony_name: colony.clone(), nodes, ..spec }
}

fn one(message: &mut Message<'_>, command: impl FnOnce(WorkflowId) -> Command) -> Result<Ask, Fault> {
    let id = id(message)?;
    Ok(Ask::change(Place::Workflow(id), command(id), Then::Nothing))
}

fn remove_all(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let states = match state(message.get(&["state"])?)? {
        Some(State::Running) => return Err(Fault::bad("Not possible to remove running processgraphs")),
        Some(State::Waiting) => vec![State::Waiting],
        Some(state) => vec![state],
        None => vec![State::Success, State::Failed, State::Cancelled],
    };
    Ok(Ask::new(message.colony()?, Action::RemoveWorkflows(states)))
}

fn add_child(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let parent = process_id(message, &["parentprocessid"])?;
    let child: Name = message.get(&["childprocessid"])?;
    let child =
        if child.is_empty() { None } else { Some(child.parse::<ProcessId>().map_err(|_| no_child(&child))?) };
    let spec: FunctionSpec = message.need(&["spec"])?;
    let insert = message.get(&["insert"])?;
    let command = Command::AddChild(AddChild { parent: LeaseRef::any(parent), child, spec, insert });
    Ok(Ask::change(Place::Process(parent), command, Then::Process))
}

fn no_child(id: &str) -> Fault {
    Fault::missing(format!("Process with Id {id} not found"))
}

fn id(message: &mut Message<'_>) -> Result<WorkflowId, Fault> {
    let text: Name = message.get(&["processgraphid"])?;
    text.parse().map_err(|_| Fault::missing(format!("Process graph with Id {text} not found")))
}
