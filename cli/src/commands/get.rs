//! `colony get`: all about one process or workflow.

use colony_node::client::ClientError;
use colony_protocol::{
    query::{Query, Selector},
    reply::Answer,
};

use crate::{
    app::App,
    args::{AnyId, Reading},
    error::{Exit, Failure},
    output,
};

/// Shows it.
pub(super) async fn run(app: &App, id: AnyId, reading: Reading) -> Result<Exit, Failure> {
    match id {
        AnyId::Process(selector) => process(app, selector, reading).await,
        AnyId::Workflow(selector) => workflow(app, selector, reading).await,
    }
}

/// Shows one process.
pub(super) async fn process(app: &App, selector: Selector, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let process = session.client.process(selector).await?;
    session.print_one(output::process_record(session.seen(), &process))?;
    Ok(Exit::DONE)
}

/// Shows one workflow and its processes.
pub(super) async fn workflow(app: &App, selector: Selector, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let answer = session.client.query(&Query::Workflow(selector)).await?;
    let Answer::Workflow { workflow, processes } = answer else {
        return Err(ClientError::Unexpected("to workflow").into());
    };
    session.print_one(output::workflow_record(session.seen(), &workflow, &processes))?;
    if session.format().is_human() {
        output::data("\n")?;
        output::processes(session.seen(), &processes).print(session.format())?;
    }
    Ok(Exit::DONE)
}
