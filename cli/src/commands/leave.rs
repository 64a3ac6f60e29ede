//! `colony leave`: ends this home's own membership, and forgets what it kept of the colony.
//!
//! The colony is told first. A node that runs then lets go by itself, once its quorum has let it go; the home of one that does
//! not run is tidied up here.

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
    leaver.command(&Command::Leave).await?;
    let colony = &session.chosen.context.colony;
    match joined {
        None => {
            home.forget_membership(&session.chosen.name)?;
            output::note(&format!("this home has left {colony}"));
        }
        Some(joined) if is_running(&home)? => {
            // The node that runs sees by this that it was not sent away.
            let mut file = file.clone();
            file.colonies.remove(&session.chosen.name);
            home.write_node(&file)?;
            output::note(&format!("{} leaves {colony}; its node ends what it has under way", joined.name));
        }
        Some(joined) => {
            let name = joined.name.clone();
            forget(app, &session).await?;
            output::note(&format!("{name} has left {colony}"));
        }
    }
    Ok(Exit::DONE)
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
