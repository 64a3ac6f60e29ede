//! The coordinator and its disk: requests in, entries out.
//!
//! Beside the coordinator stands a twin that applies the same entries but never crashes. Both must give the same answers, events
//! and rows, always: that is what it means to restore a colony from its rows.

use std::collections::{BTreeMap, BTreeSet};

use colony_protocol::{
    colony::{Call, Colony, Event, Outbox},
    command::Command,
    identity::Identity,
    refusal::Refusal,
    reply::Reply,
    time::Timestamp,
};

use crate::{courier::Actor, disk::Disk};

/// What a caller is told.
pub type Answer = Result<Reply, Refusal>;

/// One applied request.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Who waits for the answer.
    pub actor: Actor,
    /// What was asked.
    pub call: Call,
    /// What it is told.
    pub answer: Answer,
    /// Whether this request was applied before, so that this is only its answer again.
    pub repeated: bool,
    /// What happened because of it.
    pub events: Vec<Event>,
}

/// What one entry did.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    /// Its moment.
    pub at: Timestamp,
    /// What happened because time passed.
    pub fired: Vec<Event>,
    /// Its requests.
    pub applied: Vec<Applied>,
    /// Where the twin differs.
    pub differs: Vec<String>,
}

/// The coordinator, its disk, its twin.
#[derive(Debug)]
pub struct Coordinator {
    owner: Identity,
    term: u64,
    colony: Colony,
    disk: Disk,
    twin: Colony,
    twin_disk: Disk,
    pending: Vec<(Actor, Call)>,
    heard: BTreeSet<Identity>,
    known: BTreeMap<Identity, BTreeSet<[u8; 16]>>,
}

impl Coordinator {
    /// The coordinator of a colony that is not founded yet.
    #[must_use]
    pub fn new(owner: Identity) -> Self {
        Self {
            owner,
            term: 1,
            colony: Colony::new(owner),
            disk: Disk::default(),
            twin: Colony::new(owner),
            twin_disk: Disk::default(),
            pending: Vec::new(),
            heard: BTreeSet::new(),
            known: BTreeMap::new(),
        }
    }

    /// Takes a request. An assign that would get nothing is answered at once, as a node does, and never enters the log.
    pub fn receive(&mut self, actor: Actor, call: Call) -> Option<Answer> {
        if let Command::Assign(ask) = &*call.command {
            let reserved = BTreeSet::new();
            match self.colony.candidates(&call.by, ask, &reserved, usize::from(ask.max)) {
                Ok(found) if found.is_empty() && !self.is_known(&call) => {
                    self.heard.insert(call.by);
                    return Some(Ok(Reply::Assigned { processes: Vec::new(), paused: false }));
                }
                Ok(_) => {}
                Err(refusal) => return Some(Err(refusal)),
            }
        }
        self.pending.push((actor, call));
        None
    }

    fn is_known(&self, call: &Call) -> bool {
        self.known.get(&call.by).is_some_and(|requests| requests.contains(call.request.as_bytes()))
    }

    /// Makes an entry of all that waits, applies it and has it on the disk.
    pub fn commit(&mut self, at: Timestamp) -> Entry {
        let heard: Vec<Identity> = std::mem::take(&mut self.heard).into_iter().collect();
        let mut calls = std::mem::take(&mut self.pending);
        for (_, call) in &mut calls {
            call.term = self.term;
        }
        self.replay(at, &heard, calls)
    }

    /// Applies an entry as it stands in a log, and has it on the disk.
    pub fn replay(&mut self, at: Timestamp, heard: &[Identity], calls: Vec<(Actor, Call)>) -> Entry {
        let mut entry = apply(&mut self.colony, &mut self.disk, at, heard, &calls);
        let twin = apply(&mut self.twin, &mut self.twin_disk, at, heard, &calls);
        entry.differs = differences(&entry, &twin);
        for applied in &mut entry.applied {
            let requests = self.known.entry(applied.call.by).or_default();
            // A request that was refused for its age, or got no work, is decided anew each time.
            applied.repeated = requests.contains(applied.call.request.as_bytes());
            if has_effect(&applied.answer) {
                requests.insert(*applied.call.request.as_bytes());
            }
        }
        entry
    }

    /// Loses what is only in memory and starts again from the disk.
    pub fn crash(&mut self) -> Result<(), String> {
        self.pending.clear();
        self.heard.clear();
        self.term = self.term.saturating_add(1);
        self.colony =
            Colony::restore(self.owner, self.disk.live_rows()).map_err(|error| format!("{error:?}"))?;
        Ok(())
    }

    /// The state.
    #[must_use]
    pub const fn colony(&self) -> &Colony {
        &self.colony
    }

    /// What is on the disk.
    #[must_use]
    pub const fn disk(&self) -> &Disk {
        &self.disk
    }

    /// What would be on the disk had there been no crash.
    #[must_use]
    pub const fn twin_disk(&self) -> &Disk {
        &self.twin_disk
    }

    /// Whether anything waits for an entry.
    #[must_use]
    pub const fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }
}

fn has_effect(answer: &Answer) -> bool {
    !matches!(answer, Err(_) | Ok(Reply::Assigned { .. })) || gave_work(answer)
}

fn gave_work(answer: &Answer) -> bool {
    matches!(answer, Ok(Reply::Assigned { processes, .. }) if !processes.is_empty())
}

fn apply(
    colony: &mut Colony,
    disk: &mut Disk,
    at: Timestamp,
    heard: &[Identity],
    calls: &[(Actor, Call)],
) -> Entry {
    let mut out = Outbox::default();
    colony.begin(at, heard, &mut out);
    let fired = std::mem::take(&mut out.events);
    let mut applied = Vec::with_capacity(calls.len());
    for (actor, call) in calls {
        let answer = colony.apply(call, &mut out);
        let events = std::mem::take(&mut out.events);
        applied.push(Applied { actor: *actor, call: call.clone(), answer, repeated: false, events });
    }
    disk.commit(&out.changes, colony);
    Entry { at, fired, applied, differs: Vec::new() }
}

fn differences(entry: &Entry, twin: &Entry) -> Vec<String> {
    let mut differs = Vec::new();
    if entry.fired != twin.fired {
        differs.push(format!("time fired {:?}, at the twin {:?}", entry.fired, twin.fired));
    }
    for (one, other) in entry.applied.iter().zip(&twin.applied) {
        if one.answer != other.answer || one.events != other.events {
            differs.push(format!(
                "{}: {:?} {:?}, at the twin {:?} {:?}",
                one.call.command.kind(),
                one.answer,
                one.events,
                other.answer,
                other.events
            ));
        }
    }
    differs
}
