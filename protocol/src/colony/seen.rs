//! Remembered requests: a request id is an idempotency key, so the same request gives the same answer, once.
//!
//! The answer is kept small: numbers instead of ids and processes. What is remembered is forgotten when the request
//! expires, because from then on it is refused for its age; it is stored in slices of time, so that forgetting is
//! dropping a row.
//!
//! What may never happen: a request of a member applied twice; memory that strangers can fill.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Call, Colony, Outbox, RowKey, submit::Origin};
use crate::{
    bounded::Text,
    envelope::RequestId,
    identity::Identity,
    model::{
        BlueprintId, CronId, DefinitionId, FileId, GeneratorId, Process, ProcessId, SnapshotId, State,
        WorkflowId,
    },
    mutant,
    refusal::Refusal,
    reply::{LeaseStatus, Reply},
    time::Timestamp,
};

/// Microseconds of expiry that share a row: 131 ms. Long enough that rows are few, short enough that a row which is
/// written again with each request stays small.
const SLICE: u64 = 131_072;
/// Most requests remembered: about 300 MB. A coordinator at its limit of 3,600 signatures a second needs ten minutes
/// of longest-lived requests to fill it.
const SEEN_MAX: usize = 2_000_000;
/// Most requests remembered of one caller, so that one cannot take the room of all.
const SEEN_PER_CALLER: usize = 1_000_000;

/// What was answered, in little space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Outcome {
    Done,
    Submitted {
        first: u64,
        count: u64,
    },
    WorkflowSubmitted {
        workflow: u64,
        first: u64,
        count: u64,
    },
    Assigned(Vec<(u64, u64)>),
    Renewed(Vec<LeaseStatus>),
    /// How many items, and which were refused.
    Closed(u64, Vec<(u64, Refusal)>),
    ChildAdded(u64),
    FunctionAdded(u64),
    Removed(u64),
    Refused(Refusal),
    /// Who became a member.
    Joined(Identity),
    FileAdded(FileId),
    SnapshotCreated(SnapshotId),
    DefinitionAdded(DefinitionId),
    BlueprintSet(BlueprintId, Option<ProcessId>),
    Appended(u64),
    CronAdded(CronId),
    CronStarted(WorkflowId),
    GeneratorAdded(GeneratorId),
    Packed {
        waiting: u64,
        started: Vec<WorkflowId>,
    },
}

/// Remembered requests, by caller, and by the slice in which they expire.
#[derive(Debug, Default)]
pub(super) struct Seen {
    callers: BTreeMap<Identity, BTreeMap<RequestId, (Timestamp, Outcome)>>,
    slices: BTreeMap<u64, Vec<(Identity, RequestId)>>,
    count: usize,
}

impl Seen {
    /// Forgets all slices that lie wholly in the past.
    pub(super) fn purge(&mut self, now: Timestamp, out: &mut Outbox) {
        let current = now.as_micros() / SLICE;
        while let Some(slice) = self.slices.first_entry().filter(|slice| *slice.key() < current) {
            out.touch(RowKey::Seen(*slice.key()));
            for (by, request) in slice.remove() {
                self.count = self.count.saturating_sub(1);
                if let Some(requests) = self.callers.get_mut(&by) {
                    requests.remove(&request);
                    if requests.is_empty() {
                        self.callers.remove(&by);
                    }
                }
            }
        }
    }

    /// Refuses before anything is applied that could not be remembered.
    pub(super) fn room_for(&self, by: &Identity) -> Result<(), Refusal> {
        let own = self.callers.get(by).map_or(0, BTreeMap::len);
        if self.count >= SEEN_MAX || own >= SEEN_PER_CALLER {
            return Err(Refusal::Busy(Text::cut("too many requests are remembered; try again in a minute")));
        }
        Ok(())
    }

    fn put(&mut self, by: Identity, request: RequestId, expires: Timestamp, outcome: Outcome) -> u64 {
        let slice = expires.as_micros() / SLICE;
        if self.callers.entry(by).or_default().insert(request, (expires, outcome)).is_none() {
            self.slices.entry(slice).or_default().push((by, request));
            self.count = self.count.saturating_add(1);
        }
        slice
    }

    /// What the row of a slice holds; `None` if there is no such slice.
    pub(super) fn slice(&self, slice: u64) -> Option<impl Serialize> {
        let rows = self.slices.get(&slice)?.iter().filter_map(|(by, request)| {
            let (expires, outcome) = self.callers.get(by)?.get(request)?;
            Some((by, request, expires, outcome))
        });
        Some(rows.collect::<Vec<_>>())
    }

    /// Takes back what [`Self::slice`] gave.
    pub(super) fn restore(&mut self, rows: SliceRow) {
        for (by, request, expires, outcome) in rows.0 {
            self.put(by, request, expires, outcome);
        }
    }
}

/// The row of a slice, in the order in which the requests were applied.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct SliceRow(Vec<(Identity, RequestId, Timestamp, Outcome)>);

impl Colony {
    /// Whether this request was carried out before, so that proposing it again gives its first answer.
    #[must_use]
    pub fn remembers(&self, by: &Identity, request: &RequestId) -> bool {
        self.seen.callers.get(by).is_some_and(|requests| requests.contains_key(request))
    }

    /// The answer this request got before.
    pub(super) fn recall(&self, call: &Call) -> Option<Result<Reply, Refusal>> {
        if mutant::is("forget-requests") {
            return None;
        }
        let (_, outcome) = self.seen.callers.get(&call.by)?.get(&call.request)?;
        let processes = |first: u64, count: u64| {
            let numbers = first..first.saturating_add(count);
            numbers.map(|number| self.process_id(&call.origin(), number)).collect()
        };
        Some(Ok(match outcome {
            Outcome::Refused(refusal) => return Some(Err(refusal.clone())),
            Outcome::Done => Reply::Done,
            Outcome::Submitted { first, count } => Reply::Submitted(processes(*first, *count)),
            Outcome::WorkflowSubmitted { workflow, first, count } => Reply::WorkflowSubmitted {
                workflow: self.workflow_id(&call.origin(), *workflow),
                processes: processes(*first, *count),
            },
            Outcome::Assigned(leases) => {
                Reply::Assigned { processes: self.still_held(&call.by, leases), paused: false }
            }
            Outcome::Renewed(statuses) => Reply::Renewed(statuses.clone()),
            Outcome::Closed(count, refused) => Reply::Closed(closed(*count, refused)),
            Outcome::ChildAdded(number) => Reply::ChildAdded(self.process_id(&call.origin(), *number)),
            Outcome::FunctionAdded(number) => Reply::FunctionAdded(*number),
            Outcome::Removed(count) => Reply::Removed(*count),
            Outcome::Joined(id) => return Some(self.joined(id)),
            Outcome::FileAdded(id) => Reply::FileAdded(*id),
            Outcome::SnapshotCreated(id) => Reply::SnapshotCreated(*id),
            Outcome::DefinitionAdded(id) => Reply::DefinitionAdded(*id),
            Outcome::BlueprintSet(blueprint, process) => {
                Reply::BlueprintSet { blueprint: *blueprint, process: *process }
            }
            Outcome::Appended(length) => Reply::Appended(*length),
            Outcome::CronAdded(id) => Reply::CronAdded(*id),
            Outcome::CronStarted(workflow) => Reply::CronStarted(*workflow),
            Outcome::GeneratorAdded(id) => Reply::GeneratorAdded(*id),
            Outcome::Packed { waiting, started } => {
                Reply::Packed { waiting: *waiting, started: started.clone() }
            }
        }))
    }

    /// Keeps the answer, if the caller must not get another one when the request comes again.
    pub(super) fn remember(&mut self, call: &Call, answer: &Result<Reply, Refusal>, out: &mut Outbox) {
        let Some(outcome) = summary(answer) else { return };
        let slice = self.seen.put(call.by, call.request, call.expires, outcome);
        out.touch(RowKey::Seen(slice));
    }

    pub(super) fn process_id(&self, origin: &Origin, number: u64) -> ProcessId {
        ProcessId::make(&self.id, &origin.by, &origin.request, number)
    }

    pub(super) fn workflow_id(&self, origin: &Origin, number: u64) -> WorkflowId {
        WorkflowId::make(&self.id, &origin.by, &origin.request, number)
    }

    fn still_held(&self, by: &Identity, leases: &[(u64, u64)]) -> Vec<Process> {
        let held = leases.iter().filter_map(|(number, token)| {
            let process = self.processes.get(number)?;
            let holds = process.lease.is_some_and(|lease| lease.holder == *by && lease.token == *token);
            (process.state == State::Running && holds).then(|| Process::clone(process))
        });
        held.collect()
    }
}

fn closed(count: u64, refused: &[(u64, Refusal)]) -> Vec<Result<(), Refusal>> {
    let mut refused = refused.iter().peekable();
    let answers = (0..count).map(|place| match refused.next_if(|(at, _)| *at == place) {
        Some((_, refusal)) => Err(refusal.clone()),
        None => Ok(()),
    });
    answers.collect()
}

/// What to keep of an answer; `None` if the same request may be decided anew.
fn summary(answer: &Result<Reply, Refusal>) -> Option<Outcome> {
    let reply = match answer {
        Ok(reply) => reply,
        // It shall be tried again when there is room.
        Err(Refusal::Busy(_)) => return None,
        Err(refusal) => return Some(Outcome::Refused(refusal.clone())),
    };
    let first = |ids: &[ProcessId]| ids.first().map_or(0, ProcessId::number);
    Some(match reply {
        // The coordinator may propose a waiting request again when there is work.
        Reply::Assigned { processes, .. } if processes.is_empty() => return None,
        Reply::Assigned { processes, .. } => {
            if mutant::is("forget-grants") {
                return None;
            }
            Outcome::Assigned(processes.iter().map(|process| (process.number(), process.token)).collect())
        }
        Reply::Done => Outcome::Done,
        Reply::Submitted(ids) => Outcome::Submitted { first: first(ids), count: ids.len() as u64 },
        Reply::WorkflowSubmitted { workflow, processes } => Outcome::WorkflowSubmitted {
            workflow: workflow.number(),
            first: first(processes),
            count: processes.len() as u64,
        },
        Reply::Renewed(statuses) => Outcome::Renewed(statuses.clone()),
        Reply::Closed(items) => Outcome::Closed(items.len() as u64, refused(items)),
        Reply::ChildAdded(id) => Outcome::ChildAdded(id.number()),
        Reply::FunctionAdded(number) => Outcome::FunctionAdded(*number),
        Reply::Removed(count) => Outcome::Removed(*count),
        Reply::Joined { member, .. } => Outcome::Joined(member.id),
        Reply::FileAdded(id) => Outcome::FileAdded(*id),
        Reply::SnapshotCreated(id) => Outcome::SnapshotCreated(*id),
        Reply::DefinitionAdded(id) => Outcome::DefinitionAdded(*id),
        Reply::BlueprintSet { blueprint, process } => Outcome::BlueprintSet(*blueprint, *process),
        Reply::Appended(length) => Outcome::Appended(*length),
        Reply::CronAdded(id) => Outcome::CronAdded(*id),
        Reply::CronStarted(workflow) => Outcome::CronStarted(*workflow),
        Reply::GeneratorAdded(id) => Outcome::GeneratorAdded(*id),
        Reply::Packed { waiting, started } => Outcome::Packed { waiting: *waiting, started: started.clone() },
    })
}

fn refused(items: &[Result<(), Refusal>]) -> Vec<(u64, Refusal)> {
    let numbered = (0u64..).zip(items);
    numbered.filter_map(|(place, item)| item.as_ref().err().map(|why| (place, why.clone()))).collect()
}
