//! A series of runs, on all cores: each run is a thread's whole business, and nothing is shared between them but the
//! progress, so their number and order changes nothing about what they give.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    engine::{self, Progress},
    results::{Folder, ResultsError, Sum},
    scenario::{read::Source, sweep::Plan},
};

/// Why a series was not finished.
#[derive(Debug, thiserror::Error)]
pub enum SeriesError {
    /// Results cannot be written.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// Whoever watched said so.
    #[error("stopped")]
    Stopped,
}

/// How far a series has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stand {
    /// Runs that are over.
    pub done: usize,
    /// Of so many.
    pub of: usize,
    /// Events so far.
    pub events: u64,
    /// The virtual time of the run that reported last, in microseconds.
    pub now: u64,
    /// And when it ends at the latest.
    pub end: u64,
}

/// Makes all runs and writes their folder. `progress` is told now and then, and says whether to go
/// on; `clock` is asked for milliseconds once before
/// and once after.
///
/// # Errors
/// [`SeriesError`]; then there is no folder.
pub fn run(
    source: &Source,
    plans: Vec<Plan>,
    place: &Path,
    progress: &(dyn Fn(Stand) -> bool + Sync),
    clock: &dyn Fn() -> u64,
) -> Result<(PathBuf, Vec<Sum>), SeriesError> {
    let begun = clock();
    let folder = Folder::begin(place)?;
    folder.inputs(source, &plans)?;
    let name = plans.first().map(|plan| plan.scenario.name.clone()).unwrap_or_default();
    let plans: Vec<Arc<Plan>> = plans.into_iter().map(Arc::new).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from).min(plans.len()).max(1);
    let (next, events, done) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicUsize::new(0));
    let stopped = AtomicBool::new(false);
    let sums: Mutex<Vec<Result<Sum, ResultsError>>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, plan)) = take(&next, &plans) {
                    let mut before = 0;
                    let outcome = engine::run(plan, &mut |at: Progress| {
                        let more = at.events.saturating_sub(before);
                        before = at.events;
                        let events = events.fetch_add(more, Ordering::Relaxed).saturating_add(more);
                        let done = done.load(Ordering::Relaxed);
                        let stand = Stand { done, of: plans.len(), events, now: at.now, end: at.end };
                        let goes_on = progress(stand);
                        stopped.fetch_or(!goes_on, Ordering::Relaxed);
                        goes_on
                    });
                    if stopped.load(Ordering::Relaxed) {
                        return;
                    }
                    let sum = folder.run(number, plans.len(), &outcome);
                    done.fetch_add(1, Ordering::Relaxed);
                    sums.lock().unwrap_or_else(PoisonError::into_inner).push(sum);
                }
            });
        }
    });
    if stopped.into_inner() {
        return Err(SeriesError::Stopped);
    }
    let sums = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut sums: Vec<Sum> = sums.into_iter().collect::<Result<_, _>>()?;
    sums.sort_by_key(|sum| sum.number);
    folder.series(&name, &sums)?;
    let place = folder.finish(clock().saturating_sub(begun))?;
    Ok((place, sums))
}

fn take(next: &AtomicUsize, plans: &[Arc<Plan>]) -> Option<(usize, Arc<Plan>)> {
    let number = next.fetch_add(1, Ordering::Relaxed);
    plans.get(number).map(|plan| (number, Arc::clone(plan)))
}
