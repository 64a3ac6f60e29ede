//! When the members send this node away, it takes no part in the colony any more.
//!
//! What may never happen: a node that ends its part because of something it only passes through. A new replica replays
//! the colony's history, in which it may have been sent away and let in again; so it looks a second time.

use std::time::Duration;

use colony_protocol::{
    bounded::Text,
    identity::Identity,
    model::member::{Member, MemberState},
    refusal::Refusal,
};
use colony_store::ColonyView;
use tokio::sync::watch;

use super::replica::Replica;
use crate::{peers::Peers, runtime::Runtime};

/// Before a node believes that it was sent away: a replay is past it by then, and a coordinator that was sent away has
/// told the others that this is final.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// The task of one replica.
pub(super) struct Tending {
    /// What it tends.
    pub(super) replica: Replica,
    /// Its rows.
    pub(super) view: ColonyView,
    /// The connections.
    pub(super) peers: Peers,
    /// This node.
    pub(super) me: Identity,
    /// Time.
    pub(super) runtime: Runtime,
}

impl Tending {
    /// Runs until the engine ends.
    pub(super) async fn run(self, mut news: watch::Receiver<u64>) {
        let mut standing = self.replica.consensus.standing();
        loop {
            news.mark_unchanged();
            if standing.borrow_and_update().ended.is_some() {
                return;
            }
            if self.row().is_some_and(|row| !row.is_active_node()) {
                self.runtime.sleep(SECOND_LOOK).await;
                if let Some(row) = self.row().filter(|row| !row.is_active_node()) {
                    self.end(&row).await;
                    return;
                }
                continue;
            }
            tokio::select! {
                biased;
                changed = news.changed() => if changed.is_err() { return },
                changed = standing.changed() => if changed.is_err() { return },
            }
        }
    }

    /// What the colony knows of this node.
    fn row(&self) -> Option<Member> {
        self.view.colony().ok()?.member_by_id(&self.me).cloned()
    }

    /// Takes no part any more.
    async fn end(&self, row: &Member) {
        let why = match row.state {
            MemberState::Left => "this node has left the colony",
            MemberState::Removed => "this node was removed from the colony",
            MemberState::Expired => "this node's membership has expired",
            MemberState::Active => "this node keeps no replica of the colony any more",
        };
        tracing::warn!(colony = %self.replica.colony, "{why}");
        let refusal =
            Refusal::Denied { by: row.id, why: Text::cut(&format!("{why}; ask another of its nodes")) };
        // Set once.
        self.replica.ended.set(refusal).ok();
        self.replica.stop().await;
        self.peers.forget(&self.replica.colony);
    }
}
