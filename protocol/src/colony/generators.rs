//! The colony's generators and the arguments that wait in them.
//!
//! Arguments are rows of their own, so packing one writes one small row however many wait. Each has a number within its
//! generator, given when it was packed; they are taken in that order, and what was taken is gone with the entry that
//! took it. The indexes follow from the rows.

use std::collections::{BTreeMap, BTreeSet};

use super::weight;
use crate::{
    bounded::Json,
    model::{Generator, Name},
    time::Timestamp,
};

/// Most generators of a colony.
const GENERATORS_MAX: usize = 10_000;
/// Most bytes of all specs and waiting arguments: they are in memory on every member.
const GENERATOR_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What an argument costs beside its text.
const ARG_BYTES: usize = 64;

/// All generators.
#[derive(Debug, Default)]
pub(super) struct Generators {
    rows: BTreeMap<u64, Generator>,
    names: BTreeMap<Name, u64>,
    due: BTreeSet<(Timestamp, u64)>,
    args: BTreeMap<(u64, u64), Json>,
    /// Bytes of the arguments of each generator.
    waiting: BTreeMap<u64, usize>,
    bytes: usize,
}

impl Generators {
    pub(super) fn get(&self, number: u64) -> Option<&Generator> {
        self.rows.get(&number)
    }

    pub(super) fn named(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Generator> {
        self.rows.values()
    }

    pub(super) fn after(&self, number: u64) -> impl Iterator<Item = &Generator> {
        self.rows.range(number.saturating_add(1)..).map(|(_, generator)| generator)
    }

    /// Whether there is room for one more with a spec of so many bytes.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        self.rows.len() < GENERATORS_MAX && self.has_bytes(bytes)
    }

    /// Whether there is room for so many bytes.
    pub(super) fn has_bytes(&self, bytes: usize) -> bool {
        self.bytes.saturating_add(bytes) <= GENERATOR_BYTES_MAX
    }

    pub(super) fn next_due(&self) -> Option<(Timestamp, u64)> {
        self.due.first().copied()
    }

    pub(super) fn put(&mut self, generator: Generator) {
        let number = generator.id.number();
        drop(self.take(number));
        self.names.insert(generator.name.clone(), number);
        self.bytes = self.bytes.saturating_add(weight::of_workflow_spec(&generator.spec));
        self.due.extend(generator.due.map(|at| (at, number)));
        self.rows.insert(number, generator);
    }

    /// Takes a generator out; its arguments stay.
    pub(super) fn take(&mut self, number: u64) -> Option<Generator> {
        let generator = self.rows.remove(&number)?;
        self.names.remove(&generator.name);
        self.bytes = self.bytes.saturating_sub(weight::of_workflow_spec(&generator.spec));
        if let Some(at) = generator.due {
            self.due.remove(&(at, number));
        }
        Some(generator)
    }

    pub(super) fn packed(&self, generator: u64, place: u64) -> Option<&Json> {
        self.args.get(&(generator, place))
    }

    pub(super) fn put_arg(&mut self, generator: u64, place: u64, arg: Json) {
        drop(self.take_arg(generator, place));
        let bytes = bytes_of(&arg);
        let waiting = self.waiting.entry(generator).or_default();
        *waiting = waiting.saturating_add(bytes);
        self.bytes = self.bytes.saturating_add(bytes);
        self.args.insert((generator, place), arg);
    }

    pub(super) fn take_arg(&mut self, generator: u64, place: u64) -> Option<Json> {
        let arg = self.args.remove(&(generator, place))?;
        let bytes = bytes_of(&arg);
        self.bytes = self.bytes.saturating_sub(bytes);
        if let Some(waiting) = self.waiting.get_mut(&generator) {
            *waiting = waiting.saturating_sub(bytes);
            if *waiting == 0 {
                self.waiting.remove(&generator);
            }
        }
        Some(arg)
    }

    /// Bytes of the arguments that wait in a generator.
    pub(super) fn waiting_bytes(&self, generator: u64) -> usize {
        self.waiting.get(&generator).copied().unwrap_or_default()
    }
}

/// Bytes of an argument.
pub(super) fn bytes_of(arg: &Json) -> usize {
    arg.as_text().len().saturating_add(ARG_BYTES)
}
