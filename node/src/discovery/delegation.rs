//! The owner's part: saying which keys may speak for the colony.
//!
//! Run by whoever has the owner's key, after each act of the owner on the members: that is when the key is there.

use colony_protocol::{
    bounded::List,
    charter::{Delegation, SPEAKERS_MAX, SignedDelegation},
    command::Command,
    identity::{Identity, SecretKey},
    model::member::Role,
    query::Query,
    refusal::Refusal,
    reply::Answer,
    time::Timestamp,
};

use crate::client::{Client, ClientError};

/// Lets the colony's present voters speak for it, and nobody else. `client` signs with the owner's key. Says whether
/// anything was to be changed.
///
/// # Errors
/// [`ClientError`].
pub async fn delegate(client: &Client, owner: &SecretKey, now: Timestamp) -> Result<bool, ClientError> {
    let Answer::Members(members) = client.query(&Query::Members).await? else {
        return Err(ClientError::Unexpected("to members"));
    };
    let Answer::Delegation(known) = client.query(&Query::Delegation).await? else {
        return Err(ClientError::Unexpected("to delegation"));
    };
    let voters = members.iter().map(|view| &view.member);
    let voters = voters.filter(|member| member.is_active() && member.role == Role::Voter);
    let mut speakers: Vec<Identity> = voters.map(|member| member.id).collect();
    speakers.sort_unstable();
    let known = known.and_then(|known| known.verify().ok());
    let Some(delegation) = next(known.as_ref(), owner.identity(), speakers, now) else { return Ok(false) };
    let signed = SignedDelegation::sign(&delegation, owner);
    let delegation = signed.map_err(|_| ClientError::Unexpected("to a delegation that fits"))?;
    match client.command(&Command::Delegate { delegation }).await {
        Ok(_) => Ok(true),
        // The owner acts elsewhere at the same time, and has seen to it there.
        Err(ClientError::Refused(Refusal::Exists { .. })) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What is to be signed, if what is known does not say it already.
fn next(
    known: Option<&Delegation>,
    colony: Identity,
    mut speakers: Vec<Identity>,
    issued: Timestamp,
) -> Option<Delegation> {
    speakers.truncate(SPEAKERS_MAX);
    if known.is_some_and(|known| *known.speakers == *speakers) {
        return None;
    }
    let sequence = known.map_or(1, |known| known.sequence.saturating_add(1));
    Some(Delegation { colony, sequence, issued, speakers: List::new(speakers).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delegation_is_made_only_when_the_voters_are_others() {
        let id = |byte| Identity::from_bytes([byte; 32]);
        let first = next(None, id(1), vec![id(2)], Timestamp::ZERO).unwrap();
        assert_eq!((first.sequence, &*first.speakers), (1, &[id(2)][..]));
        assert_eq!(next(Some(&first), id(1), vec![id(2)], Timestamp::ZERO), None);
        let second = next(Some(&first), id(1), vec![id(2), id(3)], Timestamp::ZERO).unwrap();
        assert_eq!(second.sequence, 2);
        let many = next(None, id(1), (0..200).map(id).collect(), Timestamp::ZERO).unwrap();
        assert_eq!(many.speakers.len(), SPEAKERS_MAX);
    }
}
