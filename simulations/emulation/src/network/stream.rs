//! One end of a connection.

use std::{
    fmt,
    future::Future as _,
    io,
    net::Ipv4Addr,
    pin::Pin,
    task::{Context, Poll},
};

use futures::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Network, WINDOW};

/// An end: reads from one pipe, writes into the other.
pub struct Half {
    network: Network,
    host: Ipv4Addr,
    reads: u64,
    writes: u64,
    /// Until the next chunk has arrived.
    arrival: Option<Pin<Box<Sleep>>>,
}

impl Half {
    pub(super) const fn new(network: Network, host: Ipv4Addr, reads: u64, writes: u64) -> Self {
        Self { network, host, reads, writes, arrival: None }
    }

    /// Gives what has arrived, or until when nothing will have.
    fn take(&self, context: &Context<'_>, out: &mut [u8]) -> Taken {
        let mut hub = self.network.hub();
        let Some(pipe) = hub.pipes.get(&self.reads) else { return Taken::Done(Err(reset())) };
        if pipe.broken {
            return Taken::Done(Err(reset()));
        }
        let (from, to, next) = (pipe.from, pipe.to, pipe.chunks.front().map(|(at, ..)| *at));
        let now = Instant::now();
        let passes = next.is_none_or(|at| at > now) && !pipe.ended || hub.passes(from, to);
        let trace = hub.trace.clone();
        let Some(pipe) = hub.pipes.get_mut(&self.reads) else { return Taken::Done(Err(reset())) };
        pipe.reader = Some(context.waker().clone());
        if !passes {
            return Taken::Later(None);
        }
        match pipe.chunks.front_mut() {
            Some((at, ..)) if *at > now => Taken::Later(Some(*at)),
            Some((_, bytes, read)) => {
                let rest = &bytes[*read..];
                let count = rest.len().min(out.len());
                out[..count].copy_from_slice(&rest[..count]);
                trace.step(self.reads, &rest[..count]);
                *read += count;
                if *read == bytes.len() {
                    pipe.chunks.pop_front();
                }
                pipe.queued -= count;
                if let Some(writer) = pipe.writer.take() {
                    writer.wake();
                }
                Taken::Done(Ok(count))
            }
            None if pipe.ended && pipe.last <= now => Taken::Done(Ok(0)),
            None if pipe.ended => Taken::Later(Some(pipe.last)),
            None => Taken::Later(None),
        }
    }
}

enum Taken {
    Done(io::Result<usize>),
    Later(Option<Instant>),
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl AsyncRead for Half {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        out: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.take(context, out) {
                Taken::Done(outcome) => return Poll::Ready(outcome),
                Taken::Later(None) => return Poll::Pending,
                Taken::Later(Some(at)) => {
                    let mut arrival = Box::pin(sleep_until(at));
                    if arrival.as_mut().poll(context).is_pending() {
                        self.arrival = Some(arrival);
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl AsyncWrite for Half {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut hub = self.network.hub();
        let takes = hub.takes();
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
        let at = pipe.last.max(Instant::now() + takes) + passing;
        pipe.last = at;
        pipe.queued += count;
        pipe.chunks.push_back((at, bytes[..count].to_vec(), 0));
        if let Some(reader) = pipe.reader.take() {
            reader.wake();
        }
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
            pipe.wake();
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
        for number in [self.reads, self.writes] {
            let Some(pipe) = hub.pipes.get_mut(&number) else { continue };
            pipe.held_by -= 1;
            if speaks {
                if number == self.reads {
                    pipe.deaf = true;
                } else if !pipe.ended {
                    pipe.ended = true;
                    pipe.last = pipe.last.max(Instant::now() + takes);
                }
                pipe.wake();
            }
            if pipe.held_by == 0 {
                hub.pipes.remove(&number);
            }
        }
    }
}

impl fmt::Debug for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Half").field("host", &self.host).finish_non_exhaustive()
    }
}
