//! What many clients asked a colony at the same time and were told, and whether any honest leased queue could have told it.
//!
//! Every call is kept with the moments of its begin and end, who made it and how it came out. A call without an answer is a
//! *maybe*: it may have been carried out at any time since, or never; nothing here ever takes it for a no. Two kinds of judges
//! look at the record afterwards. The [`queue`] is the sequential meaning of one process; the checker of [`verdict`] looks
//! for an order of the calls that it explains. The [`promises`] are simple sentences that must hold whatever the order.
//! Neither knows how a node works inside.

pub mod act;
pub mod clock;
pub mod promises;
pub mod queue;
pub mod verdict;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use colony_protocol::{
    identity::Identity,
    model::{Process, ProcessId},
    time::{Span, Timestamp},
};

use act::{Act, Sight};
use clock::Moment;

/// One call on one process. A call with many items is many of these, with the same moments.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// Who made it.
    pub by: Identity,
    /// When it was sent.
    pub begin: Moment,
    /// When its answer came; `None` if none came.
    pub end: Option<Moment>,
    /// What was asked and told.
    pub act: Act,
}

/// A lease as its holder was told of it.
#[derive(Debug, Clone, Copy)]
pub struct Granted {
    /// The process.
    pub process: ProcessId,
    /// Who holds it.
    pub holder: Identity,
    /// Its fencing token.
    pub token: u64,
    /// The coordinator's term.
    pub term: u64,
    /// The colony's time of the grant.
    pub at: Timestamp,
    /// How long it lasts at least.
    pub heartbeat: Option<Span>,
    /// When the holder asked.
    pub begin: Moment,
    /// When it was told.
    pub end: Moment,
}

/// A submit that was acknowledged.
#[derive(Debug, Clone, Copy)]
pub struct Acknowledged {
    /// Who submitted.
    pub by: Identity,
    /// When it was sent.
    pub begin: Moment,
    /// When it was acknowledged.
    pub end: Moment,
    /// How many items it had.
    pub items: usize,
}

/// The record of a run.
#[derive(Debug, Default)]
pub struct Observed {
    /// Calls on each process.
    acts: BTreeMap<ProcessId, Vec<Seen>>,
    /// The tag each acknowledged item was submitted with.
    submitted: BTreeMap<ProcessId, String>,
    /// Tags of items whose submit got no answer, and when it was sent by whom.
    maybe_submitted: BTreeMap<String, (Identity, Moment)>,
    /// Acknowledged submits.
    acknowledged: Vec<Acknowledged>,
    /// Every lease anybody was told of.
    grants: Vec<Granted>,
    /// Leases at most that were granted without anybody being told.
    maybe_granted: u64,
    /// Processes whose holder gave them back.
    released: BTreeSet<ProcessId>,
    /// The tag each process carries, as seen.
    tags: BTreeMap<ProcessId, String>,
    /// All processes at the end, once they were looked at.
    at_the_end: Option<BTreeMap<ProcessId, Sight>>,
    /// Calls without an answer.
    maybes: u64,
    /// What no honest colony says, noticed on the spot.
    surprises: Vec<String>,
}

impl Observed {
    /// A submit was acknowledged: these processes carry these tags.
    pub fn submitted(&mut self, by: Identity, begin: Moment, end: Moment, items: &[(ProcessId, String)]) {
        self.acknowledged.push(Acknowledged { by, begin, end, items: items.len() });
        for (id, tag) in items {
            if self.submitted.insert(*id, tag.clone()).is_some() {
                self.surprises.push(format!("{id}: the same id was given to two submits"));
            }
            self.acts.entry(*id).or_default().push(Seen { by, begin, end: Some(end), act: Act::Submit });
        }
    }

    /// A submit got no answer.
    pub fn maybe_submitted(&mut self, by: Identity, begin: Moment, tags: impl IntoIterator<Item = String>) {
        self.maybes += 1;
        self.maybe_submitted.extend(tags.into_iter().map(|tag| (tag, (by, begin))));
    }

    /// An executor was given work.
    pub fn granted(&mut self, by: Identity, begin: Moment, end: Moment, process: &Process) {
        self.notice(process);
        let Some(lease) = process.lease else {
            self.surprises.push(format!("{}: assigned without a lease", process.id));
            return;
        };
        if lease.holder != by {
            self.surprises.push(format!("{}: {by} was told of the lease of {}", process.id, lease.holder));
        }
        let act = Act::Grant { token: lease.token, term: lease.term };
        self.acts.entry(process.id).or_default().push(Seen { by, begin, end: Some(end), act });
        self.grants.push(Granted {
            process: process.id,
            holder: by,
            token: lease.token,
            term: lease.term,
            at: lease.granted_at,
            heartbeat: lease.heartbeat,
            begin,
            end,
        });
    }

    /// An assign of at most `max` processes got no answer.
    pub fn maybe_granted(&mut self, max: u16) {
        self.maybes += 1;
        self.maybe_granted = self.maybe_granted.saturating_add(u64::from(max));
    }

    /// An assign was answered so late that up to so many leases it was granted had run out before.
    pub fn maybe_told(&mut self, leases: u16) {
        self.maybe_granted = self.maybe_granted.saturating_add(u64::from(leases));
    }

    /// Anything else about one process. Without an `end` it got no answer.
    pub fn acted(&mut self, process: ProcessId, seen: Seen) {
        self.maybes += u64::from(seen.end.is_none());
        if matches!(seen.act, Act::Release { .. }) {
            self.released.insert(process);
        }
        self.acts.entry(process).or_default().push(seen);
    }

    /// A linearizable read gave a process.
    pub fn read(&mut self, by: Identity, begin: Moment, end: Moment, process: &Process) {
        self.notice(process);
        let act = Act::Read(Sight::of(process));
        self.acts.entry(process.id).or_default().push(Seen { by, begin, end: Some(end), act });
    }

    /// A read of one node's own state gave a process: it may be old, but some moment must explain it.
    pub fn stale_read(&mut self, by: Identity, end: Moment, process: &Process) {
        self.read(by, Moment::START, end, process);
    }

    /// A linearizable read did not find a process.
    pub fn read_nothing(&mut self, by: Identity, begin: Moment, end: Moment, id: ProcessId) {
        self.acts.entry(id).or_default().push(Seen {
            by,
            begin,
            end: Some(end),
            act: Act::Read(Sight::Absent),
        });
    }

    /// All processes there are, at a time when nothing is asked: what was acknowledged and is not among them is gone.
    pub fn look(&mut self, by: Identity, begin: Moment, end: Moment, processes: &[Process]) {
        for process in processes {
            self.read(by, begin, end, process);
        }
        let there: BTreeSet<ProcessId> = processes.iter().map(|process| process.id).collect();
        let gone: Vec<ProcessId> = self.submitted.keys().filter(|id| !there.contains(id)).copied().collect();
        for id in gone {
            self.read_nothing(by, begin, end, id);
        }
    }

    /// The same, when nothing is asked any more.
    pub fn end(&mut self, by: Identity, begin: Moment, end: Moment, processes: &[Process]) {
        self.look(by, begin, end, processes);
        let seen = processes.iter().map(|process| (process.id, Sight::of(process)));
        self.at_the_end = Some(seen.collect());
    }

    /// Something that no honest colony says.
    pub fn surprise(&mut self, what: String) {
        self.surprises.push(what);
    }

    /// Acknowledged submits, in the order in which their answers were recorded.
    #[must_use]
    pub fn acknowledged(&self) -> &[Acknowledged] {
        &self.acknowledged
    }

    /// Every lease anybody was told of.
    #[must_use]
    pub fn grants(&self) -> &[Granted] {
        &self.grants
    }

    /// Calls on each process.
    #[must_use]
    pub const fn acts(&self) -> &BTreeMap<ProcessId, Vec<Seen>> {
        &self.acts
    }

    /// Processes whose submit was acknowledged.
    #[must_use]
    pub fn items_acknowledged(&self) -> usize {
        self.submitted.len()
    }

    /// Calls without an answer.
    #[must_use]
    pub const fn maybes(&self) -> u64 {
        self.maybes
    }

    fn notice(&mut self, process: &Process) {
        let tag = act::tag_of(process);
        if let Some(before) = self.tags.insert(process.id, tag.clone()).filter(|before| *before != tag) {
            self.surprises.push(format!("{}: was `{before}`, is `{tag}`", process.id));
        }
    }
}
