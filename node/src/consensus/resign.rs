//! A coordinator that is started again has no office: it stands for election like everybody.
//!
//! The engine would let it go on where it was, in the same term and without an entry of its own. But what it knew to be
//! committed is on its disk only as of its last append. Until something new is committed it would answer questions from a
//! state that lacks what it had acknowledged before. Whoever is elected writes an entry first, and answers nothing before
//! that one is applied.
//!
//! What may never happen: a vote forgotten. It stays a vote for itself in that term; only the quorum's consent is gone.

use colony_protocol::mutant;
use colony_store::{MemberId, Vote};
use openraft::{error::Fatal, storage::RaftLogStorage};

use super::Types;

/// Takes the consent of a quorum out of the vote on disk, if this node has it.
pub(super) async fn resign<L: RaftLogStorage<Types>>(
    log: &mut L,
    me: MemberId,
) -> Result<(), Fatal<MemberId>> {
    if let Some(vote) = log.read_vote().await?
        && let Some(vote) = resigned(vote, me)
    {
        log.save_vote(&vote).await?;
    }
    Ok(())
}

fn resigned(vote: Vote, me: MemberId) -> Option<Vote> {
    let has_office = vote.committed && vote.leader_id.node_id == me && !mutant::is("go-on-in-office");
    has_office.then(|| Vote::new(vote.leader_id.term, me))
}

#[cfg(test)]
mod tests {
    use colony_protocol::identity::SecretKey;

    use super::*;

    #[test]
    fn only_an_office_of_its_own_is_given_up_and_no_vote_is_forgotten() {
        let (me, other) = (MemberId(SecretKey::derive(b"me").identity()), MemberId::default());
        assert_eq!(resigned(Vote::new_committed(3, me), me), Some(Vote::new(3, me)));
        assert_eq!(resigned(Vote::new(3, me), me), None);
        assert_eq!(resigned(Vote::new_committed(3, other), me), None);
    }
}
