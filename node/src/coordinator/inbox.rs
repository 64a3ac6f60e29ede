//! What waits to be ordered: verified commands, in three classes, with a bound on their number and on their bytes.
//!
//! Service tasks push, the coordinator takes as much as one entry holds. A push never waits: when a bound is reached
//! the caller is told that the colony is busy, so a flood costs its senders an answer and nobody memory.
//!
//! What may never happen: a holder's write overtaken by a later one of the same holder. All writes under a lease are
//! one class, and a class is first in, first out.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use colony_protocol::{
    bounded::Text,
    command::{Assign, Command},
    entry::Item,
    envelope::RequestId,
    model::member::NewMember,
    refusal::Refusal,
    reply::Reply,
    ticket::SignedTicket,
    time::Timestamp,
};
use tokio::sync::{Notify, oneshot};

/// Most commands of one class that wait. At 2,000 commands a second it is two seconds of work; whoever is later is
/// better off being told.
const CLASS_MAX: usize = 4096;
/// Most bytes of commands that wait anywhere in the coordinator, parked calls for work included.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// How a command was answered.
pub(super) type Answer = Result<Reply, Unanswered>;

/// Why a command has no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// That is the answer.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// This node does not coordinate any more, or not yet. The command may or may not become final; whoever puts it to
    /// the coordinator under the same request id gets the one answer.
    #[error("this node does not coordinate the colony")]
    Moved,
}

/// A verified command to be put in order.
#[derive(Debug)]
pub struct Ordered<'a> {
    /// What enters the log.
    pub item: Item,
    /// Its idempotency key.
    pub request: RequestId,
    /// After this moment the rules refuse it.
    pub expires: Timestamp,
    /// How long it has waited for work elsewhere already.
    pub waited: Duration,
    /// What it says.
    pub command: &'a Command,
}

/// In which order classes are taken: what frees capacity goes before what uses it, and that before what adds work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// Writes under a lease: close, renew, release, output, attributes, log lines, children.
    Holder,
    /// Calls for work.
    Assign,
    /// Everything else.
    Submit,
}

impl Class {
    /// The class of a command.
    pub(super) const fn of(command: &Command) -> Self {
        match command {
            Command::Close { .. }
            | Command::Renew { .. }
            | Command::Release { .. }
            | Command::SetOutput { .. }
            | Command::AddAttribute { .. }
            | Command::AddLog { .. }
            | Command::AddChild(_) => Self::Holder,
            Command::Assign(_) => Self::Assign,
            _ => Self::Submit,
        }
    }
}

/// A verified command on its way into the log, and whom to tell.
#[derive(Debug)]
pub(super) struct Order {
    /// What enters the log.
    pub(super) item: Item,
    /// Its idempotency key.
    pub(super) request: RequestId,
    /// How long it has waited elsewhere.
    pub(super) waited: Duration,
    /// After this moment the rules refuse it.
    pub(super) expires: Timestamp,
    /// What it asks for, if it asks for work.
    pub(super) ask: Option<Assign>,
    /// The ticket and who bears it, if it asks to become a member.
    pub(super) joining: Option<Box<Joining>>,
    /// Whom to tell.
    pub(super) caller: Caller,
}

/// What somebody shows who is no member yet.
#[derive(Debug)]
pub(super) struct Joining {
    /// Its ticket.
    pub(super) ticket: SignedTicket,
    /// What it says about itself.
    pub(super) member: NewMember,
}

impl Joining {
    /// What a command shows, if it asks to become a member.
    fn of(command: &Command) -> Option<Box<Self>> {
        let Command::Join { ticket, member } = command else { return None };
        Some(Box::new(Self { ticket: ticket.clone(), member: member.clone() }))
    }
}

/// Whom to tell how a command went.
#[derive(Debug)]
pub(super) struct Caller {
    /// Where the answer goes; closed when the caller went away.
    reply: oneshot::Sender<Answer>,
    /// The command's share of [`BYTES_MAX`], given back when the caller is gone.
    _share: Share,
}

impl Caller {
    /// True if nobody waits for the answer any more.
    pub(super) fn is_gone(&self) -> bool {
        self.reply.is_closed()
    }

    /// Tells the caller, if it is still there.
    pub(super) fn answer(self, answer: Answer) {
        // One that went away asks again with the same request id and gets this answer from the colony.
        drop(self.reply.send(answer));
    }
}

/// Bytes counted against [`BYTES_MAX`].
#[derive(Debug)]
struct Share {
    /// How many.
    bytes: usize,
    /// The count they are part of.
    taken: Arc<AtomicUsize>,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The queues.
#[derive(Debug, Default)]
struct Queues {
    /// Class [`Class::Holder`].
    holder: VecDeque<Order>,
    /// Class [`Class::Assign`].
    assign: VecDeque<Order>,
    /// Class [`Class::Submit`].
    submit: VecDeque<Order>,
    /// Set once at shutdown: nothing more is taken.
    closed: bool,
}

impl Queues {
    const fn of(&mut self, class: Class) -> &mut VecDeque<Order> {
        match class {
            Class::Holder => &mut self.holder,
            Class::Assign => &mut self.assign,
            Class::Submit => &mut self.submit,
        }
    }
}

/// What waits to be ordered.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The queues.
    queues: Mutex<Queues>,
    /// Wakes the coordinator.
    arrived: Notify,
    /// Bytes of all orders alive.
    taken: Arc<AtomicUsize>,
}

impl Inbox {
    /// Queues a command; the receiver resolves with its answer.
    pub(super) fn push(&self, command: Ordered<'_>) -> Result<oneshot::Receiver<Answer>, Unanswered> {
        let Ordered { item, request, expires, waited, command } = command;
        let bytes = item.signed.bytes().len();
        let share = self.share(bytes)?;
        let ask = if let Command::Assign(ask) = command { Some(ask.clone()) } else { None };
        let (reply, answer) = oneshot::channel();
        let caller = Caller { reply, _share: share };
        let order = Order { item, request, expires, waited, ask, joining: Joining::of(command), caller };
        {
            let mut queues = self.lock();
            if queues.closed {
                return Err(Unanswered::Moved);
            }
            let queue = queues.of(Class::of(command));
            if queue.len() >= CLASS_MAX {
                return Err(Refusal::Busy(Text::cut("too many commands wait to be ordered")).into());
            }
            queue.push_back(order);
        }
        self.arrived.notify_one();
        Ok(answer)
    }

    /// Takes the next order of a class if it has at most `room` bytes.
    pub(super) fn take(&self, class: Class, room: usize) -> Option<Order> {
        let mut queues = self.lock();
        let queue = queues.of(class);
        if queue.front()?.item.signed.bytes().len() > room {
            return None;
        }
        queue.pop_front()
    }

    /// Completes when something arrived since the last call.
    pub(super) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// Takes nothing more, and answers what waits.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.turn_away(&Unanswered::Moved);
    }

    /// Answers what waits, all the same.
    pub(super) fn turn_away(&self, why: &Unanswered) {
        let orders = {
            let mut queues = self.lock();
            let mut orders = std::mem::take(&mut queues.holder);
            orders.append(&mut queues.assign);
            orders.append(&mut queues.submit);
            orders
        };
        for order in orders {
            order.caller.answer(Err(why.clone()));
        }
    }

    fn share(&self, bytes: usize) -> Result<Share, Refusal> {
        let before = self.taken.fetch_add(bytes, Ordering::Relaxed);
        let share = Share { bytes, taken: Arc::clone(&self.taken) };
        if before.saturating_add(bytes) > BYTES_MAX {
            return Err(Refusal::Busy(Text::cut("too many bytes of commands wait to be ordered")));
        }
        Ok(share)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queues> {
        // Nothing below can leave the queues half changed.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::{bounded::Bytes, identity::Identity, request::Request};

    use super::*;

    fn item(bytes: usize) -> Item {
        Item { by: Identity::NOBODY, signed: Request::new(Bytes::new(vec![0; bytes]).unwrap()).into() }
    }

    fn ordered(item: Item, request: [u8; 16], command: &Command) -> Ordered<'_> {
        let request = RequestId::from_bytes(request);
        Ordered { item, request, expires: Timestamp::ZERO, waited: Duration::ZERO, command }
    }

    fn push(inbox: &Inbox, bytes: usize, command: &Command) -> Result<oneshot::Receiver<Answer>, Unanswered> {
        inbox.push(ordered(item(bytes), [0; 16], command))
    }

    #[test]
    fn a_full_class_refuses_and_leaves_the_others_open() {
        let inbox = Inbox::default();
        let mut answers = Vec::new();
        for _ in 0..CLASS_MAX {
            answers.push(push(&inbox, 1, &Command::Pause).unwrap());
        }
        assert!(matches!(push(&inbox, 1, &Command::Pause), Err(Unanswered::Refused(Refusal::Busy(_)))));
        push(&inbox, 1, &Command::Assign(Assign::default())).unwrap();
    }

    #[test]
    fn bytes_are_bounded_and_given_back() {
        let inbox = Inbox::default();
        let big = 1024 * 1024;
        let answers: Vec<_> =
            (0..BYTES_MAX / big).map(|_| push(&inbox, big, &Command::Pause).unwrap()).collect();
        assert!(matches!(push(&inbox, 1, &Command::Pause), Err(Unanswered::Refused(Refusal::Busy(_)))));
        // One order leaves: its bytes are free again.
        drop(inbox.take(Class::Submit, usize::MAX).unwrap());
        push(&inbox, 1, &Command::Pause).unwrap();
        drop(answers);
    }

    #[test]
    fn an_order_that_does_not_fit_stays() {
        let inbox = Inbox::default();
        let _answer = push(&inbox, 10, &Command::Pause).unwrap();
        assert!(inbox.take(Class::Submit, 9).is_none());
        assert!(inbox.take(Class::Submit, 10).is_some());
    }

    #[test]
    fn closing_answers_what_waits_and_refuses_what_comes() {
        let inbox = Inbox::default();
        let mut answer = push(&inbox, 1, &Command::Pause).unwrap();
        inbox.close();
        assert_eq!(answer.try_recv().unwrap(), Err(Unanswered::Moved));
        assert_eq!(push(&inbox, 1, &Command::Pause).unwrap_err(), Unanswered::Moved);
    }
}
