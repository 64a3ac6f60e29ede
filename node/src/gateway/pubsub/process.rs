//! News of one process, or of all that an executor of a type could take.

use colony_protocol::{
    colonyos::{Fault, Show},
    model::{Name, Process, ProcessId, State, json::ColonyContext},
    query::Query,
    refusal::Refusal,
    reply::Answer,
};
use tokio::sync::broadcast::error::RecvError;

use super::{Gone, Listener};

/// A watch that looks at the state alone.
const NO_LINES: u64 = u64::MAX;

/// Sends the process each time it is seen in a state.
pub(super) async fn follow(listener: Listener, id: ProcessId, wanted: State) -> Result<(), Gone> {
    let mut seen: Option<State> = None;
    while !listener.left().is_zero() {
        let watch = Query::Watch { process: id.into(), from: NO_LINES, state: seen, wait: listener.step() };
        let process = match listener.ask(watch).await {
            Ok(Answer::Watch { process, .. }) => process,
            Ok(_) => return listener.misled().await,
            Err(refusal) => return listener.refuse(told(&refusal, id)).await,
        };
        if seen != Some(process.state) && process.state == wanted {
            show(&listener, &process).await?;
        }
        seen = Some(process.state);
        if process.state.is_terminal() {
            if process.state != wanted {
                // Another subscription may still be told; this one has nothing to hear.
                listener.over().await;
            }
            return Ok(());
        }
    }
    Ok(())
}

/// Which processes are wanted.
pub(super) struct Wanted {
    /// For executors of this type.
    pub(super) executor_type: Name,
    /// In this state.
    pub(super) state: State,
}

/// Sends each process of a type that comes into a state.
pub(super) async fn follow_all(listener: Listener, wanted: Wanted) -> Result<(), Gone> {
    // What is applied before is no news; what is applied from here on is.
    let mut news = listener.colony.coordinator.events().feed();
    if let Err(refusal) = listener.ask(Query::Statistics).await {
        return listener.refuse(refusal).await;
    }
    let over = listener.over();
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
                return listener.refuse(Fault::new(503, why)).await;
            }
        };
        if state != wanted.state || !listener.may_read() {
            continue;
        }
        if let Ok(process) = listener.colony.desk.process(&id.into())
            && process.spec.conditions.executor_type == wanted.executor_type
            && !(state == State::Waiting && process.waits_for_parents)
        {
            show(&listener, &process).await?;
        }
    }
}

async fn show(listener: &Listener, process: &Process) -> Result<(), Gone> {
    let answer = Answer::Process(Box::new(process.clone()));
    listener.show(Show::Process.print(&answer, ColonyContext { name: &listener.name })).await
}

fn told(refusal: &Refusal, id: ProcessId) -> Fault {
    match refusal {
        Refusal::NotFound { .. } => Fault::denied(format!("Invalid process with Id {id}")),
        other => other.into(),
    }
}
