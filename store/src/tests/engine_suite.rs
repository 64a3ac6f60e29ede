//! The consensus engine's own conformance suite.

use std::sync::Arc;

use openraft::testing::{StoreBuilder, Suite};

use super::support::{Types, colony, open_with_thread};
use crate::{Disk, EngineError, LogStore, StateMachine};

struct InMemory;

impl StoreBuilder<Types, LogStore<Types>, StateMachine<Types>> for InMemory {
    async fn build(&self) -> Result<((), LogStore<Types>, StateMachine<Types>), EngineError> {
        let store = open_with_thread(Disk::Memory);
        let opened = store.open_colony(colony(), Arc::new(|_| {})).await.unwrap();
        Ok(((), opened.log, opened.machine))
    }
}

#[test]
fn the_engine_finds_nothing_wrong_with_log_and_state_machine() {
    Suite::test_all(InMemory).unwrap();
}
