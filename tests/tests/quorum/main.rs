//! Real processes on real disks under load, and every fault a machine or a network has: what was acknowledged stays, nothing is done
//! twice, and the rest goes on.
//!
//! How long the runs are is set in the environment; the defaults are for CI:
//!
//! | variable | meaning | default | the full figure |
//! |---|---|---|---|
//! | `COLONY_QUORUM_KILLS` | `kill -9` of three and of five voters | 6 | 200 |
//! | `COLONY_ELECTIONS` | `kill -9` of the coordinator, measured | 3 | 50 |
//! | `COLONY_QUORUM_PAUSES` | SIGSTOP of the coordinator | 2 | 50 |
//! | `COLONY_PARTITIONS` | partitions in network namespaces | 3 | 50 |
//! | `COLONY_AWAY_ENTRIES` | log entries a voter is away for | 500 | 1,000,000 (from 20,000 on by snapshot) |
//! | `COLONY_QUORUM_SEED` | chooses who, when and what | 1 | |

mod alone;
mod away;
mod disks;
mod elections;
mod kills;
mod leases;
mod partitions;
mod pauses;
mod run;
mod tickets;

use colony_tests::parameter::parameter;

/// Chooses who, when and what.
fn seed() -> u64 {
    parameter("COLONY_QUORUM_SEED", 1)
}
