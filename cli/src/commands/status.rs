//! `colony status`: the colony and its coordinator, as the node that answers sees them.

use colony_node::client::ClientError;
use colony_protocol::{
    identity::Identity,
    model::{State, json},
    query::Query,
    reply::{Answer, Status},
};

use crate::{
    app::App,
    error::{Exit, Failure},
    output::{Listing, Row, column},
};

/// Hex characters that tell nodes apart for a person.
const SHORT: usize = 8;

/// Shows it.
pub(super) async fn run(app: &App) -> Result<Exit, Failure> {
    let session = app.session()?;
    let Answer::Status(status) = session.client.query(&Query::Status).await? else {
        return Err(ClientError::Unexpected("to status").into());
    };
    listing(&status).print_one(app.format())?;
    Ok(Exit::DONE)
}

fn listing(status: &Status) -> Listing {
    let titles = [
        "COLONY",
        "COORDINATOR",
        "TERM",
        "VOTERS",
        "LEARNERS",
        "LOG",
        "WAITING",
        "RUNNING",
        "ENDED",
        "EXECUTORS",
        "ASSIGNMENT",
        "VERSION",
    ];
    let statistics = &status.statistics;
    let count = |state| statistics.processes_in(state);
    let cells = vec![
        format!("{} ({})", status.colony, status.colony_id),
        status.coordinator.as_ref().map_or_else(|| "none elected".to_owned(), name),
        status.term.to_string(),
        status.voters.iter().map(name).collect::<Vec<_>>().join(" "),
        status.learners.iter().map(name).collect::<Vec<_>>().join(" "),
        format!("{} committed, {} applied", status.committed, status.applied),
        count(State::Waiting).to_string(),
        count(State::Running).to_string(),
        format!(
            "{} success, {} failed, {} cancelled",
            count(State::Success),
            count(State::Failed),
            count(State::Cancelled)
        ),
        format!("{} of {} may take work", statistics.active_executors, statistics.executors),
        if status.paused { "paused" } else { "" }.to_owned(),
        status.version.to_string(),
    ];
    let row =
        Row { cells, json: json::status(status, |id| Some(name(id))), quiet: status.colony.to_string() };
    Listing { columns: titles.map(column).into(), rows: vec![row], empty: "" }
}

/// Nodes have no names of their own yet; the head of the id serves.
fn name(id: &Identity) -> String {
    id.to_hex().chars().take(SHORT).collect()
}
