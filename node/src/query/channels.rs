//! Channels of processes and histories of blueprints: what the core counts and the store holds.

use std::time::Duration;

use colony_protocol::{
    colony::ChannelEnds,
    identity::Identity,
    model::{BlueprintId, Name, channel::Entry},
    query::{ChannelsQuery, Selector},
    refusal::Refusal,
    reply::Answer,
};

use super::{ANSWER_BYTES_MAX, Desk, page, storage};

/// What a change of a blueprint costs on the wire beside its JSON.
const CHANGE_BYTES: usize = 256;

impl Desk {
    pub(super) fn channels(&self, by: &Identity, query: &ChannelsQuery) -> Result<Answer, Refusal> {
        match query {
            ChannelsQuery::Read { process, channel, from, limit, .. } => {
                self.read_channel(by, process, channel, *from, *limit)
            }
            ChannelsQuery::Pieces { process, channel, place, from } => {
                self.read_pieces(by, process, channel, *place, *from)
            }
            ChannelsQuery::List { process } => {
                let process = self.process(process)?;
                Ok(Answer::Channels(self.colony()?.channels(by, &process.id)?))
            }
        }
    }

    fn read_channel(
        &self,
        by: &Identity,
        process: &Selector,
        name: &Name,
        from: u64,
        limit: u16,
    ) -> Result<Answer, Refusal> {
        let process = self.process(process)?;
        let ends = self.colony()?.channel(by, &process.id, name)?;
        let mut entries = if from < ends.length {
            self.entries(&ends, ends.channel, from, page::limit(limit))?
        } else {
            Vec::new()
        };
        // Said after the look at how far it goes: it comes with the next page, and with the length that counts it.
        entries.retain(|entry| entry.place < ends.length);
        Ok(Answer::Channel { entries, length: ends.length, closed: ends.closed })
    }

    fn read_pieces(
        &self,
        by: &Identity,
        process: &Selector,
        name: &Name,
        place: u64,
        from: u64,
    ) -> Result<Answer, Refusal> {
        let process = self.process(process)?;
        let ends = self.colony()?.channel(by, &process.id, name)?;
        let mut entry = self.entries(&ends, ends.channel, place, 1)?;
        let before = entry.pop().filter(|entry| entry.place == place).and_then(|entry| entry.before);
        let Some(before) = before else {
            return Err(Refusal::not_found(format!("a large message at place {place} of channel `{name}`")));
        };
        let length = u64::from(before.pieces);
        let most = usize::try_from(length.saturating_sub(from)).unwrap_or(usize::MAX);
        let entries = self.entries(&ends, ChannelEnds::pieces(before.message), from, most)?;
        Ok(Answer::Channel { entries, length, closed: true })
    }

    /// Entries as they are on disk, as many as an answer holds.
    fn entries(
        &self,
        ends: &ChannelEnds,
        channel: u32,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Entry>, Refusal> {
        self.view.channel_entries(ends.process, channel, from, limit, ANSWER_BYTES_MAX).map_err(storage)
    }

    /// Completes when a channel has an entry at `from`, when it is closed, or when `wait` is over.
    ///
    /// # Errors
    /// As [`Desk::answer`]; [`Refusal::Busy`] if too many watches are open.
    pub async fn await_entries(
        &self,
        by: &Identity,
        process: &Selector,
        name: &Name,
        from: u64,
        wait: Duration,
    ) -> Result<(), Refusal> {
        if wait.is_zero() {
            return Ok(());
        }
        self.authorise(by)?;
        let process = self.process(process)?.id;
        self.until(process.number(), wait, || {
            let ends = self.colony()?.channel(by, &process, name)?;
            Ok(ends.length > from || ends.closed)
        })
        .await
    }

    pub(super) fn blueprint_history(&self, id: &BlueprintId, limit: u16) -> Result<Answer, Refusal> {
        let number = self.colony()?.blueprint_by_id(id)?.id.number();
        let mut changes = self.view.blueprint_changes(number, page::limit(limit)).map_err(storage)?;
        let mut room = ANSWER_BYTES_MAX;
        let bytes = changes.iter().map(|change| {
            let status = change.status.as_ref().map_or(0, |status| status.as_text().len());
            change.spec.as_text().len().saturating_add(status).saturating_add(CHANGE_BYTES)
        });
        let fitting = page::fitting(bytes, &mut room);
        changes.truncate(fitting);
        Ok(Answer::BlueprintHistory(changes))
    }
}
