//! A few threads for short CPU-bound work, with a bounded queue.
//!
//! Serves [`super::Platform::offload`] on a real machine. A full queue refuses at once: whoever asked answers "busy"
//! instead of letting strangers' requests pile up. Threads start with the first job, so a program that needs none
//! pays for none. A job that panics takes neither its thread nor the pool with it, in builds where a panic unwinds.

use std::{
    collections::VecDeque,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError},
};

use super::{Busy, Job};

/// Jobs that may wait. At 130 microseconds a signature this is about half a second of one core: a request that
/// would wait longer is better refused and sent again.
pub(super) const QUEUE: usize = 4096;

/// Starts a named thread; the platform knows how.
type Start = dyn Fn(Job) + Send + Sync;

/// The pool. Dropping it lets the threads finish what is queued and end.
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads: usize,
    start: Box<Start>,
    started: Once,
}

/// What the threads share.
struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
}

/// Jobs in order of arrival.
struct Queue {
    jobs: VecDeque<Job>,
    /// Threads that sleep: nobody is woken in vain while all are busy.
    idle: usize,
    closed: bool,
}

impl Pool {
    /// A pool of `threads` threads, which `start` will start.
    pub(super) fn new(threads: usize, start: impl Fn(Job) + Send + Sync + 'static) -> Self {
        let queue = Queue { jobs: VecDeque::new(), idle: 0, closed: false };
        Self {
            shared: Arc::new(Shared { queue: Mutex::new(queue), ready: Condvar::new() }),
            threads,
            start: Box::new(start),
            started: Once::new(),
        }
    }

    /// Queues a job.
    pub(super) fn offer(&self, job: Job) -> Result<(), Busy> {
        self.started.call_once(|| {
            for _ in 0..self.threads {
                let shared = Arc::clone(&self.shared);
                (self.start)(Box::new(move || shared.work()));
            }
        });
        let mut queue = self.shared.lock();
        if queue.closed || queue.jobs.len() >= QUEUE {
            return Err(Busy);
        }
        queue.jobs.push_back(job);
        let sleeper = queue.idle > 0;
        drop(queue);
        if sleeper {
            self.shared.ready.notify_one();
        }
        Ok(())
    }

    /// Accepts no more jobs; the threads end when the queue is empty.
    pub(super) fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.ready.notify_all();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing that can panic runs under this lock.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of one thread.
    fn work(&self) {
        while let Some(job) = self.next() {
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                tracing::error!("a job of the pool panicked");
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut queue = self.lock();
        loop {
            if let Some(job) = queue.jobs.pop_front() {
                return Some(job);
            }
            if queue.closed {
                return None;
            }
            queue.idle += 1;
            queue = self.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn pool() -> Pool {
        #[expect(clippy::disallowed_methods, reason = "the platform's part, played by the test")]
        Pool::new(2, |job| drop(std::thread::spawn(job)))
    }

    #[test]
    fn jobs_run_and_a_panic_harms_nobody() {
        let pool = pool();
        let (done, results) = mpsc::sync_channel(100);
        // More panics than there are threads: each must survive its own.
        for _ in 0..8 {
            pool.offer(Box::new(|| assert_eq!(1, 2, "on purpose"))).unwrap();
        }
        for number in 0..100 {
            let done = done.clone();
            pool.offer(Box::new(move || done.send(number).unwrap())).unwrap();
        }
        let mut numbers: Vec<u32> = results.iter().take(100).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_full_queue_refuses_at_once() {
        let pool = pool();
        let (release, wait) = mpsc::sync_channel::<()>(0);
        let wait = Arc::new(Mutex::new(wait));
        // Every thread is held, so that nothing leaves the queue.
        let hold = |wait: &Arc<Mutex<mpsc::Receiver<()>>>| -> Job {
            let wait = Arc::clone(wait);
            Box::new(move || assert!(wait.lock().unwrap().recv().is_err()))
        };
        let mut accepted = 0;
        while pool.offer(hold(&wait)).is_ok() {
            accepted += 1;
            assert!(accepted <= QUEUE + 2, "the queue is not bounded");
        }
        assert!(accepted >= QUEUE);
        drop(release);
    }
}
