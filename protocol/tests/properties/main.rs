//! Random histories of a colony, and what must hold in each of them.
//!
//! A history is a list of [`step::Step`]s: entries of a log with commands of owners, users, strangers, nodes and executors,
//! some of them repeated, late or forged. [`world::World`] plays them against the core and checks after each step
//! what [`oracle::Oracle`] promises; at the end the same log is replayed, and continued from stored rows.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod automation;
mod coverage;
mod memory;
mod objects;
mod oracle;
mod people;
mod step;
mod town;
mod world;

use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{
    coverage::Coverage,
    step::step,
    world::{World, continue_from_rows, replay},
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_the_promises(steps in vec(step(), 1..150), cut in any::<prop::sample::Index>()) {
        let mut world = World::new();
        for step in &steps {
            world.play(step)?;
        }

        // Same entries in, same bytes out.
        let replayed = replay(&world.log)?;
        prop_assert_eq!(replayed.rows(), world.rows());

        // A replica that was stopped and restored anywhere goes on as if it had never stopped.
        let restored = continue_from_rows(&world.log, cut.index(world.log.len()))?;
        prop_assert_eq!(restored.rows(), world.rows());
    }
}

#[test]
fn random_histories_come_by_everything_that_can_happen() {
    let mut runner = TestRunner::deterministic();
    let mut coverage = Coverage::default();
    for _ in 0..200 {
        let steps = vec(step(), 100).new_tree(&mut runner).unwrap().current();
        let mut world = World::new();
        for step in &steps {
            world.play(step).unwrap();
        }
        world.log.iter().for_each(|logged| coverage.add(logged));
    }
    assert_eq!(coverage.missing(), Vec::<&str>::new(), "{coverage:?}");
}
