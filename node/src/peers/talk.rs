//! The task of one stream: reads frames and brings them where they belong, writes what waits, watches for silence.
//!
//! It never waits for a handler or a caller. What the peer asks runs within this task and ends with it; the number of
//! such requests is bounded, and a peer that exceeds it breaks the rules, because it counts its own.

use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use futures::{
    FutureExt as _, StreamExt as _,
    future::BoxFuture,
    io::{ReadHalf, WriteHalf},
    stream::FuturesUnordered,
};
use libp2p::Stream;
use tokio_util::sync::CancellationToken;

use super::{
    hello::Framed,
    hub::Hub,
    outbox::{CALLS, CallError},
    serve::serve,
    session::Session,
    wire::{Address, Assembly, Class, Head, Kind, Message, Status, WireError},
};
use crate::{
    net::{
        budget::Charge,
        frame::{Frame, FrameError, Reader, Writer},
    },
    runtime::Task,
};

/// Bytes given to the connection at once. What becomes urgent meanwhile waits for no more than this.
const QUANTUM: usize = 64 * 1024;
/// Frames taken before anything else is looked at.
const FRAMES_AT_ONCE: usize = 64;
/// Memory for what arrives, by class. Of the engine: several of the largest messages. Of clients: requests under way,
/// and outcomes.
const MEMORY: [usize; 3] = [64 * 1024 * 1024, 64 * 1024 * 1024, 4 * 1024 * 1024];
/// How much above its own limit a peer may be: what is under way in both directions is counted differently at the ends.
const TOLERANCE: usize = 2;
/// How often the round trip is measured on a busy stream.
const MEASURE: Duration = Duration::from_secs(5);
/// How long a stream whose place another has taken is kept after the last request on it: the other end may have sent one
/// before it knew.
const RETIRING: Duration = Duration::from_secs(1);
/// How long it may take to end what it has begun. The relay's connection is closed a while later.
const RETIRING_MAX: Duration = Duration::from_secs(8);

/// An answer under way: its class, its number, its bytes. `None` if nobody waits for it any more.
type Answering = BoxFuture<'static, (Class, u64, Option<Vec<u8>>)>;

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum TalkError {
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("it said nothing for {0:?}")]
    Silent(Duration),
    #[error("it has too many requests under way")]
    Greedy,
    #[error("it is no voter or learner any more")]
    Stranger,
    #[error("a better way has taken its place")]
    Retired,
}

/// The task of one stream.
pub(super) struct Talk {
    hub: Arc<Hub>,
    session: Arc<Session>,
    reader: Reader<ReadHalf<Stream>>,
    writer: Writer<WriteHalf<Stream>>,
    assembly: Assembly,
    handlers: FuturesUnordered<Answering>,
    /// Parts of snapshots must be taken in order: only the first of these runs.
    snapshots: VecDeque<Answering>,
    /// Requests under way by class.
    requests: [usize; 3],
    /// Ends clients' requests that are given up.
    cancels: BTreeMap<u64, CancellationToken>,
    /// The last ping without a pong, and when it was sent.
    pinged: Option<(u64, Duration)>,
    /// The number of the last ping, and when it was sent.
    last_ping: (u64, Duration),
    tick: Task,
    ticked: Duration,
    /// Since when another has taken its place, and since when there is nothing left to do.
    retired: Option<(Duration, Option<Duration>)>,
}

impl Talk {
    pub(super) fn new(hub: Arc<Hub>, session: Arc<Session>, framed: Framed) -> Self {
        let now = hub.runtime.elapsed();
        Self {
            tick: hub.runtime.timer(hub.patience.tick()),
            ticked: now,
            last_ping: (0, Duration::ZERO),
            pinged: None,
            reader: framed.reader,
            writer: framed.writer,
            assembly: Assembly::new(MEMORY),
            handlers: FuturesUnordered::new(),
            snapshots: VecDeque::new(),
            requests: [0; 3],
            cancels: BTreeMap::new(),
            retired: None,
            hub,
            session,
        }
    }

    pub(super) async fn run(mut self) {
        let end = self.session.end.clone();
        let why = match end.run_until_cancelled(self.converse()).await {
            None => "another stream has taken its place".to_owned(),
            Some(Ok(())) => "the other end closed it".to_owned(),
            Some(Err(error)) => error.to_string(),
        };
        tracing::debug!(node = %self.session.peer.to_hex(), %why, "a stream ended");
        self.session.end.cancel();
        self.hub.ended(&self.session);
        self.session.outbox.end(&why);
        self.hub.dialer.close(self.session.connection).await;
    }

    async fn converse(&mut self) -> Result<(), TalkError> {
        let session = Arc::clone(&self.session);
        loop {
            self.fill()?;
            tokio::select! {
                biased;
                done = self.writer.progress(), if !self.writer.is_idle() => done?,
                () = &mut self.tick => self.tick()?,
                Some((class, number, answer)) = self.handlers.next() => self.answer(class, number, answer),
                (class, number, answer) = first(&mut self.snapshots) => {
                    self.snapshots.pop_front();
                    self.answer(class, number, answer);
                }
                () = session.outbox.wake.notified() => (),
                frame = self.reader.next() => match frame? {
                    Some(frame) => self.receive(frame)?,
                    None => return Ok(()),
                },
            }
        }
    }

    /// Gives the connection something to write if it has nothing: the most urgent frames at this moment.
    fn fill(&mut self) -> Result<(), FrameError> {
        if !self.writer.is_idle() {
            return Ok(());
        }
        let Self { writer, session, .. } = self;
        let mut pushed = Ok(());
        while pushed.is_ok() && writer.waiting() < QUANTUM {
            let write =
                |head: Head, number, part: &[u8]| pushed = writer.push_parts(number, &[&head.bytes(), part]);
            if !session.outbox.next(write) {
                break;
            }
        }
        pushed
    }

    /// Takes a frame, and others that have been read already.
    fn receive(&mut self, first: Frame) -> Result<(), TalkError> {
        let now = self.hub.runtime.elapsed();
        self.session.hear(now);
        if self.session.set_silent(false) {
            self.hub.changed(&self.session);
        }
        self.take(first, now)?;
        for _ in 1..FRAMES_AT_ONCE {
            let Some(frame) = self.reader.buffered()? else { break };
            self.take(frame, now)?;
        }
        Ok(())
    }

    fn take(&mut self, frame: Frame, now: Duration) -> Result<(), TalkError> {
        let number = frame.number;
        // The memory for single frames is more than can be under way at once.
        let bytes = frame.bytes.ok_or(WireError::Short)?;
        let (head, part) = Head::split(&bytes)?;
        match head.kind {
            Kind::Hello => {}
            Kind::Ping => self.session.outbox.plain(Kind::Pong, number),
            Kind::Pong => {
                if let Some((_, sent)) = self.pinged.take_if(|(pinged, _)| *pinged == number) {
                    self.session.measured(now.saturating_sub(sent));
                }
            }
            Kind::Cancel => self.cancel(number),
            Kind::Request | Kind::Answer => {
                if let Some(message) = self.assembly.take(head, number, part)? {
                    drop(bytes);
                    self.message(message)?;
                }
            }
        }
        Ok(())
    }

    fn message(&mut self, message: Message) -> Result<(), TalkError> {
        if message.kind == Kind::Request {
            return self.request(message);
        }
        let no_memory = || CallError::Broken("there was no memory for the answer".to_owned());
        self.session.outbox.complete(message.number, message.bytes.ok_or_else(no_memory));
        Ok(())
    }

    fn request(&mut self, message: Message) -> Result<(), TalkError> {
        let Message { class, number, bytes, charge, .. } = message;
        let place = class.index();
        let under_way = self.requests[place].saturating_add(self.session.outbox.answers(class));
        if under_way >= CALLS[place].saturating_mul(TOLERANCE) {
            return Err(TalkError::Greedy);
        }
        let Some(bytes) = bytes else {
            self.session.outbox.answer(class, number, Status::Busy.with(&[]));
            return Ok(());
        };
        let (address, _) = Address::split(&bytes)?;
        if address.what.class() != class {
            return Err(WireError::Mixed.into());
        }
        match self.hub.admit(&self.session.peer, &address) {
            Err(refusal) => self.session.outbox.answer(class, number, refusal),
            Ok(seat) => {
                let serving = serve(seat, self.session.peer, address.what, bytes, self.hub.runtime.clone());
                self.begin(class, number, serving, charge);
            }
        }
        Ok(())
    }

    fn begin(&mut self, class: Class, number: u64, serving: BoxFuture<'static, Vec<u8>>, charge: Charge) {
        self.requests[class.index()] += 1;
        match class {
            Class::Raft => {
                self.handlers.push(serving.map(move |answer| done(class, number, answer, charge)).boxed());
            }
            Class::Snapshot => {
                self.snapshots
                    .push_back(serving.map(move |answer| done(class, number, answer, charge)).boxed());
            }
            Class::Client => {
                let cancel = CancellationToken::new();
                self.cancels.insert(number, cancel.clone());
                let serving = cancel.run_until_cancelled_owned(serving);
                let answered = serving.map(move |answer| {
                    drop(charge);
                    (class, number, answer)
                });
                self.handlers.push(answered.boxed());
            }
        }
    }

    fn answer(&mut self, class: Class, number: u64, answer: Option<Vec<u8>>) {
        let requests = &mut self.requests[class.index()];
        *requests = requests.saturating_sub(1);
        self.cancels.remove(&number);
        if let Some(answer) = answer {
            self.session.outbox.answer(class, number, answer);
        }
    }

    fn cancel(&mut self, number: u64) {
        match self.cancels.get(&number) {
            Some(cancel) => cancel.cancel(),
            None => self.session.outbox.take_back(Class::Client, number),
        }
    }

    /// Looks for silence, and asks for a sign of life.
    fn tick(&mut self) -> Result<(), TalkError> {
        let every = self.hub.patience.tick();
        let now = self.hub.runtime.elapsed();
        self.tick = self.hub.runtime.timer(every);
        if now.saturating_sub(self.ticked) > every.saturating_mul(2) {
            // It was this process that stood still. What the peer said meanwhile is read next.
            self.session.hear(now);
        }
        self.ticked = now;
        if !self.hub.hears(&self.session.peer) {
            return Err(TalkError::Stranger);
        }
        if self.session.is_retired() {
            self.retire(now)?;
        }
        let silence = now.saturating_sub(self.session.heard());
        if silence > self.hub.patience.dead {
            return Err(TalkError::Silent(silence));
        }
        if silence > self.hub.patience.silence && self.session.set_silent(true) {
            self.hub.changed(&self.session);
        }
        if silence >= every || now.saturating_sub(self.last_ping.1) > MEASURE {
            self.ping(now);
        }
        Ok(())
    }

    /// Ends when there is nothing left to do.
    fn retire(&mut self, now: Duration) -> Result<(), TalkError> {
        let (since, idle) = self.retired.get_or_insert((now, None));
        let is_idle = !self.session.outbox.is_waiting() && self.requests == [0; 3];
        *idle = if is_idle { idle.or(Some(now)) } else { None };
        let is_over = idle.is_some_and(|idle| now.saturating_sub(idle) >= RETIRING)
            || now.saturating_sub(*since) >= RETIRING_MAX;
        if is_over { Err(TalkError::Retired) } else { Ok(()) }
    }

    fn ping(&mut self, now: Duration) {
        let number = self.last_ping.0.wrapping_add(1);
        self.last_ping = (number, now);
        self.pinged = Some((number, now));
        self.session.outbox.plain(Kind::Ping, number);
    }
}

fn done(class: Class, number: u64, answer: Vec<u8>, charge: Charge) -> (Class, u64, Option<Vec<u8>>) {
    drop(charge);
    (class, number, Some(answer))
}

/// The first answer of a queue; pending for ever if it is empty.
async fn first(queue: &mut VecDeque<Answering>) -> (Class, u64, Option<Vec<u8>>) {
    poll_fn(|context| queue.front_mut().map_or(Poll::Pending, |first| first.poll_unpin(context))).await
}
