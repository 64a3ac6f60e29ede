//! Who holds what, and by when each holder must be heard.
//!
//! A heartbeat is a promise of an executor, not of a process: one call renews all leases of its caller. So the
//! deadline stands here once per executor, and a call costs the same whatever the number of its leases.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    identity::Identity,
    model::{ContactPlan, Process},
    time::{Span, Timestamp},
};

/// Live leases by holder.
#[derive(Debug, Default)]
pub(super) struct Leases {
    holders: BTreeMap<Identity, Holder>,
    /// When each holder that promised to be heard loses its first lease.
    silences: BTreeSet<(Timestamp, Identity)>,
    /// When those can be reached who said so, whether they hold anything or not.
    plans: BTreeMap<Identity, ContactPlan>,
}

#[derive(Debug, Default)]
struct Holder {
    heard: Timestamp,
    processes: BTreeSet<u64>,
    /// Leases with a promise, the most impatient first.
    promised: BTreeSet<(Span, u64)>,
}

impl Holder {
    fn renew_by(&self, plan: Option<&ContactPlan>, heartbeat: Span) -> Timestamp {
        plan.map_or_else(|| self.heard.after(heartbeat), |plan| plan.renew_by(self.heard, heartbeat))
    }

    fn silence(&self, plan: Option<&ContactPlan>) -> Option<Timestamp> {
        self.promised.first().map(|(heartbeat, _)| self.renew_by(plan, *heartbeat))
    }
}

impl Leases {
    pub(super) fn insert(&mut self, process: &Process) {
        let Some(lease) = process.lease else { return };
        self.change(&lease.holder, |holder| {
            holder.heard = holder.heard.max(lease.granted_at);
            holder.processes.insert(process.number());
            holder.promised.extend(lease.heartbeat.map(|heartbeat| (heartbeat, process.number())));
        });
    }

    pub(super) fn remove(&mut self, process: &Process) {
        let Some(lease) = process.lease else { return };
        self.change(&lease.holder, |holder| {
            holder.processes.remove(&process.number());
            if let Some(heartbeat) = lease.heartbeat {
                holder.promised.remove(&(heartbeat, process.number()));
            }
        });
    }

    /// The holder was heard; says nothing about executors that hold nothing.
    pub(super) fn heard(&mut self, id: &Identity, now: Timestamp) {
        if self.holders.contains_key(id) {
            self.change(id, |holder| holder.heard = holder.heard.max(now));
        }
    }

    /// Processes an executor holds.
    pub(super) fn of(&self, id: &Identity) -> Vec<u64> {
        self.holders.get(id).map(|holder| holder.processes.iter().copied().collect()).unwrap_or_default()
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.holders.values().map(|holder| holder.processes.len() as u64).sum()
    }

    /// Whether an executor holds anything.
    pub(super) fn holds(&self, id: &Identity) -> bool {
        self.holders.contains_key(id)
    }

    /// When a lease is lost unless its holder is heard again.
    pub(super) fn renew_by(&self, id: &Identity, heartbeat: Span) -> Option<Timestamp> {
        self.holders.get(id).map(|holder| holder.renew_by(self.plans.get(id), heartbeat))
    }

    /// The next moment at which a holder has been silent too long.
    pub(super) fn next_silence(&self) -> Option<(Timestamp, Identity)> {
        self.silences.first().copied()
    }

    /// Processes that a holder has been silent about too long.
    pub(super) fn silent(&self, id: &Identity, now: Timestamp) -> Vec<u64> {
        let Some(holder) = self.holders.get(id) else { return Vec::new() };
        let plan = self.plans.get(id);
        let promised = holder.promised.iter();
        promised
            .take_while(|(heartbeat, _)| holder.renew_by(plan, *heartbeat) <= now)
            .map(|(_, number)| *number)
            .collect()
    }

    /// An executor says when it can be reached; no windows: always.
    pub(super) fn plan(&mut self, id: &Identity, plan: &ContactPlan) {
        let holder = self.holders.get(id);
        let old = holder.and_then(|holder| holder.silence(self.plans.get(id)));
        if plan.windows.is_empty() {
            self.plans.remove(id);
        } else {
            self.plans.insert(*id, plan.clone());
        }
        let new = self.holders.get(id).and_then(|holder| holder.silence(self.plans.get(id)));
        self.move_silence(id, old, new);
    }

    /// Who said when it can be reached.
    pub(super) fn planned(&self) -> impl Iterator<Item = &Identity> {
        self.plans.keys()
    }

    fn change(&mut self, id: &Identity, change: impl FnOnce(&mut Holder)) {
        let plan = self.plans.get(id);
        let holder = self.holders.entry(*id).or_default();
        let old = holder.silence(plan);
        change(holder);
        let new = holder.silence(plan);
        if holder.processes.is_empty() {
            self.holders.remove(id);
        }
        self.move_silence(id, old, new);
    }

    fn move_silence(&mut self, id: &Identity, old: Option<Timestamp>, new: Option<Timestamp>) {
        if old != new {
            if let Some(old) = old {
                self.silences.remove(&(old, *id));
            }
            self.silences.extend(new.map(|new| (new, *id)));
        }
    }
}
