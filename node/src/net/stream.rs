//! One long-lived stream of a peer: many requests under way, answers in any order.
//!
//! A task of its own, which owns the stream and every request on it; when it ends, they end. A peer that closes its
//! side gives up what it asked: nothing else tells a node that a waiting executor is gone. Back-pressure is by not
//! reading: while the peer does not take its answers, or has enough requests under way, nothing more is read, and the
//! transport's window fills on the peer's side. A stranger's stream is read a few requests at a time, into the small
//! buffer of all strangers, until a member is known to stand behind it.

use std::{pin::pin, sync::Arc, time::Duration};

use colony_protocol::rpc::{OUTCOME_MAX, REQUEST_MAX};
use futures::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, FutureExt as _, StreamExt as _,
    future::BoxFuture,
    io::{ReadHalf, WriteHalf},
    stream::FuturesUnordered,
};

use super::{
    bounds::Caller,
    frame::{Frame, FrameError, Header, Parser, Reader, Writer},
    quota::Ticket,
    service::Service,
};

/// Bytes of requests under way on one stream; the next frame is not read above it.
const BYTES: usize = 4 * 1024 * 1024;
/// How often a stream is looked at for idleness.
const TICK: Duration = Duration::from_secs(60);
/// A stream with nothing under way for so many ticks is closed; its owner opens another when it needs one.
const IDLE_TICKS: u32 = 5;

/// A request under way: gives its correlation number, its length and its outcome.
type UnderWay = BoxFuture<'static, (u64, usize, Vec<u8>)>;

/// One peer's stream.
struct Session<S> {
    caller: Arc<Caller>,
    /// Whether nobody was known to stand behind it when that was last looked at.
    strange: bool,
    service: Arc<Service>,
    reader: Reader<ReadHalf<S>>,
    writer: Writer<WriteHalf<S>>,
    under_way: FuturesUnordered<UnderWay>,
    /// Bytes of the requests under way.
    bytes: usize,
    /// Whether more requests may come.
    open: bool,
    idle_ticks: u32,
}

/// Serves a stream until it ends. `ticket` is its place among the peer's streams.
pub(super) async fn serve<S>(stream: S, caller: Arc<Caller>, service: Arc<Service>, ticket: Ticket)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (read, write) = stream.split();
    let runtime = service.runtime.clone();
    let peer = caller.peer();
    let strange = caller.is_stranger();
    let budget = if strange { &service.small } else { &service.budget };
    let parser = Parser::new(Header::Numbered, REQUEST_MAX, Arc::clone(budget));
    let session = Session {
        caller,
        strange,
        reader: Reader::new(read, parser, runtime.clone()),
        writer: Writer::new(write, OUTCOME_MAX, runtime),
        under_way: FuturesUnordered::new(),
        bytes: 0,
        open: true,
        idle_ticks: 0,
        service,
    };
    if let Err(error) = session.run().await {
        tracing::debug!(%peer, %error, "a stream broke");
    }
    drop(ticket);
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    async fn run(mut self) -> Result<(), FrameError> {
        let closing = self.service.closing.clone();
        let mut closing = pin!(closing.cancelled());
        let caller = Arc::clone(&self.caller);
        let mut vouched = pin!(caller.vouched());
        let mut tick = self.service.runtime.timer(TICK);
        while self.open || !self.under_way.is_empty() || !self.writer.is_idle() {
            let may_read = self.may_read();
            let may_answer = !self.under_way.is_empty() && self.writer.has_room();
            tokio::select! {
                biased;
                done = self.writer.progress(), if !self.writer.is_idle() => done?,
                Some(answer) = self.under_way.next(), if may_answer => self.answer(answer)?,
                () = &mut closing, if self.open => self.open = false,
                () = &mut vouched, if self.strange => self.trust(),
                frame = self.reader.next(), if may_read => match frame? {
                    Some(frame) => self.accept(frame)?,
                    None => return Ok(()),
                },
                () = &mut tick => {
                    tick = self.service.runtime.timer(TICK);
                    self.tick();
                }
            }
        }
        self.writer.close().await
    }

    fn may_read(&self) -> bool {
        self.open && self.writer.has_room() && self.bytes < BYTES && self.under_way.len() < self.room()
    }

    /// How many requests may be under way.
    fn room(&self) -> usize {
        let limits = &self.service.limits;
        if self.strange { limits.requests_per_stranger } else { limits.requests_per_stream }
    }

    /// A member is known to stand behind the peer.
    fn trust(&mut self) {
        self.strange = false;
        self.reader.charge_to(Arc::clone(&self.service.budget));
    }

    /// Takes a frame, and all further ones that have been read already: they will share what comes after.
    fn accept(&mut self, first: Frame) -> Result<(), FrameError> {
        self.idle_ticks = 0;
        let mut next = Some(first);
        while let Some(Frame { number, bytes, charge }) = next {
            let len = bytes.as_ref().map_or(0, Vec::len);
            match self.service.accept(&self.caller, bytes, charge) {
                Ok(handling) => {
                    self.bytes = self.bytes.saturating_add(len);
                    self.under_way.push(handling.map(move |outcome| (number, len, outcome)).boxed());
                }
                Err(busy) => self.writer.push(number, &busy)?,
            }
            next = if self.may_read() { self.reader.buffered()? } else { None };
        }
        Ok(())
    }

    /// Queues an answer, and all others that are ready: they will be written together.
    fn answer(&mut self, first: (u64, usize, Vec<u8>)) -> Result<(), FrameError> {
        let mut next = Some(first);
        while let Some((number, len, outcome)) = next {
            self.bytes = self.bytes.saturating_sub(len);
            self.writer.push(number, &outcome)?;
            next = if self.writer.has_room() { self.under_way.next().now_or_never().flatten() } else { None };
        }
        Ok(())
    }

    fn tick(&mut self) {
        if self.under_way.is_empty() && self.writer.is_idle() {
            self.idle_ticks = self.idle_ticks.saturating_add(1);
        }
        if self.strange || self.idle_ticks >= IDLE_TICKS {
            self.open = false;
        }
    }
}
