//! What was seen, as the laboratory's metrics: the same names, definitions and units (`simulations/METRICS.md`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use colony_protocol::{
    announcement::Announcement,
    model::{Process, ProcessId, State},
    time::Timestamp,
};
use colony_simulations::lab::engine::histogram::Histogram;
use serde_json::{Map, Value, json};

/// A submission that was acknowledged.
#[derive(Debug)]
pub(super) struct Submitted {
    pub(super) asked: Timestamp,
    pub(super) acknowledged: Timestamp,
    pub(super) ids: Vec<ProcessId>,
}

/// Announcements as they were heard; clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Words(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    all: BTreeSet<(u64, u64)>,
    took: Vec<(Timestamp, u64)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Words {
    /// One was heard.
    pub(super) fn heard(&self, word: &Announcement, now: Timestamp) {
        let mut heard = lock(&self.0);
        heard.all.insert((word.term, word.sequence));
        heard.took.push((word.issued, now.since(word.issued).as_micros()));
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        lock(&self.0).all.len() as u64
    }
}

/// Everything seen; clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    words: Words,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: BTreeMap<&'static str, u64>,
    submitted: Vec<Submitted>,
    ended: Vec<Process>,
    elections: Histogram,
    gaps: Histogram,
}

impl Seen {
    pub(super) fn new(words: Words) -> Self {
        Self { words, inner: Arc::default() }
    }

    pub(super) fn count(&self, name: &'static str, more: u64) {
        *lock(&self.inner).counts.entry(name).or_default() += more;
    }

    pub(super) fn submitted(&self, submitted: Submitted) {
        lock(&self.inner).submitted.push(submitted);
    }

    pub(super) fn ended(&self, processes: Vec<Process>) {
        lock(&self.inner).ended.extend(processes);
    }

    pub(super) fn election(&self, took: Duration, available: Duration) {
        let mut inner = lock(&self.inner);
        inner.elections.add(took.as_micros() as u64);
        inner.gaps.add(available.as_micros() as u64);
    }

    /// The metrics.
    pub(super) fn metrics(&self) -> Value {
        let inner = lock(&self.inner);
        let ms = |histogram: &Histogram, per_mille| histogram.quantile(per_mille) as f64 / 1e3;
        let mut acknowledged = BTreeSet::new();
        let (mut acknowledgement, mut wait, mut in_colony) =
            (Histogram::default(), Histogram::default(), Histogram::default());
        for one in &inner.submitted {
            acknowledgement.add(one.acknowledged.since(one.asked).as_micros());
            acknowledged.extend(one.ids.iter().map(|id| id.number()));
        }
        let (mut succeeded, mut unfinished, mut grants, mut known) = (0_u64, 0_u64, 0_u64, BTreeSet::new());
        for process in &inner.ended {
            known.insert(process.number());
            succeeded += u64::from(process.state == State::Success);
            unfinished += u64::from(!process.state.is_terminal());
            grants += process.token;
            if let Some(started) = process.started_at {
                wait.add(started.since(process.submitted_at).as_micros());
            }
            if let Some(ended) = process.ended_at {
                in_colony.add(ended.since(process.submitted_at).as_micros());
            }
        }
        let lost = acknowledged.iter().filter(|number| !known.contains(number)).count();
        let mut propagation = Histogram::default();
        lock(&self.words.0).took.iter().for_each(|(_, took)| propagation.add(*took));
        let count = |name: &str| inner.counts.get(name).copied().unwrap_or_default();
        let mut metrics: Map<String, Value> = Map::new();
        let mut put = |name: &str, value: f64| metrics.insert(name.to_owned(), json!(value));
        put("processes", inner.ended.len() as f64);
        put("succeeded", succeeded as f64);
        put("unfinished", unfinished as f64);
        put("lost", lost as f64);
        put("re_executions", grants.saturating_sub(inner.ended.len() as u64) as f64);
        for name in ["given_up", "asks", "announcements", "entries", "syncs"] {
            put(name, count(name) as f64);
        }
        put("acknowledgement_p50", ms(&acknowledgement, 500));
        put("acknowledgement_p99", ms(&acknowledgement, 990));
        put("wait_p50", ms(&wait, 500));
        put("wait_p99", ms(&wait, 990));
        put("in_colony_p50", ms(&in_colony, 500));
        put("in_colony_p99", ms(&in_colony, 990));
        if propagation.count() > 0 {
            put("propagation_p50", ms(&propagation, 500));
            put("propagation_p99", ms(&propagation, 990));
        }
        if inner.elections.count() > 0 {
            put("elections", inner.elections.count() as f64);
            put("election_p50", ms(&inner.elections, 500));
            put("unavailability", inner.gaps.mean() * inner.gaps.count() as f64 / 1e6);
        }
        Value::Object(metrics)
    }
}
