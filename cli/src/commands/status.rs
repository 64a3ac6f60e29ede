//! `colony status`: the colony, its coordinator and the ways to its members, as the node that answers sees them.

use colony_protocol::{
    identity::Identity,
    model::{
        State,
        json::{self, rfc3339},
        member::{MemberView, Path},
    },
    reply::Status,
};
use serde_json::{Value, json};

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
        "PATHS",
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
        paths(members).map(|(name, view)| way(name, view)).collect::<Vec<_>>().join(", "),
        if status.paused { "paused" } else { "" }.to_owned(),
        status.version.to_string(),
    ];
    let mut json = json::status(status, |id| Some(name(id)));
    if let Value::Object(fields) = &mut json {
        fields.insert("paths".to_owned(), paths(members).map(|(name, view)| way_json(name, view)).collect());
    }
    let row = Row { cells, json, quiet: status.colony.to_string() };
    Listing { columns: titles.map(column).into(), rows: vec![row], empty: "" }
}

/// Members that the node reaches now, and which way.
fn paths(members: &[MemberView]) -> impl Iterator<Item = (&str, &MemberView)> {
    let is_reached = |view: &&MemberView| view.path.is_some_and(|path| path != Path::Own);
    members.iter().filter(is_reached).map(|view| (view.member.name.as_str(), view))
}

fn way(name: &str, view: &MemberView) -> String {
    let path = view.path.map_or("-", Path::word);
    let rtt = view.rtt.map(|rtt| format!(" {:.1}ms", rtt.as_secs_f64() * 1_000.0));
    format!("{name} {path}{}", rtt.unwrap_or_default())
}

fn way_json(name: &str, view: &MemberView) -> Value {
    json!({
        "id": view.member.id.to_hex(),
        "name": name,
        "path": view.path.map_or("-", Path::word),
        "pathsince": view.path_since.map(rfc3339),
        "rtt_ms": view.rtt.map(|rtt| rtt.as_secs_f64() * 1_000.0),
    })
}
