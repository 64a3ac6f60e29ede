//! What is said in the channels of processes.

use data_encoding::BASE64;

use super::{Action, Ask, Fault, Place, Show, Then, message::Message, processes::process_id};
use crate::{
    bounded::{Bytes, List, Text},
    command::{Append, Command},
    model::{
        channel::{MESSAGE_MAX, NewEntry},
        json::{
            SpecError,
            read::{Field, FromField as _},
        },
    },
    query::{ChannelsQuery, PAGE_MAX, Query},
    time::Span,
};

/// Most characters of an entry in base64.
const BASE64_MAX: usize = MESSAGE_MAX.div_ceil(3) * 4;

pub(super) fn read(kind: &str, message: &mut Message<'_>) -> Result<Option<Ask>, Fault> {
    Ok(Some(match kind {
        "channelappendmsg" => append(message)?,
        "channelreadmsg" => {
            let id = process_id(message, &["processid"])?;
            let channel = message.name(&["name"])?;
            let limit: i64 = message.get(&["limit"])?;
            let from = after(message)?;
            let all = limit <= 0;
            let limit = u16::try_from(limit).ok().filter(|_| !all).unwrap_or(PAGE_MAX).min(PAGE_MAX);
            let wait = Span::ZERO;
            let query =
                Query::Channels(ChannelsQuery::Read { process: id.into(), channel, from, limit, wait });
            let read = if all { Ask::read_all } else { Ask::read };
            read(Place::Process(id), query, Show::Rows)
        }
        _ => return Ok(None),
    }))
}

/// How many entries a client has read.
pub(super) fn after(message: &mut Message<'_>) -> Result<u64, Fault> {
    let after: i64 = message.get(&["afterseq"])?;
    Ok(u64::try_from(after).unwrap_or(0))
}

fn append(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let process = process_id(message, &["processid"])?;
    let entry = NewEntry {
        sequence: message.get(&["sequence"])?,
        in_reply_to: message.get(&["inreplyto"])?,
        kind: message.name(&["payloadtype"])?,
        payload: message.get_with(&["payload"], |field| payload(field).map(Some))?.unwrap_or_default(),
        piece: None,
    };
    let channel = message.name(&["name"])?;
    let say = |piece| {
        let entries = List::new(vec![piece]).unwrap_or_default();
        Command::Append(Append { process, channel: channel.clone(), token: 0, entries })
    };
    let commands = entry.pieces().into_iter().map(say).collect();
    Ok(Ask::new(Place::Process(process), Action::Change { commands, then: Then::Nothing }))
}

/// Bytes as base64, or as a list of numbers.
fn payload(field: &Field<'_>) -> Result<Bytes<MESSAGE_MAX>, SpecError> {
    let bytes = if field.is_array() {
        serde_json::from_str(field.raw()).map_err(|_| field.wrong("it is not a list of bytes"))?
    } else {
        let text = Text::<BASE64_MAX>::from_field(field)?;
        BASE64.decode(text.as_bytes()).map_err(|_| field.wrong("it is not base64"))?
    };
    Bytes::<MESSAGE_MAX>::new(bytes)
        .map_err(|error| field.wrong(format!("message payload exceeds maximum size: {error} bytes")))
}
