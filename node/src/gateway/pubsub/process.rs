//! News of one process, or of all that an executor of a type could take.

use std::{sync::Arc, time::Duration};

use colony_protocol::{
    colonyos::{Fault, Place, Show},
    identity::Identity,
    model::{Name, Process, ProcessId, State, json::ColonyContext},
    query::Query,
    refusal::Refusal,
    reply::{Answer, Response},
    time::Span,
};
use tokio::sync::broadcast::error::RecvError;

use super::{
    super::{Shared, place},
    Frames, Gone,
};
use crate::service::Colony;

/// How long one watch waits; a subscription is several.
pub(super) const STEP: Duration = Duration::from_secs(60);
/// A watch that looks at the state alone.
const NO_LINES: u64 = u64::MAX;

/// Sends the process each time it is seen in a state.
pub(super) async fn follow(
    shared: &Arc<Shared>,
    by: Identity,
    id: ProcessId,
    wanted: State,
    wait: Span,
    frames: Frames,
) -> Result<(), Gone> {
    let colony = match place::find(shared.behind.service.served(), &Place::Process(id), &by) {
        Ok(colony) => colony,
        Err(fault) => return frames.fault(&fault).await,
    };
    let name = colony.desk.name().unwrap_or_default();
    let runtime = &shared.behind.runtime;
    let end = runtime.elapsed().saturating_add(wait.to_std());
    let mut seen: Option<State> = None;
    loop {
        let left = end.saturating_sub(runtime.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        let watch = Query::Watch {
            process: id.into(),
            from: NO_LINES,
            state: seen,
            wait: Span::from_micros(u64::try_from(left.min(STEP).as_micros()).unwrap_or(u64::MAX)),
        };
        let process = match ask(shared, &colony, by, watch).await {
            Ok(Answer::Watch { process, .. }) => process,
            Ok(_) => return frames.fault(&Fault::new(500, "the node answered another question")).await,
            Err(refusal) => return frames.fault(&told(&refusal, id)).await,
        };
        if seen != Some(process.state) && process.state == wanted {
            show(&frames, &process, &name).await?;
        }
        seen = Some(process.state);
        if process.state.is_terminal() {
            if process.state != wanted {
                // Another subscription may still be told; this one has nothing to hear.
                runtime.sleep(end.saturating_sub(runtime.elapsed())).await;
            }
            return Ok(());
        }
    }
}

/// Which processes are wanted.
pub(super) struct Wanted {
    /// Of this colony; empty means the caller's.
    pub(super) colony: Name,
    /// For executors of this type.
    pub(super) executor_type: Name,
    /// In this state.
    pub(super) state: State,
}

/// Sends each process of a type that comes into a state.
pub(super) async fn follow_all(
    shared: &Arc<Shared>,
    by: Identity,
    wanted: Wanted,
    wait: Span,
    frames: Frames,
) -> Result<(), Gone> {
    let place = if wanted.colony.is_empty() { Place::Caller } else { Place::Colony(wanted.colony.clone()) };
    let colony = match place::find(shared.behind.service.served(), &place, &by) {
        Ok(colony) => colony,
        Err(fault) => return frames.fault(&fault).await,
    };
    // What is applied before is no news; what is applied from here on is.
    let mut news = colony.coordinator.events().feed();
    if let Err(refusal) = ask(shared, &colony, by, Query::Statistics).await {
        return frames.fault(&refusal.into()).await;
    }
    let name = colony.desk.name().unwrap_or_default();
    let runtime = &shared.behind.runtime;
    let over = runtime.timer(wait.to_std());
    tokio::pin!(over);
    loop {
        let heard = tokio::select! {
            biased;
            () = &mut over => return Ok(()),
            heard = news.recv() => heard,
        };
        let (id, state) = match heard {
            Ok(heard) => heard,
            Err(RecvError::Closed) => return Ok(()),
            Err(RecvError::Lagged(missed)) => {
                let why = format!("{missed} events were missed: read faster, or subscribe to less");
                return frames.fault(&Fault::new(503, why)).await;
            }
        };
        if state != wanted.state || !colony.desk.may_read(&by) {
            continue;
        }
        if let Ok(process) = colony.desk.process(&id.into())
            && process.spec.conditions.executor_type == wanted.executor_type
            && !(state == State::Waiting && process.waits_for_parents)
        {
            show(&frames, &process, &name).await?;
        }
    }
}

async fn show(frames: &Frames, process: &Process, colony: &Name) -> Result<(), Gone> {
    let answer = Answer::Process(Box::new(process.clone()));
    match Show::Process.print(&answer, ColonyContext { name: colony }) {
        Ok(value) => frames.send(&value).await,
        Err(fault) => frames.fault(&fault).await,
    }
}

pub(super) async fn ask(
    shared: &Shared,
    colony: &Colony,
    by: Identity,
    query: Query,
) -> Result<Answer, Refusal> {
    let behind = &shared.behind;
    let relayed = behind.service.relay_query(colony, by, query, &behind.key)?;
    match behind.service.follow(relayed).await? {
        Response::Answer(answer) => Ok(answer),
        Response::Reply(_) => Err(Refusal::Malformed(Default::default())),
    }
}

fn told(refusal: &Refusal, id: ProcessId) -> Fault {
    match refusal {
        Refusal::NotFound { .. } => Fault::denied(format!("Invalid process with Id {id}")),
        other => other.into(),
    }
}
