//! Sentences that must be true of a run, whatever the order of its calls. Each broken one becomes a line.

use std::collections::{BTreeMap, BTreeSet};

use colony_protocol::model::{ProcessId, State};

use super::{
    Granted, Observed,
    act::{Act, Ending, Sight, Told},
    clock::Moment,
};

impl Observed {
    /// All that was broken; empty after an honest run.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let mut broken = self.surprises.clone();
        broken.extend(self.lost());
        broken.extend(self.doubled());
        broken.extend(self.ended_otherwise());
        broken.extend(self.granted_twice());
        broken.extend(self.out_of_thin_air());
        broken.extend(self.deposed());
        broken.extend(self.cut_short());
        broken
    }

    /// G1: every acknowledged item is there at the end.
    fn lost(&self) -> Vec<String> {
        let Some(there) = &self.at_the_end else { return Vec::new() };
        let lost = self.submitted.keys().filter(|id| !there.contains_key(id));
        lost.map(|id| format!("{id}: acknowledged, but not there at the end")).collect()
    }

    /// An item was queued at most once, however often its request was sent; and only what was submitted is there.
    fn doubled(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let mut of_tag: BTreeMap<&str, ProcessId> = BTreeMap::new();
        let known: BTreeSet<&str> =
            self.submitted.values().chain(self.maybe_submitted.keys()).map(String::as_str).collect();
        for (id, tag) in &self.tags {
            if !known.contains(tag.as_str()) {
                broken.push(format!("{id}: nobody submitted `{tag}`"));
            }
            if let Some(other) = of_tag.insert(tag, *id) {
                broken.push(format!("`{tag}` was queued twice: as {other} and as {id}"));
            }
        }
        let wrong =
            self.submitted.iter().filter(|(id, tag)| self.tags.get(id).is_some_and(|seen| seen != *tag));
        broken
            .extend(wrong.map(|(id, tag)| format!("{id}: acknowledged for `{tag}`, but it is another item")));
        broken
    }

    /// G2, G3: one acknowledged ending at most, and at the end exactly it; without one, an unanswered attempt.
    fn ended_otherwise(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (id, seen) in &self.acts {
            let attempts = |wanted: Told| {
                let endings = seen.iter().filter_map(move |seen| ending_of(&seen.act, wanted));
                endings.collect::<Vec<Ending>>()
            };
            let acknowledged = attempts(Told::Done);
            if acknowledged.len() > 1 {
                broken.push(format!("{id}: ended {} times: {acknowledged:?}", acknowledged.len()));
            }
            match self.at_the_end.as_ref().and_then(|there| there.get(id)) {
                Some(Sight::Ended { ending, .. }) => {
                    let possible =
                        if acknowledged.is_empty() { attempts(Told::Nothing) } else { acknowledged };
                    if !possible.contains(ending) {
                        broken.push(format!("{id}: {ending:?} at the end, but it can only be {possible:?}"));
                    }
                }
                Some(other) if !acknowledged.is_empty() => {
                    broken.push(format!("{id}: ended as {acknowledged:?}, but is {other:?}"));
                }
                _ => {}
            }
        }
        broken
    }

    /// A token belongs to one holder, ever.
    fn granted_twice(&self) -> Vec<String> {
        let mut holders = BTreeMap::new();
        let mut broken = Vec::new();
        for grant in &self.grants {
            if let Some(before) = holders.insert((grant.process, grant.token), grant.holder) {
                let Granted { process, token, holder, .. } = grant;
                broken.push(format!("{process}: token {token} was granted to {before} and to {holder}"));
            }
        }
        broken
    }

    /// A token is skipped only when its holder was never told.
    fn out_of_thin_air(&self) -> Option<String> {
        let mut known: BTreeMap<ProcessId, BTreeSet<u64>> = BTreeMap::new();
        for grant in &self.grants {
            known.entry(grant.process).or_default().insert(grant.token);
        }
        let skipped = known.values().map(|tokens| {
            let told = u64::try_from(tokens.len()).unwrap_or(u64::MAX);
            tokens.last().map_or(0, |last| last.saturating_sub(told))
        });
        let skipped: u64 = skipped.sum();
        let most = self.maybe_granted;
        (skipped > most)
            .then(|| format!("{skipped} leases were granted to nobody; {most} at most can have been"))
    }

    /// Terms and the colony's time never go back: who asks after somebody was told of a newer term is not served by an
    /// older coordinator.
    fn deposed(&self) -> Vec<String> {
        let mut by_begin: Vec<&Granted> = self.grants.iter().collect();
        by_begin.sort_by_key(|grant| grant.begin);
        let mut by_end: Vec<&Granted> = self.grants.iter().collect();
        by_end.sort_by_key(|grant| grant.end);
        let mut told = by_end.into_iter().peekable();
        let (mut term, mut at) = (None::<&Granted>, None::<&Granted>);
        let mut broken = Vec::new();
        for grant in by_begin {
            while let Some(earlier) = told.next_if(|earlier| earlier.end < grant.begin) {
                if term.is_none_or(|newest| earlier.term > newest.term) {
                    term = Some(earlier);
                }
                if at.is_none_or(|latest| earlier.at > latest.at) {
                    at = Some(earlier);
                }
            }
            if let Some(newest) = term.filter(|newest| newest.term > grant.term) {
                broken
                    .push(format!("a lease of term {} after one of {}: {grant:?}", grant.term, newest.term));
            }
            if let Some(latest) = at.filter(|latest| latest.at > grant.at) {
                broken.push(format!("the colony's time went back from {:?}: {grant:?}", latest.at));
            }
        }
        broken
    }

    /// A lease lasts at least as long as was promised when it was granted, unless its holder gave it back.
    fn cut_short(&self) -> Vec<String> {
        let mut by_token: Vec<&Granted> = self.grants.iter().collect();
        by_token.sort_by_key(|grant| (grant.process, grant.token));
        let pairs = by_token.windows(2).filter(|pair| pair[0].process == pair[1].process);
        let short = pairs.filter(|pair| {
            let least = pair[0].heartbeat.map(|heartbeat| pair[0].at.after(heartbeat));
            least.is_some_and(|least| pair[1].at < least) && !self.released.contains(&pair[0].process)
        });
        short.map(|pair| format!("a lease was cut short: {:?}, then {:?}", pair[0], pair[1])).collect()
    }

    /// What callers of one side were granted or acknowledged by calls that began and ended within a time: for a side
    /// that must not be able to.
    #[must_use]
    pub fn answered(
        &self,
        by: &BTreeSet<colony_protocol::identity::Identity>,
        from: Moment,
        to: Moment,
    ) -> Vec<String> {
        let within = |begin: Moment, end: Moment| begin > from && end < to;
        let mut said = Vec::new();
        for (id, seen) in &self.acts {
            let bad = seen.iter().filter(|seen| by.contains(&seen.by) && is_change(&seen.act));
            let bad = bad.filter(|seen| seen.end.is_some_and(|end| within(seen.begin, end)));
            said.extend(bad.map(|seen| format!("{id}: {seen:?}")));
        }
        said
    }

    /// Processes that had ended at the end, and those that had not.
    #[must_use]
    pub fn ended(&self) -> (usize, usize) {
        let Some(there) = &self.at_the_end else { return (0, 0) };
        let ended = there.values().filter(|sight| matches!(sight, Sight::Ended { .. })).count();
        (ended, there.len() - ended)
    }
}

/// The ending an act asked for, if it was told this.
fn ending_of(act: &Act, wanted: Told) -> Option<Ending> {
    match *act {
        Act::Close { ending, told, .. } if told == wanted => Some(ending),
        Act::Cancel { told } if told == wanted => Some(Ending { state: State::Cancelled, mark: 0 }),
        _ => None,
    }
}

/// Whether this answer needs a quorum: a change that was carried out, or a read that says it is current.
const fn is_change(act: &Act) -> bool {
    match act {
        Act::Submit | Act::Grant { .. } | Act::Read(_) => true,
        Act::Renew { status, .. } => matches!(status, colony_protocol::reply::LeaseStatus::Live(_)),
        Act::Close { told, .. } | Act::Release { told, .. } | Act::Cancel { told } => {
            matches!(told, Told::Done)
        }
    }
}
