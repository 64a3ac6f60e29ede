//! From any member to the coordinator, however often it changes meanwhile.
//!
//! A request is carried out here if this node coordinates, else it is passed on to the member that does. When the
//! coordinator changes under way, the request goes to the next one with the same id: if it has become final already,
//! it gets the answer it had, and otherwise it is carried out now. Long polls move in the same way. Only when nobody
//! coordinates for longer than an election takes, or the request's time is over, is it answered with
//! [`Refusal::Unavailable`]: it may or may not have been carried out.
//!
//! What may never happen: a request passed on in a circle. Who receives a forwarded request and does not coordinate
//! says so, and the first member looks again; only a new member that does not know the colony's nodes yet lets its
//! request be passed on twice.

use std::{fmt, time::Duration};

use colony_protocol::{
    bounded::Text,
    command::{Command, WAIT_MAX},
    identity::Identity,
    refusal::Refusal,
    reply::Response,
};
use colony_store::MemberInfo;
use futures::future::BoxFuture;

use super::{
    Colony,
    check::{Ask, Checked},
    encode, forward,
};
use crate::{
    consensus::{LinkError, ProposeError, Standing},
    coordinator::{Ordered, Unanswered},
    runtime::Runtime,
};

/// Before a member that could not be reached is tried again: a connection is broken or made within this time.
const RETRY: Duration = Duration::from_millis(50);
/// What callers are told when nobody takes their request.
const UNREACHED: &str = "no coordinator could be reached; the request may or may not have been carried out";
/// How often a request may be passed on: once, or twice if its first node knows no members yet.
pub(super) const HOPS: u8 = 2;

/// An outcome under way from another member.
pub type Forwarding = BoxFuture<'static, Result<Vec<u8>, LinkError>>;

/// Carries requests to other members.
pub trait Forwarder: Send + Sync + fmt::Debug + 'static {
    /// Sends one; resolves within `patience`.
    fn forward(&self, to: Identity, info: &MemberInfo, request: Vec<u8>, patience: Duration) -> Forwarding;
}

/// A request that looks for the coordinator.
#[derive(Debug)]
pub(super) struct Errand {
    /// What is asked, and by whom.
    pub(super) checked: Checked,
    /// When it came to this node, on the steady clock.
    pub(super) arrived: Duration,
    /// How long it had waited before.
    pub(super) waited: Duration,
    /// How often it may still be passed on.
    pub(super) hops: u8,
}

impl Errand {
    /// How long it has waited in all.
    fn waited(&self, now: Duration) -> Duration {
        self.waited.saturating_add(now.saturating_sub(self.arrived))
    }

    /// How long it wants to wait for work or news, at most.
    fn wait(&self) -> Duration {
        let wait = match &self.checked.ask {
            Ask::Command(command) => match command.as_ref() {
                Command::Assign(assign) => assign.wait,
                _ => return Duration::ZERO,
            },
            Ask::Query(query) | Ask::Stale(query) => query.wait(),
        };
        wait.min(WAIT_MAX).to_std()
    }
}

/// Where a request goes next.
enum Target {
    /// This node coordinates.
    Here,
    /// This member does, or knows who.
    There(Identity, Box<MemberInfo>),
    /// Nobody is known to.
    Nowhere,
    /// Another member does, and this request must not be passed on.
    NotHere,
}

/// On the way to the coordinator of one colony.
pub(super) struct Route<'a> {
    colony: &'a Colony,
    errand: &'a Errand,
    runtime: &'a Runtime,
    /// Since when nobody took the request.
    lost: Option<Duration>,
    /// Whose turn it is among those a new member knows.
    turn: usize,
}

impl<'a> Route<'a> {
    pub(super) const fn new(colony: &'a Colony, errand: &'a Errand, runtime: &'a Runtime) -> Self {
        Self { colony, errand, runtime, lost: None, turn: 0 }
    }

    /// The outcome; `None` if the request may not be passed on and this node does not coordinate.
    pub(super) async fn follow(mut self) -> Option<Vec<u8>> {
        let mut standing = self.colony.consensus.standing();
        loop {
            let now = standing.borrow_and_update().clone();
            if let Some(refusal) = self.end(&now) {
                return match self.last_word(&now).await {
                    Some(outcome) => Some(outcome),
                    None => self.refused(refusal),
                };
            }
            let target = self.target(&now);
            if matches!(target, Target::NotHere) {
                return None;
            }
            let begun = self.runtime.elapsed();
            let left = self.left(&target, begun);
            tokio::select! {
                biased;
                outcome = self.attempt(target) => if outcome.is_some() {
                    return outcome;
                },
                changed = standing.changed() => if changed.is_err() {
                    return self.refused(unavailable("the node is stopping"));
                },
                () = self.runtime.sleep(left) => {
                    return self.refused(unavailable(UNREACHED));
                }
            }
            self.note_failure(begun);
            if self.is_hopeless() {
                return self.refused(unavailable(UNREACHED));
            }
            tokio::select! {
                biased;
                _ = standing.changed() => {}
                () = self.runtime.sleep(RETRY) => {}
            }
        }
    }

    /// Why it must not go on.
    fn end(&self, standing: &Standing) -> Option<Refusal> {
        if let Some(why) = self.colony.ended() {
            return Some(why);
        }
        match &standing.ended {
            Some(ProposeError::NotCoordinator { .. }) | None => {}
            Some(error) => return Some(error.clone().into()),
        }
        self.colony.coordinator.is_stopping().then(|| unavailable("the node is stopping"))
    }

    /// A question to the only voter of a colony whose disk has failed. Nothing is acknowledged any more, here or
    /// anywhere, so what is applied here is everything that was.
    async fn last_word(&self, standing: &Standing) -> Option<Vec<u8>> {
        let alone = self.colony.consensus.is_sole_voter() && self.colony.ended().is_none();
        match (&self.errand.checked.ask, &standing.ended) {
            (Ask::Query(query), Some(ProposeError::Storage(_))) if alone => {
                let by = &self.errand.checked.item.by;
                let waited = self.errand.waited(self.runtime.elapsed());
                Some(self.colony.answer(by, query, waited, self.runtime).await)
            }
            _ => None,
        }
    }

    /// An outcome for whoever can go elsewhere; a member that passed the request on is told to look again.
    fn refused(&self, refusal: Refusal) -> Option<Vec<u8>> {
        (self.errand.hops == HOPS).then(|| encode(&Err(refusal)))
    }

    fn target(&mut self, standing: &Standing) -> Target {
        let may_pass = self.errand.hops > 0;
        match standing.coordinator {
            Some(coordinator) if coordinator == self.colony.node => {
                if standing.leads {
                    Target::Here
                } else {
                    Target::Nowhere
                }
            }
            Some(_) if !may_pass => Target::NotHere,
            Some(coordinator) => match self.colony.consensus.member(&coordinator) {
                Some(info) => Target::There(coordinator, Box::new(info)),
                None => Target::Nowhere,
            },
            None if self.errand.hops < HOPS => Target::NotHere,
            None if self.colony.consensus.has_members() => Target::Nowhere,
            None => self.next_known(),
        }
    }

    /// The next of those a new member was told about.
    fn next_known(&mut self) -> Target {
        let known = &self.colony.known;
        let Some((identity, info)) = known.get(self.turn.checked_rem(known.len()).unwrap_or(0)) else {
            return Target::Nowhere;
        };
        self.turn = self.turn.wrapping_add(1);
        Target::There(*identity, Box::new(info.clone()))
    }

    /// How long to go on with this target.
    fn left(&self, target: &Target, now: Duration) -> Duration {
        let expires = self.errand.checked.expires.since(self.runtime.now()).to_std();
        let patience = self.colony.consensus.timing().patience();
        match target {
            Target::Nowhere => {
                let lost = self.lost.unwrap_or(now);
                expires.min(lost.saturating_add(patience).saturating_sub(now))
            }
            _ => expires,
        }
    }

    /// Whether nobody took the request for so long that its owner had better go elsewhere.
    fn is_hopeless(&self) -> bool {
        let patience = self.colony.consensus.timing().patience();
        self.lost.is_some_and(|lost| self.runtime.elapsed().saturating_sub(lost) >= patience)
    }

    /// Remembers since when nobody took the request. A long poll that was held for a while was taken.
    fn note_failure(&mut self, begun: Duration) {
        let now = self.runtime.elapsed();
        let held = now.saturating_sub(begun) > self.colony.consensus.timing().patience();
        if held || self.lost.is_none() {
            self.lost = Some(if held { now } else { begun });
        }
    }

    async fn attempt(&self, target: Target) -> Option<Vec<u8>> {
        match target {
            Target::Here => self.here().await,
            Target::There(to, info) => self.there(to, &info).await,
            Target::Nowhere | Target::NotHere => std::future::pending().await,
        }
    }

    async fn here(&self) -> Option<Vec<u8>> {
        let Checked { item, request, expires, ask } = &self.errand.checked;
        let waited = self.errand.waited(self.runtime.elapsed());
        match ask {
            Ask::Command(command) => {
                if let Err(refusal) = self.colony.desk.may_forget(&item.by, command) {
                    return Some(encode(&Err(refusal)));
                }
                let ordered = Ordered {
                    item: item.clone(),
                    request: *request,
                    expires: *expires,
                    waited,
                    command: command.as_ref(),
                };
                match self.colony.coordinator.carry_out(ordered).await {
                    Ok(reply) => {
                        self.colony.count_waits(&reply);
                        Some(encode(&Ok(Response::Reply(reply))))
                    }
                    Err(Unanswered::Refused(refusal)) => Some(encode(&Err(refusal))),
                    Err(Unanswered::Moved) => None,
                }
            }
            Ask::Query(query) | Ask::Stale(query) => {
                if let Err(error) = self.colony.consensus.linearize().await {
                    return match error {
                        storage @ ProposeError::Storage(_) => Some(encode(&Err(storage.into()))),
                        _ => None,
                    };
                }
                Some(self.colony.answer(&item.by, query, waited, self.runtime).await)
            }
        }
    }

    async fn there(&self, to: Identity, info: &MemberInfo) -> Option<Vec<u8>> {
        let item = &self.errand.checked.item;
        let waited = self.errand.waited(self.runtime.elapsed());
        // Only a new member's request may be passed on again, by a member that knows more.
        let hops = if self.colony.consensus.has_members() { 0 } else { self.errand.hops.saturating_sub(1) };
        let request = forward::encode(hops, waited, &item.by, item.signed.bytes());
        let patience = self
            .errand
            .wait()
            .saturating_sub(waited)
            .saturating_add(self.colony.consensus.timing().patience());
        match self.colony.forwarder.forward(to, info, request, patience).await {
            Ok(answer) => forward::decode_answer(answer),
            Err(error) => {
                tracing::debug!(%error, "a request could not be passed on");
                None
            }
        }
    }
}

fn unavailable(why: &str) -> Refusal {
    Refusal::Unavailable(Text::cut(why))
}
