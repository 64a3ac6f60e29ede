//! Sends a snapshot: asks how much of it the member has, sends the rest, has it installed.
//!
//! A few slices are under way at a time, so that the connection never holds more of a snapshot than passes in a moment;
//! everything more urgent overtakes the rest.

use std::{collections::VecDeque, sync::Arc};

use colony_protocol::bounded::Bytes;
use colony_store::{MemberId, SnapshotError, Vote};
use openraft::raft::SnapshotResponse;

use super::{
    engine_link::Line,
    message::{Begin, Begun, End, SLICE, Slice},
    outbox::Call,
    wire::What,
};
use crate::consensus::{LinkError, Types};

/// Slices under way: 256 KiB fill a line of 20 Mbit/s with a round trip of 100 ms.
const WINDOW: usize = 4;

/// Sends a whole snapshot, or what is missing of it.
pub(super) async fn send(
    line: Arc<Line>,
    vote: Vote,
    snapshot: openraft::Snapshot<Types>,
) -> Result<SnapshotResponse<MemberId>, LinkError> {
    let begin = line.encode(&Begin { meta: snapshot.meta })?;
    let Begun { parts: have } = line.read(call(&line, What::SnapshotBegin, &begin).await?.await)?;
    let failed = |error: SnapshotError| line.unreachable(error);
    let mut parts = have;
    let mut window = Window { line: &line, under_way: VecDeque::new() };
    for part in snapshot.snapshot.chunks_from(have).map_err(failed)? {
        window.part(parts, &part.map_err(failed)?).await?;
        parts = parts.saturating_add(1);
    }
    window.drain(0).await?;
    let end = line.encode(&End { vote, parts })?;
    let installed: SnapshotResponse<MemberId> =
        line.read(call(&line, What::SnapshotEnd, &end).await?.await)?;
    if installed.vote == vote {
        snapshot.snapshot.delivered();
    }
    Ok(installed)
}

async fn call(line: &Line, what: What, body: &[u8]) -> Result<Call, LinkError> {
    line.call(what, body, line.attempt()).await
}

/// Slices under way.
struct Window<'a> {
    line: &'a Line,
    under_way: VecDeque<Call>,
}

impl Window<'_> {
    async fn part(&mut self, part: u64, bytes: &[u8]) -> Result<(), LinkError> {
        let slices = bytes.chunks(SLICE);
        let count = slices.len();
        let mut offset = 0_u64;
        for (number, bytes) in (1..).zip(slices) {
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let bytes = Bytes::new(bytes).map_err(|error| self.line.unreachable(error))?;
            let slice = Slice { part, offset, is_last: number == count, bytes };
            offset = offset.saturating_add(length);
            self.drain(WINDOW.saturating_sub(1)).await?;
            let body = self.line.encode(&slice)?;
            self.under_way.push_back(call(self.line, What::SnapshotSlice, &body).await?);
        }
        Ok(())
    }

    /// Waits until at most so many are under way.
    async fn drain(&mut self, left: usize) -> Result<(), LinkError> {
        while self.under_way.len() > left {
            let Some(call) = self.under_way.pop_front() else { break };
            self.line.read::<()>(call.await)?;
        }
        Ok(())
    }
}
