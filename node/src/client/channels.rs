//! What was said in a channel, as its readers want it: each message whole, however many pieces it came in.
//!
//! What may never happen: a message of pieces that are not all its own; an answer without a bound.

use colony_protocol::{
    colonyos::ENTRIES_BYTES_MAX,
    model::channel::{Before, Entry},
    query::{ChannelsQuery, Query},
    refusal::Refusal,
    reply::Answer,
};

use super::{Client, ClientError};

impl Client {
    /// Asks about channels. An answer with messages has each of them whole, and [`ENTRIES_BYTES_MAX`] bytes of them at
    /// most, or a single one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn channels(&self, query: ChannelsQuery) -> Result<Answer, ClientError> {
        whole(query, |query| async move { self.query(&query).await }).await
    }
}

/// Asks, and asks for the pieces of what is answered.
pub(crate) async fn whole<E: From<Refusal>, A: Future<Output = Result<Answer, E>>>(
    query: ChannelsQuery,
    ask: impl Fn(Query) -> A,
) -> Result<Answer, E> {
    let answer = ask(Query::Channels(query.clone())).await?;
    let (Answer::Channel { entries, length, closed }, ChannelsQuery::Read { .. }) = (&answer, &query) else {
        return Ok(answer);
    };
    if entries.iter().all(|entry| entry.before.is_none()) {
        return Ok(answer);
    }
    let (length, closed) = (*length, *closed);
    let Answer::Channel { entries, .. } = answer else { return Ok(answer) };
    let (mut told, mut room) = (Vec::new(), ENTRIES_BYTES_MAX);
    for entry in entries {
        let bytes = entry.bytes();
        if bytes > room && !told.is_empty() {
            break;
        }
        room = room.saturating_sub(bytes);
        let Some(before) = entry.before else {
            told.push(entry);
            continue;
        };
        let pieces = pieces(&query, &entry, before, &ask).await?;
        told.push(entry.whole(&pieces).ok_or_else(|| Refusal::Malformed(Default::default()))?);
    }
    Ok(Answer::Channel { entries: told, length, closed })
}

/// The pieces of a message, all but the last.
async fn pieces<E, A: Future<Output = Result<Answer, E>>>(
    query: &ChannelsQuery,
    entry: &Entry,
    before: Before,
    ask: &impl Fn(Query) -> A,
) -> Result<Vec<Entry>, E> {
    let ChannelsQuery::Read { process, channel, .. } = query else { return Ok(Vec::new()) };
    let wanted = u64::from(before.pieces);
    let mut pieces: Vec<Entry> = Vec::new();
    while (pieces.len() as u64) < wanted {
        let (process, channel) = (process.clone(), channel.clone());
        let from = pieces.len() as u64;
        let next = ChannelsQuery::Pieces { process, channel, place: entry.place, from };
        match ask(Query::Channels(next)).await? {
            Answer::Channel { entries, .. } if !entries.is_empty() => pieces.extend(entries),
            // They are counted by whoever puts them together.
            _ => break,
        }
    }
    Ok(pieces)
}
