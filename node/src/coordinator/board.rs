//! What the coordinator has promised and not granted yet, for whoever announces the rest.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Where the coordinator's task leaves word after each look at the queue.
#[derive(Debug, Default)]
pub struct Board {
    promised: Mutex<BTreeSet<u64>>,
    news: Notify,
}

impl Board {
    /// The task has looked: these processes are promised to asks under way, all others are to be had.
    pub(super) fn post(&self, promised: &BTreeSet<u64>) {
        {
            let mut posted = self.lock();
            if *posted != *promised {
                posted.clone_from(promised);
            }
        }
        self.news.notify_one();
    }

    /// Numbers of processes that are promised.
    pub(crate) fn promised(&self) -> BTreeSet<u64> {
        self.lock().clone()
    }

    /// Completes when the task has looked since the last call. For one task.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
