//! The coordinator's end, half-way: chosen for a moment at which its machine has work in its hands.

use std::time::Duration;

use colony_protocol::{
    identity::Identity,
    model::{Name, State, WorkflowId},
};

use super::colony::DemoColony;
use crate::{
    app::App,
    error::{Exit, Failure},
    output::Bar,
};

/// How long it is waited for a coordinator, the first or the next one.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(5);

/// What happened.
#[derive(Debug, Clone)]
pub(super) struct Outage {
    /// The machine that was stopped.
    pub(super) stopped: Name,
    /// The one that coordinates since.
    pub(super) elected: Name,
    /// From the one to the other.
    pub(super) election: Duration,
}

/// Stops the coordinator and waits for the next one.
pub(super) async fn cause(
    app: &App,
    colony: &mut DemoColony,
    workflow: WorkflowId,
    bar: &Bar,
) -> Result<Outage, Failure> {
    let old = coordinator(app, colony, None).await?;
    let stopped = colony.name(&old);
    let in_hand = half_way(app, colony, workflow, &stopped, bar).await?;
    let at = app.runtime.elapsed();
    colony.crash(&old).await;
    bar.say(&format!(
        "half of it is done: stopped {stopped}, which coordinates, with {in_hand} processes in its hands"
    ));
    let new = coordinator(app, colony, Some(old)).await?;
    let election = app.runtime.elapsed().saturating_sub(at);
    let elected = colony.name(&new);
    bar.say(&format!("{elected} coordinates now, {:.2} s after {stopped} stopped", election.as_secs_f64()));
    Ok(Outage { stopped, elected, election })
}

/// Who coordinates, once it is somebody else than before.
async fn coordinator(app: &App, colony: &DemoColony, before: Option<Identity>) -> Result<Identity, Failure> {
    let elected = app.runtime.timeout(PATIENCE, async {
        loop {
            match colony.coordinator() {
                Some(id) if Some(id) != before => return id,
                _ => app.runtime.sleep(LOOK).await,
            }
        }
    });
    let nobody =
        || Failure::new(format!("nobody coordinates after {} s", PATIENCE.as_secs())).exit(Exit::TIMED_OUT);
    elected.await.ok_or_else(nobody)
}

/// Waits until half of the work is done and the machine has some in its hands, or until all is done; says how much it has.
async fn half_way(
    app: &App,
    colony: &DemoColony,
    workflow: WorkflowId,
    machine: &Name,
    bar: &Bar,
) -> Result<usize, Failure> {
    loop {
        let processes = colony.processes(workflow).await?;
        let done = super::done(&processes);
        bar.reach(done);
        let in_hand = processes
            .iter()
            .filter(|process| process.state == State::Running && process.executor_name == *machine)
            .count();
        if done == processes.len() || (done >= processes.len() / 2 && in_hand > 0) {
            return Ok(in_hand);
        }
        app.runtime.sleep(LOOK).await;
    }
}
