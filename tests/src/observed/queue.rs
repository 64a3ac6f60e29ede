//! The sequential meaning of one process of a leased queue: the model the checker compares with.
//!
//! A process is queued once, then held under tokens that grow, and ends once. A lease may run out at any moment, which nobody
//! is told: a process that is held may be found waiting, or held under a higher token, but never again under one that was
//! seen to be gone. Some leases are granted to executors who never learn of them; that is how a token can be skipped.

use colony_protocol::{identity::Identity, model::State, reply::LeaseStatus};
use porcupine_rs::Model;

use super::act::{Act, Ending, Sight, Told};

/// The model.
#[derive(Debug, Clone)]
pub struct LeasedQueue;

/// One call by somebody.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Who.
    pub by: Identity,
    /// What.
    pub act: Act,
}

/// Where a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Life {
    /// Not yet queued.
    Absent,
    /// Queued or held.
    Live {
        /// The last token known to be granted.
        token: u64,
        /// The highest term seen.
        term: u64,
        /// Whether that token's lease may still stand.
        held: bool,
        /// Whose it is; `None` if nobody was told.
        holder: Option<Identity>,
    },
    /// Ended.
    Ended {
        /// The last token known to be granted.
        token: u64,
        /// How.
        ending: Ending,
    },
}

impl Model for LeasedQueue {
    type State = Life;
    type Op = Step;
    type Metadata = ();

    fn init() -> Life {
        Life::Absent
    }

    fn step(life: &Life, step: &Step) -> (bool, Life) {
        match life.after(step) {
            Some(next) => (true, next),
            None => (false, *life),
        }
    }
}

impl Life {
    /// What follows; `None` if this cannot be told now.
    fn after(self, Step { by, act }: &Step) -> Option<Self> {
        match *act {
            Act::Submit => (self == Self::Absent).then_some(Self::QUEUED),
            Act::Grant { token, term } => self.granted(token, term, *by),
            Act::Renew { token, status } => self.renewed(by, token, status),
            Act::Close { token, told: Told::Done, ending } => {
                self.is_held(by, token).then_some(Self::Ended { token, ending })
            }
            Act::Close { token, told: Told::Nothing, ending } => {
                Some(if self.is_held(by, token) { Self::Ended { token, ending } } else { self })
            }
            Act::Release { token, told: Told::Done } => self.is_held(by, token).then(|| self.let_go()),
            Act::Release { token, told: Told::Nothing } => {
                Some(if self.is_held(by, token) { self.let_go() } else { self })
            }
            Act::Close { token, told, .. } | Act::Release { token, told } => self.refused(by, token, told),
            Act::Cancel { told } => self.cancelled(told),
            Act::Read(sight) => self.seen(sight),
        }
    }

    const QUEUED: Self = Self::Live { token: 0, term: 0, held: false, holder: None };

    fn granted(self, token: u64, term: u64, by: Identity) -> Option<Self> {
        match self {
            Self::Live { token: last, term: before, .. } if token > last && term >= before => {
                Some(Self::Live { token, term, held: true, holder: Some(by) })
            }
            _ => None,
        }
    }

    /// Whether `by` may hold it under this token.
    fn is_held(self, by: &Identity, token: u64) -> bool {
        matches!(self, Self::Live { token: last, held: true, holder, .. } if last == token && holder == Some(*by))
    }

    /// The lease is gone.
    const fn let_go(self) -> Self {
        match self {
            Self::Live { token, term, holder, .. } => Self::Live { token, term, held: false, holder },
            other => other,
        }
    }

    fn renewed(self, by: &Identity, token: u64, status: LeaseStatus) -> Option<Self> {
        match (status, self) {
            (LeaseStatus::Live(_), _) => self.is_held(by, token).then_some(self),
            (LeaseStatus::Lost, Self::Ended { .. }) => Some(self),
            (LeaseStatus::Lost, Self::Live { token: last, .. }) if last > token => Some(self),
            (LeaseStatus::Lost, Self::Live { token: last, .. }) => (last == token).then(|| self.let_go()),
            (LeaseStatus::Cancelled, Self::Ended { ending, .. }) => {
                (ending.state == State::Cancelled).then_some(self)
            }
            _ => None,
        }
    }

    /// A write was fenced off: what that says about the process.
    fn refused(self, by: &Identity, given: u64, told: Told) -> Option<Self> {
        match (told, self) {
            (Told::Over, Self::Ended { .. }) => Some(self),
            (Told::Stale { current }, Self::Live { token, term, .. }) if current != given => {
                match current.cmp(&token) {
                    std::cmp::Ordering::Less => None,
                    std::cmp::Ordering::Equal => Some(self),
                    std::cmp::Ordering::Greater => {
                        Some(Self::Live { token: current, term, held: true, holder: None })
                    }
                }
            }
            (Told::Idle, Self::Live { token, .. }) => (token == given).then(|| self.let_go()),
            (Told::Foreign, Self::Live { token, held: true, holder, .. }) => {
                (token == given && holder != Some(*by)).then_some(self)
            }
            _ => None,
        }
    }

    fn cancelled(self, told: Told) -> Option<Self> {
        match (told, self) {
            (Told::Done | Told::Nothing, Self::Live { token, .. }) => {
                Some(Self::Ended { token, ending: Ending::CANCELLED })
            }
            (Told::Over, Self::Ended { .. }) | (Told::Nothing, _) => Some(self),
            _ => None,
        }
    }

    fn seen(self, sight: Sight) -> Option<Self> {
        match (sight, self) {
            (Sight::Absent, Self::Absent) => Some(self),
            (Sight::Waiting { token: now }, Self::Live { token, term, .. }) if now > token => {
                Some(Self::Live { token: now, term, held: false, holder: None })
            }
            (Sight::Waiting { token: now }, Self::Live { token, .. }) => {
                (now == token).then(|| self.let_go())
            }
            (
                Sight::Running { token: now, term: in_term, holder: who },
                Self::Live { token, term, held, holder },
            ) => {
                let is_new = now > token;
                let is_same = now == token && held && holder.is_none_or(|holder| holder == who);
                let next = Self::Live { token: now, term: in_term, held: true, holder: Some(who) };
                ((is_new || is_same) && in_term >= term).then_some(next)
            }
            (Sight::Ended { token: now, ending: how }, Self::Ended { token, ending }) => {
                // A cancelled process may have been held by somebody who was never told.
                let same_token = now == token || (how.state == State::Cancelled && now > token);
                (same_token && how == ending).then_some(self)
            }
            _ => None,
        }
    }
}
