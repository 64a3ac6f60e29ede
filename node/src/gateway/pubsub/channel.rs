//! What is said in a channel, while it is said.
//!
//! Clients take an empty list for the end: it comes when the process has ended, and then the socket is closed; or when
//! the time is over, and then the socket stays open for another subscription.

use colony_protocol::{
    colonyos::Show,
    model::{Name, ProcessId, json::ColonyContext},
    query::{ChannelsQuery, Query},
    reply::Answer,
};
use serde_json::json;

use super::{End, Gone, Listener};

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
pub(super) async fn follow(listener: Listener, wanted: Wanted) -> Result<End, Gone> {
    let Wanted { process, channel, after: mut from } = wanted;
    loop {
        let over = listener.left().is_zero();
        let read = Query::Channels(ChannelsQuery::Read {
            process: process.into(),
            channel: channel.clone(),
            from,
            limit: FRAME_ENTRIES,
            wait: listener.step(),
        });
        listener.clear().await?;
        let answer = match listener.ask(read).await {
            Ok(answer) => answer,
            Err(refusal) => return listener.refuse(refusal).await.map(|()| End::Close),
        };
        let Answer::Channel { entries, length, closed } = &answer else {
            return listener.misled().await.map(|()| End::Close);
        };
        let closed = *closed && from >= *length;
        if let Some(last) = entries.last() {
            from = last.place.saturating_add(1);
            match Show::Rows.print(&answer, ColonyContext { name: &listener.name }) {
                Ok(value) => listener.show(Ok(value)).await?,
                Err(fault) => return listener.refuse(fault).await.map(|()| End::Close),
            }
        } else if closed || over {
            listener.show(Ok(json!([]))).await?;
            return Ok(if closed { End::Close } else { End::Stay });
        }
    }
}
