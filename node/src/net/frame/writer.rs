//! From frames to a connection, as many at once as there are.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures::{AsyncWrite, AsyncWriteExt as _};

use super::{FrameError, PATIENCE, patience, put};
use crate::runtime::{Runtime, Task};

/// Above this many waiting bytes a [`Writer`] has no room: one large answer may pass it, a second waits.
const WRITE_HIGH: usize = 256 * 1024;
/// A write buffer larger than this is given back once it is empty.
const WRITE_KEPT: usize = 64 * 1024;

/// Writes frames to a connection, all that wait in one go.
pub(crate) struct Writer<W> {
    batch: Batch<W>,
    /// When the peer must have taken the batch. Set only if the connection does not take it at once.
    deadline: Option<Task>,
    /// What waits for the batch to be done.
    waiting: Vec<u8>,
    limit: usize,
    runtime: Runtime,
}

/// What is being written.
struct Batch<W> {
    io: W,
    bytes: Vec<u8>,
    written: usize,
    flushed: bool,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    /// A writer of frames of at most `limit` bytes.
    pub(crate) fn new(io: W, limit: usize, runtime: Runtime) -> Self {
        let batch = Batch { io, bytes: Vec::new(), written: 0, flushed: true };
        Self { batch, deadline: None, waiting: Vec::new(), limit, runtime }
    }

    /// Queues a numbered frame.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`]; nothing is queued then.
    pub(crate) fn push(&mut self, number: u64, bytes: &[u8]) -> Result<(), FrameError> {
        self.push_parts(number, &[bytes])
    }

    /// Queues a numbered frame that comes in parts.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`]; nothing is queued then.
    pub(crate) fn push_parts(&mut self, number: u64, parts: &[&[u8]]) -> Result<(), FrameError> {
        put(&mut self.waiting, Some(number), parts, self.limit)
    }

    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether another frame may be queued.
    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < WRITE_HIGH
    }

    /// Whether everything has been given to the connection.
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.batch.flushed
    }

    /// Writes some of what waits.
    ///
    /// # Errors
    /// [`FrameError::TooSlow`] if the peer does not take it in time, or [`FrameError::Io`].
    pub(crate) async fn progress(&mut self) -> Result<(), FrameError> {
        if self.batch.flushed {
            std::mem::swap(&mut self.batch.bytes, &mut self.waiting);
            self.batch.flushed = false;
            self.deadline = None;
        }
        poll_fn(|context| {
            if let Poll::Ready(done) = self.batch.poll_step(context) {
                return Poll::Ready(done.map_err(FrameError::from));
            }
            let limit = patience(self.batch.bytes.len());
            let deadline = self.deadline.get_or_insert_with(|| self.runtime.timer(limit));
            deadline.as_mut().poll(context).map(|()| Err(FrameError::TooSlow))
        })
        .await
    }

    /// Closes our side.
    ///
    /// # Errors
    /// [`FrameError::TooSlow`] or [`FrameError::Io`].
    pub(crate) async fn close(&mut self) -> Result<(), FrameError> {
        let closed = self.runtime.timeout(PATIENCE, self.batch.io.close()).await;
        Ok(closed.ok_or(FrameError::TooSlow)??)
    }
}

impl<W: AsyncWrite + Unpin> Batch<W> {
    /// One write, or the flush after the last one.
    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let io = Pin::new(&mut self.io);
        if let Some(rest) = self.bytes.get(self.written..).filter(|rest| !rest.is_empty()) {
            let count = ready!(io.poll_write(context, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written = self.written.saturating_add(count);
            return Poll::Ready(Ok(()));
        }
        ready!(io.poll_flush(context))?;
        self.flushed = true;
        self.written = 0;
        self.bytes.clear();
        self.bytes.shrink_to(WRITE_KEPT);
        Poll::Ready(Ok(()))
    }
}
