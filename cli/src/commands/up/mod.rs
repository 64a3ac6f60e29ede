//! `colony up`: this home's node, with every colony it is a member of, until Ctrl-C.
//!
//! Each colony has a task of its own ([`colony`]), so that one whose quorum is missing keeps no other waiting. The
//! node itself is here: started first, stopped last.

mod colony;
mod failure;
mod host;
mod ready;

use std::time::Duration;

use colony_node::consensus::ProposeError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use self::{colony::Lodger, ready::Announcement};
pub(super) use self::{
    failure::of_start as start_failure,
    host::{Doors, Host, config, peer},
};
use crate::{
    app::App,
    args::UpArgs,
    context::{Home, Joined, Running},
    error::{Exit, Failure},
    hint::Hint,
    output, stop,
};

/// How often a running node is asked whether it can still write.
const LOOK: Duration = Duration::from_secs(1);
/// How long a node whose membership ended still serves its quorum, which needs it until its vote is gone.
const FAREWELL: Duration = Duration::from_secs(10);
/// News of colonies that may wait: each sends one at most.
const NEWS: usize = 64;

/// The membership of this node in a colony has ended.
#[derive(Debug, Clone)]
struct Ended {
    /// The colony's context.
    context: String,
    /// How, in the colony's words.
    why: String,
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
    let stop = stop::on_signals(&app.runtime)?;
    let host = Host::start(app, &args.place, args.replace_after, Doors::Open, None).await?;
    serve(app, host, &args, "colony up", begun, stop).await
}

/// Whether this home's node remembers anything.
pub(super) fn has_data(home: &Home) -> bool {
    std::fs::read_dir(home.data()).is_ok_and(|mut entries| entries.next().is_some())
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
    let announcement = Announcement { begun, data: host.home.data(), executor: args.executor.clone() };
    let lodgers: Vec<Lodger> = host
        .file
        .colonies
        .iter()
        .map(|(context, joined)| {
            Lodger::start(app, &host, context, joined, &announcement, news.clone(), &stop)
        })
        .collect();
    let outcome = until_stopped(app, &mut host, &mut ended, &stop).await;
    stop.cancel();
    for lodger in lodgers {
        lodger.ended().await;
    }
    let Host { home, node, .. } = host;
    node.shutdown().await;
    home.set_running(None)?;
    outcome
}

/// Waits for Ctrl-C, for the end of the last membership, or for a store that fails: a node that cannot write serves
/// nobody, and its operator must know.
async fn until_stopped(
    app: &App,
    host: &mut Host,
    ended: &mut mpsc::Receiver<Ended>,
    stop: &CancellationToken,
) -> Result<Exit, Failure> {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(Exit::DONE),
            Some(news) = ended.recv() => {
                let sent_away = part(app, host, &news, stop).await?;
                if host.file.colonies.is_empty() {
                    return sent_away.map_or(Ok(Exit::DONE), Err);
                }
            }
            () = app.runtime.sleep(LOOK) => {}
        }
        if let Some(why) = broken(app, host, stop).await {
            return Err(Failure::new(format!("the node stopped: {why}; what was acknowledged is kept")));
        }
    }
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

/// Leaves a colony whose member this node is no more: its quorum first lets it go, then its data is forgotten. Gives
/// what to tell a node that did not go by itself: `colony leave` takes the colony out of the home before.
async fn part(
    app: &App,
    host: &mut Host,
    news: &Ended,
    stop: &CancellationToken,
) -> Result<Option<Failure>, Failure> {
    let Some(joined) = host.file.colonies.remove(&news.context) else { return Ok(None) };
    let left = !host.home.node()?.colonies.contains_key(&news.context);
    let let_go = async {
        while host.node.status(&joined.colony_id).is_ok_and(|status| status.voters.contains(&status.node)) {
            app.runtime.sleep(LOOK / 10).await;
        }
    };
    stop.run_until_cancelled(app.runtime.timeout(FAREWELL, let_go)).await;
    host.node.forget_colony(&joined.colony_id).await.map_err(|error| Failure::caused(&error))?;
    host.home.write_node(&host.file)?;
    host.home.forget_membership(&news.context)?;
    let Joined { colony, name, role, .. } = joined;
    if left {
        output::note(&format!("{name} has left {colony}"));
        return Ok(None);
    }
    let failure = Failure::new(format!("{name} is no member of {colony} any more: {}", news.why))
        .exit(Exit::DENIED)
        .hint(Hint::Invite { role: role.as_str(), name: None });
    if !host.file.colonies.is_empty() {
        output::report(&failure, &app.flags);
    }
    Ok(Some(failure))
}
