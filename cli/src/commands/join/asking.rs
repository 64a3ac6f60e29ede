//! Asking a colony to be let in, under a name that nobody has yet.

use colony_node::client::{Client, ClientError, TransportError};
use colony_protocol::{
    bounded::Text,
    command::Command,
    model::{
        Name,
        member::{Member, NewMember},
    },
    refusal::Refusal,
    reply::Reply,
    ticket::Ticket,
};

use super::{super::user::too_long, Invitation};
use crate::{
    error::{Exit, Failure},
    hint::Hint,
    names,
};

/// Names tried when nobody chose one: as many nodes as one machine will ever have.
const NAMES: usize = 64;

/// What the colony says to a new member.
#[derive(Debug, Clone)]
pub(super) struct Welcome {
    /// The member's row.
    pub(super) member: Member,
    /// The colony's nodes: whom to ask from now on.
    pub(super) nodes: Vec<Member>,
}

/// The names to try, in turn: the one that somebody chose, or this host's.
pub(super) fn names(invitation: &Invitation, chosen: Option<&str>) -> Result<Vec<Name>, Failure> {
    let only = invitation.ticket.member_name.as_ref();
    if let (Some(only), Some(chosen)) = (only, chosen)
        && only.as_str() != chosen
    {
        let what = format!("the ticket is for a member named {only}, not {chosen}");
        return Err(Failure::usage(what)
            .hint(Hint::JoinAs { ticket: invitation.word.clone(), name: only.to_string() }));
    }
    match only.map(Text::as_str).or(chosen) {
        Some(name) => Ok(vec![Text::new(name).map_err(too_long)?]),
        None => {
            Ok(names::numbered(&names::of_this_host()).take(NAMES).map(|name| Text::cut(&name)).collect())
        }
    }
}

/// Asks with one name after another until the colony takes one. `member` makes who asks, and how, from the name.
pub(super) async fn ask(
    invitation: &Invitation,
    names: &[Name],
    mut member: impl FnMut(&Name) -> Result<(Client, NewMember), Failure>,
) -> Result<Welcome, Failure> {
    let mut taken = None;
    for name in names {
        let (client, member) = member(name)?;
        let command = Command::Join { ticket: invitation.signed.clone(), member };
        match client.command(&command).await {
            Ok(Reply::Joined { member, nodes }) => return Ok(Welcome { member: *member, nodes }),
            Ok(_) => return Err(ClientError::Unexpected("to join").into()),
            Err(ClientError::Refused(refusal @ Refusal::Exists { .. })) => taken = Some((name, refusal)),
            Err(error) => return Err(not_joined(invitation, error)),
        }
    }
    let (name, refusal) = taken.ok_or_else(|| Failure::usage("a name is needed"))?;
    Err(name_taken(invitation, name, &refusal))
}

/// Nobody who could let it in was found at the ticket's addresses, or they did not.
fn not_joined(invitation: &Invitation, error: ClientError) -> Failure {
    let Ticket { colony_name, role, .. } = &invitation.ticket;
    let hint = Hint::Invite { role: role.word(), name: None };
    match error {
        ClientError::Transport(TransportError::Unreachable(tried)) => Failure::new(format!(
            "cannot join {colony_name}: nobody was reached at the addresses in the ticket: {tried}"
        ))
        .exit(Exit::UNREACHABLE)
        .hint(hint),
        ClientError::Refused(refusal @ Refusal::Envelope(_)) => Failure::new(format!(
            "the ticket is for the colony {colony_name}, and the nodes it leads to refuse it: {refusal}"
        ))
        .exit(Exit::DENIED)
        .hint(hint),
        other => other.into(),
    }
}

fn name_taken(invitation: &Invitation, name: &str, refusal: &Refusal) -> Failure {
    let colony = &invitation.ticket.colony_name;
    let failure = Failure::new(format!("{name} cannot be your name in {colony}: {refusal}"));
    if invitation.ticket.member_name.is_some() {
        return failure.hint(Hint::Invite { role: invitation.ticket.role.word(), name: None });
    }
    let other = names::numbered(name).nth(1).unwrap_or_default();
    failure.hint(Hint::JoinAs { ticket: invitation.word.clone(), name: other })
}
