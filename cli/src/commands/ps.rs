//! `colony ps`: which processes there are.

use colony_node::client::ClientError;
use colony_protocol::{
    model::State,
    query::{ProcessFilter, Query},
    reply::Answer,
};

use crate::{
    app::App,
    args::{PsArgs, Read, Reading},
    error::{Exit, Failure},
    output,
};

/// Lists processes.
pub(super) async fn run(app: &App, args: &Read<PsArgs>) -> Result<Exit, Failure> {
    list(app, args.what.state.map(State::from), args.what.limit, args.reading).await
}

/// Lists processes in one state, or in any.
pub(super) async fn list(
    app: &App,
    state: Option<State>,
    limit: u16,
    reading: Reading,
) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let query = Query::Processes(ProcessFilter { state, limit, ..ProcessFilter::default() });
    let Answer::Processes(processes) = session.client.query(&query).await? else {
        return Err(ClientError::Unexpected("to processes").into());
    };
    output::processes(session.seen(), &processes).print(session.format())?;
    Ok(Exit::DONE)
}
