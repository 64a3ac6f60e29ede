//! Asking the colony's other nodes what has become of this one, when none of them speaks to it any more.
//!
//! A node that was sent away while it could not hear of it is left alone by all others, and so is one whose disk is not
//! the one that was let in. Neither learns that from its own state. Both may ask as anybody may: over a connection of
//! its own to each node, with this node's signature, answered by the colony's coordinator and so never from an old state.
//!
//! A node that was away for long may know none of those who keep the colony now, and would take its coordinator for a
//! stranger: the answer tells who they are, too.
//!
//! What may never happen: silence taken for an answer; a node that others still count as a voter told to go.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use colony_protocol::{
    identity::{Identity, SecretKey},
    model::member::StoreId,
    query::Query,
    refusal::Refusal,
    reply::Answer,
};
use colony_store::MemberInfo;

use super::disk::{NotLetIn, check_row};
use crate::{
    client::{Client, ClientError, Remote},
    net::Multiaddr,
    runtime::Runtime,
};

/// How long one node may take to answer both questions: it may be gone, and so may its coordinator.
const PATIENCE: Duration = Duration::from_secs(6);

/// Asks about one node of one colony.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    /// The colony.
    pub(crate) colony: Identity,
    /// This node's key.
    pub(crate) key: SecretKey,
    /// This node's disk.
    pub(crate) store: StoreId,
    /// Time and connections.
    pub(crate) runtime: Runtime,
}

/// What the others say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// This node, on this disk, belongs to the colony: they will speak to it again.
    Stays(Roll),
    /// It does not take part any more, and they do without it.
    Goes(NotLetIn),
}

/// Who keeps the colony, as its coordinator said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roll {
    /// Its nodes.
    pub(crate) nodes: BTreeSet<Identity>,
    /// The entry that was applied then: whoever has it knows by itself. None if that was not said.
    pub(crate) as_of: u64,
}

impl Probe {
    /// Asks these nodes in turn; `None` if none of them could tell.
    pub(crate) async fn ask(&self, nodes: &[(Identity, MemberInfo)]) -> Option<Verdict> {
        let me = self.key.identity();
        for (node, info) in nodes.iter().filter(|(node, _)| *node != me) {
            let addresses: Vec<Multiaddr> =
                info.addresses.iter().filter_map(|address| address.parse().ok()).collect();
            if addresses.is_empty() {
                continue;
            }
            let way = Remote::connect(addresses, self.runtime.clone());
            let client = Client::new(Arc::new(way), self.colony, self.key.clone(), self.runtime.clone());
            match self.runtime.timeout(PATIENCE, self.ask_one(&client, &me)).await {
                Some(Some(verdict)) => return Some(verdict),
                Some(None) | None => tracing::debug!(%node, "a node could not tell what became of this one"),
            }
        }
        None
    }

    async fn ask_one(&self, client: &Client, me: &Identity) -> Option<Verdict> {
        let verdict = judge(me, self.store, client.query(&Query::Members).await)?;
        if matches!(verdict, Verdict::Goes(NotLetIn::OtherDisk { .. })) {
            return Some(verdict);
        }
        match (client.query(&Query::Status).await, verdict) {
            (Ok(Answer::Status(status)), Verdict::Stays(roll)) => {
                Some(Verdict::Stays(Roll { as_of: status.applied, ..roll }))
            }
            (_, Verdict::Stays(roll)) => Some(Verdict::Stays(roll)),
            // Its vote is still needed to take its vote away.
            (Ok(Answer::Status(status)), _) if status.voters.contains(me) => {
                Some(Verdict::Stays(Roll::default()))
            }
            (Ok(Answer::Status(_)), verdict) => Some(verdict),
            _ => None,
        }
    }
}

/// How a membership ended, as one who is refused an answer knows it.
const SENT_AWAY: &str = "it was removed, or left, or its time is over";

/// What an answer about the members says of `me` on the disk `store`; `None` if nothing.
fn judge(me: &Identity, store: StoreId, answer: Result<Answer, ClientError>) -> Option<Verdict> {
    match answer {
        Ok(Answer::Members(views)) => {
            let row = views.iter().map(|view| &view.member).find(|member| member.id == *me)?;
            Some(match check_row(row, store) {
                Ok(()) => {
                    let members = views.iter().map(|view| &view.member);
                    let nodes = members.filter(|member| member.is_active_node()).map(|member| member.id);
                    Verdict::Stays(Roll { nodes: nodes.collect(), as_of: 0 })
                }
                Err(NotLetIn::NoMember { .. }) => Verdict::Goes(NotLetIn::NoMember { why: SENT_AWAY }),
                Err(other) => Verdict::Goes(other),
            })
        }
        // A node that was sent away itself refuses in its own name.
        Err(ClientError::Refused(Refusal::Denied { by, .. })) if by == *me => {
            Some(Verdict::Goes(NotLetIn::NoMember { why: SENT_AWAY }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Tokio;

    fn me() -> Identity {
        SecretKey::derive(b"me").identity()
    }

    #[test]
    fn only_a_refusal_of_this_node_says_that_it_must_go() {
        let denied = |by| Err(ClientError::Refused(Refusal::denied(by, "no")));
        let store = StoreId::default();
        let gone = Verdict::Goes(NotLetIn::NoMember { why: SENT_AWAY });
        assert_eq!(judge(&me(), store, denied(me())), Some(gone));
        assert_eq!(judge(&me(), store, denied(SecretKey::derive(b"other").identity())), None);
        let silent = Err(ClientError::Refused(Refusal::Unavailable(Default::default())));
        assert_eq!(judge(&me(), store, silent), None);
        assert_eq!(judge(&me(), store, Ok(Answer::Members(Vec::new()))), None);
    }

    #[tokio::test]
    async fn where_nobody_can_be_asked_nothing_is_known() {
        let probe = Probe {
            colony: SecretKey::derive(b"owner").identity(),
            key: SecretKey::derive(b"me"),
            store: StoreId::default(),
            runtime: Runtime::new(Tokio::new()),
        };
        assert_eq!(probe.ask(&[(me(), MemberInfo::default())]).await, None);
        let nowhere = SecretKey::derive(b"other").identity();
        assert_eq!(probe.ask(&[(nowhere, MemberInfo::default())]).await, None);
    }
}
