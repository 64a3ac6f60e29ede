//! `colony submit`: work from a file. All of it is queued, or none.

use std::{fs, io::Read as _};

use colony_protocol::{
    command::{BATCH_MAX, Submission},
    model::{FunctionSpec, ProcessId, WorkflowId, WorkflowSpec},
};
use serde_json::json;

use super::wait;
use crate::{
    app::{App, Session},
    error::{Exit, Failure},
    hint::Hint,
    output::{self, Format},
    specs::{self, Specs},
};

/// What the command expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whatever is there.
    Any,
    /// Function specs.
    Functions,
    /// A workflow.
    Workflow,
}

impl Kind {
    fn help(self) -> Hint {
        match self {
            Self::Any | Self::Functions => Hint::SubmitHelp,
            Self::Workflow => Hint::WorkflowSubmitHelp,
        }
    }
}

/// Queues what a file says.
pub(super) async fn run(app: &App, file: &str, wait: bool, kind: Kind) -> Result<Exit, Failure> {
    let text = read(file).map_err(|failure| failure.hint(kind.help()))?;
    let specs = specs::parse(file, &text, kind == Kind::Workflow)?;
    let session = app.session()?;
    match specs {
        Specs::Functions(specs) => functions(&session, specs, wait).await,
        Specs::Workflow(spec) if kind != Kind::Functions => workflow(&session, *spec, None, wait).await,
        Specs::Workflow(_) => Err(Failure::usage(format!("{file} holds a workflow, not a function spec"))
            .hint(Hint::WorkflowSubmitHelp)),
    }
}

/// The text of a file; `-` is standard input.
pub(super) fn read(file: &str) -> Result<String, Failure> {
    let unreadable = |error| Failure::usage(format!("cannot read {file}: {error}"));
    if file != "-" {
        return fs::read_to_string(file).map_err(unreadable);
    }
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Queues function specs.
pub(super) async fn functions(
    session: &Session,
    specs: Vec<FunctionSpec>,
    wait: bool,
) -> Result<Exit, Failure> {
    if specs.is_empty() {
        return Err(Failure::usage("there is nothing to submit: the list is empty"));
    }
    let items = specs.into_iter().map(|spec| Submission { spec, retry_of: None });
    submit(session, items.collect(), wait).await
}

/// Queues submissions, prints their ids and waits if asked to.
pub(super) async fn submit(session: &Session, items: Vec<Submission>, wait: bool) -> Result<Exit, Failure> {
    // One request is all or none; more than it holds cannot be, so it is said instead of being queued by halves.
    if items.len() > BATCH_MAX {
        return Err(Failure::usage(format!(
            "{} specs are more than the {BATCH_MAX} that can be queued as one: split the file",
            items.len()
        )));
    }
    let ids = session.client.submit(items).await?;
    print_ids(session, &ids, None)?;
    if !wait {
        return Ok(Exit::DONE);
    }
    let mut exit = Exit::DONE;
    for id in ids {
        let process = session.client.wait(id.into()).await?;
        if wait::tell(session, &process) != Exit::DONE {
            exit = Exit::FAILED;
        }
    }
    Ok(exit)
}

/// Queues a workflow, prints its ids and waits if asked to.
pub(super) async fn workflow(
    session: &Session,
    spec: WorkflowSpec,
    retry_of: Option<WorkflowId>,
    wait: bool,
) -> Result<Exit, Failure> {
    let (id, processes) = session.client.submit_workflow(spec, retry_of).await?;
    print_ids(session, &processes, Some(id))?;
    if !wait {
        return Ok(Exit::DONE);
    }
    let (workflow, processes) = wait::workflow(session, id.into()).await?;
    wait::tell_workflow(&workflow, &processes)
}

/// Prints new ids: `p1`, or `w1` with how many processes it has.
pub(super) fn print_ids(
    session: &Session,
    ids: &[ProcessId],
    workflow: Option<WorkflowId>,
) -> Result<(), Failure> {
    let of = |id: &ProcessId| json!({"processid": id.to_hex(), "number": id.number()});
    let value = match workflow {
        Some(id) => json!({
            "workflowid": id.to_hex(),
            "number": id.number(),
            "processes": ids.iter().map(of).collect::<Vec<_>>(),
        }),
        None => json!(ids.iter().map(of).collect::<Vec<_>>()),
    };
    match (session.format(), workflow) {
        (Format::Json, _) => output::data(&format!("{value:#}")),
        (Format::Jsonl, None) => ids.iter().try_for_each(|id| output::data(&of(id).to_string())),
        (Format::Jsonl, Some(_)) => output::data(&value.to_string()),
        (Format::Wide, Some(id)) => output::data(&format!("w{}  {id}", id.number())),
        (_, Some(id)) => output::data(&format!("w{}", id.number())),
        (Format::Wide, None) => {
            ids.iter().try_for_each(|id| output::data(&format!("p{}  {id}", id.number())))
        }
        (_, None) => output::data(&ids.iter().map(|id| format!("p{}\n", id.number())).collect::<String>()),
    }
}
