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
//! | `COLONY_AWAY_ENTRIES` | log entries a voter is away for | 800 | 1,000,000 |
//! | `COLONY_BENCH_KILLS` | `kill -9` of the coordinator while `colony bench` runs | 2 | 10 |
//! | `COLONY_BENCH_PROCESSES` | processes in each run of it | 1,500 | 30,000 |
//! | `COLONY_QUORUM_SEED` | chooses who, when and what | 1 | |

mod away;
mod benches;
mod disks;
mod elections;
mod kills;
mod leases;
mod partitions;
mod pauses;
mod tickets;

/// The variable that chooses who, when and what.
const SEED: &str = "COLONY_QUORUM_SEED";
