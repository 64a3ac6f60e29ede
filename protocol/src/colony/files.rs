//! Files and snapshots: revisions found by number, by label and name; which of them snapshots keep.
//!
//! All revisions are in memory, because names must be found and snapshots made in one step. A revision that was removed
//! while a snapshot keeps it stays under its number, but under no name.
//!
//! What may never happen: a revision dropped that a snapshot names; a name found that was removed.

mod adding;
mod asking;
mod snapshots;

pub(super) use self::asking::Page;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use super::{Colony, Outbox, RowKey};
use crate::{
    model::{
        FileId, Name, SnapshotId,
        file::{File, FileKey, Label, Snapshot, SnapshotKey},
    },
    refusal::Refusal,
};

/// Most revisions in a colony: about 300 MB with ordinary names.
const REVISIONS_MAX: usize = 500_000;
/// Most snapshots in a colony.
const SNAPSHOTS_MAX: usize = 10_000;
/// Most revisions that all snapshots together keep, one counted as often as it is kept: about 200 MB.
const PINS_MAX: usize = 4_000_000;
/// Most revisions that one command removes, so that none holds the colony up for long.
const REMOVED_MAX: usize = 20_000;

/// Files and snapshots.
#[derive(Debug, Default)]
pub(super) struct Files {
    revisions: BTreeMap<u64, File>,
    /// Revisions that were not removed.
    labels: BTreeMap<Label, BTreeMap<Name, BTreeSet<u64>>>,
    snapshots: BTreeMap<u64, Snapshot>,
    snapshot_names: BTreeMap<Name, u64>,
    /// How many snapshots keep a revision.
    pins: BTreeMap<u64, u32>,
    /// The sum of them.
    pinned: usize,
}

impl Files {
    pub(super) fn revision(&self, number: u64) -> Option<&File> {
        self.revisions.get(&number)
    }

    pub(super) fn snapshot(&self, number: u64) -> Option<&Snapshot> {
        self.snapshots.get(&number)
    }

    pub(super) fn put(&mut self, revision: File) {
        let number = revision.id.number();
        if !revision.removed {
            let names = self.labels.entry(revision.file.label.clone()).or_default();
            names.entry(revision.file.name.clone()).or_default().insert(number);
        }
        self.revisions.insert(number, revision);
    }

    pub(super) fn put_snapshot(&mut self, snapshot: Snapshot) {
        let number = snapshot.id.number();
        for file in &snapshot.files {
            let pins = self.pins.entry(file.number()).or_default();
            *pins = pins.saturating_add(1);
        }
        self.pinned = self.pinned.saturating_add(snapshot.files.len());
        self.snapshot_names.insert(snapshot.name.clone(), number);
        self.snapshots.insert(number, snapshot);
    }

    fn by_id(&self, id: &FileId) -> Option<&File> {
        self.revisions.get(&id.number()).filter(|revision| revision.id == *id)
    }

    /// The numbers of a file's revisions, oldest first.
    fn numbers(&self, label: &str, name: &str) -> Option<&BTreeSet<u64>> {
        self.labels.get(label)?.get(name)
    }

    /// The labels that begin with some text, in order.
    fn beginning_with<'a>(
        &'a self,
        start: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Label, &'a BTreeMap<Name, BTreeSet<u64>>)> + 'a {
        let first = match after {
            Some(after) if after >= start => Bound::Excluded(after),
            _ => Bound::Included(start),
        };
        self.labels
            .range::<str, _>((first, Bound::Unbounded))
            .take_while(move |(label, _)| label.starts_with(start))
    }

    /// A label and those below it as paths, in order.
    fn below<'a>(
        &'a self,
        label: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Label, &'a BTreeMap<Name, BTreeSet<u64>>)> + 'a {
        let path = label.strip_suffix('/').unwrap_or(label);
        let is_below = move |other: &str| {
            other == label || other.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
        };
        self.beginning_with(path, after).filter(move |(other, _)| is_below(other))
    }

    /// Takes a revision's name away, and the revision too unless a snapshot keeps it.
    fn remove(&mut self, number: u64, out: &mut Outbox) {
        let Some(revision) = self.revisions.get_mut(&number).filter(|revision| !revision.removed) else {
            return;
        };
        let (label, name) = (&revision.file.label, &revision.file.name);
        if let Some(names) = self.labels.get_mut(label) {
            if let Some(numbers) = names.get_mut(name) {
                numbers.remove(&number);
                if numbers.is_empty() {
                    names.remove(name);
                }
            }
            if names.is_empty() {
                self.labels.remove(label);
            }
        }
        revision.removed = true;
        if !self.pins.contains_key(&number) {
            self.revisions.remove(&number);
        }
        out.touch(RowKey::Object(number));
    }

    /// Drops a snapshot, and what was removed and only it kept.
    fn remove_snapshot(&mut self, number: u64, out: &mut Outbox) {
        let Some(snapshot) = self.snapshots.remove(&number) else { return };
        self.snapshot_names.remove(&snapshot.name);
        self.pinned = self.pinned.saturating_sub(snapshot.files.len());
        out.touch(RowKey::Object(number));
        for file in &snapshot.files {
            let kept = file.number();
            let Some(pins) = self.pins.get_mut(&kept) else { continue };
            *pins = pins.saturating_sub(1);
            if *pins > 0 {
                continue;
            }
            self.pins.remove(&kept);
            if self.revisions.get(&kept).is_some_and(|revision| revision.removed) {
                self.revisions.remove(&kept);
                out.touch(RowKey::Object(kept));
            }
        }
    }

    fn find_snapshot(&self, key: &SnapshotKey) -> Result<&Snapshot, Refusal> {
        let by_id = |id: &SnapshotId| self.snapshots.get(&id.number()).filter(|found| found.id == *id);
        let (found, what) = match key {
            SnapshotKey::Id(id) => (by_id(id), id.to_hex()),
            SnapshotKey::Name(name) => {
                let number = self.snapshot_names.get(name);
                (number.and_then(|number| self.snapshots.get(number)), format!("`{name}`"))
            }
        };
        found.ok_or_else(|| Refusal::not_found(format!("snapshot {what}")))
    }
}

impl Colony {
    /// How a file is called in an error.
    fn file_word(key: &FileKey) -> String {
        match key {
            FileKey::Id(id) => format!("file {id}"),
            FileKey::Named { label, name } => format!("file `{name}` in `{label}`"),
        }
    }
}
