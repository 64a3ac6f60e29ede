//! `colony doctor`: what is wrong with this member, or with the way to another one, and what to do about it.
//!
//! This measures and asks; what the figures mean is decided by the judges in [`colony_node::doctor`].

mod machine;
mod member;
mod peer;

use colony_node::doctor::{Check, Health, worst};

use crate::{
    app::App,
    args::DoctorArgs,
    error::{Exit, Failure},
    output,
};

/// Examines this member, or the way to a peer.
pub(super) async fn run(app: &App, args: DoctorArgs) -> Result<Exit, Failure> {
    let findings = match &args.peer {
        None => output::Findings { peer: None, checks: examine(app).await? },
        Some(peer) => peer::examine(app, peer).await?,
    };
    let failed = worst(&findings.checks) == Health::Fail;
    output::findings(&findings).print(app.format())?;
    Ok(if failed { Exit::FAILED } else { Exit::DONE })
}

async fn examine(app: &App) -> Result<Vec<Check>, Failure> {
    let home = app.home()?;
    let mut checks = member::examine(app, &home).await?;
    checks.extend(machine::examine(app, &home));
    Ok(checks)
}
