//! What must hold whatever goes wrong, one invariant per file.
//!
//! Three kinds of witnesses: what clients were told ([`history`]), what nodes say of themselves while they run ([`Watch`]),
//! and what is on the disks in the end ([`logs`]), played again through the pure rules.

mod commit_stays;
mod logs_agree;
mod offices_in_order;
mod replay;
mod replicas_agree;
mod workflows;

use std::sync::Arc;

use colony_node::consensus::Types;
use colony_protocol::model::member::StoreId;
use colony_store::{Disk as StoreDisk, Options, Store};
use colony_tests::crowd::Record;
use openraft::{RaftLogReader as _, storage::RaftLogStorage as _};

use crate::{
    colony::{Colony, Seat, colony},
    disk::Disk,
};

pub use replicas_agree::replicas;
pub use workflows::workflows;

/// An entry of the log.
pub type Entry = openraft::Entry<Types>;

/// Looks at nodes while they run.
#[derive(Debug, Default)]
pub struct Watch {
    offices: offices_in_order::OfficesInOrder,
    commits: commit_stays::CommitStays,
}

impl Watch {
    /// Looks once.
    pub fn look(&mut self, colony: &Colony, broken: &mut Vec<String>) {
        for seat in &colony.seats {
            if let Some(status) = seat.status() {
                self.offices.observe(seat, &status, broken);
                self.commits.observe(&status);
            }
        }
    }
}

/// What clients were told has an explanation (G1 to G4, G6): the promises and the checker of the whole-system tests.
pub fn history(record: &Record, broken: &mut Vec<String>) {
    let observed = record.observed();
    broken.extend(observed.broken().into_iter().map(|line| format!("history: {line}")));
    let verdict = observed.verdict();
    broken.extend(verdict.illegal.into_iter().map(|line| format!("linearizable: {line}")));
    broken.extend(verdict.unknown.iter().map(|id| format!("linearizable: {id} is too hard to check")));
}

/// What is on the disks: gives how many entries were played again.
pub async fn logs(colony: &Colony, watch: &Watch, broken: &mut Vec<String>) -> u64 {
    let mut logs = Vec::new();
    for (number, seat) in colony.seats.iter().enumerate().filter(|(_, seat)| seat.is_open) {
        match read(seat).await {
            Ok(log) => logs.push((number, log)),
            Err(error) => broken.push(format!("the log of node {number} cannot be read: {error}")),
        }
    }
    logs_agree::check(&logs, broken);
    watch.commits.check(&logs, broken);
    replay::check(&logs, broken)
}

/// The log on a disk, from the first entry that is kept.
async fn read(seat: &Seat) -> Result<Vec<Entry>, String> {
    let disk: Disk = seat.disk.copied();
    let opened =
        Store::open(StoreDisk::Backend(disk.backend()), Options::default(), StoreId::from_bytes([0; 16]));
    let (store, writer) = opened.map_err(|error| error.to_string())?;
    let reading = async move {
        let events: colony_store::EventSink = Arc::new(|_: &[_]| {});
        let mut parts =
            store.open_colony::<Types>(colony(), events).await.map_err(|error| error.to_string())?;
        let state = parts.log.get_log_state().await.map_err(|error| error.to_string())?;
        let first = state.last_purged_log_id.map_or(0, |purged| purged.index + 1);
        parts.log.try_get_log_entries(first..).await.map_err(|error| error.to_string())
    };
    let ((), log) = tokio::join!(biased; writer.run_inline(), reading);
    log
}
