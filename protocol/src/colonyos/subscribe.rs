//! Messages of the WebSocket: what a client waits for.

use super::{
    Fault, channels,
    message::{self, Message},
    processes::{process_id, state},
};
use crate::{
    model::{Name, ProcessId, State},
    time::Span,
};

/// How long a channel is heard if its reader does not say, as in ColonyOS.
const CHANNEL_WAIT: Span = Span::from_secs(30);

/// What a client waits for, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subscription {
    /// A process in a state.
    Process {
        /// The process.
        process: ProcessId,
        /// The state.
        state: State,
        /// How long.
        wait: Span,
    },
    /// Processes for executors of a type that come into a state.
    Processes {
        /// The colony; empty means the caller's.
        colony: Name,
        /// The type.
        executor_type: Name,
        /// The state.
        state: State,
        /// How long.
        wait: Span,
    },
    /// What is said in a channel.
    Channel {
        /// Its process.
        process: ProcessId,
        /// Its name.
        channel: Name,
        /// How many entries were read before.
        after: u64,
        /// How long.
        wait: Span,
    },
}

/// What a message waits for; nothing if its kind is none of the WebSocket's.
///
/// # Errors
/// [`Fault`] if it is not what it should be.
pub fn subscription(kind: &str, json: &str) -> Result<Option<Subscription>, Fault> {
    let mut message = message::open(kind, json)?;
    let message = &mut message;
    let wait = wait(message)?;
    Ok(Some(match kind {
        "subscribeprocessmsg" => Subscription::Process {
            process: process_id(message, &["processid"])?,
            state: one_state(message)?,
            wait,
        },
        "subscribeprocessesmsg" => Subscription::Processes {
            colony: message.name(&["colonyname"])?,
            executor_type: message.name(&["executortype"])?,
            state: one_state(message)?,
            wait,
        },
        "subscribechannelmsg" => Subscription::Channel {
            process: process_id(message, &["processid"])?,
            channel: message.name(&["name"])?,
            after: channels::after(message)?,
            wait: if wait == Span::ZERO { CHANNEL_WAIT } else { wait },
        },
        _ => return Ok(None),
    }))
}

fn wait(message: &mut Message<'_>) -> Result<Span, Fault> {
    let seconds: i64 = message.get(&["timeout"])?;
    Ok(Span::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn one_state(message: &mut Message<'_>) -> Result<State, Fault> {
    state(message.get(&["state"])?)?.ok_or_else(|| Fault::bad("invalid msg.State"))
}
