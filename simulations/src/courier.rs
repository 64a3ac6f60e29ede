//! The network between clients and the coordinator, and what every client does with it: one request at a time, sent again
//! with the same id until there is an answer or it has expired.

use colony_protocol::{
    colony::Call,
    command::Command,
    envelope::RequestId,
    identity::Identity,
    time::{Span, Timestamp},
};

use crate::{chance::Chance, scenario::Scenario};

/// Time a request is good for, as in `node::client`.
const LIFETIME: Span = Span::from_secs(30);
/// Time before a request is sent again. It doubles with each attempt, so few are needed to reach the end of its life.
const RESEND: Span = Span::from_millis(500);

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// The colony's owner, before the run.
    Owner,
    /// By position.
    Submitter(usize),
    /// By position.
    Executor(usize),
}

/// How long a message takes; `None` if it is lost.
pub fn carry(chance: &mut Chance, scenario: &Scenario) -> Option<Span> {
    let takes = chance.millis(1, 60);
    (!chance.per_mille(scenario.lost_per_mille)).then_some(takes)
}

/// One client's request under way.
#[derive(Debug)]
pub struct Line {
    by: Identity,
    under_way: Option<Call>,
    pause: Span,
}

impl Line {
    /// Nothing under way.
    #[must_use]
    pub const fn new(by: Identity) -> Self {
        Self { by, under_way: None, pause: RESEND }
    }

    /// Whose line it is.
    #[must_use]
    pub const fn by(&self) -> Identity {
        self.by
    }

    /// Begins a request.
    pub fn begin(&mut self, command: Command, now: Timestamp, chance: &mut Chance) -> &Call {
        let request = RequestId::from_bytes(chance.bytes());
        let expires = now.after(LIFETIME);
        self.pause = RESEND;
        self.under_way.insert(Call { by: self.by, term: 0, request, expires, command: command.into() })
    }

    /// The request under way, if it is this one.
    #[must_use]
    pub fn request(&self, request: RequestId) -> Option<&Call> {
        self.under_way.as_ref().filter(|call| call.request == request)
    }

    /// Whether a request is under way.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.under_way.is_some()
    }

    /// The pause before the request is sent again.
    pub fn next_pause(&mut self) -> Span {
        let pause = self.pause;
        self.pause = Span::from_micros(pause.as_micros().saturating_mul(2));
        pause
    }

    /// Ends the request under way, answered or not.
    pub fn end(&mut self, request: RequestId) -> Option<Call> {
        self.under_way.take_if(|call| call.request == request)
    }
}
