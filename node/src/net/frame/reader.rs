//! From a connection to frames, each in its time.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{AsyncBufRead as _, AsyncBufReadExt as _, AsyncRead, io::BufReader};

use super::{
    Frame, FrameError, PATIENCE,
    parser::{Parser, Stage},
    patience,
};
use crate::{
    net::budget::Budget,
    runtime::{Runtime, Task},
};

/// Read at once from a connection. Small, because an idle stream keeps this much.
const READ_BUFFER: usize = 8 * 1024;

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

    /// Charges the frames that begin from now on to another budget.
    pub(crate) fn charge_to(&mut self, budget: Arc<Budget>) {
        self.parser.charge_to(budget);
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
