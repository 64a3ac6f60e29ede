//! What clients asked and were told under load, and what must then be true of the colony.
//!
//! A request without an answer is a *maybe*: it may have been carried out, so it proves nothing either way. Everything
//! else is a promise, and [`History`] remembers it across restarts of the node. Each promise that turns out broken becomes a line in
//! [`History::broken`]; nothing is ever forgiven.
//!
//! The load must use no time limits and unlimited retries, so that only a close can end a process.

mod fates;

use std::collections::{BTreeMap, BTreeSet};

use colony_protocol::{
    identity::Identity,
    model::{Process, ProcessId, State, Values},
};
pub use fates::{Attempt, Verdict};

/// Promises made so far, and those found broken.
#[derive(Debug, Default)]
pub struct History {
    /// Submits that were acknowledged.
    acknowledged: BTreeSet<ProcessId>,
    /// Who was given which token of a process.
    grants: BTreeMap<ProcessId, BTreeMap<u64, Identity>>,
    /// Attempts to end a process.
    attempts: BTreeMap<ProcessId, Vec<Attempt>>,
    /// Terminal states seen.
    ended: BTreeMap<ProcessId, (State, Values)>,
    /// Items of submits without an answer.
    maybe_submitted: u64,
    /// Broken promises.
    broken: Vec<String>,
}

impl History {
    /// A submit was acknowledged.
    pub fn submitted(&mut self, ids: &[ProcessId]) {
        for id in ids {
            if !self.acknowledged.insert(*id) {
                self.broken.push(format!("{id}: the same id was given to two submits"));
            }
        }
    }

    /// A submit of so many items got no answer.
    pub fn maybe_submitted(&mut self, items: usize) {
        self.maybe_submitted += u64::try_from(items).unwrap_or(u64::MAX);
    }

    /// An executor was told that it holds a process.
    pub fn granted(&mut self, holder: Identity, process: &Process) {
        let id = process.id;
        let Some(lease) = process.lease else {
            self.broken.push(format!("{id}: assigned without a lease"));
            return;
        };
        if self.grants.entry(id).or_default().insert(lease.token, holder).is_some() {
            self.broken.push(format!("{id}: token {} was granted twice", lease.token));
        }
        if let Some(closed) = self.closed_with(&id).filter(|closed| *closed < lease.token) {
            self.broken
                .push(format!("{id}: granted with token {} after its close with {closed}", lease.token));
        }
    }

    /// An executor tried to end a process.
    pub fn closed(&mut self, id: ProcessId, attempt: Attempt) {
        if attempt.verdict == Verdict::Acknowledged {
            if let Some(other) = self.closed_with(&id) {
                self.broken.push(format!("{id}: closed with token {} and with {other}", attempt.token));
            }
            let latest = self.latest_grant(&id);
            if latest > attempt.token {
                self.broken.push(format!(
                    "{id}: stale token {} was accepted; {latest} had been granted",
                    attempt.token
                ));
            }
        }
        self.attempts.entry(id).or_default().push(attempt);
    }

    /// The node shows a process: after a restart, or at the end.
    pub fn seen(&mut self, process: &Process) {
        let now = (process.state, process.output.clone());
        if let Some(before) = self.ended.get(&process.id).filter(|before| **before != now) {
            self.broken.push(format!("{}: was {before:?}, is {now:?}", process.id));
        }
        if process.state.is_terminal() {
            if !self.fates_of(&process.id).iter().any(|attempt| attempt.may_have_ended(process)) {
                self.broken.push(format!("{}: nobody could have made it {now:?}", process.id));
            }
            self.ended.insert(process.id, now);
        } else if let Some(token) = self.closed_with(&process.id) {
            self.broken.push(format!(
                "{}: closed with token {token}, but {}",
                process.id,
                process.state.word()
            ));
        }
    }

    /// The node does not know a process.
    pub fn missing(&mut self, id: &ProcessId) {
        if self.acknowledged.contains(id) {
            self.broken.push(format!("{id}: acknowledged, but not there"));
        }
    }

    /// Everything that must be there.
    #[must_use]
    pub const fn acknowledged(&self) -> &BTreeSet<ProcessId> {
        &self.acknowledged
    }

    /// How many processes may exist at most.
    #[must_use]
    pub fn at_most(&self) -> u64 {
        self.maybe_submitted.saturating_add(u64::try_from(self.acknowledged.len()).unwrap_or(u64::MAX))
    }

    /// How many closes were acknowledged.
    #[must_use]
    pub fn closes(&self) -> usize {
        self.attempts.values().flatten().filter(|attempt| attempt.verdict == Verdict::Acknowledged).count()
    }

    /// Attempts to end a process: acknowledged, refused, without answer.
    #[must_use]
    pub fn tally(&self) -> [usize; 3] {
        [Verdict::Acknowledged, Verdict::Refused, Verdict::Unknown].map(|verdict| {
            self.attempts.values().flatten().filter(|attempt| attempt.verdict == verdict).count()
        })
    }

    /// Promises found broken.
    #[must_use]
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    fn fates_of(&self, id: &ProcessId) -> &[Attempt] {
        self.attempts.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    fn closed_with(&self, id: &ProcessId) -> Option<u64> {
        let mut fates = self.fates_of(id).iter();
        fates.find(|attempt| attempt.verdict == Verdict::Acknowledged).map(|attempt| attempt.token)
    }

    fn latest_grant(&self, id: &ProcessId) -> u64 {
        self.grants.get(id).and_then(|grants| grants.last_key_value()).map_or(0, |(token, _)| *token)
    }
}

#[cfg(test)]
mod tests;
