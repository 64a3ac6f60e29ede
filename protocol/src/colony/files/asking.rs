//! What is told about files and snapshots, a page at a time.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

use super::super::Colony;
use crate::{
    model::{
        FileId, Name,
        file::{File, FileEntry, FileKey, Label, LabelEntry, Snapshot},
    },
    query::{FilesQuery, PAGE_MAX},
    refusal::Refusal,
    reply::Answer,
};

/// About what a revision takes in an answer beside its texts: ids, times, names of fields.
const FILE_BYTES: usize = 512;
/// About what an id takes in an answer.
const ID_BYTES: usize = 48;

/// A page under the making: full when its rows or its bytes are.
pub(in super::super) struct Page<T> {
    rows: Vec<T>,
    limit: usize,
    bytes: usize,
}

impl<T> Page<T> {
    /// Room for `limit` rows, and for at least one whatever it takes.
    pub(in super::super) fn new(limit: u16, bytes: usize) -> Self {
        Self { rows: Vec::new(), limit: usize::from(limit.clamp(1, PAGE_MAX)), bytes }
    }

    /// Fills it with rows and what each takes.
    pub(in super::super) fn fill(mut self, rows: impl IntoIterator<Item = (T, usize)>) -> Vec<T> {
        for (row, bytes) in rows {
            if !self.rows.is_empty() && bytes > self.bytes {
                break;
            }
            self.bytes = self.bytes.saturating_sub(bytes);
            self.rows.push(row);
            if self.rows.len() >= self.limit {
                break;
            }
        }
        self.rows
    }
}

impl Colony {
    /// Answers a question about files, with about `room` bytes at most.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn files_answer(&self, query: &FilesQuery, room: usize) -> Result<Answer, Refusal> {
        match query {
            FilesQuery::File { file, latest } => self.file(file, *latest, room).map(Answer::Files),
            FilesQuery::Files { label, after, limit } => {
                Ok(Answer::FileEntries(self.entries(label, after.as_ref(), Page::new(*limit, room))))
            }
            FilesQuery::Labels { prefix, exact, after, limit } => {
                let page = Page::new(*limit, room);
                Ok(Answer::Labels(self.labels(prefix, *exact, after.as_ref(), page)))
            }
            FilesQuery::Snapshot(key) => {
                Ok(Answer::Snapshot(Box::new(self.files.find_snapshot(key)?.clone())))
            }
            FilesQuery::Snapshots { before, limit } => {
                let older = self.files.snapshots.range(..before.unwrap_or(u64::MAX)).rev();
                let rows = older.map(|(_, snapshot)| (snapshot.clone(), snapshot_bytes(snapshot)));
                Ok(Answer::Snapshots(Page::new(*limit, room).fill(rows)))
            }
            FilesQuery::SnapshotFiles { snapshot, from, limit } => {
                let snapshot = self.files.find_snapshot(snapshot)?;
                let from = usize::try_from(*from).unwrap_or(usize::MAX);
                let ids = snapshot.files.iter().skip(from);
                let files = ids.filter_map(|id| self.files.by_id(id));
                Ok(Answer::Files(Page::new(*limit, room).fill(files.map(sized))))
            }
        }
    }

    fn file(&self, key: &FileKey, latest: bool, room: usize) -> Result<Vec<File>, Refusal> {
        let missing = || Refusal::not_found(Self::file_word(key));
        match key {
            FileKey::Id(id) => Ok(vec![self.files.by_id(id).ok_or_else(missing)?.clone()]),
            FileKey::Named { label, name } => {
                let numbers = self.files.numbers(label, name).ok_or_else(missing)?;
                let newest = numbers.iter().rev().filter_map(|number| self.files.revision(*number));
                let limit = if latest { 1 } else { PAGE_MAX };
                Ok(Page::new(limit, room).fill(newest.map(sized)))
            }
        }
    }

    fn entries(&self, label: &Label, after: Option<&Name>, page: Page<FileEntry>) -> Vec<FileEntry> {
        let Some(names) = self.files.labels.get(label) else { return Vec::new() };
        let entry = |numbers: &BTreeSet<u64>| {
            let latest = self.files.revision(*numbers.last()?)?.clone();
            let bytes = file_bytes(&latest);
            Some((FileEntry { latest, revisions: numbers.len() as u64 }, bytes))
        };
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = names.range::<Name, _>((first, Bound::Unbounded));
        page.fill(behind.filter_map(|(_, numbers)| entry(numbers)))
    }

    fn labels(
        &self,
        prefix: &Label,
        exact: bool,
        after: Option<&Label>,
        page: Page<LabelEntry>,
    ) -> Vec<LabelEntry> {
        let after = after.map(Label::as_str);
        let entry = |(label, names): (&Label, &BTreeMap<Name, BTreeSet<u64>>)| {
            let revisions = names.values().map(|numbers| numbers.len() as u64).sum();
            let bytes = label.len().saturating_add(ID_BYTES);
            (LabelEntry { label: label.clone(), revisions, files: names.len() as u64 }, bytes)
        };
        if exact {
            page.fill(self.files.below(prefix, after).map(entry))
        } else {
            page.fill(self.files.beginning_with(prefix, after).map(entry))
        }
    }

    /// A revision of a file by its id, also one that only a snapshot keeps.
    #[must_use]
    pub fn file_by_id(&self, id: &FileId) -> Option<&File> {
        self.files.by_id(id)
    }
}

fn sized(file: &File) -> (File, usize) {
    (file.clone(), file_bytes(file))
}

fn file_bytes(file: &File) -> usize {
    FILE_BYTES.saturating_add(file.file.label.len()).saturating_add(file.file.name.len())
}

fn snapshot_bytes(snapshot: &Snapshot) -> usize {
    snapshot.files.len().saturating_mul(ID_BYTES).saturating_add(FILE_BYTES)
}
