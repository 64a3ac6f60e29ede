//! `colony wait`: until a process or workflow has ended.

use std::time::Duration;

use colony_node::client::ClientError;
use colony_protocol::{
    model::{Process, State, Workflow},
    query::{Query, Selector},
    reply::Answer,
};

use super::exec;
use crate::{
    app::{App, Session},
    args::{AnyId, WaitArgs},
    error::{Exit, Failure},
    hint::Hint,
    output::{self, Spinner},
};

/// Waits.
pub(super) async fn run(app: &App, args: WaitArgs) -> Result<Exit, Failure> {
    let session = app.session()?;
    // A hundred years stand for "as long as it takes".
    let patience = Duration::from_secs(args.timeout.unwrap_or(3_155_760_000));
    let spinner = Spinner::start("waiting".to_owned());
    tokio::select! {
        biased;
        ended = until_ended(&session, &spinner, args.id) => ended,
        () = app.runtime.sleep(patience) => {
            spinner.stop();
            Err(Failure::new(format!("it has not ended within {} s", patience.as_secs()))
                .exit(Exit::TIMED_OUT)
                .hint(Hint::Processes))
        }
    }
}

async fn until_ended(session: &Session, spinner: &Spinner, id: AnyId) -> Result<Exit, Failure> {
    match id {
        AnyId::Process(selector) => {
            let process = session.client.wait(selector).await?;
            spinner.stop();
            if !session.format().is_human() {
                output::process_record(session.seen(), &process).print_one(session.format())?;
            }
            Ok(tell(session, &process))
        }
        AnyId::Workflow(selector) => {
            let (ended, processes) = workflow(session, selector).await?;
            spinner.stop();
            if !session.format().is_human() {
                output::workflow_record(session.seen(), &ended, &processes).print_one(session.format())?;
            }
            tell_workflow(&ended, &processes)
        }
    }
}

/// Says how a process ended; the exit code says whether it succeeded.
pub(super) fn tell(session: &Session, process: &Process) -> Exit {
    let name = format!("p{}", process.number());
    output::note(&exec::verdict(&name, process));
    if process.state == State::Failed && process.log_lines > 0 {
        output::report(&Failure::new("").hint(Hint::Logs(name)), &session.app.flags);
    }
    if process.state == State::Success { Exit::DONE } else { Exit::FAILED }
}

/// Waits until all of a workflow has ended.
pub(super) async fn workflow(
    session: &Session,
    mut id: Selector,
) -> Result<(Workflow, Vec<Process>), Failure> {
    loop {
        let Answer::Workflow { workflow, processes } =
            session.client.query(&Query::Workflow(id.clone())).await?
        else {
            return Err(ClientError::Unexpected("to workflow").into());
        };
        let unfinished = processes.iter().find(|process| !process.state.is_terminal());
        match unfinished {
            Some(process) => session.client.wait(process.id.into()).await.map(drop)?,
            None => return Ok((*workflow, processes)),
        }
        // `last` may be another one next time.
        id = workflow.id.into();
    }
}

/// Says how a workflow ended.
pub(super) fn tell_workflow(workflow: &Workflow, processes: &[Process]) -> Result<Exit, Failure> {
    let name = format!("w{}", workflow.id.number());
    if workflow.state == State::Success {
        let noun = if processes.len() == 1 { "process" } else { "processes" };
        output::note(&format!("{name} succeeded: {} {noun}", processes.len()));
        return Ok(Exit::DONE);
    }
    let lost = processes.iter().filter(|process| process.state != State::Success).count();
    let why = processes.iter().find_map(|process| process.errors.first().map(|error| (process, error)));
    let why = why.map_or_else(String::new, |(process, error)| {
        format!("; p{} {}: {}", process.number(), process.spec.func_name, error.trim_end())
    });
    Err(Failure::new(format!(
        "{name} {}: {lost} of {} processes did not succeed{why}",
        workflow.state.word(),
        processes.len()
    ))
    .hint(Hint::RetryFailed(name)))
}
