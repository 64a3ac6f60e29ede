//! `colony workflow`: graphs of processes.

use colony_node::client::ClientError;
use colony_protocol::{
    command::Command,
    model::State,
    query::{Query, Selector},
    reply::Answer,
};

use super::{cancel, get, submit};
use crate::{
    app::App,
    args::{Reading, WorkflowArgs, WorkflowVerb},
    error::{Exit, Failure},
    hint::Hint,
    output,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: WorkflowVerb) -> Result<Exit, Failure> {
    match verb {
        WorkflowVerb::Submit(args) => submit::run(app, args.file(), args.wait, submit::Kind::Workflow).await,
        WorkflowVerb::Ls(args) => {
            list(app, args.what.state.map(State::from), args.what.limit, args.reading).await
        }
        WorkflowVerb::Get(args) => get::workflow(app, selector(args.what)?, args.reading).await,
        WorkflowVerb::Cancel(args) => cancel::workflow(app, selector(args)?).await,
        WorkflowVerb::Rm(args) => remove(app, selector(args)?).await,
        WorkflowVerb::Psw(args) => list(app, Some(State::Waiting), args.what.count, args.reading).await,
        WorkflowVerb::Ps(args) => list(app, Some(State::Running), args.what.count, args.reading).await,
        WorkflowVerb::Pss(args) => list(app, Some(State::Success), args.what.count, args.reading).await,
        WorkflowVerb::Psf(args) => list(app, Some(State::Failed), args.what.count, args.reading).await,
        WorkflowVerb::Psc(args) => list(app, Some(State::Cancelled), args.what.count, args.reading).await,
    }
}

fn selector(args: WorkflowArgs) -> Result<Selector, Failure> {
    let named = args.workflow().ok_or_else(|| Failure::usage("no workflow is named").hint(Hint::Workflows));
    named.map(|id| id.0)
}

async fn list(app: &App, state: Option<State>, limit: u16, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let query = Query::Workflows { state, before: None, limit };
    let Answer::Workflows(workflows) = session.client.query(&query).await? else {
        return Err(ClientError::Unexpected("to workflows").into());
    };
    output::workflows(session.seen(), &workflows).print(session.format())?;
    Ok(Exit::DONE)
}

async fn remove(app: &App, selector: Selector) -> Result<Exit, Failure> {
    let session = app.session()?;
    let Answer::Workflow { workflow, .. } = session.client.query(&Query::Workflow(selector)).await? else {
        return Err(ClientError::Unexpected("to workflow").into());
    };
    session.client.command(&Command::RemoveWorkflow { workflow: workflow.id }).await?;
    output::note(&format!("w{} removed", workflow.id.number()));
    Ok(Exit::DONE)
}
