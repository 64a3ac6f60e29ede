//! Reads that must see everything acknowledged: many share one round of messages to a quorum.
//!
//! A round proves that this node still coordinated when the round began, so it serves only reads that came before it
//! began. Those that come while one is under way share the next. There are never more than two: one that runs, and one
//! that starts when it ends. Nobody drives them but those who wait: a round that nobody waits for any more stands still
//! until the next read comes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use colony_protocol::mutant;
use colony_store::{MemberId, MemberInfo};
use futures::{
    FutureExt as _,
    future::{BoxFuture, Shared},
};
use openraft::error::{CheckIsLeaderError, RaftError};

use super::{ProposeError, Types, fatal_error};

/// A round that any number of reads wait for.
type Round = Shared<BoxFuture<'static, Result<(), ProposeError>>>;

/// The rounds of one group.
#[derive(Default)]
pub(super) struct Rounds {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Has begun: too late to join.
    running: Option<Round>,
    /// Begins when the running one is over.
    next: Option<Round>,
}

impl Rounds {
    /// Waits for the next round that begins.
    pub(super) async fn join(self: &Arc<Self>, raft: &openraft::Raft<Types>) -> Result<(), ProposeError> {
        if mutant::is("read-without-a-quorum") {
            return Ok(());
        }
        let raft = raft.clone();
        let check = move || async move { raft.ensure_linearizable().await.map(drop).map_err(read_error) };
        self.round(move || check().boxed()).await
    }

    fn round(
        self: &Arc<Self>,
        check: impl FnOnce() -> BoxFuture<'static, Result<(), ProposeError>> + Send + 'static,
    ) -> Round {
        let mut state = self.lock();
        if let Some(next) = &state.next {
            return next.clone();
        }
        let before = state.running.clone();
        let rounds = Arc::downgrade(self);
        let round = async move {
            if let Some(before) = before {
                // Its outcome is for those who waited for it.
                drop(before.await);
            }
            if let Some(rounds) = rounds.upgrade() {
                let mut state = rounds.lock();
                state.running = state.next.take();
            }
            check().await
        };
        let round = round.boxed().shared();
        state.next = Some(round.clone());
        round
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing below can leave the two half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_error(error: RaftError<MemberId, CheckIsLeaderError<MemberId, MemberInfo>>) -> ProposeError {
    match error {
        RaftError::APIError(CheckIsLeaderError::ForwardToLeader(to)) => {
            ProposeError::NotCoordinator { coordinator: to.leader_id.map(|member| member.0) }
        }
        RaftError::APIError(CheckIsLeaderError::QuorumNotEnough(_)) => {
            ProposeError::NotCoordinator { coordinator: None }
        }
        RaftError::Fatal(fatal) => fatal_error(&fatal),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    /// Joins with a round that counts when it begins and ends when told to.
    fn join(rounds: &Arc<Rounds>, begun: &Arc<AtomicUsize>, end: oneshot::Receiver<()>) -> Round {
        let begun = Arc::clone(begun);
        rounds.round(move || {
            begun.fetch_add(1, Ordering::Relaxed);
            async move { end.await.map_err(|_| ProposeError::Stopped) }.boxed()
        })
    }

    #[tokio::test]
    async fn reads_share_a_round_and_those_that_come_during_it_share_the_next() {
        let (rounds, begun) = (Arc::new(Rounds::default()), Arc::new(AtomicUsize::new(0)));
        let (end_first, first_end) = oneshot::channel();
        let (end_second, second_end) = oneshot::channel();
        let (_unused, unused_end) = oneshot::channel();

        // Two that come together are one round.
        let first = join(&rounds, &begun, first_end);
        let with_first = join(&rounds, &begun, unused_end);
        assert!(first.clone().now_or_never().is_none());
        assert_eq!(begun.load(Ordering::Relaxed), 1);

        // One that comes now must not take the running round's word.
        let second = join(&rounds, &begun, second_end);
        assert!(second.clone().now_or_never().is_none());
        assert_eq!(begun.load(Ordering::Relaxed), 1);

        end_first.send(()).unwrap();
        assert_eq!(first.await, Ok(()));
        assert_eq!(with_first.await, Ok(()));
        assert!(second.clone().now_or_never().is_none());
        assert_eq!(begun.load(Ordering::Relaxed), 2);
        end_second.send(()).unwrap();
        assert_eq!(second.await, Ok(()));
    }

    #[tokio::test]
    async fn a_round_nobody_waits_for_any_more_holds_nobody_up() {
        let (rounds, begun) = (Arc::new(Rounds::default()), Arc::new(AtomicUsize::new(0)));
        let (end, given_up) = oneshot::channel();
        assert!(join(&rounds, &begun, given_up).now_or_never().is_none());
        let (end_next, next_end) = oneshot::channel();
        let next = join(&rounds, &begun, next_end);
        end.send(()).unwrap();
        end_next.send(()).unwrap();
        assert_eq!(next.await, Ok(()));
    }
}
