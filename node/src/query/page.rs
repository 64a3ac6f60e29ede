//! Lists: filtered, newest first, a page at a time, over live and archived work alike.
//!
//! Live rows are copied while the state is locked, then the archive is read. Something that is archived in between is
//! seen twice and told once. A page ends early when its rows are large: a client that wants all asks on, with the last
//! number as its cursor, until a page is empty.

use std::{collections::BTreeMap, ops::ControlFlow};

use colony_protocol::{
    bounded::Json,
    model::{FunctionSpec, Process, State, Workflow},
    query::{PAGE_MAX, ProcessFilter, Selector},
    refusal::Refusal,
};

use super::{ANSWER_BYTES_MAX, Desk, storage};

/// Most archived rows one list looks at: a filter that fits nothing must not read an archive of years. At a
/// microsecond or two a row this is some tenths of a second on the pool.
const SCAN_MAX: usize = 100_000;
/// Processes of a workflow that are read together.
const TOGETHER: usize = 1_024;
/// What a process costs on the wire beside its variable parts.
const PROCESS_BYTES: usize = 512;

impl Desk {
    /// A page of processes.
    pub(super) fn processes(&self, filter: &ProcessFilter) -> Result<Vec<Process>, Refusal> {
        let limit = limit(filter.limit);
        let fits = |process: &Process| fits(filter, process);
        if let Some(workflow) = filter.workflow {
            let workflow = self.workflow(&Selector::from(workflow))?;
            let mut numbers: Vec<u64> = workflow.processes.iter().map(|id| id.number()).collect();
            numbers.sort_unstable_by(|one, other| other.cmp(one));
            return self.by_number(numbers.into_iter(), fits, limit);
        }
        let live = self.live_processes(filter, limit)?;
        let found = match filter.state {
            // The archive holds what ended.
            Some(State::Waiting | State::Running) => live,
            _ => {
                let mut merged =
                    Merged::new(live.into_iter().map(|process| (process.number(), process)), limit);
                let archive = self.view.archived_processes(filter.before, |process| {
                    let fitting = fits(&process);
                    merged.add(process.number(), fitting.then_some(process))
                });
                archive.map_err(storage)?;
                merged.newest()
            }
        };
        Ok(cut(found))
    }

    /// Live processes that fit, waiting ones in the order of the queue, others newest first.
    fn live_processes(&self, filter: &ProcessFilter, limit: usize) -> Result<Vec<Process>, Refusal> {
        let colony = self.colony()?;
        let fitting = |process: &&Process| fits(filter, process);
        if filter.state != Some(State::Waiting) {
            return Ok(colony.live_processes().rev().filter(fitting).take(limit).cloned().collect());
        }
        // Those that wait for their parents are in no queue yet; they come last.
        let held = colony.live_processes().filter(|process| process.waits_for_parents);
        Ok(colony.queue().chain(held).filter(fitting).take(limit).cloned().collect())
    }

    /// A page of workflows.
    pub(super) fn workflows(
        &self,
        state: Option<State>,
        before: Option<u64>,
        limit: u16,
    ) -> Result<Vec<Workflow>, Refusal> {
        let limit = self::limit(limit);
        let fits = |workflow: &Workflow| {
            state.is_none_or(|state| workflow.state == state)
                && before.is_none_or(|before| workflow.id.number() < before)
        };
        let live: Vec<Workflow> = {
            let colony = self.colony()?;
            colony.live_workflows().rev().filter(|workflow| fits(workflow)).take(limit).cloned().collect()
        };
        let mut merged =
            Merged::new(live.into_iter().map(|workflow| (workflow.id.number(), workflow)), limit);
        let archive = self.view.archived_workflows(before, |workflow| {
            let fitting = fits(&workflow);
            merged.add(workflow.id.number(), fitting.then_some(workflow))
        });
        archive.map_err(storage)?;
        let mut found = merged.newest();
        let mut room = ANSWER_BYTES_MAX;
        found.truncate(fitting(found.iter().map(workflow_bytes), &mut room));
        Ok(found)
    }

    /// The processes with these numbers, in this order, that fit.
    pub(super) fn by_number(
        &self,
        numbers: impl Iterator<Item = u64>,
        fits: impl Fn(&Process) -> bool,
        limit: usize,
    ) -> Result<Vec<Process>, Refusal> {
        let numbers: Vec<u64> = numbers.collect();
        let mut processes = Vec::new();
        for numbers in numbers.chunks(TOGETHER) {
            let mut found: BTreeMap<u64, Process> = {
                let colony = self.colony()?;
                let live = numbers.iter().filter_map(|number| colony.live_process(*number));
                live.map(|process| (process.number(), process.clone())).collect()
            };
            let ended: Vec<u64> =
                numbers.iter().copied().filter(|number| !found.contains_key(number)).collect();
            found.extend(self.view.archived_among(&ended).map_err(storage)?);
            let in_order = numbers.iter().filter_map(|number| found.remove(number));
            let room = limit.saturating_sub(processes.len());
            processes.extend(in_order.filter(|process| fits(process)).take(room));
            if processes.len() >= limit {
                break;
            }
        }
        Ok(cut(processes))
    }
}

/// Live and archived rows by number.
struct Merged<T> {
    rows: BTreeMap<u64, T>,
    limit: usize,
    scanned: usize,
}

impl<T> Merged<T> {
    fn new(live: impl Iterator<Item = (u64, T)>, limit: usize) -> Self {
        Self { rows: live.collect(), limit, scanned: 0 }
    }

    /// Adds the next archived row, newest first; stops when older ones cannot be on the page.
    fn add(&mut self, number: u64, row: Option<T>) -> ControlFlow<()> {
        self.scanned += 1;
        if let Some(row) = row {
            self.rows.entry(number).or_insert(row);
        }
        while self.rows.len() > self.limit {
            self.rows.pop_first();
        }
        let full = self.rows.len() == self.limit
            && self.rows.first_key_value().is_none_or(|(oldest, _)| number <= *oldest);
        if full || self.scanned >= SCAN_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn newest(self) -> Vec<T> {
        self.rows.into_values().rev().collect()
    }
}

/// A page's rows: at least one, or a client would never get on.
pub(super) fn limit(asked: u16) -> usize {
    usize::from(asked.clamp(1, PAGE_MAX))
}

fn fits(filter: &ProcessFilter, process: &Process) -> bool {
    let is = |wanted: &Option<_>, has: &_| wanted.as_ref().is_none_or(|wanted| wanted == has);
    is(&filter.executor_type, &process.spec.conditions.executor_type)
        && is(&filter.label, &process.spec.label)
        && is(&filter.initiator, &process.initiator_name)
        && filter.state.is_none_or(|state| process.state == state)
        && filter.before.is_none_or(|before| process.number() < before)
}

fn cut(mut processes: Vec<Process>) -> Vec<Process> {
    let mut room = ANSWER_BYTES_MAX;
    processes.truncate(fitting(processes.iter().map(process_bytes), &mut room));
    processes
}

/// How many rows of these sizes fit, at least one.
pub(super) fn fitting(sizes: impl Iterator<Item = usize>, room: &mut usize) -> usize {
    let mut count = 0;
    for size in sizes {
        if size > *room && count > 0 {
            break;
        }
        *room = room.saturating_sub(size);
        count += 1;
    }
    count
}

/// About what a process takes on the wire.
fn process_bytes(process: &Process) -> usize {
    let attributes: usize = process.attributes.iter().map(|one| one.key.len() + one.value.len()).sum();
    let errors: usize = process.errors.iter().map(|error| error.len()).sum();
    let relatives =
        (process.parents.len() + process.children.len()) * size_of::<colony_protocol::model::ProcessId>();
    spec_bytes(&process.spec) + json(&process.input) + json(&process.output) + attributes + errors + relatives
}

/// About what a spec, and what stands around it, takes on the wire.
pub(super) fn spec_bytes(spec: &FunctionSpec) -> usize {
    let named: usize = spec.kwargs.iter().map(|(name, value)| name.len() + value.as_text().len()).sum();
    let env: usize = spec.env.iter().map(|(name, value)| name.len() + value.len()).sum();
    PROCESS_BYTES + json(&spec.args) + named + env
}

fn json(values: &[Json]) -> usize {
    values.iter().map(|value| value.as_text().len()).sum()
}

fn workflow_bytes(workflow: &Workflow) -> usize {
    PROCESS_BYTES
        + (workflow.processes.len() + workflow.roots.len()) * size_of::<colony_protocol::model::ProcessId>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(live: &[u64], archived: &[u64], limit: usize) -> (Vec<u64>, usize) {
        let mut merged = Merged::new(live.iter().map(|number| (*number, *number)), limit);
        for number in archived {
            if merged.add(*number, Some(*number)).is_break() {
                break;
            }
        }
        let scanned = merged.scanned;
        (merged.newest(), scanned)
    }

    #[test]
    fn live_and_archived_are_told_in_one_order() {
        assert_eq!(merge(&[9, 5, 2], &[8, 7, 6, 4, 3, 1], 5).0, vec![9, 8, 7, 6, 5]);
        assert_eq!(merge(&[], &[3, 2, 1], 2).0, vec![3, 2]);
        assert_eq!(merge(&[3, 2, 1], &[], 9).0, vec![3, 2, 1]);
        // Archived while the list was made: told once.
        assert_eq!(merge(&[3, 2], &[3, 1], 9).0, vec![3, 2, 1]);
    }

    #[test]
    fn the_archive_is_read_no_farther_than_the_page() {
        assert_eq!(merge(&[], &[9, 8, 7, 6, 5], 2).1, 2);
        assert_eq!(merge(&[9, 8], &[7, 6, 5], 2).1, 1);
        // An old live row leaves the page when newer archived ones fill it.
        assert_eq!(merge(&[1], &[9, 8, 7, 6], 2), (vec![9, 8], 2));
    }

    #[test]
    fn large_rows_shorten_a_page_to_no_less_than_one() {
        assert_eq!(fitting([5, 5, 5].into_iter(), &mut 10), 2);
        assert_eq!(fitting([50, 5].into_iter(), &mut 10), 1);
        assert_eq!(fitting(std::iter::empty(), &mut 10), 0);
    }
}
