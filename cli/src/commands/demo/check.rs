//! Nothing lost, nothing done twice: what the demo claims is looked up, not assumed.

use colony_protocol::{
    bounded::Json,
    model::{Process, State},
};

use crate::error::Failure;

/// What was found to be so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checked {
    /// The sum.
    pub(super) words: u64,
    /// How many processes there were.
    pub(super) processes: usize,
    /// How many of them were run more than once.
    pub(super) again: usize,
}

/// Checks the processes of the workflow; the last one holds the sum.
pub(super) fn all(processes: &[Process], expected: u64) -> Result<Checked, Failure> {
    let numbers = processes.iter().map(result).collect::<Result<Vec<_>, _>>()?;
    let (sum, parts) = numbers.split_last().ok_or_else(|| Failure::new("the workflow has no processes"))?;
    let added = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(*part));
    if *sum != added || *sum != expected {
        return Err(Failure::new(format!(
            "the colony counted {sum} words, its parts add up to {added}, a direct count says {expected}"
        )));
    }
    let again = processes.iter().filter(|process| process.attempt() > 1).count();
    Ok(Checked { words: *sum, processes: processes.len(), again })
}

/// A process's one result.
fn result(process: &Process) -> Result<u64, Failure> {
    let name = format!("p{} '{}'", process.number(), process.spec.node_name);
    if process.state != State::Success {
        let why = process.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
        return Err(Failure::new(format!("{name} is {}{why}", process.state.word())));
    }
    if process.lease.is_some() || process.ended_at.is_none() {
        return Err(Failure::new(format!("{name} ended and still runs")));
    }
    let output: Vec<String> = process.output.iter().map(Json::to_plain).collect();
    match output.as_slice() {
        [one] => one.trim().parse().map_err(|_| Failure::new(format!("{name} gave {one:?}, not a number"))),
        many => Err(Failure::new(format!("{name} has {} results, not one", many.len()))),
    }
}
