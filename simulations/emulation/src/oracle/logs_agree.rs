//! Equal places of two logs hold equal entries, and terms never fall (Raft, "log matching").

use std::collections::BTreeMap;

use super::Entry;

/// Looks at all logs after all nodes have come to the same end.
pub(super) fn check(logs: &[(usize, Vec<Entry>)], broken: &mut Vec<String>) {
    let mut first: BTreeMap<u64, (usize, &Entry)> = BTreeMap::new();
    for (number, log) in logs {
        for pair in log.windows(2) {
            let [one, next] = pair else { continue };
            if next.log_id.index != one.log_id.index + 1 || next.log_id.leader_id < one.log_id.leader_id {
                broken.push(format!("node {number}: {} follows {}", next.log_id, one.log_id));
            }
        }
        for entry in log {
            let (other, known) = *first.entry(entry.log_id.index).or_insert((*number, entry));
            if known != entry {
                broken.push(format!(
                    "logs agree: at {} node {other} has {known:?} and node {number} has {entry:?}",
                    entry.log_id.index
                ));
            }
        }
    }
}
