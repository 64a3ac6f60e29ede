//! Becoming a member by a ticket, and ceasing to be one.
//!
//! Who joins signs with its own key and asks the nodes that the ticket names. The colony answers with its nodes: whom
//! the new one may believe until it has the colony's state. A repeated request is answered like the first, so a lost
//! answer costs nothing.

use std::time::Duration;

use colony_protocol::{
    bounded::{List, Text},
    command::Command,
    identity::{Identity, SecretKey},
    model::{
        Name,
        member::{Addresses, Member, MemberKey, NewExecutor, NewMember, StoreId},
    },
    query::Query,
    refusal::Refusal,
    reply::{Answer, Reply},
    ticket::{SignedTicket, TicketError},
};
use std::sync::Arc;

use crate::{
    client::{Client, ClientError, Remote, Transport as _},
    net::Multiaddr,
    node::{ColonyConfig, KnownPeer},
    runtime::Runtime,
};

/// How long somebody who left waits until the colony's nodes have let go of it.
const LEAVE_PATIENCE: Duration = Duration::from_secs(15);
/// How often it asks.
const LEAVE_ASK_EVERY: Duration = Duration::from_millis(250);

/// What a machine says when it joins.
#[derive(Debug, Clone)]
pub struct Joining {
    /// The invitation.
    pub ticket: SignedTicket,
    /// The key that becomes a member.
    pub key: SecretKey,
    /// What it wants to be called.
    pub name: Name,
    /// The disk a node will keep the colony on.
    pub store: StoreId,
    /// Where a node is reached.
    pub addresses: Vec<Multiaddr>,
    /// The executor it is besides, or altogether.
    pub executor: Option<NewExecutor>,
}

/// What the colony answered.
#[derive(Debug, Clone)]
pub struct Joined {
    /// The colony.
    pub colony: Identity,
    /// What it is called.
    pub colony_name: Name,
    /// The new member's row.
    pub member: Member,
    /// The colony's nodes.
    pub nodes: Vec<Member>,
}

impl Joined {
    /// What the new node is told to open the colony.
    #[must_use]
    pub fn colony_config(&self) -> ColonyConfig {
        ColonyConfig { id: self.colony, found: None, peers: known_peers(&self.nodes, &self.member.id) }
    }
}

/// Why a machine did not become a member.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The ticket is no good; it says what is, and nobody was asked.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// The ticket names no node.
    #[error(
        "the ticket names no address of a node; make one while a node of the colony is up: `colony invite`"
    )]
    NoNodes,
    /// The colony refused.
    #[error(transparent)]
    Refused(Refusal),
    /// No node answered.
    #[error("none of the {nodes} nodes that the ticket names could be asked: {error}")]
    Unreachable {
        /// How many were tried.
        nodes: usize,
        /// What the last one did.
        #[source]
        error: ClientError,
    },
}

/// Becomes a member.
///
/// # Errors
/// [`JoinError`].
pub async fn join(joining: Joining, runtime: &Runtime) -> Result<Joined, JoinError> {
    let ticket = joining.ticket.verify()?;
    ticket.check(&ticket.colony, runtime.now())?;
    let addresses: Vec<Multiaddr> = ticket.nodes.iter().filter_map(|node| node.parse().ok()).collect();
    if addresses.is_empty() {
        return Err(JoinError::NoNodes);
    }
    let nodes = Remote::connect(addresses, runtime.clone());
    let count = nodes.nodes();
    let member = NewMember {
        key: MemberKey::of(&joining.key),
        name: joining.name,
        addresses: self::addresses(&joining.addresses),
        store: joining.store,
        executor: joining.executor,
    };
    let client = Client::new(Arc::new(nodes), ticket.colony, joining.key, runtime.clone());
    match client.command(&Command::Join { ticket: joining.ticket, member }).await {
        Ok(Reply::Joined { member, nodes }) => {
            Ok(Joined { colony: ticket.colony, colony_name: ticket.colony_name, member: *member, nodes })
        }
        Ok(_) => Err(JoinError::Unreachable { nodes: count, error: ClientError::Unexpected("to join") }),
        Err(ClientError::Refused(refusal)) => Err(JoinError::Refused(refusal)),
        Err(error) => Err(JoinError::Unreachable { nodes: count, error }),
    }
}

/// How far leaving has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The colony's nodes have let go: this one may stop.
    Gone,
    /// It is no member any more, but could not see in time that the others work without it.
    StillSeated,
}

/// Ends one's own membership and waits, for a while, until the colony works without this node. `nodes` are the
/// colony's other nodes.
///
/// # Errors
/// [`ClientError`]; refused for the last voter.
pub async fn leave(
    colony: Identity,
    key: SecretKey,
    nodes: &[KnownPeer],
    runtime: &Runtime,
) -> Result<Left, ClientError> {
    let me = key.identity();
    let addresses = nodes.iter().flat_map(|node| node.addresses.iter().cloned()).collect();
    let nodes = Remote::connect(addresses, runtime.clone());
    let client = Client::new(Arc::new(nodes), colony, key, runtime.clone());
    client.command(&Command::Leave).await?;
    let gone = runtime.timeout(LEAVE_PATIENCE, async {
        while !is_gone(&client, &me).await {
            runtime.sleep(LEAVE_ASK_EVERY).await;
        }
    });
    Ok(if gone.await.is_some() { Left::Gone } else { Left::StillSeated })
}

/// Whether the others replicate without somebody. Anybody may ask for the status.
async fn is_gone(client: &Client, me: &Identity) -> bool {
    match client.query(&Query::Status).await {
        Ok(Answer::Status(status)) => !status.voters.contains(me) && !status.learners.contains(me),
        _ => false,
    }
}

/// Addresses as a member's row has them: those that fit.
pub(crate) fn addresses(addresses: &[Multiaddr]) -> Addresses {
    let texts = addresses.iter().filter_map(|address| Text::new(address.to_string()).ok());
    List::new(texts.take(colony_protocol::model::member::ADDRESSES_MAX).collect()).unwrap_or_default()
}

/// The other nodes among these members.
pub(crate) fn known_peers(nodes: &[Member], me: &Identity) -> Vec<KnownPeer> {
    let others = nodes.iter().filter(|node| node.id != *me);
    let known = |node: &Member| KnownPeer {
        key: node.key,
        addresses: node.addresses.iter().filter_map(|address| address.parse().ok()).collect(),
    };
    others.map(known).collect()
}

#[cfg(test)]
mod tests {
    use colony_protocol::{
        model::member::Role,
        ticket::Ticket,
        time::{Span, Timestamp},
    };

    use super::*;
    use crate::runtime::Tokio;

    fn ticket(expires: Timestamp, nodes: &[&str]) -> Ticket {
        Ticket {
            colony: SecretKey::derive(b"owner").identity(),
            colony_name: Name::cut("lab"),
            id: [7; 16],
            role: Role::Voter,
            member_name: None,
            uses: 1,
            issued: Timestamp::ZERO,
            expires,
            member_until: None,
            nodes: List::new(nodes.iter().map(|node| Text::cut(node)).collect()).unwrap(),
        }
    }

    async fn refused(ticket: &Ticket, signer: &[u8]) -> JoinError {
        let runtime = Runtime::new(Tokio::new());
        let joining = Joining {
            ticket: SignedTicket::sign(ticket, &SecretKey::derive(signer)).unwrap(),
            key: SecretKey::derive(b"node"),
            name: Name::cut("node"),
            store: StoreId::default(),
            addresses: Vec::new(),
            executor: None,
        };
        join(joining, &runtime).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_ticket_that_cannot_work_is_refused_before_anybody_is_asked() {
        let later = Runtime::new(Tokio::new()).now().after(Span::from_secs(600));
        let forged = refused(&ticket(later, &[]), b"somebody").await;
        assert!(matches!(forged, JoinError::Ticket(TicketError::Forged)), "{forged}");
        let expired = refused(&ticket(Timestamp::from_micros(1), &[]), b"owner").await;
        assert!(matches!(expired, JoinError::Ticket(TicketError::Expired { .. })), "{expired}");
        let nowhere = refused(&ticket(later, &["not an address"]), b"owner").await;
        assert!(matches!(nowhere, JoinError::NoNodes), "{nowhere}");
    }

    #[tokio::test]
    async fn nodes_that_are_not_there_are_told_from_a_refusal() {
        let later = Runtime::new(Tokio::new()).now().after(Span::from_secs(600));
        let error =
            refused(&ticket(later, &["/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/2"]), b"owner").await;
        assert!(matches!(error, JoinError::Unreachable { .. }), "{error}");
        let said = error.to_string();
        assert!(["/tcp/1: ", "/tcp/2: "].iter().all(|address| said.contains(address)), "{said}");
    }
}
