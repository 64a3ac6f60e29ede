//! What a node's log says about a snapshot that is on its way to it.
//!
//! Only a node that was started with [`LOG`] says it. A fault that was meant for a transfer proves nothing unless one was under
//! way, so whoever makes faults looks here, before and after.

/// What a node must log so that its transfers can be followed, in the syntax of `COLONY_LOG`.
pub const LOG: &str = "error,openraft=off,colony_node::peers::receiving=debug";

/// The last transfer to one run of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Transfer {
    /// Whether one has begun that was not installed since.
    pub is_under_way: bool,
    /// Parts of it that have arrived.
    pub parts: u64,
    /// Parts it had when it went on after a break; zero if it never did.
    pub resumed_at: u64,
    /// Snapshots that were installed.
    pub installed: u64,
}

impl Transfer {
    /// Reads a node's log from its start.
    #[must_use]
    pub fn read(log: &str) -> Self {
        let mut transfer = Self::default();
        for line in log.lines() {
            if line.contains("a snapshot begins to arrive") {
                transfer = Self { is_under_way: true, installed: transfer.installed, ..Self::default() };
            } else if line.contains("a snapshot goes on arriving") {
                transfer.resumed_at = parts(line);
            } else if line.contains("a part of a snapshot arrived") {
                transfer.parts = parts(line);
            } else if line.contains("a snapshot was installed") {
                transfer = Self { is_under_way: false, installed: transfer.installed + 1, ..transfer };
            }
        }
        transfer
    }
}

/// The field `parts` of a line.
fn parts(line: &str) -> u64 {
    let digits = line.split_once("parts=").map_or("", |(_, rest)| rest);
    digits
        .split(|letter: char| !letter.is_ascii_digit())
        .next()
        .and_then(|digits| digits.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_transfer_is_told_from_those_before() {
        let log = "\
            2026 INFO colony_node::peers::receiving: a snapshot begins to arrive upto=9\n\
            2026 DEBUG colony_node::peers::receiving: a part of a snapshot arrived parts=1\n\
            2026 DEBUG colony_node::peers::receiving: a part of a snapshot arrived parts=2\n\
            2026 INFO colony_node::peers::receiving: a snapshot goes on arriving upto=9 parts=2\n\
            2026 DEBUG colony_node::peers::receiving: a part of a snapshot arrived parts=3\n";
        let under_way = Transfer { is_under_way: true, parts: 3, resumed_at: 2, installed: 0 };
        assert_eq!(Transfer::read(log), under_way);
        let log = format!(
            "{log}2026 INFO colony_node::peers::receiving: a snapshot was installed upto=9 parts=3\n"
        );
        assert_eq!(Transfer::read(&log), Transfer { is_under_way: false, installed: 1, ..under_way });
        let log =
            format!("{log}2026 INFO colony_node::peers::receiving: a snapshot begins to arrive upto=12\n");
        assert_eq!(
            Transfer::read(&log),
            Transfer { is_under_way: true, parts: 0, resumed_at: 0, installed: 1 }
        );
    }
}
