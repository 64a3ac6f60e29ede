//! What one node remembers: the replicated log, a colony's rows, the archive of finished work.
//!
//! A node has one [`Store`]: one `redb` file for all its colonies, written by one [`Writer`] that commits everything
//! waiting with one sync. A colony is opened with [`Store::open_colony`] and comes in three parts: a [`LogStore`] and a
//! [`StateMachine`] for the consensus engine, and a [`ColonyView`] for everybody who reads.
//!
//! What is durable when: an entry of the log is on disk before its append is acknowledged. The state it leads to is in
//! memory and reaches the disk a little later, in *cuts* that ride along with later appends; each cut is the whole state
//! after some entry, and says which. A restart reads the last cut and replays the log from there, which gives the same
//! state because the core is deterministic.
//!
//! Nothing signed is thrown away: purging the log moves a mark, the entries stay as evidence. Only [`Store::forget`] lets
//! go of a colony whole.
//!
//! A colony moves to another node as a [`Snapshot`], in chunks that both sides stream; a transfer that is cut goes on where
//! it was. Whatever is read from a file is checked: a damaged block is an error, never another state, and a node with such
//! a file must not vote with it. A store knows which one it is ([`Store::id`]): a wiped disk is another store.
//!
//! This crate starts no thread and no task, reads no clock and draws no random number: its caller does.

mod apply;
mod checked;
mod chunks;
mod disk;
mod encoding;
mod entries;
mod failure;
mod frames;
mod group;
mod log;
mod machine;
mod member;
mod operation;
mod overlay;
mod pending;
mod snapshot;
mod store;
mod tables;
#[cfg(test)]
mod tests;
mod view;
mod writer;

pub use chunks::Chunks;
pub use disk::{Disk, FORMAT_VERSION, OpenError, Options};
pub use failure::{FailureKind, StoreFailure};
pub use frames::{CHUNK_MAX, FrameError};
pub use group::EventSink;
pub use log::LogStore;
pub use machine::{SnapshotBuilder, StateMachine};
pub use member::{
    ColonyTypes, EngineError, LogId, MemberId, MemberInfo, Membership, Outcomes, SnapshotMeta,
    StoredMembership, Vote,
};
pub use snapshot::{Snapshot, SnapshotError};
pub use store::{ColonyStore, ForgetError, OpenColonyError, Store};
pub use view::ColonyView;
pub use writer::Writer;
