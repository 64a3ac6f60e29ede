//! ColonyOS's file system as the colony knows it: names, checksums and where the bytes are; never the bytes.
//!
//! A file is a label, which is a path like a directory's, and a name in it. Each time it is added it gets a *revision*
//! of its own, which never changes; the newest one is the file. A snapshot remembers the revisions that were the newest
//! ones at a moment, and keeps them.
//!
//! What may never happen: a secret in a row. Every member reads every row, so there is no field for keys.

use serde::{Deserialize, Serialize};

use super::{FileId, Name, SnapshotId, is_default};
use crate::{
    bounded::{List, Text},
    identity::Identity,
    time::Timestamp,
};

/// Most files one snapshot keeps: their ids fill a twentieth of an answer's frame.
pub const SNAPSHOT_FILES_MAX: usize = 20_000;

/// A path like a directory's: `/data/in`. As its writer spelt it; ColonyOS's clients begin it with a slash.
pub type Label = Text<1024>;

/// What somebody says about a file that it has put somewhere.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NewFile {
    /// The directory, so to say.
    pub label: Label,
    /// The name in it.
    pub name: Name,
    /// Bytes.
    pub size: u64,
    /// What the bytes hash to, as the writer's program writes it; commonly hexadecimal.
    pub checksum: Name,
    /// How: `SHA256`.
    pub checksum_alg: Name,
    /// Where the bytes are.
    pub place: Place,
}

/// Where the bytes of a revision are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Place {
    /// In a store that speaks S3. Who reads brings keys of its own.
    S3(S3Object),
    /// With the colony's members, found by what the bytes are.
    Content(ContentRef),
}

impl Default for Place {
    fn default() -> Self {
        Self::S3(S3Object::default())
    }
}

/// An object in a store that speaks S3.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct S3Object {
    /// Host, or host and port.
    pub server: Name,
    /// The port; -1 if it stands in `server`.
    pub port: i32,
    /// Whether it speaks TLS.
    #[serde(skip_serializing_if = "is_default")]
    pub tls: bool,
    /// The store's region.
    #[serde(skip_serializing_if = "is_default")]
    pub region: Name,
    /// How the object is encrypted.
    #[serde(skip_serializing_if = "is_default")]
    pub encryption_alg: Name,
    /// The object's key, in S3's sense: its name.
    pub object: Text<1024>,
    /// The bucket it is in.
    pub bucket: Name,
}

/// Bytes named by their hash.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ContentRef {
    /// How it was hashed: `sha3-256`, `blake3`.
    pub algorithm: Text<32>,
    /// The hash, in hexadecimal.
    pub hash: Text<128>,
}

/// One revision of a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct File {
    /// Its id; a later revision has a higher number in it.
    pub id: FileId,
    /// What was said about it.
    pub file: NewFile,
    /// When it was added.
    pub added_at: Timestamp,
    /// Who added it, by name.
    pub added_by: Name,
    /// Whether it was removed, and is there only because a snapshot keeps it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub removed: bool,
    /// Whose key added it. Nobody's, where it was added before this was written down: then the name decides.
    #[serde(default, skip_serializing_if = "is_default")]
    pub initiator: Identity,
}

/// A file in a listing: its newest revision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileEntry {
    /// The newest revision.
    pub latest: File,
    /// How many revisions there are.
    pub revisions: u64,
}

/// A label in a listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LabelEntry {
    /// The label.
    pub label: Label,
    /// Revisions in exactly this label.
    pub revisions: u64,
    /// Files in exactly this label.
    pub files: u64,
}

/// A label's files at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its id.
    pub id: SnapshotId,
    /// Its name, unique in the colony; no `:`.
    pub name: Name,
    /// The label, whose sub-labels it holds too.
    pub label: Label,
    /// The revisions it keeps, by label and name.
    pub files: List<FileId, SNAPSHOT_FILES_MAX>,
    /// When it was made.
    pub added_at: Timestamp,
    /// Who made it, by name.
    pub added_by: Name,
    /// Whose key made it; see [`File::initiator`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub initiator: Identity,
}

/// How somebody names a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum FileKey {
    /// One revision.
    Id(FileId),
    /// The file: all its revisions.
    Named {
        /// Its label.
        label: Label,
        /// Its name.
        name: Name,
    },
}

/// How somebody names a snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum SnapshotKey {
    /// By id.
    Id(SnapshotId),
    /// By name.
    Name(Name),
}
