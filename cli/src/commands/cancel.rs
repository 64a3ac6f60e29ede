//! `colony cancel`: stops a process or workflow. Whoever runs it is told and kills it.

use colony_node::client::ClientError;
use colony_protocol::{
    command::Command,
    query::{Query, Selector},
    reply::Answer,
};

use crate::{
    app::App,
    args::AnyId,
    error::{Exit, Failure},
    output,
};

/// Cancels it.
pub(super) async fn run(app: &App, id: AnyId) -> Result<Exit, Failure> {
    match id {
        AnyId::Process(selector) => process(app, selector).await,
        AnyId::Workflow(selector) => workflow(app, selector).await,
    }
}

/// Cancels one process.
pub(super) async fn process(app: &App, selector: Selector) -> Result<Exit, Failure> {
    let session = app.session()?;
    let process = session.client.process(selector).await?.id;
    session.client.command(&Command::Cancel { process }).await?;
    output::note(&format!("p{} cancelled", process.number()));
    Ok(Exit::DONE)
}

/// Cancels what is unfinished of a workflow.
pub(super) async fn workflow(app: &App, selector: Selector) -> Result<Exit, Failure> {
    let session = app.session()?;
    let Answer::Workflow { workflow, .. } = session.client.query(&Query::Workflow(selector)).await? else {
        return Err(ClientError::Unexpected("to workflow").into());
    };
    session.client.command(&Command::CancelWorkflow { workflow: workflow.id }).await?;
    output::note(&format!("w{} cancelled", workflow.id.number()));
    Ok(Exit::DONE)
}
