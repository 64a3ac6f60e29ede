//! What was committed once is in the logs for ever (Raft, "leader completeness"; G1).

use colony_protocol::reply::Status;

use super::Entry;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct CommitStays {
    highest: u64,
}

impl CommitStays {
    /// A node says how far it has applied.
    pub(super) fn observe(&mut self, status: &Status) {
        self.highest = self.highest.max(status.applied);
    }

    /// In the end all logs reach as far as anybody ever applied.
    pub(super) fn check(&self, logs: &[(usize, Vec<Entry>)], broken: &mut Vec<String>) {
        for (number, log) in logs {
            let last = log.last().map_or(0, |entry| entry.log_id.index);
            if last < self.highest {
                broken.push(format!(
                    "commits stay: entry {} was applied, but the log of node {number} ends at {last}",
                    self.highest
                ));
            }
        }
    }
}
