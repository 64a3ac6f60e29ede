//! Gives work to an executor: each process with a lease and the next fencing token.
//!
//! The coordinator asks [`Colony::candidates`] before it proposes an assign; what is given is decided again when the
//! entry is applied, so nothing goes wrong if the queue changed in between.

use std::collections::BTreeSet;

use super::{Colony, Outbox, matching::Offer, weight};
use crate::{
    command::{Assign, BATCH_MAX, WAIT_MAX},
    identity::Identity,
    model::{Executor, Lease, Process, State, Values},
    mutant,
    refusal::Refusal,
    reply::Reply,
    time::Span,
};

/// Bounds of a promised heartbeat. Shorter would lose leases to a hiccup of the network, longer is no promise.
const HEARTBEAT_MIN: Span = Span::from_secs(1);
/// See [`HEARTBEAT_MIN`].
const HEARTBEAT_MAX: Span = Span::from_secs(3_600);
/// Bytes after which an answer takes no further process: half a frame, since one process may take the other half.
const ANSWER_BYTES: usize = crate::rpc::OUTCOME_MAX / 2;
/// What is applied is given whatever was reserved for others: they were promised it by the same coordinator, in order.
static NONE: BTreeSet<u64> = BTreeSet::new();

impl Colony {
    /// Numbers of the processes that `by` would be given now, in order, at most `limit`, without those `reserved`
    /// for requests that were proposed but not yet applied.
    ///
    /// # Errors
    /// The [`Refusal`] that applying `ask` would give.
    pub fn candidates(
        &self,
        by: &Identity,
        ask: &Assign,
        reserved: &BTreeSet<u64>,
        limit: usize,
    ) -> Result<Vec<u64>, Refusal> {
        let executor = self.approved(by)?;
        check(ask)?;
        if self.meta.paused {
            return Ok(Vec::new());
        }
        let limit = limit.min(usize::from(ask.max));
        Ok(self.matching(executor, ask, reserved).take(limit).collect())
    }

    /// What an executor may take, in order, without those `reserved` for others. What it takes of it is what it owes when
    /// the next is looked at.
    fn matching<'a>(
        &'a self,
        executor: &'a Executor,
        ask: &Assign,
        reserved: &'a BTreeSet<u64>,
    ) -> impl Iterator<Item = u64> + use<'a> {
        let offer = Offer::new(executor, ask.available_cpu, ask.available_memory);
        let fits = move |demand: &_| offer.fits(demand);
        let found = self.index.queue.matching(&executor.executor_type, &executor.name, fits);
        let has_plan = !executor.contacts.windows.is_empty();
        let mut owed = if has_plan { self.index.leases.of(&executor.id).len() } else { 0 };
        found.filter(move |number| {
            if reserved.contains(number) {
                return false;
            }
            let process = self.processes.get(number);
            let returns = process.is_some_and(|process| self.returns(executor, process, owed).is_ok());
            owed = owed.saturating_add(usize::from(returns));
            returns
        })
    }

    pub(super) fn assign(
        &mut self,
        by: &Identity,
        term: u64,
        ask: &Assign,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let executor = self.approved(by)?;
        check(ask)?;
        if self.meta.paused {
            return Ok(Reply::Assigned { processes: Vec::new(), paused: true });
        }
        let found: Vec<u64> = self.matching(executor, ask, &NONE).take(usize::from(ask.max)).collect();
        let holder = (executor.id, executor.name.clone());
        let contacts = executor.contacts.clone();
        let heartbeat = ask.heartbeat.filter(|_| !mutant::is("grant-for-ever"));
        let mut bytes = 0_usize;
        let mut processes = Vec::with_capacity(found.len());
        for number in found {
            if bytes > ANSWER_BYTES {
                break;
            }
            let lease = Lease {
                holder: holder.0,
                token: 0,
                term,
                granted_at: self.meta.now,
                heartbeat,
                renew_by: heartbeat.map(|heartbeat| contacts.renew_by(self.meta.now, heartbeat)),
                hard_deadline: None,
            };
            self.grant(number, lease, &holder.1, out);
            if let Some(process) = self.processes.get(&number) {
                bytes = bytes.saturating_add(weight::of_process(process));
                processes.push(Process::clone(process));
            }
        }
        Ok(Reply::Assigned { processes, paused: false })
    }

    /// Starts a process: fills in its input, token and hard deadline.
    fn grant(&mut self, number: u64, lease: Lease, name: &crate::model::Name, out: &mut Outbox) {
        let input = self.input_from_parents(number);
        let now = self.meta.now;
        self.change(number, out, |process| {
            let token = process
                .token
                .saturating_add(u64::from(!mutant::is("use-a-token-again") || process.token == 0));
            let hard_deadline = process.spec.max_exec_time.as_seconds().map(|span| now.after(span));
            process.state = State::Running;
            process.token = token;
            process.assigned_to = Some(lease.holder).filter(|_| !mutant::is("forget-the-holder"));
            process.executor_name = name.clone();
            process.started_at = Some(now);
            process.ended_at = None;
            process.lease = Some(Lease { token, hard_deadline, ..lease });
            if let Some(input) = input {
                process.input = input;
            }
        });
        self.settle_workflow_of(number, out);
    }

    /// The outputs of the parents behind what was given at submission. Only the first holder's grant adds them:
    /// parents have succeeded by then, and their outputs never change again.
    fn input_from_parents(&self, number: u64) -> Option<Values> {
        let process = self.processes.get(&number)?;
        if process.token > 0 || process.parents.is_empty() {
            return None;
        }
        let parents = process.parents.iter().filter_map(|parent| self.processes.get(&parent.number()));
        let all = std::iter::once(&process.input).chain(parents.map(|parent| &parent.output));
        Values::new(all.flatten().cloned().collect()).ok()
    }
}

fn check(ask: &Assign) -> Result<(), Refusal> {
    if ask.max == 0 || usize::from(ask.max) > BATCH_MAX {
        return Err(Refusal::invalid("max", format!("{} is not between 1 and {BATCH_MAX}", ask.max)));
    }
    if ask.wait > WAIT_MAX {
        return Err(Refusal::invalid("wait", format!("{:?} is above {WAIT_MAX:?}", ask.wait)));
    }
    if let Some(heartbeat) = ask.heartbeat.filter(|span| !(HEARTBEAT_MIN..=HEARTBEAT_MAX).contains(span)) {
        let why = format!("{heartbeat:?} is not between {HEARTBEAT_MIN:?} and {HEARTBEAT_MAX:?}");
        return Err(Refusal::invalid("heartbeat", why));
    }
    Ok(())
}
