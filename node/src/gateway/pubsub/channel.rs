//! What is said in a channel, while it is said.
//!
//! Clients take an empty list for the end: it comes when the process has ended, and then the socket is closed; or when
//! the time is over, and then the socket stays open for another subscription.

use std::sync::Arc;

use colony_protocol::{
    colonyos::{Fault, Place, Show},
    identity::Identity,
    model::{Name, ProcessId, json::ColonyContext},
    query::{ChannelsQuery, Query},
    reply::Answer,
    time::Span,
};
use serde_json::json;

use super::{
    super::{Shared, place},
    End, Frames, Gone, process,
};

/// Most entries of one frame.
const FRAME_ENTRIES: u16 = 256;

/// What is wanted.
pub(super) struct Wanted {
    /// The process.
    pub(super) process: ProcessId,
    /// The channel.
    pub(super) channel: Name,
    /// How many entries were read before.
    pub(super) after: u64,
}

/// Sends what there is and what comes, in order.
pub(super) async fn follow(
    shared: &Arc<Shared>,
    by: Identity,
    wanted: Wanted,
    wait: Span,
    frames: Frames,
) -> Result<End, Gone> {
    let Wanted { process, channel, after: mut from } = wanted;
    let colony = match place::find(shared.behind.service.served(), &Place::Process(process), &by) {
        Ok(colony) => colony,
        Err(fault) => return frames.fault(&fault).await.map(|()| End::Close),
    };
    let name = colony.desk.name().unwrap_or_default();
    let runtime = &shared.behind.runtime;
    let end = runtime.elapsed().saturating_add(wait.to_std());
    loop {
        let left = end.saturating_sub(runtime.elapsed());
        let read = Query::Channels(ChannelsQuery::Read {
            process: process.into(),
            channel: channel.clone(),
            from,
            limit: FRAME_ENTRIES,
            wait: Span::from_micros(u64::try_from(left.min(process::STEP).as_micros()).unwrap_or(u64::MAX)),
        });
        frames.clear().await?;
        let answer = match process::ask(shared, &colony, by, read).await {
            Ok(answer) => answer,
            Err(refusal) => return frames.fault(&refusal.into()).await.map(|()| End::Close),
        };
        let Answer::Channel { entries, length, closed } = &answer else {
            let fault = Fault::new(500, "the node answered another question");
            return frames.fault(&fault).await.map(|()| End::Close);
        };
        let (over, closed) = (left.is_zero(), *closed && from >= *length);
        if let Some(last) = entries.last() {
            from = last.place.saturating_add(1);
            match Show::Rows.print(&answer, ColonyContext { name: &name }) {
                Ok(value) => frames.send(&value).await?,
                Err(fault) => return frames.fault(&fault).await.map(|()| End::Close),
            }
        } else if closed || over {
            frames.send(&json!([])).await?;
            return Ok(if closed { End::Close } else { End::Stay });
        }
    }
}
