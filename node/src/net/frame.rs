//! Frames: bytes with their length in front.
//!
//! The [`Parser`] is pure: bytes in, frames out. The [`Reader`] feeds it from a connection and gives each frame a time
//! to arrive in; the [`Writer`] gives each batch of frames a time to be taken. Both can be dropped at any await and
//! called again without losing bytes, so they fit into a `select!`.
//!
//! What may never happen here: memory for bytes that are only announced; a peer that keeps memory by being slow.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{
    AsyncBufRead as _, AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, io::BufReader,
};

use super::budget::{Budget, Charge};
use crate::runtime::{Runtime, Task};

/// Time for a frame's header, and for any frame beside the time its length earns it.
const PATIENCE: Duration = Duration::from_secs(10);
/// A peer slower than this many bytes per second is not worth the memory its frame holds.
const SLOWEST: u64 = 16 * 1024;
/// Read at once from a connection. Small, because an idle stream keeps this much.
const READ_BUFFER: usize = 8 * 1024;
/// First memory taken for a body; it doubles as bytes arrive.
const FIRST_STEP: usize = 4 * 1024;
/// Above this many waiting bytes a [`Writer`] has no room: one large answer may pass it, a second waits.
const WRITE_HIGH: usize = 256 * 1024;
/// A write buffer larger than this is given back once it is empty.
const WRITE_KEPT: usize = 64 * 1024;

/// Bytes of a length.
const LENGTH: usize = 4;
/// Bytes of a length and a correlation number.
const NUMBERED: usize = 12;

/// How long a frame of `len` bytes may take to pass.
pub(crate) fn patience(len: usize) -> Duration {
    let earned = u64::try_from(len).unwrap_or(u64::MAX) / SLOWEST;
    PATIENCE.saturating_add(Duration::from_secs(earned))
}

/// Which header stands before the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    /// `u32` length.
    Length,
    /// `u32` length, `u64` correlation number.
    Numbered,
}

/// A frame that has arrived.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The correlation number; 0 under [`Header::Length`].
    pub(crate) number: u64,
    /// The bytes; `None` if there was no memory for them and they were skipped.
    pub(crate) bytes: Option<Vec<u8>>,
    /// Holds the memory's share of the budget.
    pub(crate) charge: Charge,
}

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The announced length is above the limit.
    #[error("a frame of {0} bytes is above the limit of {1}")]
    TooLarge(usize, usize),
    /// The connection ended within a frame.
    #[error("the connection ended within a frame")]
    Cut,
    /// The peer sends or takes bytes too slowly.
    #[error("the peer is too slow")]
    TooSlow,
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<FrameError> for io::Error {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Io(error) => error,
            FrameError::TooSlow => Self::new(io::ErrorKind::TimedOut, error),
            FrameError::Cut => Self::new(io::ErrorKind::UnexpectedEof, error),
            FrameError::TooLarge(..) => Self::new(io::ErrorKind::InvalidData, error),
        }
    }
}

/// Appends a frame to `out`.
///
/// # Errors
/// [`FrameError::TooLarge`]; nothing is appended then.
pub(crate) fn put(
    out: &mut Vec<u8>,
    number: Option<u64>,
    bytes: &[u8],
    limit: usize,
) -> Result<(), FrameError> {
    let len = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= limit);
    let len = len.ok_or(FrameError::TooLarge(bytes.len(), limit))?;
    out.reserve(NUMBERED.saturating_add(bytes.len()));
    out.extend_from_slice(&len.to_be_bytes());
    if let Some(number) = number {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(bytes);
    Ok(())
}

/// Finds frames in bytes.
#[derive(Debug)]
pub(crate) struct Parser {
    header: Header,
    limit: usize,
    budget: Arc<Budget>,
    /// The bytes of a header that is not complete yet.
    head: Vec<u8>,
    /// The body under way.
    body: Option<Body>,
}

/// A body under way.
#[derive(Debug)]
struct Body {
    number: u64,
    len: usize,
    /// Bytes that have not arrived.
    missing: usize,
    bytes: Option<Vec<u8>>,
    charge: Charge,
}

/// Where a parser stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Between frames.
    Between,
    /// Within a header.
    Header,
    /// Within a body of so many bytes.
    Body(usize),
}

impl Parser {
    /// A parser that refuses frames longer than `limit` and charges what it keeps to `budget`.
    pub(crate) fn new(header: Header, limit: usize, budget: Arc<Budget>) -> Self {
        Self { header, limit, budget, head: Vec::with_capacity(NUMBERED), body: None }
    }

    /// Takes bytes up to the end of one frame. Gives how many it took, and the frame if it is complete.
    pub(crate) fn take(&mut self, input: &[u8]) -> Result<(usize, Option<Frame>), FrameError> {
        let mut taken = 0;
        if self.body.is_none() {
            let size = if self.header == Header::Length { LENGTH } else { NUMBERED };
            taken = input.len().min(size.saturating_sub(self.head.len()));
            self.head.extend_from_slice(&input[..taken]);
            if self.head.len() < size {
                return Ok((taken, None));
            }
            self.body = Some(self.begin()?);
            self.head.clear();
        }
        let Some(body) = &mut self.body else { return Ok((taken, None)) };
        let part = &input[taken..];
        let part = &part[..part.len().min(body.missing)];
        body.take(part);
        let taken = taken.saturating_add(part.len());
        if body.missing > 0 {
            return Ok((taken, None));
        }
        let frame =
            self.body.take().map(|Body { number, bytes, charge, .. }| Frame { number, bytes, charge });
        Ok((taken, frame))
    }

    fn begin(&self) -> Result<Body, FrameError> {
        let (len, number) = self.head.split_at(LENGTH);
        let len = len.iter().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let number = number.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        if len > self.limit {
            return Err(FrameError::TooLarge(len, self.limit));
        }
        Ok(Body { number, len, missing: len, bytes: Some(Vec::new()), charge: self.budget.open() })
    }

    fn stage(&self) -> Stage {
        match &self.body {
            Some(body) => Stage::Body(body.len),
            None if self.head.is_empty() => Stage::Between,
            None => Stage::Header,
        }
    }
}

impl Body {
    fn take(&mut self, part: &[u8]) {
        if let Some(bytes) = &mut self.bytes {
            let short = part.len().saturating_sub(bytes.capacity().saturating_sub(bytes.len()));
            if short > 0 {
                // Twice what has arrived, but never more than was announced.
                let step = part.len().max(bytes.len()).max(FIRST_STEP).min(self.missing);
                let before = bytes.capacity();
                if self.charge.grow(bytes.len().saturating_add(step).saturating_sub(before)) {
                    bytes.reserve_exact(step);
                } else {
                    // No memory left for it: the rest passes unread, and the sender is told to try again.
                    self.bytes = None;
                }
            }
        }
        if let Some(bytes) = &mut self.bytes {
            bytes.extend_from_slice(part);
        }
        self.missing = self.missing.saturating_sub(part.len());
    }
}

/// Reads frames from a connection.
pub(crate) struct Reader<R> {
    io: BufReader<R>,
    parser: Parser,
    runtime: Runtime,
    /// Whether the first frame's time has begun before its first byte.
    eager: bool,
    /// Frames read so far.
    frames: u64,
    /// What the deadline was set for: which frame, at which stage.
    watched: Option<(u64, Stage)>,
    deadline: Option<Task>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads frames that may be a long time apart.
    pub(crate) fn new(io: R, parser: Parser, runtime: Runtime) -> Self {
        let io = BufReader::with_capacity(READ_BUFFER, io);
        Self { io, parser, runtime, eager: false, frames: 0, watched: None, deadline: None }
    }

    /// Reads one frame that must begin now.
    pub(crate) fn eager(io: R, parser: Parser, runtime: Runtime) -> Self {
        Self { eager: true, ..Self::new(io, parser, runtime) }
    }

    /// The next frame; `None` when the peer has closed its side between frames.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            if let Some(frame) = self.buffered()? {
                return Ok(Some(frame));
            }
            let ended = poll_fn(|context| self.poll_fill(context)).await?;
            if ended {
                return if self.parser.stage() == Stage::Between { Ok(None) } else { Err(FrameError::Cut) };
            }
        }
    }

    /// The next frame if all of it has been read from the connection.
    pub(crate) fn buffered(&mut self) -> Result<Option<Frame>, FrameError> {
        while !self.io.buffer().is_empty() {
            let (taken, frame) = self.parser.take(self.io.buffer())?;
            self.io.consume_unpin(taken);
            if let Some(frame) = frame {
                self.eager = false;
                self.frames = self.frames.wrapping_add(1);
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Reads more bytes; says whether there will be no more.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, FrameError>> {
        if let Poll::Ready(filled) = Pin::new(&mut self.io).poll_fill_buf(context) {
            return Poll::Ready(Ok(filled?.is_empty()));
        }
        // Only now is there anything to wait for.
        self.watch();
        match &mut self.deadline {
            Some(deadline) => deadline.as_mut().poll(context).map(|()| Err(FrameError::TooSlow)),
            None => Poll::Pending,
        }
    }

    /// Sets the deadline for the frame the parser is in; it stays while the same frame is in the same stage.
    fn watch(&mut self) {
        let stage = match self.parser.stage() {
            Stage::Between if self.eager => Stage::Header,
            stage => stage,
        };
        if self.watched == Some((self.frames, stage)) {
            return;
        }
        self.watched = Some((self.frames, stage));
        self.deadline = match stage {
            Stage::Between => None,
            Stage::Header => Some(self.runtime.timer(PATIENCE)),
            Stage::Body(len) => Some(self.runtime.timer(patience(len))),
        };
    }
}

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
        put(&mut self.waiting, Some(number), bytes, self.limit)
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
