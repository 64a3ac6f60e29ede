//! `colony leave`: ends this home's own membership, and forgets what it kept of the colony.
//!
//! That it was asked for is written down first: a node that runs is let go by its quorum before this hears of it, and must
//! not take that for being sent away. Then the colony is told. A node that runs lets go by itself; the home of one that
//! does not is tidied up here.

use colony_protocol::command::Command;

use super::up::{Doors, Host};
use crate::{
    app::{App, Session},
    args::UpArgs,
    context::Home,
    error::{Exit, Failure},
    output,
};

/// Leaves.
pub(super) async fn run(app: &App) -> Result<Exit, Failure> {
    let session = app.session()?;
    let home = app.home()?;
    let file = home.node()?;
    let joined = file.colonies.get(&session.chosen.name);
    let leaver = match joined {
        Some(_) => session.client.with_key(home.key(&Home::node_key_path()?)?),
        None => session.client.clone(),
    };
    if joined.is_some() {
        set_leaving(&home, &session, true)?;
    }
    if let Err(error) = leaver.command(&Command::Leave).await {
        if joined.is_some() {
            set_leaving(&home, &session, false)?;
        }
        return Err(error.into());
    }
    let colony = &session.chosen.context.colony;
    match joined {
        None => {
            home.forget_membership(&session.chosen.name)?;
            output::note(&format!("this home has left {colony}"));
        }
        Some(joined) if is_running(&home)? => {
            // However the node ends now, its next start has nothing to do with this colony.
            let mut file = home.node()?;
            file.colonies.remove(&session.chosen.name);
            home.write_node(&file)?;
            output::note(&format!("{} leaves {colony}; its node ends what it has under way", joined.name));
        }
        Some(joined) => {
            let name = joined.name.clone();
            // A node that ran until now has seen to it.
            if home.node()?.colonies.contains_key(&session.chosen.name) {
                forget(app, &session).await?;
            }
            output::note(&format!("{name} has left {colony}"));
        }
    }
    Ok(Exit::DONE)
}

/// Writes down that somebody wants to leave, or does no more.
fn set_leaving(home: &Home, session: &Session, leaving: bool) -> Result<(), Failure> {
    let mut file = home.node()?;
    let Some(joined) = file.colonies.get_mut(&session.chosen.name) else { return Ok(()) };
    joined.leaving = leaving;
    Ok(home.write_node(&file)?)
}

/// Whether a node of this home runs now.
fn is_running(home: &Home) -> Result<bool, Failure> {
    let running = home.running()?;
    Ok(running.is_some_and(|running| {
        let pid = i32::try_from(running.pid).unwrap_or(0);
        pid > 0 && nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
    }))
}

async fn forget(app: &App, session: &Session) -> Result<(), Failure> {
    let mut host = Host::start(app, &UpArgs::default(), Doors::Shut, None).await?;
    let id = session.chosen.context.colony_id;
    let forgotten = host.node.forget_colony(&id).await;
    host.node.shutdown().await;
    forgotten.map_err(|error| Failure::caused(&error))?;
    host.file.colonies.remove(&session.chosen.name);
    host.home.write_node(&host.file)?;
    Ok(host.home.forget_membership(&session.chosen.name)?)
}
