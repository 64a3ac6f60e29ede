//! Answers that come in pages, for clients that know none.
//!
//! What may never happen: pages without end.

use serde_json::Value;

use crate::{
    query::{BlueprintsQuery, ChannelsQuery, FilesQuery, Query},
    reply::Answer,
};

/// Most pages that are put into one reply: 16,000 rows, or all that one channel holds.
pub const PAGES_MAX: usize = 16;

/// Bytes of entries of a channel after which no further page is put into a reply; the client reads on behind the last.
pub const ENTRIES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of entries in a page. Rows of other kinds are small.
#[must_use]
pub fn entries_bytes(answer: &Answer) -> usize {
    match answer {
        Answer::Channel { entries, .. } => entries.iter().map(|entry| entry.said.payload.len()).sum(),
        _ => 0,
    }
}

/// The question for the page behind this answer; none if it was the last.
#[must_use]
pub fn next_page(query: &Query, answer: &Answer) -> Option<Query> {
    Some(match (query, answer) {
        (Query::Files(FilesQuery::Files { label, limit, .. }), Answer::FileEntries(rows)) => {
            let after = Some(rows.last()?.latest.file.name.clone());
            Query::Files(FilesQuery::Files { label: label.clone(), after, limit: *limit })
        }
        (Query::Files(FilesQuery::Labels { prefix, exact, limit, .. }), Answer::Labels(rows)) => {
            let after = Some(rows.last()?.label.clone());
            Query::Files(FilesQuery::Labels { prefix: prefix.clone(), exact: *exact, after, limit: *limit })
        }
        (Query::Files(FilesQuery::Snapshots { limit, .. }), Answer::Snapshots(rows)) => {
            let before = Some(rows.last()?.id.number());
            Query::Files(FilesQuery::Snapshots { before, limit: *limit })
        }
        (
            Query::Blueprints(BlueprintsQuery::Blueprints { kind, location, limit, .. }),
            Answer::Blueprints(rows),
        ) => {
            let after = Some(rows.last()?.blueprint.name.clone());
            let (kind, location) = (kind.clone(), location.clone());
            Query::Blueprints(BlueprintsQuery::Blueprints { kind, location, after, limit: *limit })
        }
        (
            Query::Channels(ChannelsQuery::Read { process, channel, limit, .. }),
            Answer::Channel { entries, length, .. },
        ) => {
            let from = entries.last()?.place.saturating_add(1);
            if from >= *length {
                return None;
            }
            let (process, channel) = (process.clone(), channel.clone());
            Query::Channels(ChannelsQuery::Read {
                process,
                channel,
                from,
                limit: *limit,
                wait: Default::default(),
            })
        }
        _ => return None,
    })
}

/// Pages, one after the other.
#[must_use]
pub fn joined(pages: Vec<Value>) -> Value {
    let rows = pages.into_iter().flat_map(|page| match page {
        Value::Array(rows) => rows,
        other => vec![other],
    });
    rows.collect()
}
