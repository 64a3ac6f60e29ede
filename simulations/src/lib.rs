//! Colonies in virtual time, from one seed.
//!
//! A run puts the real rules of `colony_protocol::colony` between simulated clients and a simulated disk, and lets
//! messages be late or lost, executors stall, die and come back with stale leases, and the coordinator crash before or
//! after its disk has an entry. Time is a number, chance comes from the seed: equal seeds give equal runs, down to the hash
//! of everything that happened. A failing run prints the command that repeats it.
//!
//! * [`scenario`] - how large a run is and how often what goes wrong;
//! * [`world`] - the loop: takes the next event, lets it happen, tells the invariants;
//! * [`coordinator`] - batches requests into entries, applies them, keeps rows on a [`disk`], is checked against a twin that never
//!   crashes;
//! * [`submitter`], [`executor`] and [`courier`] - the clients, and the network between;
//! * [`invariants`] - what must hold, one per file;
//! * [`report`] - what a run was like, and whether it exercised its faults.

pub mod agenda;
pub mod chance;
pub mod coordinator;
pub mod courier;
pub mod disk;
pub mod executor;
pub mod invariants;
pub mod lab;
pub mod report;
pub mod scenario;
pub mod submitter;
pub mod trace;
pub mod world;

pub use report::Report;
pub use scenario::Scenario;
pub use world::run;
