//! One stream to a node: requests go out numbered, outcomes come back in any order.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use colony_protocol::rpc::{OUTCOME_MAX, REQUEST_MAX};
use futures::{
    AsyncRead, AsyncReadExt as _, AsyncWrite,
    io::{ReadHalf, WriteHalf},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Call;
use crate::{
    client::TransportError,
    net::{
        budget::Budget,
        calls::Doubt,
        frame::{Frame, FrameError, Header, Parser, Reader, Writer},
    },
    runtime::{Runtime, Task},
};

/// Requests under way at once: below what a node allows on a stream, so that it never stops reading.
const UNDER_WAY: usize = 1000;
/// How often calls that were given up are forgotten.
const TICK: Duration = Duration::from_secs(1);
/// When a node has said nothing for this long although something was asked of it, its connection is tried: it may think
/// for longer, or hold the request until there is work, but a lease must not be lost with a connection nobody listens at.
const QUIET: Duration = Duration::from_secs(1);
/// How often the connection is tried again while a node goes on saying nothing.
const TRY_AGAIN: Duration = Duration::from_secs(10);
/// A node that has said nothing since a call was sent this long ago and given up is taken for dead.
const SILENCE: Duration = Duration::from_secs(5);

/// The stream and what is under way on it.
pub(super) struct Link<S> {
    reader: Reader<ReadHalf<S>>,
    writer: Writer<WriteHalf<S>>,
    runtime: Runtime,
    under_way: BTreeMap<u64, Sent>,
    next: u64,
    /// When the node last said anything.
    heard: Duration,
    /// When its connection was last tried.
    tried: Option<Duration>,
    doubt: Doubt,
    tick: Task,
}

/// A request that was sent.
struct Sent {
    call: Call,
    at: Duration,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Link<S> {
    pub(super) fn new(stream: S, budget: Arc<Budget>, doubt: Doubt, runtime: Runtime) -> Self {
        let (read, write) = stream.split();
        Self {
            reader: Reader::new(read, Parser::new(Header::Numbered, OUTCOME_MAX, budget), runtime.clone()),
            writer: Writer::new(write, REQUEST_MAX, runtime.clone()),
            under_way: BTreeMap::new(),
            next: 1,
            heard: runtime.elapsed(),
            tried: None,
            doubt,
            tick: runtime.timer(TICK),
            runtime,
        }
    }

    /// Sends `first` and all calls that follow until the stream ends; tells those without an answer why. When there is a
    /// better way the calls that follow are left to it, and those under way get their answers over this one.
    pub(super) async fn run(
        mut self,
        first: Call,
        calls: &mut mpsc::Receiver<Call>,
        superseded: &CancellationToken,
    ) {
        self.send(first);
        match superseded.run_until_cancelled(self.serve(calls)).await {
            Some(served) => self.end(served),
            None => {
                let runtime = self.runtime.clone();
                runtime.spawn("client link", async move {
                    let finished = self.finish().await;
                    self.end(finished);
                });
            }
        }
    }

    /// Until nobody is left who may call.
    async fn serve(&mut self, calls: &mut mpsc::Receiver<Call>) -> Result<(), FrameError> {
        loop {
            let may_send = self.may_send();
            tokio::select! {
                biased;
                frame = self.reader.next() => match frame? {
                    Some(frame) => self.receive(frame)?,
                    None => return Ok(()),
                },
                done = self.writer.progress(), if !self.writer.is_idle() => done?,
                call = calls.recv(), if may_send => match call {
                    Some(call) => self.send_all(call, calls),
                    None => return self.finish().await,
                },
                () = &mut self.tick => self.forget()?,
            }
        }
    }

    /// Until everything that was sent is answered.
    async fn finish(&mut self) -> Result<(), FrameError> {
        while !self.under_way.is_empty() {
            tokio::select! {
                biased;
                frame = self.reader.next() => match frame? {
                    Some(frame) => self.receive(frame)?,
                    None => return Ok(()),
                },
                done = self.writer.progress(), if !self.writer.is_idle() => done?,
                () = &mut self.tick => self.forget()?,
            }
        }
        self.writer.close().await
    }

    fn end(self, ended: Result<(), FrameError>) {
        let why = match ended {
            Ok(()) => "the node closed the stream".to_owned(),
            Err(error) => error.to_string(),
        };
        for Sent { call, .. } in self.under_way.into_values() {
            call.end(Err(TransportError::Broken(why.clone())));
        }
    }

    fn may_send(&self) -> bool {
        self.under_way.len() < UNDER_WAY && self.writer.has_room()
    }

    /// Sends a call, and all others that wait: they travel together.
    fn send_all(&mut self, first: Call, calls: &mut mpsc::Receiver<Call>) {
        let mut next = Some(first);
        while let Some(call) = next {
            self.send(call);
            next = if self.may_send() { calls.try_recv().ok() } else { None };
        }
    }

    fn send(&mut self, mut call: Call) {
        if call.is_abandoned() {
            return;
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        // The bytes live on in the writer's buffer only.
        let request = std::mem::take(&mut call.request);
        if let Err(error) = self.writer.push(number, &request) {
            call.end(Err(TransportError::Broken(error.to_string())));
            return;
        }
        self.under_way.insert(number, Sent { call, at: self.runtime.elapsed() });
    }

    /// Takes an outcome, and all others that have been read already.
    fn receive(&mut self, first: Frame) -> Result<(), FrameError> {
        self.heard = self.runtime.elapsed();
        self.tried = None;
        let mut next = Some(first);
        while let Some(Frame { number, bytes, charge: _charge }) = next {
            // An unknown number is one that was given up.
            if let Some(Sent { call, .. }) = self.under_way.remove(&number) {
                let too_large = || TransportError::Broken("no memory for the outcome".to_owned());
                call.end(bytes.ok_or_else(too_large));
            }
            next = self.reader.buffered()?;
        }
        Ok(())
    }

    /// Has the connection tried if nothing came since something was asked.
    fn try_quiet(&mut self, now: Duration) {
        let is_quiet = |sent: &Sent| now.saturating_sub(sent.at.max(self.heard)) >= QUIET;
        let is_due = self.tried.is_none_or(|tried| now.saturating_sub(tried) >= TRY_AGAIN);
        if is_due && self.under_way.values().any(is_quiet) {
            self.tried = Some(now);
            self.doubt.raise();
        }
    }

    /// Forgets calls that were given up; finds out that the node is dead.
    fn forget(&mut self) -> Result<(), FrameError> {
        self.tick = self.runtime.timer(TICK);
        let now = self.runtime.elapsed();
        self.try_quiet(now);
        let given_up = |sent: &Sent| sent.call.is_abandoned();
        let is_dead = self
            .under_way
            .values()
            .any(|sent| given_up(sent) && sent.at > self.heard && now.saturating_sub(sent.at) > SILENCE);
        self.under_way.retain(|_, sent| !given_up(sent));
        if is_dead { Err(FrameError::TooSlow) } else { Ok(()) }
    }
}
