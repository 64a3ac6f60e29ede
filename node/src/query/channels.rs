//! Channels of processes and histories of blueprints: what the core counts and the store holds.

use std::time::Duration;

use colony_protocol::{
    identity::Identity,
    model::{BlueprintId, Name, channel::Entry},
    query::{ChannelsQuery, Selector},
    refusal::Refusal,
    reply::Answer,
};

use super::{ANSWER_BYTES_MAX, Desk, page, storage};

/// What an entry costs on the wire beside its bytes.
const ENTRY_BYTES: usize = 256;

impl Desk {
    pub(super) fn channels(&self, by: &Identity, query: &ChannelsQuery) -> Result<Answer, Refusal> {
        match query {
            ChannelsQuery::Read { process, channel, from, limit, .. } => {
                self.read_channel(by, process, channel, *from, *limit)
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
        let mut entries: Vec<Entry> = if from < ends.length {
            self.view
                .channel_entries(ends.process, ends.channel, from, page::limit(limit))
                .map_err(storage)?
        } else {
            Vec::new()
        };
        // Said after the look at how far it goes: it comes with the next page, and with the length that counts it.
        entries.retain(|entry| entry.place < ends.length);
        let mut room = ANSWER_BYTES_MAX;
        let bytes = |entry: &Entry| entry.said.payload.len().saturating_add(ENTRY_BYTES);
        entries.truncate(page::fitting(entries.iter().map(bytes), &mut room));
        Ok(Answer::Channel { entries, length: ends.length, closed: ends.closed })
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
            change.spec.as_text().len().saturating_add(status).saturating_add(ENTRY_BYTES)
        });
        let fitting = page::fitting(bytes, &mut room);
        changes.truncate(fitting);
        Ok(Answer::BlueprintHistory(changes))
    }
}
