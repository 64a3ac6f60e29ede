//! What waits to be sent on a stream, and who waits for answers from it.
//!
//! Callers and handlers put messages in; the stream's task takes frames out, the most urgent first. A caller never waits
//! for room: when there is none it is told so. When the stream ends, everybody who waits learns it at once.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use tokio::sync::{Notify, oneshot};

use super::wire::{Class, Head, Kind, PART};

/// Requests under way of each class, in each direction. Of the engine: one for each colony, and some that nobody waits
/// for any more. Of clients: as many as may wait for work over one node. Of snapshots: a window for several colonies.
pub(super) const CALLS: [usize; 3] = [2048, 4096, 64];
/// Bytes of each class that may wait to be sent, beyond which no more requests are taken.
const BYTES: [usize; 3] = [64 * 1024 * 1024, 32 * 1024 * 1024, 4 * 1024 * 1024];

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallError {
    /// It was never sent.
    #[error("{0}")]
    Unsent(String),
    /// There is no room for it.
    #[error("no room for another request")]
    Busy,
    /// It may have been received.
    #[error("{0}")]
    Broken(String),
}

/// The outgoing side of a stream.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    inner: Mutex<Inner>,
    /// Told whenever there is something to send.
    pub(super) wake: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    /// Why the stream has ended.
    ended: Option<String>,
    /// Messages to send, by class.
    queues: [VecDeque<Outgoing>; 3],
    /// Bytes in the queues.
    bytes: [usize; 3],
    /// Answers in the queues.
    answers: [usize; 3],
    /// Calls without an answer.
    waiting: BTreeMap<u64, Waiting>,
    /// How many those are.
    calls: [usize; 3],
    /// The number of the last call.
    last: u64,
    /// Frames that are no part of a message.
    plain: VecDeque<(Kind, u64)>,
}

/// A message to send.
#[derive(Debug)]
struct Outgoing {
    kind: Kind,
    number: u64,
    bytes: Vec<u8>,
    sent: usize,
}

/// Who waits for an answer.
#[derive(Debug)]
struct Waiting {
    class: Class,
    answer: oneshot::Sender<Result<Vec<u8>, CallError>>,
}

/// A request under way. Dropping it gives the answer up: a client's request is cancelled at the other end too, one of
/// the engine runs to its end there.
#[derive(Debug)]
pub(super) struct Call {
    outbox: Arc<Outbox>,
    number: u64,
    answer: oneshot::Receiver<Result<Vec<u8>, CallError>>,
}

impl Outbox {
    /// Sends a request.
    pub(super) fn call(self: &Arc<Self>, class: Class, bytes: Vec<u8>) -> Result<Call, CallError> {
        let place = class.index();
        let mut inner = self.lock();
        if let Some(why) = &inner.ended {
            return Err(CallError::Unsent(why.clone()));
        }
        if inner.calls[place] >= CALLS[place] || inner.bytes[place] >= BYTES[place] {
            return Err(CallError::Busy);
        }
        inner.last = inner.last.wrapping_add(1);
        let number = inner.last;
        let (sender, answer) = oneshot::channel();
        inner.waiting.insert(number, Waiting { class, answer: sender });
        inner.calls[place] += 1;
        inner.push(class, Outgoing { kind: Kind::Request, number, bytes, sent: 0 });
        drop(inner);
        self.wake.notify_one();
        Ok(Call { outbox: Arc::clone(self), number, answer })
    }

    /// Sends an answer. Their number is bounded by that of the requests under way.
    pub(super) fn answer(&self, class: Class, number: u64, bytes: Vec<u8>) {
        let mut inner = self.lock();
        inner.answers[class.index()] += 1;
        inner.push(class, Outgoing { kind: Kind::Answer, number, bytes, sent: 0 });
        drop(inner);
        self.wake.notify_one();
    }

    /// Takes back an answer that nobody waits for, unless it is on its way.
    pub(super) fn take_back(&self, class: Class, number: u64) {
        self.lock().withdraw(class, Kind::Answer, number);
    }

    /// Sends a frame that is no part of a message, before anything else. One of each kind waits, the latest.
    pub(super) fn plain(&self, kind: Kind, number: u64) {
        let mut inner = self.lock();
        inner.plain.retain(|(waiting, _)| *waiting != kind);
        inner.plain.push_back((kind, number));
        drop(inner);
        self.wake.notify_one();
    }

    /// Answers of a class that wait to be sent.
    pub(super) fn answers(&self, class: Class) -> usize {
        self.lock().answers[class.index()]
    }

    /// Whether any call waits for its answer.
    pub(super) fn is_waiting(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    /// Shows the next frame to `write`: its head, number and part. Says whether there was one.
    pub(super) fn next(&self, write: impl FnOnce(Head, u64, &[u8])) -> bool {
        let mut inner = self.lock();
        if let Some((kind, number)) = inner.plain.pop_front() {
            drop(inner);
            write(Head::plain(kind), number, &[]);
            return true;
        }
        for class in Class::ALL {
            let place = class.index();
            let Some(message) = inner.queues[place].front_mut() else { continue };
            let rest = message.bytes.get(message.sent..).unwrap_or_default();
            let part = rest.get(..PART).unwrap_or(rest);
            let more = part.len() < rest.len();
            write(Head { kind: message.kind, class, more }, message.number, part);
            message.sent = message.sent.saturating_add(part.len());
            if !more {
                inner.pop(class);
            }
            return true;
        }
        false
    }

    /// Brings an answer to whoever waits for it. One that nobody waits for is dropped.
    pub(super) fn complete(&self, number: u64, answer: Result<Vec<u8>, CallError>) {
        let waiting = self.lock().forget(number);
        if let Some(waiting) = waiting {
            // Who asked may have given up.
            waiting.answer.send(answer).ok();
        }
    }

    /// Nothing is sent any more; everybody who waits learns why.
    pub(super) fn end(&self, why: &str) {
        let mut inner = self.lock();
        if inner.ended.is_some() {
            return;
        }
        inner.ended = Some(why.to_owned());
        let queues = std::mem::take(&mut inner.queues);
        let waiting = std::mem::take(&mut inner.waiting);
        inner.plain.clear();
        drop(inner);
        let is_unsent = |message: &&Outgoing| message.kind == Kind::Request && message.sent == 0;
        let unsent: BTreeSet<u64> =
            queues.iter().flatten().filter(is_unsent).map(|message| message.number).collect();
        for (number, waiting) in waiting {
            let error = if unsent.contains(&number) { CallError::Unsent } else { CallError::Broken };
            waiting.answer.send(Err(error(why.to_owned()))).ok();
        }
    }

    /// Nobody waits for the answer to a call any more.
    fn give_up(&self, number: u64) {
        let mut inner = self.lock();
        let Some(waiting) = inner.waiting.get(&number) else { return };
        // A message of the engine keeps its place until it is answered: else one that is slow to answer would be sent
        // ever more of them.
        if waiting.class != Class::Client {
            return;
        }
        inner.forget(number);
        if !inner.withdraw(Class::Client, Kind::Request, number) {
            // Behind the request itself, of which a part may still wait.
            inner.push(Class::Client, Outgoing { kind: Kind::Cancel, number, bytes: Vec::new(), sent: 0 });
            drop(inner);
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that can panic runs under this lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn push(&mut self, class: Class, message: Outgoing) {
        let bytes = &mut self.bytes[class.index()];
        *bytes = bytes.saturating_add(message.bytes.len());
        self.queues[class.index()].push_back(message);
    }

    /// Takes the first message out of its queue.
    fn pop(&mut self, class: Class) {
        let message = self.queues[class.index()].pop_front();
        self.forget_message(class, message);
    }

    /// Takes a message out of its queue, if none of it has been sent.
    fn withdraw(&mut self, class: Class, kind: Kind, number: u64) -> bool {
        let queue = &mut self.queues[class.index()];
        let found = queue.iter().position(|message| message.kind == kind && message.number == number);
        let Some(place) = found.filter(|place| queue.get(*place).is_some_and(|message| message.sent == 0))
        else {
            return false;
        };
        let message = queue.remove(place);
        self.forget_message(class, message);
        true
    }

    fn forget_message(&mut self, class: Class, message: Option<Outgoing>) {
        let Some(message) = message else { return };
        let bytes = &mut self.bytes[class.index()];
        *bytes = bytes.saturating_sub(message.bytes.len());
        if message.kind == Kind::Answer {
            let answers = &mut self.answers[class.index()];
            *answers = answers.saturating_sub(1);
        }
    }

    /// Takes a call out of those that wait.
    fn forget(&mut self, number: u64) -> Option<Waiting> {
        let waiting = self.waiting.remove(&number)?;
        let calls = &mut self.calls[waiting.class.index()];
        *calls = calls.saturating_sub(1);
        Some(waiting)
    }
}

impl Future for Call {
    type Output = Result<Vec<u8>, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let lost = || CallError::Broken("the stream ended".to_owned());
        Pin::new(&mut self.answer).poll(context).map(|answer| answer.unwrap_or_else(|_| Err(lost())))
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.outbox.give_up(self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    /// All frames that wait, as (kind, number, more, first byte of the part).
    fn drain(outbox: &Outbox) -> Vec<(Kind, u64, bool, Option<u8>)> {
        let mut frames = Vec::new();
        while outbox.next(|head, number, part| {
            frames.push((head.kind, number, head.more, part.first().copied()));
        }) {}
        frames
    }

    #[test]
    fn what_is_urgent_overtakes_between_two_parts() {
        let outbox = Arc::new(Outbox::default());
        let slice = outbox.call(Class::Snapshot, vec![b's'; PART + 1]).unwrap();
        let mut first = None;
        outbox.next(|head, number, _| first = Some((head.class, number, head.more)));
        assert_eq!(first, Some((Class::Snapshot, 1, true)));

        let client = outbox.call(Class::Client, vec![b'c']).unwrap();
        let vote = outbox.call(Class::Raft, vec![b'v']).unwrap();
        outbox.plain(Kind::Pong, 7);
        assert_eq!(
            drain(&outbox),
            [
                (Kind::Pong, 7, false, None),
                (Kind::Request, 3, false, Some(b'v')),
                (Kind::Request, 2, false, Some(b'c')),
                (Kind::Request, 1, false, Some(b's')),
            ]
        );
        drop((slice, client, vote));
    }

    #[test]
    fn a_client_that_goes_away_is_withdrawn_or_cancelled_and_an_engine_is_not() {
        let outbox = Arc::new(Outbox::default());
        drop(outbox.call(Class::Client, vec![1]).unwrap());
        assert_eq!(drain(&outbox), [], "never sent");

        let client = outbox.call(Class::Client, vec![1]).unwrap();
        drain(&outbox);
        drop(client);
        assert_eq!(drain(&outbox), [(Kind::Cancel, 2, false, None)]);
        assert!(!outbox.is_waiting());

        let append = outbox.call(Class::Raft, vec![1]).unwrap();
        drain(&outbox);
        drop(append);
        assert_eq!(drain(&outbox), []);
        assert!(outbox.is_waiting(), "it keeps its place until it is answered");
        outbox.complete(3, Ok(vec![]));
        assert!(!outbox.is_waiting());
    }

    #[test]
    fn the_end_is_told_to_all_and_says_what_was_never_sent() {
        let outbox = Arc::new(Outbox::default());
        let sent = outbox.call(Class::Client, vec![1]).unwrap();
        drain(&outbox);
        let unsent = outbox.call(Class::Client, vec![1]).unwrap();
        outbox.end("gone");
        assert_eq!(sent.now_or_never(), Some(Err(CallError::Broken("gone".to_owned()))));
        assert_eq!(unsent.now_or_never(), Some(Err(CallError::Unsent("gone".to_owned()))));
        assert!(matches!(outbox.call(Class::Raft, vec![]), Err(CallError::Unsent(_))));
    }

    #[test]
    fn there_is_room_for_so_many_and_no_more() {
        let outbox = Arc::new(Outbox::default());
        let limit = CALLS[Class::Snapshot.index()];
        let calls: Vec<_> = (0..limit).map(|_| outbox.call(Class::Snapshot, vec![]).unwrap()).collect();
        assert_eq!(outbox.call(Class::Snapshot, vec![]).unwrap_err(), CallError::Busy);
        drain(&outbox);
        drop(calls);
        for number in 1..=u64::try_from(limit).unwrap() {
            outbox.complete(number, Ok(vec![]));
        }
        outbox.call(Class::Snapshot, vec![]).unwrap();
    }
}
