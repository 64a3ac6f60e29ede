//! Changes of files and snapshots.

use serde::{Deserialize, Serialize};

use crate::model::{
    Name,
    file::{FileKey, Label, NewFile, SnapshotKey},
};

/// A change of files or snapshots. Executors, users and the owner may ask for it; what one of them added, only it and the
/// owner remove.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FilesCommand {
    /// Adds a revision of a file.
    Add {
        /// The file.
        file: NewFile,
    },
    /// Removes a revision, or all of a file. What a snapshot keeps stays until the snapshot goes, for those who name it
    /// by its id. That there is none is no error.
    Remove {
        /// Which.
        file: FileKey,
    },
    /// Removes all files in a label and below it, likewise.
    RemoveLabel {
        /// The label.
        label: Label,
    },
    /// Remembers the newest revisions in a label and below it, and keeps them.
    CreateSnapshot {
        /// The snapshot's name, unique in the colony.
        name: Name,
        /// The label.
        label: Label,
    },
    /// Removes a snapshot. That there is none is no error.
    RemoveSnapshot {
        /// Which.
        snapshot: SnapshotKey,
    },
    /// Removes all snapshots that the caller made; the owner: all.
    RemoveSnapshots,
}

impl FilesCommand {
    /// The word for it in an envelope.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Add { .. } => "add-file",
            Self::Remove { .. } => "remove-file",
            Self::RemoveLabel { .. } => "remove-label",
            Self::CreateSnapshot { .. } => "create-snapshot",
            Self::RemoveSnapshot { .. } => "remove-snapshot",
            Self::RemoveSnapshots => "remove-snapshots",
        }
    }
}
