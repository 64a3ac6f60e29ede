//! Questions about files and snapshots.

use serde::{Deserialize, Serialize};

use crate::model::{
    Name,
    file::{FileKey, Label, SnapshotKey},
};

/// A question about files or snapshots.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FilesQuery {
    /// A revision by its id; or a file's newest revision, or all of them, newest first. Answered with
    /// [`crate::reply::Answer::Files`], never empty.
    File {
        /// Which.
        file: FileKey,
        /// Of a file by name: only the newest revision.
        latest: bool,
    },
    /// The files in exactly a label, by name. Answered with [`crate::reply::Answer::FileEntries`].
    Files {
        /// The label.
        label: Label,
        /// Only names behind this one: the cursor.
        after: Option<Name>,
        /// At most this many, up to [`super::PAGE_MAX`].
        limit: u16,
    },
    /// Labels with files in them, in order. Answered with [`crate::reply::Answer::Labels`].
    Labels {
        /// Only those that begin with this; empty means all.
        prefix: Label,
        /// Only `prefix` itself and what is below it as a path.
        exact: bool,
        /// Only labels behind this one: the cursor.
        after: Option<Label>,
        /// At most this many, up to [`super::PAGE_MAX`].
        limit: u16,
    },
    /// One snapshot. Answered with [`crate::reply::Answer::Snapshot`].
    Snapshot(SnapshotKey),
    /// Snapshots, newest first. Answered with [`crate::reply::Answer::Snapshots`].
    Snapshots {
        /// Only numbers below this: the cursor.
        before: Option<u64>,
        /// At most this many, up to [`super::PAGE_MAX`].
        limit: u16,
    },
    /// The revisions a snapshot keeps. Answered with [`crate::reply::Answer::Files`].
    SnapshotFiles {
        /// Which.
        snapshot: SnapshotKey,
        /// The first one wanted, from 0: the cursor.
        from: u64,
        /// At most this many, up to [`super::PAGE_MAX`].
        limit: u16,
    },
}
