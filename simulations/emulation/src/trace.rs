//! Everything that happened, as one hash, and on demand as a timeline for people.
//!
//! Two runs of one seed must agree on the hash of every delivered byte, every sync, every fault and every answer, with
//! their moments. A *step* is a delivery, a sync or an answer.

use std::{
    fmt::Arguments,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Lines of a timeline that are kept: the last ones tell what went wrong.
const LINES: usize = 100_000;

/// The trace of a run; clones are the same.
#[derive(Debug, Clone)]
pub struct Trace(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    begin: Instant,
    hash: u64,
    steps: u64,
    /// Lines for people, if anybody asked for them.
    lines: Option<std::collections::VecDeque<String>>,
}

impl Trace {
    /// A trace that begins now.
    #[must_use]
    pub fn new(is_told: bool) -> Self {
        let lines = is_told.then(std::collections::VecDeque::new);
        Self(Arc::new(Mutex::new(Inner {
            begin: Instant::now(),
            hash: 0xcbf2_9ce4_8422_2325,
            steps: 0,
            lines,
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Virtual time so far.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.inner().begin.elapsed()
    }

    /// Something that is told in the timeline, too.
    pub fn note(&self, text: Arguments<'_>) {
        let mut inner = self.inner();
        let at = inner.begin.elapsed();
        let text = text.to_string();
        inner.mix(at, text.as_bytes());
        if let Some(lines) = &mut inner.lines {
            if lines.len() >= LINES {
                lines.pop_front();
            }
            lines.push_back(format!("{:>10.3} s  {text}", at.as_secs_f64()));
        }
    }

    /// A step: bytes that arrived at `place`, or a sync of its disk.
    pub fn step(&self, place: u64, bytes: &[u8]) {
        let mut inner = self.inner();
        let at = inner.begin.elapsed();
        inner.mix(at, &place.to_le_bytes());
        inner.mix(at, bytes);
        inner.steps += 1;
    }

    /// Steps so far.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.inner().steps
    }

    /// The hash so far.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.inner().hash
    }

    /// The timeline.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.inner().lines.iter().flatten().cloned().collect()
    }
}

impl Inner {
    /// FNV-1a, eight bytes at a time: equal across builds and machines.
    fn mix(&mut self, at: Duration, bytes: &[u8]) {
        let micros = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let mut hash = (self.hash ^ micros).wrapping_mul(0x0100_0000_01b3);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
        }
        self.hash = hash ^ bytes.len() as u64;
    }
}
