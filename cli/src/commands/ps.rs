//! `colony ps`: which processes there are.

use colony_node::client::ClientError;
use colony_protocol::{
    model::{Process, State},
    query::{ProcessFilter, Query},
    reply::Answer,
};

use crate::{
    app::{App, Session},
    args::{PsArgs, Read, Reading},
    error::{Exit, Failure},
    output::{self, Silent},
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
    let silent = silent(&session, &processes).await;
    output::processes_with(session.seen(), &processes, &silent).print(session.format())?;
    Ok(Exit::DONE)
}

/// Which holders of these processes are silent as they said they would be, and until when. A node of an earlier version
/// does not know; then nobody is told to be.
async fn silent(session: &Session, processes: &[Process]) -> Silent {
    if session.format().is_human()
        && processes.iter().any(|process| process.state == State::Running)
        && let Ok(Answer::Silent(silent)) = session.client.query(&Query::Silent).await
    {
        return silent.into_iter().collect();
    }
    Silent::new()
}
