//! `colony up`: this home's node, with every colony it is a member of, until Ctrl-C.
//!
//! Each colony has a task of its own ([`colony`]), so that one whose quorum is missing keeps no other waiting. The
//! node itself is here: started first, stopped last.

mod colony;
mod failure;
mod host;
mod ready;

use std::time::Duration;

use colony_node::{consensus::ProposeError, discovery::PEERS_FILE, gateway::Gateway};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::{colony::Lodger, ready::Announcement};
pub(super) use self::{
    failure::of_start as start_failure,
    host::{Doors, Host, config, peer, secure},
};
use crate::{
    app::App,
    args::UpArgs,
    context::{Home, Joined, NodeFile, Running},
    error::{Exit, Failure},
    hint::Hint,
    output, stop,
};

/// How often a running node is asked whether it can still write.
const LOOK: Duration = Duration::from_secs(1);
/// After this long a person wants to know why a node whose membership ended still runs.
const FAREWELL: Duration = Duration::from_secs(10);
/// News of colonies that may wait: each sends one at most.
const NEWS: usize = 64;

/// A colony is not served any more, or never was.
#[derive(Debug, Clone)]
struct Ended {
    /// The colony's context.
    context: String,
    /// How.
    how: How,
}

/// How a colony ended on this node.
#[derive(Debug, Clone)]
enum How {
    /// This node is no member any more, in the colony's words.
    SentAway(String),
    /// This node is a member, but on another disk.
    OtherDisk,
    /// Something that was asked of this node could not be done.
    Failed(Failure),
}

/// A membership that has ended on a node that votes still: its quorum needs it until its vote is gone.
#[derive(Debug)]
struct Parting {
    context: String,
    why: String,
    since: Duration,
    told: bool,
}

/// Runs it.
pub(super) async fn run(app: &App, args: UpArgs) -> Result<Exit, Failure> {
    let begun = app.runtime.elapsed();
    let home = app.home()?;
    let file = home.node()?;
    if file.colonies.is_empty() {
        return Err(nothing_to_run(&home)?);
    }
    if !has_data(&home) {
        return Err(failure::forgotten(&home, &file));
    }
    if let Some(lost) = file.colonies.values().next().filter(|_| is_idle(&file)) {
        return Err(failure::other_disk(lost));
    }
    let stop = stop::on_signals(&app.runtime)?;
    let host = Host::start(app, &args, Doors::Open, None).await?;
    serve(app, host, &args, "colony up", begun, stop).await
}

/// Whether there is no colony that this home's node can serve.
fn is_idle(file: &NodeFile) -> bool {
    file.colonies.values().all(|joined| joined.lost)
}

/// Whether this home's node remembers anything. Whom it met on the network is no part of its state.
pub(super) fn has_data(home: &Home) -> bool {
    let is_state = |entry: std::fs::DirEntry| entry.file_name() != PEERS_FILE;
    std::fs::read_dir(home.data()).is_ok_and(|entries| entries.flatten().any(is_state))
}

fn nothing_to_run(home: &Home) -> Result<Failure, Failure> {
    let contexts = home.contexts()?;
    let what = if contexts.contexts.is_empty() {
        "this home is a member of no colony: found one here, or join one with a ticket"
    } else {
        "this home has no node of its own: it only uses colonies that others keep"
    };
    Ok(Failure::usage(what).hint(Hint::Init))
}

/// Serves until told to stop, or until there is nothing left to serve.
pub(super) async fn serve(
    app: &App,
    mut host: Host,
    args: &UpArgs,
    command: &str,
    begun: Duration,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    let running = Running { pid: std::process::id(), command: command.to_owned() };
    host.home.set_running(Some(&running))?;
    let (news, mut ended) = mpsc::channel(NEWS);
    let gateway = host.open_gateway(args.http).await?;
    let http = gateway.as_ref().map(Gateway::url);
    let announcement = Announcement { begun, data: host.home.data(), executor: args.executor.clone(), http };
    let lodgers: Vec<Lodger> = host
        .file
        .colonies
        .iter()
        .filter(|(_, joined)| !joined.lost)
        .map(|(context, joined)| {
            Lodger::start(app, &host, context, joined, &announcement, news.clone(), &stop)
        })
        .collect();
    let mut outcome = until_stopped(app, &mut host, &mut ended, &stop).await;
    stop.cancel();
    for lodger in lodgers {
        lodger.ended().await;
    }
    // Some fail only while they end.
    while let Ok(Ended { how, .. }) = ended.try_recv() {
        match how {
            How::Failed(failure) if outcome.is_ok() => outcome = Err(failure),
            How::Failed(failure) => output::report(&failure, &app.flags),
            How::SentAway(_) | How::OtherDisk => {}
        }
    }
    let Host { home, node, .. } = host;
    if let Some(gateway) = gateway {
        gateway.close().await;
    }
    node.shutdown().await;
    home.set_running(None)?;
    outcome
}

/// Waits for Ctrl-C, for the end of the last membership, for something that was asked and cannot be done, or for a store
/// that fails: a node that cannot write serves nobody, and its operator must know.
async fn until_stopped(
    app: &App,
    host: &mut Host,
    ended: &mut mpsc::Receiver<Ended>,
    stop: &CancellationToken,
) -> Result<Exit, Failure> {
    let mut partings: Vec<Parting> = Vec::new();
    loop {
        let pause = if partings.is_empty() { LOOK } else { LOOK / 10 };
        let mut last_word = None;
        tokio::select! {
            biased;
            () = stop.cancelled() => {
                keep(host, &partings)?;
                return Ok(Exit::DONE);
            }
            Some(Ended { context, how }) = ended.recv() => match how {
                How::SentAway(why) => {
                    let since = app.runtime.elapsed();
                    partings.push(Parting { context, why, since, told: false });
                }
                How::OtherDisk => last_word = lose(host, &context).await?,
                How::Failed(failure) => {
                    keep(host, &partings)?;
                    return Err(failure);
                }
            },
            () = app.runtime.sleep(pause) => {}
        }
        if let Some(gone) = partings.iter().position(|parting| !is_seated(host, &parting.context)) {
            last_word = part(host, &partings.swap_remove(gone)).await?;
        }
        if is_idle(&host.file) {
            return last_word.map_or(Ok(Exit::DONE), Err);
        }
        if let Some(failure) = last_word {
            output::report(&failure, &app.flags);
        }
        explain(app, host, &mut partings);
        if let Some(by) = host.node.second() {
            return Err(failure::second(&by, &host.home));
        }
        if let Some(why) = broken(app, host, stop).await {
            return Err(Failure::new(format!("the node stopped: {why}; what was acknowledged is kept")));
        }
    }
}

/// Remembers memberships that have ended but whose votes are needed still: the next start goes on with them, also after
/// `colony leave`.
fn keep(host: &Host, partings: &[Parting]) -> Result<(), Failure> {
    if partings.is_empty() {
        return Ok(());
    }
    let mut file = host.file.clone();
    for Parting { context, .. } in partings {
        let leaving = is_leaving(&host.home, context)?;
        if let Some(joined) = file.colonies.get_mut(context) {
            joined.leaving = leaving;
        }
    }
    Ok(host.home.write_node(&file)?)
}

/// Whether somebody at this home asked to leave a colony.
fn is_leaving(home: &Home, context: &str) -> Result<bool, Failure> {
    Ok(home.node()?.colonies.get(context).is_none_or(|joined| joined.leaving))
}

/// Why the store cannot be written any more, if it cannot.
async fn broken(app: &App, host: &Host, stop: &CancellationToken) -> Option<String> {
    for joined in host.file.colonies.values() {
        let ready = app.runtime.timeout(LOOK, host.node.wait_ready(&joined.colony_id));
        let ready = stop.run_until_cancelled(ready).await??;
        if let Err(ProposeError::Storage(why)) = ready {
            return Some(why.to_string());
        }
    }
    None
}

/// Whether this node votes in a colony, and so may be needed to take its vote away.
fn is_seated(host: &Host, context: &str) -> bool {
    let Some(joined) = host.file.colonies.get(context) else { return false };
    let colony = &joined.colony_id;
    let votes = |status: colony_protocol::reply::Status| status.voters.contains(&status.node);
    host.node.takes_part(colony) && host.node.status(colony).is_ok_and(votes)
}

/// Tells why a node whose membership ended still runs.
fn explain(app: &App, host: &Host, partings: &mut [Parting]) {
    let now = app.runtime.elapsed();
    for parting in partings {
        if parting.told || now.saturating_sub(parting.since) < FAREWELL {
            continue;
        }
        parting.told = true;
        if let Some(Joined { colony, name, .. }) = host.file.colonies.get(&parting.context) {
            output::note(&format!(
                "{name} is no member of {colony} any more, but votes until most of the other voters are up: without it \
                 {colony} would stand still. It ends by itself"
            ));
        }
    }
}

/// Serves a colony no more that let this node in on another disk, and remembers that, for the next start and for a new
/// ticket. Gives what to tell.
async fn lose(host: &mut Host, context: &str) -> Result<Option<Failure>, Failure> {
    let Some(joined) = host.file.colonies.get_mut(context) else { return Ok(None) };
    joined.lost = true;
    let (failure, colony) = (failure::other_disk(joined), joined.colony_id);
    host.node.forget_colony(&colony).await.map_err(|error| Failure::caused(&error))?;
    host.home.write_node(&host.file)?;
    Ok(Some(failure))
}

/// Leaves a colony whose member this node is no more: its data is forgotten. Gives what to tell a node that did not go
/// by itself: `colony leave` writes that it was asked to before it asks.
async fn part(host: &mut Host, parting: &Parting) -> Result<Option<Failure>, Failure> {
    let Some(joined) = host.file.colonies.remove(&parting.context) else { return Ok(None) };
    let left = is_leaving(&host.home, &parting.context)?;
    host.node.forget_colony(&joined.colony_id).await.map_err(|error| Failure::caused(&error))?;
    host.home.write_node(&host.file)?;
    host.home.forget_membership(&parting.context)?;
    let Joined { colony, name, role, .. } = joined;
    if left {
        output::note(&format!("{name} has left {colony}"));
        return Ok(None);
    }
    Ok(Some(
        Failure::new(format!("{name} is no member of {colony} any more: {}", parting.why))
            .exit(Exit::DENIED)
            .hint(Hint::Invite { role: role.as_str(), name: None }),
    ))
}
