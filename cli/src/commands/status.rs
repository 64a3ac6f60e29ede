//! `colony status`: the colony and its coordinator, as the node that answers sees them.

use colony_protocol::{
    identity::Identity,
    model::{State, json, member::MemberView},
    reply::Status,
};

use crate::{
    app::{App, members},
    args::Reading,
    error::{Exit, Failure},
    output::{self, Listing, Row, column},
};

/// Shows it.
pub(super) async fn run(app: &App, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let status = session.status().await?;
    // Anybody may ask for the status; names are for members, and without one a head of hex serves.
    let members = members(&session.client.stale()).await.unwrap_or_default();
    session.print_one(listing(&status, &members))?;
    Ok(Exit::DONE)
}

fn listing(status: &Status, members: &[MemberView]) -> Listing {
    let name = |id: &Identity| output::member_name(members, id);
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
