//! From applied entries to those who wait for them: the coordinator for ready work, watchers for a process's news.
//!
//! The state machine publishes after its new state can be read. Publishing never waits and keeps no queue: readiness
//! is a set of executor types that the coordinator takes whole, and a watcher is only told "look again". So nothing
//! is lost when a reader is slow, and nothing grows with the number of events.
//!
//! What may never happen: a wake-up lost between a reader's look and its wait. The set keeps what was published since
//! it was last taken, and a watcher registers before it looks.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use colony_protocol::{
    bounded::Text,
    colony::Event,
    model::{Name, ProcessId, State},
    refusal::Refusal,
};
use tokio::sync::{Notify, broadcast, futures::Notified, watch};

/// Most executor types remembered as ready; beyond it all count as ready, which costs a look and loses nothing.
const TYPES_MAX: usize = 1024;
/// Most watches of one colony at a time. Each follows one process for one client.
const WATCHES_MAX: usize = 10_000;
/// Events kept for those who follow all processes: a second of them at full load.
const FEED: usize = 8192;

/// For which executor types work may have become ready.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ready {
    /// All of them: assignment was resumed, or there were too many to remember.
    pub(super) all: bool,
    /// These.
    pub(super) types: BTreeSet<Name>,
}

impl Ready {
    /// Adds a type.
    pub(super) fn add(&mut self, executor_type: &Name) {
        if self.all || self.types.contains(executor_type) {
            return;
        }
        if self.types.len() >= TYPES_MAX {
            self.add_all();
            return;
        }
        self.types.insert(executor_type.clone());
    }

    /// Adds every type.
    pub(super) fn add_all(&mut self) {
        self.all = true;
        self.types.clear();
    }

    /// Adds what another holds.
    pub(super) fn merge(&mut self, other: Self) {
        if other.all {
            self.add_all();
        }
        for executor_type in &other.types {
            self.add(executor_type);
        }
    }
}

/// Watches of one process.
#[derive(Debug)]
struct Watched {
    /// Told when the process has news.
    news: Arc<Notify>,
    /// How many watches there are.
    watches: usize,
}

/// Who watches what.
#[derive(Debug, Default)]
struct Watchers {
    /// By process number.
    processes: BTreeMap<u64, Watched>,
    /// How many watches there are in all.
    count: usize,
}

/// What happened in one colony, for those who wait on this node.
#[derive(Debug, Default)]
pub struct Events {
    /// Ready since the coordinator last looked.
    ready: Mutex<Ready>,
    /// Wakes the coordinator.
    woken: Notify,
    /// Who watches what.
    watchers: Mutex<Watchers>,
    /// Wakes whoever follows the members.
    members: Notify,
    /// How often members came, went or moved.
    changes: watch::Sender<u64>,
    /// Tells whoever follows all processes.
    feed: Feed,
}

/// Every process that came into a state.
#[derive(Debug)]
struct Feed(broadcast::Sender<(ProcessId, State)>);

impl Default for Feed {
    fn default() -> Self {
        Self(broadcast::Sender::new(FEED))
    }
}

impl Events {
    /// Tells those who wait. Called after the state that the events speak of can be read.
    pub fn publish(&self, events: &[Event]) {
        let mut ready = Ready::default();
        let watchers = lock(&self.watchers);
        for event in events {
            match event {
                Event::Ready { process, executor_type } => {
                    ready.add(executor_type);
                    self.feed.0.send((*process, State::Waiting)).ok();
                }
                Event::Resumed => ready.add_all(),
                Event::Process { process, .. } | Event::Log { process } | Event::Channel { process } => {
                    if let Some(watched) = watchers.processes.get(&process.number()) {
                        watched.news.notify_waiters();
                    }
                    if let Event::Process { state, .. } = event {
                        // Nobody may be there.
                        self.feed.0.send((*process, *state)).ok();
                    }
                }
                Event::Members => {
                    self.members.notify_one();
                    self.changes.send_modify(|count| *count = count.wrapping_add(1));
                }
                Event::Workflow { .. } | Event::LeaseLost { .. } => {}
            }
        }
        drop(watchers);
        if ready != Ready::default() {
            lock(&self.ready).merge(ready);
            self.woken.notify_one();
        }
    }

    /// Changes when members come, go or move.
    #[must_use]
    pub fn members(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Every process that comes into a state from now on, on this node. Whoever is too slow is told how many it missed.
    #[must_use]
    pub(crate) fn feed(&self) -> broadcast::Receiver<(ProcessId, State)> {
        self.feed.0.subscribe()
    }

    /// Takes what became ready since the last time.
    pub(super) fn take_ready(&self) -> Ready {
        std::mem::take(&mut *lock(&self.ready))
    }

    /// Completes when something became ready since the last call.
    pub(super) async fn readiness(&self) {
        self.woken.notified().await;
    }

    /// Completes when the members changed since the last call. For one task: the one that keeps their nodes in order.
    pub(crate) async fn membership(&self) {
        self.members.notified().await;
    }

    /// Starts to watch a process.
    ///
    /// # Errors
    /// [`Refusal::Busy`] if too many watches are open.
    pub fn watch(self: &Arc<Self>, process: u64) -> Result<Watch, Refusal> {
        let mut watchers = lock(&self.watchers);
        if watchers.count >= WATCHES_MAX {
            return Err(Refusal::Busy(Text::cut("too many processes are being watched")));
        }
        watchers.count += 1;
        let watched = watchers
            .processes
            .entry(process)
            .or_insert_with(|| Watched { news: Arc::new(Notify::new()), watches: 0 });
        watched.watches += 1;
        Ok(Watch { process, news: Arc::clone(&watched.news), events: Arc::clone(self) })
    }

    fn unwatch(&self, process: u64) {
        let mut watchers = lock(&self.watchers);
        watchers.count = watchers.count.saturating_sub(1);
        if let Some(watched) = watchers.processes.get_mut(&process) {
            watched.watches = watched.watches.saturating_sub(1);
            if watched.watches == 0 {
                watchers.processes.remove(&process);
            }
        }
    }
}

/// A watch of one process; ends when dropped.
#[derive(Debug)]
pub struct Watch {
    /// The process's number.
    process: u64,
    /// Told when it has news.
    news: Arc<Notify>,
    /// Where it is registered.
    events: Arc<Events>,
}

impl Watch {
    /// Completes at the next news after this call returned, also if it is awaited later.
    #[must_use]
    pub fn news(&self) -> Pin<Box<Notified<'_>>> {
        let mut news = Box::pin(self.news.notified());
        news.as_mut().enable();
        news
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.events.unwatch(self.process);
    }
}

/// Locks; a panic elsewhere cannot leave these sets half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use colony_protocol::{
        envelope::RequestId,
        identity::Identity,
        model::{ProcessId, State},
    };
    use futures::FutureExt;

    use super::*;

    fn process(number: u64) -> ProcessId {
        ProcessId::make(&Identity::NOBODY, &Identity::NOBODY, &RequestId::from_bytes([0; 16]), number)
    }

    fn ready(executor_type: &str) -> Event {
        Event::Ready { process: process(1), executor_type: Name::cut(executor_type) }
    }

    #[test]
    fn readiness_published_before_the_wait_is_not_lost() {
        let events = Events::default();
        events.publish(&[ready("cli"), ready("cli"), ready("gpu")]);
        assert!(events.readiness().now_or_never().is_some());
        let taken = events.take_ready();
        assert_eq!(taken.types.len(), 2);
        assert!(events.readiness().now_or_never().is_none());
    }

    #[test]
    fn too_many_types_become_all_types() {
        let events = Events::default();
        let many: Vec<Event> = (0..=TYPES_MAX).map(|number| ready(&number.to_string())).collect();
        events.publish(&many);
        assert_eq!(events.take_ready(), Ready { all: true, types: BTreeSet::new() });
    }

    #[test]
    fn a_watch_hears_news_of_its_process_only_and_leaves_nothing_behind() {
        let events = Arc::new(Events::default());
        let watch = events.watch(7).unwrap();
        let news = watch.news();
        events.publish(&[Event::Log { process: process(8) }]);
        let mut news = news;
        assert!((&mut news).now_or_never().is_none());
        events.publish(&[Event::Process { process: process(7), state: State::Running }]);
        assert!((&mut news).now_or_never().is_some());
        drop(news);
        drop(watch);
        assert!(lock(&events.watchers).processes.is_empty());
        assert_eq!(lock(&events.watchers).count, 0);
    }
}
