//! What a command ends with: an exit code, and for the person who typed it what failed, why, and what to do next.

use colony_node::client::{ClientError, TransportError};
use colony_protocol::{model::json::rfc3339, refusal::Refusal};

use crate::hint::Hint;

/// A process exit status. The named ones are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exit(pub(crate) u8);

impl Exit {
    /// Done.
    pub(crate) const DONE: Self = Self(0);
    /// The process failed, or something no other code fits.
    pub(crate) const FAILED: Self = Self(1);
    /// The command line or its input is wrong.
    pub(crate) const USAGE: Self = Self(2);
    /// No node could be reached, or none that reaches a coordinator.
    pub(crate) const UNREACHABLE: Self = Self(3);
    /// The colony said no to this key.
    pub(crate) const DENIED: Self = Self(4);
    /// It took longer than it was given. Only for times that somebody set: a colony that gives no answer is unreachable.
    pub(crate) const TIMED_OUT: Self = Self(5);
    /// Ctrl-C.
    pub(crate) const INTERRUPTED: Self = Self(130);
}

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub(crate) struct Failure {
    /// What failed, and why.
    pub(crate) what: String,
    /// What to do next.
    pub(crate) hint: Option<Hint>,
    /// The exit status.
    pub(crate) exit: Exit,
    /// The colony has said that this key may not: it is no member's, or not the right one's. A clock that is wrong, or a
    /// request that was spoiled, has the same status and says nothing about the key.
    pub(crate) no_right: bool,
}

impl Failure {
    /// Something no other code fits.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::FAILED, no_right: false }
    }

    /// The command line or its input is wrong.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { exit: Exit::USAGE, ..Self::new(what) }
    }

    /// What failed, and each reason below it that does not stand in its words already.
    pub(crate) fn caused(error: &dyn std::error::Error) -> Self {
        let mut what = error.to_string();
        let mut below = error.source();
        while let Some(reason) = below {
            let text = reason.to_string();
            if !what.contains(&text) {
                what = format!("{what}: {text}");
            }
            below = reason.source();
        }
        Self::new(what)
    }

    /// The same, with a next step.
    #[must_use]
    pub(crate) fn hint(self, hint: Hint) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// The same, with another status.
    #[must_use]
    pub(crate) fn exit(self, exit: Exit) -> Self {
        Self { exit, ..self }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Transport(error) => error.into(),
            ClientError::Refused(refusal) => refusal.into(),
            other => Self::new(other.to_string()),
        }
    }
}

impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        let what = Self::new(error.to_string()).exit(Exit::UNREACHABLE);
        match error {
            TransportError::Unreachable(_) => what.hint(Hint::Doctor),
            _ => what.hint(Hint::StaleStatus),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let what = Self::new(refusal.to_string());
        match &refusal {
            Refusal::Invalid { .. } | Refusal::Malformed(_) => what.exit(Exit::USAGE),
            Refusal::Denied { by, .. } => Self {
                no_right: true,
                ..Self::new(format!("{refusal} (the request was signed by {by})"))
                    .exit(Exit::DENIED)
                    .hint(Hint::ShowContext)
            },
            Refusal::Ticket(_) => what.exit(Exit::DENIED).hint(Hint::Invite { role: "voter", name: None }),
            Refusal::LastVoter { .. } => what.hint(Hint::Members),
            Refusal::Clock { now, .. } => Self::new(format!("{refusal}: that node's says {}", rfc3339(*now)))
                .exit(Exit::DENIED)
                .hint(Hint::Doctor),
            Refusal::Envelope(_) => what.exit(Exit::DENIED).hint(Hint::ShowContext),
            Refusal::NotFound { what: thing } | Refusal::Ambiguous { what: thing, .. } => {
                what.hint(list_of(thing))
            }
            Refusal::Unavailable(_) => what.exit(Exit::UNREACHABLE).hint(Hint::StaleStatus),
            Refusal::Busy(_) => what.exit(Exit::UNREACHABLE),
            _ => what,
        }
    }
}

/// Where to look for what was not found.
fn list_of(thing: &str) -> Hint {
    match thing.split_whitespace().next() {
        Some("workflow") => Hint::Workflows,
        Some("executor") => Hint::Executors,
        Some("user") => Hint::Users,
        _ => Hint::Processes,
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::{identity::Identity, time::Timestamp};

    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        let unreachable = ClientError::Transport(TransportError::Unreachable("nobody listens".to_owned()));
        assert_eq!(Failure::from(unreachable).exit, Exit::UNREACHABLE);
        let denied = Failure::from(Refusal::denied(Identity::NOBODY, "only members may"));
        assert_eq!((denied.exit, denied.no_right), (Exit::DENIED, true));
        // A node that takes these for its removal would throw its data away because its clock is wrong.
        let clock = Refusal::Clock { why: Default::default(), now: Timestamp::ZERO };
        for says_nothing in [clock, Refusal::Envelope(Default::default())] {
            let failure = Failure::from(says_nothing);
            assert_eq!((failure.exit, failure.no_right), (Exit::DENIED, false), "{failure}");
        }
        assert_eq!(Failure::from(Refusal::invalid("args", "too many")).exit, Exit::USAGE);
        assert_eq!(Failure::from(Refusal::not_found("process p9")).exit, Exit::FAILED);
    }

    #[test]
    fn a_colony_without_a_coordinator_is_unreachable_however_that_shows() {
        // Which of these a command meets depends on how fast the machines are.
        let second = std::time::Duration::from_secs(1);
        let shown = [
            Failure::from(TransportError::TimedOut(second)),
            Failure::from(TransportError::Broken("reset".to_owned())),
            Failure::from(TransportError::Unreachable("refused".to_owned())),
            Failure::from(Refusal::Unavailable(Default::default())),
            Failure::from(Refusal::Busy(Default::default())),
        ];
        assert!(shown.iter().all(|failure| failure.exit == Exit::UNREACHABLE), "{shown:?}");
    }

    #[test]
    fn reasons_are_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot start")]
        struct Outer(#[source] std::io::Error);
        let failure = Failure::caused(&Outer(std::io::Error::other("the disk is full")));
        assert_eq!(failure.what, "cannot start: the disk is full");
    }

    #[test]
    fn what_was_not_found_tells_where_to_look() {
        assert_eq!(Failure::from(Refusal::not_found("workflow w3")).hint, Some(Hint::Workflows));
        assert_eq!(Failure::from(Refusal::not_found("process p9")).hint, Some(Hint::Processes));
    }
}
