//! Channels of processes: who may say and hear what, how much, how fast, and until when.
//!
//! Entries go to the store and never come back: here is only how many there are, and how much may still be said. The
//! table of a process is made when the first thing is said, and stays for a while after the process has ended, so that
//! a reader that is behind gets the end.
//!
//! Entries keep their places. A channel is in the order in which the colony took the entries; what one sender says comes
//! in the order in which it said it, if it waits for each answer or says several things in one request. A message that
//! comes in pieces takes its place with the last of them.
//!
//! What may never happen: an entry after the end of its process; an entry of somebody else's; a process that fills the
//! members' disks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Colony, Event, Outbox, RowKey, channel_pieces::Unfinished, encoding::encode_entry};
use crate::{
    bounded::Text,
    command::Append,
    identity::Identity,
    model::{
        Name, Process, ProcessId,
        channel::{
            BURST, Before, CHANNELS_BYTES_MAX, ChannelInfo, ENTRIES_MAX, Entry, KEPT_AFTER_END, NewEntry,
            PIECE_MAX, Piece, RATE,
        },
        member::Member,
    },
    refusal::Refusal,
    reply::Reply,
    time::Timestamp,
};

/// Most processes with something said in their channels, ended ones included while they can be read: about 100 MB.
const TABLES_MAX: usize = 200_000;
/// What the numbers begin with under which pieces are kept. A process has far fewer channels.
const PIECES: u32 = 1 << 31;
/// Most large messages of a process: as many as there are numbers. Each costs its first piece a place in [`BURST`].
pub(super) const LARGE_MAX: u32 = PIECES - 1;
/// Microseconds after which a process may say one thing more.
const REFILL: u64 = 1_000_000 / RATE;

/// What the channels of all processes are in.
#[derive(Debug, Default)]
pub(super) struct Channels {
    tables: BTreeMap<u64, Table>,
    /// When closed ones are forgotten.
    ends: BTreeSet<(Timestamp, u64)>,
}

/// The channels of one process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Table {
    process: ProcessId,
    submitter: Identity,
    /// Who holds the process, or held it last.
    holder: Option<Identity>,
    channels: Vec<Channel>,
    bytes: u64,
    /// When all that was said at once would have been said at the lasting rate. It bounds how much can be said now.
    paid_until: Timestamp,
    /// When the process ended.
    closed_at: Option<Timestamp>,
    /// Messages of which not all pieces are here.
    #[serde(default)]
    pub(super) unfinished: Vec<Unfinished>,
    /// How many messages came in pieces, or began to.
    #[serde(default)]
    pub(super) large: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Channel {
    name: Name,
    entries: u64,
    bytes: u64,
}

/// How far a reader can read, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelEnds {
    /// The number of the process.
    pub process: u64,
    /// Which of its channels.
    pub channel: u32,
    /// How many entries there are.
    pub length: u64,
    /// Whether there will be no more.
    pub closed: bool,
}

impl ChannelEnds {
    /// Where the pieces of a process's large messages are kept, all but the last of each: beside its channels, of which
    /// none has so high a number.
    #[must_use]
    pub const fn pieces(message: u32) -> u32 {
        PIECES | message
    }
}

impl Channels {
    pub(super) fn table(&self, process: u64) -> Option<&Table> {
        self.tables.get(&process)
    }

    pub(super) fn put(&mut self, table: Table) -> u64 {
        let number = table.process.number();
        self.ends.extend(table.closed_at.map(|closed| (closed.after(KEPT_AFTER_END), number)));
        self.tables.insert(number, table);
        number
    }

    /// The next moment at which something is forgotten.
    pub(super) fn next_end(&self) -> Option<(Timestamp, u64)> {
        self.ends.first().copied()
    }
}

impl Table {
    fn of(process: &Process) -> Self {
        let named = process.spec.channels.iter();
        Self {
            process: process.id,
            submitter: process.initiator,
            holder: process.assigned_to,
            channels: named.map(|name| Channel { name: name.clone(), entries: 0, bytes: 0 }).collect(),
            bytes: 0,
            paid_until: Timestamp::ZERO,
            closed_at: None,
            unfinished: Vec::new(),
            large: 0,
        }
    }

    fn find(&self, name: &str) -> Result<usize, Refusal> {
        let found = self.channels.iter().position(|channel| *channel.name == *name);
        found.ok_or_else(|| Refusal::not_found(format!("channel `{name}` of process {}", self.process)))
    }

    fn admits(&self, by: &Identity) -> Result<(), Refusal> {
        if self.submitter == *by || self.holder == Some(*by) {
            return Ok(());
        }
        let why = "a process's channels are its submitter's and its present executor's alone";
        Err(Refusal::denied(*by, why))
    }

    /// Counts the bytes of entries, if a channel and its process have room for them. Says how many entries there are.
    fn admit_entries(&mut self, place: usize, entries: &[NewEntry]) -> Result<u64, Refusal> {
        let bytes = entries.iter().map(|entry| entry.payload.len() as u64).sum::<u64>();
        let total = self.bytes.saturating_add(bytes);
        let Some(channel) = self.channels.get_mut(place) else { return Ok(0) };
        let length = channel.entries.saturating_add(entries.len() as u64);
        if length > ENTRIES_MAX || total > CHANNELS_BYTES_MAX {
            return Err(Refusal::Busy(Text::cut(&format!(
                "channel log is full: {ENTRIES_MAX} entries, and {CHANNELS_BYTES_MAX} bytes for all of a process"
            ))));
        }
        channel.bytes = channel.bytes.saturating_add(bytes);
        self.bytes = total;
        Ok(channel.entries)
    }

    fn lengthen(&mut self, place: usize, length: u64) {
        if let Some(channel) = self.channels.get_mut(place) {
            channel.entries = length;
        }
    }

    /// The moment up to which saying `count` things is paid for, if that is soon enough.
    fn pay(&self, count: usize, now: Timestamp) -> Result<Timestamp, Refusal> {
        let cost = (count as u64).saturating_mul(REFILL);
        let from = self.paid_until.as_micros().max(now.as_micros());
        let until = from.saturating_add(cost);
        if until > now.as_micros().saturating_add(u64::from(BURST).saturating_mul(REFILL)) {
            return Err(Refusal::Busy(Text::cut(&format!(
                "rate limit exceeded: a process's channels take {RATE} entries a second, {BURST} at once"
            ))));
        }
        Ok(Timestamp::from_micros(until))
    }
}

impl Colony {
    pub(super) fn append(&mut self, by: &Identity, ask: &Append, out: &mut Outbox) -> Result<Reply, Refusal> {
        self.member(by)?;
        let now = self.meta.now;
        let (process, mut table) = self.open_table(&ask.process)?;
        table.admits(by)?;
        let token = if process.assigned_to == Some(*by) { process.token } else { 0 };
        if ask.token != 0 && ask.token != token {
            return Err(Refusal::Stale { given: ask.token, current: process.token });
        }
        let place = table.find(&ask.channel)?;
        let piece = what_is_said(&ask.entries)?;
        // A message costs what it is: one, however many pieces it has.
        let count = if piece.is_some_and(|piece| piece.index > 0) { 0 } else { ask.entries.len() };
        let paid_until = table.pay(count, now)?;
        let number = ask.process.number();
        if !self.channels.tables.contains_key(&number) && self.channels.tables.len() >= TABLES_MAX {
            return Err(Refusal::Busy(Text::cut("the colony has as many channels as it can hold")));
        }
        let first = table.admit_entries(place, &ask.entries)?;
        table.paid_until = paid_until;
        let channel = u32::try_from(place).unwrap_or(u32::MAX);
        let before = piece.map(|piece| table.take_piece(by, channel, piece, now)).transpose()?;
        let under_way = piece.filter(|piece| !piece.last).zip(before);
        let (kept_in, from, before) = match under_way {
            Some((piece, Before { message, .. })) => {
                (ChannelEnds::pieces(message), u64::from(piece.index), None)
            }
            None => (channel, first, before),
        };
        for (place, said) in (from..).zip(&ask.entries) {
            let entry = Entry { place, sender: *by, token, at: now, said: settled(said), before };
            out.keep(RowKey::ChannelEntry(number, kept_in, place), encode_entry(&entry));
        }
        let mut length = first;
        if under_way.is_none() {
            length = first.saturating_add(ask.entries.len() as u64);
            table.lengthen(place, length);
            out.event(Event::Channel { process: ask.process });
        }
        self.channels.tables.insert(number, table);
        out.touch(RowKey::Channels(number));
        Ok(Reply::Appended(length))
    }

    /// The table of a process that can still say something, as it would be if something were said now.
    fn open_table(&self, id: &ProcessId) -> Result<(&Process, Table), Refusal> {
        let number = id.number();
        if self.channels.tables.get(&number).is_some_and(|table| table.closed_at.is_some()) {
            return Err(Refusal::not_found(format!("an open channel of process {id} (it has ended)")));
        }
        let process = self.live(id)?;
        if process.state.is_terminal() {
            return Err(Refusal::not_found(format!("an open channel of process {id} (it has ended)")));
        }
        let table = self.channels.tables.get(&number).cloned().unwrap_or_else(|| Table::of(process));
        Ok((process, Table { holder: process.assigned_to, ..table }))
    }

    /// The channels of a process that has just ended are closed.
    pub(super) fn close_channels(&mut self, number: u64, out: &mut Outbox) {
        let now = self.meta.now;
        let Some(process) = self.processes.get(&number) else { return };
        if process.spec.channels.is_empty() || self.channels.tables.len() >= TABLES_MAX {
            return;
        }
        // Also where nothing was said: a reader that asks a moment later is told of the end, not that there is nothing.
        let table = self.channels.tables.get(&number).cloned().unwrap_or_else(|| Table::of(process));
        let holder = process.assigned_to;
        self.channels.put(Table { holder, closed_at: Some(now), ..table });
        out.touch(RowKey::Channels(number));
        out.event(Event::Channel { process: process.id });
    }

    /// Whether a finished process has channels here that are `by`'s to forget. Others' go when their time is over.
    pub(super) fn channels_are_of(&self, by: &Identity, process: &ProcessId) -> bool {
        let table = self.channels.tables.get(&process.number());
        table.is_some_and(|table| {
            table.process == *process && (table.submitter == *by || *by == self.owner_id())
        })
    }

    /// Nobody can read these any more.
    pub(super) fn forget_channels(&mut self, number: u64, out: &mut Outbox) {
        let Some(table) = self.channels.tables.remove(&number) else { return };
        if let Some(closed) = table.closed_at {
            self.channels.ends.remove(&(closed.after(KEPT_AFTER_END), number));
        }
        out.touch(RowKey::Channels(number));
        if table.bytes > 0 || table.channels.iter().any(|channel| channel.entries > 0) {
            out.forget(RowKey::ChannelEntry(number, 0, 0));
        }
    }

    /// Where a channel of a process can be read, and how far.
    ///
    /// # Errors
    /// [`Refusal::Denied`] unless `by` submitted the process, holds it or is a node of the colony;
    /// [`Refusal::NotFound`].
    pub fn channel(&self, by: &Identity, process: &ProcessId, name: &str) -> Result<ChannelEnds, Refusal> {
        let table = self.readable(by, process)?;
        let place = table.find(name)?;
        let length = table.channels.get(place).map_or(0, |channel| channel.entries);
        let channel = u32::try_from(place).unwrap_or(u32::MAX);
        Ok(ChannelEnds { process: process.number(), channel, length, closed: table.closed_at.is_some() })
    }

    /// The channels of a process.
    ///
    /// # Errors
    /// As [`Self::channel`].
    pub fn channels(&self, by: &Identity, process: &ProcessId) -> Result<Vec<ChannelInfo>, Refusal> {
        let table = self.readable(by, process)?;
        let closed = table.closed_at.is_some();
        let info = |Channel { name, entries, bytes }| ChannelInfo { name, entries, bytes, closed };
        Ok(table.channels.into_iter().map(info).collect())
    }

    fn readable(&self, by: &Identity, id: &ProcessId) -> Result<Table, Refusal> {
        let closed = self.channels.tables.get(&id.number()).filter(|table| table.process == *id);
        let table = match closed.filter(|table| table.closed_at.is_some()) {
            Some(table) => table.clone(),
            None => self.open_table(id)?.1,
        };
        // A node has it on its disk, and asks for those whom it serves.
        if !self.roster.get(by).is_some_and(Member::is_active_node) {
            table.admits(by)?;
        }
        Ok(table)
    }

    /// A new key takes over what the old one may say and hear.
    pub(super) fn channels_change_key(&mut self, old: &Identity, new: &Identity, out: &mut Outbox) {
        for (number, table) in &mut self.channels.tables {
            let before = (table.submitter, table.holder);
            if table.submitter == *old {
                table.submitter = *new;
            }
            if table.holder == Some(*old) {
                table.holder = Some(*new);
            }
            if before != (table.submitter, table.holder) {
                out.touch(RowKey::Channels(*number));
            }
        }
    }
}

/// Looks at what is said: something, and no more at once than may be. The piece of a larger message, if it is one.
fn what_is_said(entries: &[NewEntry]) -> Result<Option<Piece>, Refusal> {
    let Some(first) = entries.first() else {
        return Err(Refusal::invalid("entries", "there is nothing to say"));
    };
    if entries.iter().any(|entry| entry.payload.len() > PIECE_MAX) {
        let most = format!("more than {PIECE_MAX} bytes are said in pieces");
        return Err(Refusal::invalid("entries.payload", &most));
    }
    let Some(piece) = first.piece else {
        let alone = entries.iter().all(|entry| entry.piece.is_none());
        return alone.then_some(None).ok_or_else(|| Refusal::invalid("entries.piece", "a piece comes alone"));
    };
    if entries.len() > 1 {
        return Err(Refusal::invalid("entries.piece", "a piece comes alone"));
    }
    if !piece.last && first.payload.len() < PIECE_MAX {
        let full = format!("a piece that is not the last has {PIECE_MAX} bytes");
        return Err(Refusal::invalid("entries.piece", &full));
    }
    Ok(Some(piece))
}

/// What a sender left out.
fn settled(said: &NewEntry) -> NewEntry {
    let kind = if said.kind.is_empty() { Text::cut("data") } else { said.kind.clone() };
    NewEntry { kind, ..said.clone() }
}
