//! Work: submitting it, taking it, reporting on it, looking at it.

use super::{
    Action, Ask, Fault, Place, Show, Then,
    message::{Message, count},
};
use crate::{
    bounded::Text,
    command::{Assign, Closing, Command, LeaseRef, Submission},
    identity::Identity,
    model::{
        Attribute, AttributeKind, Errors, FunctionSpec, Name, ProcessId, State, Values, WorkflowId,
        json::{
            self, SpecError,
            read::{Field, FromField as _},
        },
    },
    query::{ProcessFilter, Query},
    time::Span,
};

/// Most rows of a listing.
const ROWS_MAX: u16 = 100;
/// In place of a state: all of them.
const ANY_STATE: i64 = -1;

pub(super) fn read(kind: &str, message: &mut Message<'_>) -> Result<Option<Ask>, Fault> {
    Ok(Some(match kind {
        "submitfuncspecmsg" => submit(message)?,
        "assignprocessmsg" => assign(message)?,
        "getprocessmsg" => {
            let id = process_id(message, &["processid"])?;
            Ask::read(Place::Process(id), Query::Process(id.into()), Show::Process)
        }
        "getprocessesmsg" => list(message)?,
        "getprocesshistmsg" => history(message)?,
        "removeprocessmsg" => one(message, |process| Command::Remove { process })?,
        "cancelprocessmsg" => one(message, |process| Command::Cancel { process })?,
        "removeallprocessesmsg" => remove_all(message)?,
        "closesuccessfulmsg" => {
            let output = message.get(&["out"])?;
            close(message, true, output, Errors::default())?
        }
        "closefailedmsg" => {
            let errors = message.get(&["errors"])?;
            close(message, false, Values::default(), errors)?
        }
        "setoutputmsg" => {
            let output = message.get(&["out"])?;
            one(message, |id| Command::SetOutput { lease: LeaseRef::any(id), output })?
        }
        "addattributemsg" => add_attribute(message)?,
        "getattributemsg" => {
            let id = message.get_with(&["attributeid"], json::identity)?;
            if id == Identity::NOBODY {
                return Err(Fault::bad("Attribute does not exists"));
            }
            Ask::new(Place::Caller, Action::Attribute(id))
        }
        _ => return Ok(None),
    }))
}

fn submit(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let spec: FunctionSpec = message.need(&["spec"])?;
    let place = Place::Colony(spec.conditions.colony_name.clone());
    let items = crate::bounded::List::new(vec![Submission { spec, retry_of: None }]).unwrap_or_default();
    Ok(Ask::change(place, Command::Submit { items }, Then::Process))
}

fn assign(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let timeout: i64 = message.get(&["timeout"])?;
    if timeout == 0 {
        return Err(Fault::bad("Invalid timeout value, timeout cannot be zero"));
    }
    let wait = Span::from_secs(u64::try_from(timeout).unwrap_or(0));
    let available_cpu = message.get_with(&["availablecpu"], |field| amount(field, |field| field.cpu()))?;
    let available_memory =
        message.get_with(&["availablemem"], |field| amount(field, |field| field.memory()))?;
    let assign = Assign { max: 1, available_cpu, available_memory, ..Assign::default() };
    Ok(Ask::new(message.colony()?, Action::Assign { assign, wait }))
}

/// An amount; empty text means that none is stated.
fn amount(
    field: &Field<'_>,
    read: impl Fn(&Field<'_>) -> Result<u64, SpecError>,
) -> Result<Option<u64>, SpecError> {
    if field.raw() == "\"\"" { Ok(None) } else { read(field).map(Some) }
}

fn list(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let workflow = message.get_with(&["processgraphid"], workflow_id)?;
    let limit = count(message, ROWS_MAX)?;
    let state = state(message.get(&["state"])?)?;
    if state.is_none() && workflow.is_none() {
        return Err(Fault::bad("Failed to get processes, invalid msg.State"));
    }
    let some = |name: Name| Some(name).filter(|name| !name.is_empty());
    let filter = ProcessFilter {
        state,
        executor_type: some(message.name(&["executortype"])?),
        label: some(message.name(&["label"])?),
        initiator: some(message.name(&["initiator"])?),
        workflow,
        before: None,
        limit,
    };
    Ok(Ask::read(message.colony()?, Query::Processes(filter), Show::Processes))
}

fn history(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let executor = message.get_with(&["executorid"], json::identity)?;
    let seconds: i64 = message.get(&["seconds"])?;
    let state = state(message.get(&["state"])?)?;
    let action = Action::History {
        executor: Some(executor).filter(|id| *id != Identity::NOBODY),
        span: Span::from_secs(u64::try_from(seconds).unwrap_or(0)),
        state,
    };
    Ok(Ask::new(message.colony()?, action))
}

fn one(message: &mut Message<'_>, command: impl FnOnce(ProcessId) -> Command) -> Result<Ask, Fault> {
    let id = process_id(message, &["processid"])?;
    Ok(Ask::change(Place::Process(id), command(id), Then::Nothing))
}

fn remove_all(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let states = match state(message.get(&["state"])?)? {
        Some(State::Running) => return Err(Fault::bad("Not possible to remove running processes")),
        Some(state) => vec![state],
        // What runs is left running.
        None => vec![State::Waiting, State::Success, State::Failed, State::Cancelled],
    };
    let commands = states.into_iter().map(|state| Command::RemoveAll { state }).collect();
    Ok(Ask::new(message.colony()?, Action::Change { commands, then: Then::Nothing }))
}

fn close(message: &mut Message<'_>, success: bool, output: Values, errors: Errors) -> Result<Ask, Fault> {
    let id = process_id(message, &["processid"])?;
    let closing = Closing {
        lease: LeaseRef::any(id),
        success,
        output: output.clone(),
        errors,
        attributes: Default::default(),
        lines: Default::default(),
        receipt: None,
    };
    let items = crate::bounded::List::new(vec![closing]).unwrap_or_default();
    Ok(Ask::change(
        Place::Process(id),
        Command::Close { items },
        Then::Closed { process: id, success, output },
    ))
}

fn add_attribute(message: &mut Message<'_>) -> Result<Ask, Fault> {
    message.inner(&["attribute"], |attribute| {
        let id = process_id(attribute, &["targetid"])?;
        let kind: i64 = attribute.get(&["attributetype"])?;
        let kind = u8::try_from(kind).ok().and_then(|kind| AttributeKind::try_from(kind).ok());
        let kind = kind.ok_or_else(|| Fault::bad("the attribute type is not one of 0, 1, 2 and 3"))?;
        let key: Name = attribute.get(&["key"])?;
        let value: Text<65536> = attribute.get(&["value"])?;
        let then = Then::Show(Query::Process(id.into()), Show::Attribute { key: key.clone(), kind });
        let command =
            Command::AddAttribute { lease: LeaseRef::any(id), attribute: Attribute { key, value, kind } };
        Ok(Ask::change(Place::Process(id), command, then))
    })
}

/// A process's id.
pub(super) fn process_id(message: &mut Message<'_>, names: &[&'static str]) -> Result<ProcessId, Fault> {
    let text: Name = message.get(names)?;
    text.parse().map_err(|_| Fault::missing(format!("Process with Id {text} not found")))
}

/// A workflow's id; none if the text is empty.
pub(super) fn workflow_id(field: &Field<'_>) -> Result<Option<WorkflowId>, SpecError> {
    let text = Name::from_field(field)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| field.wrong("there is no process graph with this id"))
}

/// A state by its number; `None` means any.
pub(super) fn state(code: i64) -> Result<Option<State>, Fault> {
    if code == ANY_STATE {
        return Ok(None);
    }
    let state = u8::try_from(code).ok().and_then(|code| State::try_from(code).ok());
    state.map(Some).ok_or_else(|| Fault::bad("invalid msg.State"))
}
