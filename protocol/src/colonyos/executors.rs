//! Executors and the functions they offer.

use super::{Ask, Fault, Place, Show, Then, message::Message};
use crate::{
    bounded::Text,
    command::Command,
    model::{Capabilities, Executor, Name, json},
    query::Query,
};

pub(super) fn read(kind: &str, message: &mut Message<'_>) -> Result<Option<Ask>, Fault> {
    Ok(Some(match kind {
        "addexecutormsg" => add(message)?,
        "getexecutorsmsg" => Ask::read(message.colony()?, Query::Executors, Show::Executors),
        "getexecutormsg" => {
            let show = Show::Executor(message.name(&["executorname"])?);
            Ask::read(message.colony()?, Query::Executors, show)
        }
        "getexecutorbyidmsg" => {
            let show = Show::ExecutorById(message.get_with(&["executorid"], json::identity)?);
            let place = match message.colony()? {
                Place::Colony(name) if name.is_empty() => Place::Caller,
                place => place,
            };
            Ask::read(place, Query::Executors, show)
        }
        "approveexecutormsg" => named(message, |name| Command::ApproveExecutor { name })?,
        "rejectexecutormsg" => named(message, |name| Command::RejectExecutor { name })?,
        "removeexecutormsg" => named(message, |name| Command::RemoveExecutor { name })?,
        "updateexecutormsg" => {
            let capabilities: Capabilities = message.get(&["capabilities"])?;
            let own = message.name(&["executorname"])?;
            let then = Then::Nothing;
            Ask::change(message.colony()?, Command::UpdateExecutor { capabilities }, then).by_executor(own)
        }
        "reportallocationmsg" | "reportallocationsmsg" => {
            let allocations = message.get_with(&["allocations"], json::allocations)?;
            let own = message.name(&["executorname"])?;
            let command = Command::ReportAllocations { allocations };
            Ask::change(message.colony()?, command, Then::Nothing).by_executor(own)
        }
        "addfunctionmsg" => add_function(message)?,
        // The Rust client's word for one executor's functions is a message of its own.
        "getfunctionsmsg" | "getfunctionsbyexecutormsg" => {
            let executor_name = message.name(&["executorname"])?;
            Ask::read(message.colony()?, Query::Functions { executor_name }, Show::Functions)
        }
        "removefunctionmsg" => {
            let number = function_number(&message.get::<Name>(&["functionid"])?)?;
            Ask::change(Place::Caller, Command::RemoveFunction { number }, Then::Nothing)
        }
        _ => return Ok(None),
    }))
}

fn add(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let executor: Executor = message.need(&["executor"])?;
    let place = message.inner(&["executor"], |executor| executor.colony())?;
    let show = Show::Executor(executor.name.clone());
    Ok(Ask::change(
        place,
        Command::AddExecutor { executor, approved: false },
        Then::Show(Query::Executors, show),
    ))
}

fn named(message: &mut Message<'_>, command: impl FnOnce(Name) -> Command) -> Result<Ask, Fault> {
    let name = message.name(&["executorname"])?;
    Ok(Ask::change(message.colony()?, command(name), Then::Nothing))
}

fn add_function(message: &mut Message<'_>) -> Result<Ask, Fault> {
    // The Rust client spells it out.
    message.inner(&["fun", "function"], |function| {
        let place = function.colony()?;
        let own = function.name(&["executorname"])?;
        let func_name: Text<1024> = function.get(&["funcname"])?;
        let description = function.get(&["description"])?;
        let arguments = function.get(&["args"])?;
        let command = Command::AddFunction { func_name, description, arguments };
        Ok(Ask::change(place, command, Then::Function).by_executor(own))
    })
}

/// Function ids are numbers in the form of an id.
fn function_number(id: &str) -> Result<u64, Fault> {
    let number = id.trim_start_matches('0');
    match u64::from_str_radix(number, 16) {
        Ok(number) if id.len() == 64 => Ok(number),
        _ if id.is_empty() => Err(Fault::bad("functionid is missing")),
        _ => Err(Fault::missing("Function not found")),
    }
}
