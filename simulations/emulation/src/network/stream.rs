//! One end of a connection.

use std::{
    fmt, io,
    net::Ipv4Addr,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::{Chunk, Network, WINDOW};

/// One write in so many does not travel with what was written at the same moment.
const APART: u64 = 8;

/// An end: reads from one pipe, writes into the other.
pub struct Half {
    network: Network,
    host: Ipv4Addr,
    reads: u64,
    writes: u64,
}

impl Half {
    pub(super) const fn new(network: Network, host: Ipv4Addr, reads: u64, writes: u64) -> Self {
        Self { network, host, reads, writes }
    }

    /// Gives what has arrived; else whoever asks is woken when something has.
    fn take(&self, context: &Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut hub = self.network.hub();
        let distance = hub.distance;
        let Some(pipe) = hub.pipes.get_mut(&self.reads) else { return Poll::Ready(Err(reset())) };
        if pipe.broken {
            return Poll::Ready(Err(reset()));
        }
        let now = Instant::now();
        let has_come = |at: Instant| distance.arrival(now, at) <= now;
        let has_come = match pipe.chunks.front() {
            Some(chunk) => has_come(chunk.arrives),
            None => pipe.ended && has_come(pipe.last),
        };
        let (from, to) = (pipe.from, pipe.to);
        if !has_come || !hub.passes(from, to) {
            if let Some(pipe) = hub.pipes.get_mut(&self.reads) {
                pipe.reader = Some(context.waker().clone());
            }
            return Poll::Pending;
        }
        let trace = hub.trace.clone();
        let Some(pipe) = hub.pipes.get_mut(&self.reads) else { return Poll::Ready(Err(reset())) };
        let Some(chunk) = pipe.chunks.front_mut() else { return Poll::Ready(Ok(0)) };
        let rest = &chunk.bytes[chunk.read..];
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        trace.step(self.reads, &rest[..count]);
        chunk.read += count;
        if chunk.read == chunk.bytes.len() {
            pipe.chunks.pop_front();
        }
        pipe.queued -= count;
        if let Some(writer) = pipe.writer.take() {
            writer.wake();
        }
        Poll::Ready(Ok(count))
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl AsyncRead for Half {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut [u8]) -> Poll<io::Result<usize>> {
        self.take(context, out)
    }
}

impl AsyncWrite for Half {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut hub = self.network.hub();
        let hub = &mut *hub;
        let now = Instant::now();
        let (takes, is_apart) = (hub.takes(), hub.chance.below(APART) == 0);
        let bandwidth = hub.distance.bandwidth.max(1);
        let Some(pipe) = hub.pipes.get_mut(&self.writes) else { return Poll::Ready(Err(reset())) };
        if pipe.broken || pipe.deaf {
            return Poll::Ready(Err(reset()));
        }
        if pipe.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let count = bytes.len().min(WINDOW - pipe.queued);
        if count == 0 {
            pipe.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let passing = std::time::Duration::from_micros((count as u64).saturating_mul(1000) / bandwidth);
        pipe.queued += count;
        if let Some(last) = pipe.chunks.back_mut().filter(|last| last.written == now && !is_apart) {
            last.bytes.extend_from_slice(&bytes[..count]);
            last.arrives += passing;
            pipe.last = last.arrives;
        } else {
            let lag = hub.lags.get(&(pipe.from, pipe.to)).copied().unwrap_or_default();
            let arrives = pipe.last.max(now + takes + lag) + passing;
            pipe.last = arrives;
            pipe.chunks.push_back(Chunk { written: now, arrives, bytes: bytes[..count].to_vec(), read: 0 });
        }
        let arrives = pipe.last;
        hub.expect(arrives, self.writes);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut hub = self.network.hub();
        let takes = hub.takes();
        if let Some(pipe) = hub.pipes.get_mut(&self.writes)
            && !pipe.ended
        {
            pipe.ended = true;
            pipe.last = pipe.last.max(Instant::now() + takes);
            let arrives = pipe.last;
            hub.expect(arrives, self.writes);
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        let mut hub = self.network.hub();
        // A host that lost its power says nothing.
        let speaks = hub.is_on(self.host);
        let takes = hub.takes();
        let mut ends = None;
        for number in [self.reads, self.writes] {
            let Some(pipe) = hub.pipes.get_mut(&number) else { continue };
            pipe.held_by -= 1;
            if speaks {
                if number == self.reads {
                    pipe.deaf = true;
                } else if !pipe.ended {
                    pipe.ended = true;
                    pipe.last = pipe.last.max(Instant::now() + takes);
                    ends = Some(pipe.last);
                }
                pipe.wake();
            }
            if pipe.held_by == 0 {
                hub.pipes.remove(&number);
            }
        }
        if let Some(at) = ends {
            hub.expect(at, self.writes);
        }
    }
}

impl fmt::Debug for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Half").field("host", &self.host).finish_non_exhaustive()
    }
}
