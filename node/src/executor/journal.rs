//! What a program wrote and nobody was told yet: bounded, shared by those who read its output and who ship it.
//!
//! Readers wait when too much is pending, so a program that writes faster than the colony takes is slowed down by its
//! own full pipe. In total a process may log [`LOG_MAX`]; then one note says so and the rest is read and dropped, so
//! that the program still ends by itself.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use colony_protocol::{
    bounded::Text,
    command::BATCH_MAX,
    model::{LogLine, LogStream, Values},
};
use tokio::sync::Notify;

use super::{
    lines::{Lines, Piece},
    output::Output,
};

/// How much one process may log. Enough for a verbose build; a runaway loop must not fill the colony's disks.
pub(super) const LOG_MAX: usize = 16 * 1024 * 1024;
/// What a line counts beyond its text: its key, time, stream and writer are kept with it.
const LINE_COST: usize = 64;
/// Pending beyond which no more is read. Holds two requests: one under way, one filling.
const PENDING_MAX: usize = 512 * 1024;
/// Most of it in one request: a quarter of what a signed request may hold.
const BATCH_COST: usize = 256 * 1024;
/// As much is sent at once instead of waiting for more.
pub(super) const EAGER: usize = 32 * 1024;
/// Bytes of the last complaint that becomes part of the error.
const COMPLAINT_MAX: usize = 1024;

/// What a program wrote and nobody was told yet.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// The state.
    inner: Mutex<Inner>,
    /// Rung when something was added or the end came.
    filled: Notify,
    /// Rung when something was taken.
    drained: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// The unfinished line of standard output.
    out: Unfinished,
    /// The unfinished line of standard error.
    err: Unfinished,
    /// Finished pieces.
    queue: Queue,
    /// Standard output as a result.
    output: Output,
    /// Whether the program has ended and all was read.
    closed: bool,
}

/// An unfinished line, and whether it was unfinished already the last time somebody looked.
#[derive(Debug, Default)]
struct Unfinished {
    lines: Lines,
    /// Then it is a prompt rather than the middle of a write, and is shown as it is.
    seen: bool,
}

#[derive(Debug, Default)]
struct Queue {
    pieces: VecDeque<LogLine>,
    /// Cost of `pieces`.
    pending: usize,
    /// Cost of everything ever queued.
    spent: usize,
    /// Whether [`LOG_MAX`] was reached.
    full: bool,
    /// The last line of standard error that is not blank.
    complaint: Option<Text<COMPLAINT_MAX>>,
}

impl Queue {
    fn add(&mut self, stream: LogStream, piece: Piece) {
        if stream == LogStream::Err && !piece.trim().is_empty() {
            self.complaint = Some(Text::cut(piece.trim()));
        }
        if self.full {
            return;
        }
        if self.spent.saturating_add(cost(&piece)) > LOG_MAX {
            self.full = true;
            let note = format!("the log reached its limit of {} MiB; the rest is dropped\n", LOG_MAX >> 20);
            self.append(LogStream::Note, Piece::cut(&note));
        } else {
            self.append(stream, piece);
        }
    }

    fn append(&mut self, stream: LogStream, message: Piece) {
        self.pending = self.pending.saturating_add(cost(&message));
        self.spent = self.spent.saturating_add(cost(&message));
        self.pieces.push_back(LogLine { stream, message });
    }

    fn take(&mut self) -> Vec<LogLine> {
        let (mut taken, mut size) = (Vec::new(), 0_usize);
        while let Some(line) = self.pieces.front() {
            let next = size.saturating_add(cost(&line.message));
            if taken.len() == BATCH_MAX || next > BATCH_COST {
                break;
            }
            size = next;
            taken.extend(self.pieces.pop_front());
        }
        self.pending = self.pending.saturating_sub(size);
        taken
    }
}

fn cost(piece: &Piece) -> usize {
    LINE_COST.saturating_add(piece.len())
}

impl Unfinished {
    fn push(&mut self, stream: LogStream, bytes: &[u8], queue: &mut Queue) {
        let Self { lines, seen } = self;
        lines.push(bytes, &mut |piece| {
            *seen = false;
            queue.add(stream, piece);
        });
    }

    fn show(&mut self, stream: LogStream, queue: &mut Queue) {
        if self.seen {
            self.lines.flush(&mut |piece| queue.add(stream, piece));
        }
        self.seen = !self.lines.is_empty();
    }
}

impl Inner {
    fn pending(&self) -> usize {
        self.queue.pending.saturating_add(self.out.lines.len()).saturating_add(self.err.lines.len())
    }

    /// Whether a closing can carry what is left.
    fn is_small(&self) -> bool {
        self.pending() <= EAGER && self.queue.pieces.len() < BATCH_MAX / 2
    }
}

impl Journal {
    /// Adds what a stream brought.
    pub(super) fn push(&self, stream: LogStream, bytes: &[u8]) {
        let mut inner = self.lock();
        let Inner { out, err, queue, output, .. } = &mut *inner;
        match stream {
            LogStream::Out => {
                output.push(bytes);
                out.push(stream, bytes, queue);
            }
            LogStream::Err => err.push(stream, bytes, queue),
            LogStream::Note => queue.add(stream, Piece::cut(&String::from_utf8_lossy(bytes))),
        }
        drop(inner);
        self.filled.notify_waiters();
    }

    /// Says that nothing comes any more.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        let Inner { out, err, queue, closed, .. } = &mut *inner;
        out.lines.finish(&mut |piece| queue.add(LogStream::Out, piece));
        err.lines.finish(&mut |piece| queue.add(LogStream::Err, piece));
        *closed = true;
        drop(inner);
        self.filled.notify_waiters();
    }

    /// Takes the next batch of lines, the oldest first. A line that was unfinished the last time too is taken as it is.
    pub(super) fn take(&self) -> Vec<LogLine> {
        let mut inner = self.lock();
        let Inner { out, err, queue, .. } = &mut *inner;
        out.show(LogStream::Out, queue);
        err.show(LogStream::Err, queue);
        let lines = queue.take();
        drop(inner);
        self.drained.notify_waiters();
        lines
    }

    /// Waits until there is room for more.
    pub(super) async fn room(&self) {
        until(&self.drained, || self.lock().pending() < PENDING_MAX).await;
    }

    /// Waits until there is something to take, or the end.
    pub(super) async fn something(&self) {
        until(&self.filled, || {
            let inner = self.lock();
            inner.closed || inner.pending() > 0
        })
        .await;
    }

    /// Waits until there is enough to take at once, or the end.
    pub(super) async fn enough(&self) {
        until(&self.filled, || {
            let inner = self.lock();
            inner.closed || inner.pending() >= EAGER
        })
        .await;
    }

    /// Whether the end has come and a closing can carry what is left.
    pub(super) fn is_done(&self) -> bool {
        let inner = self.lock();
        inner.closed && inner.is_small()
    }

    /// The result so far, and whether some of it was cut off.
    pub(super) fn output(&self) -> (Values, bool) {
        self.lock().output.finish()
    }

    /// The last line of standard error that is not blank.
    pub(super) fn complaint(&self) -> Option<String> {
        self.lock().queue.complaint.as_ref().map(ToString::to_string)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing here is half done between two statements that could panic.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until `holds`, looking again whenever `bell` rings; no ring is lost between the look and the wait.
async fn until(bell: &Notify, holds: impl Fn() -> bool) {
    loop {
        let mut ring = pin!(bell.notified());
        ring.as_mut().enable();
        if holds() {
            return;
        }
        ring.await;
    }
}
