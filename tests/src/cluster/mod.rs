//! A colony of real processes: homes that joined by tickets, nodes that can be killed, paused and cut off.
//!
//! Everything is done as people do it, with `colony init`, `up`, `invite` and `join`. Tests only look inside to find the owner's
//! key, because the crowd's clients need it to become members. However a test ends, its processes and
//! namespaces end with it.

mod member;
mod namespaces;
pub mod transfer;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use colony_node::{
    client::{Client, Remote},
    runtime::{Runtime, Tokio},
};
use colony_protocol::{
    identity::{Identity, SecretKey},
    query::Query,
    reply::{Answer, Status},
};

pub use member::{Member, Place, Setting};
pub use namespaces::Namespaces;
pub use transfer::Transfer;

use crate::crowd::Door;

/// The name of every colony here.
pub const COLONY: &str = "lab";
/// How long a change of members may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// A colony of real processes.
#[derive(Debug)]
pub struct Cluster {
    /// Its nodes, the founder first. Before the namespaces, so that they end first.
    pub members: Vec<Member>,
    /// Where they run, if not all on the loopback interface.
    pub namespaces: Option<Namespaces>,
    /// The colony's id.
    pub colony: Identity,
    /// Its owner's key.
    pub owner: SecretKey,
    runtime: Runtime,
}

impl Cluster {
    /// So many voters on the loopback interface; returns when all vote.
    ///
    /// # Panics
    /// If they do not come together in time.
    pub async fn start(voters: usize) -> Self {
        Self::start_with(voters, &Setting::default()).await
    }

    /// The same, with nodes that are run like this.
    ///
    /// # Panics
    /// If they do not come together in time.
    pub async fn start_with(voters: usize, setting: &Setting) -> Self {
        let places = (0..voters).map(|_| Place::on_loopback()).collect();
        Self::found(places, None, setting).await
    }

    /// So many voters, each in a network namespace of its own; `None`, said loudly, where this is not allowed.
    ///
    /// # Panics
    /// If they do not come together in time.
    pub async fn start_apart(voters: usize) -> Option<Self> {
        Self::start_apart_with(voters, &Setting::default()).await
    }

    /// The same, with nodes that are run like this.
    ///
    /// # Panics
    /// If they do not come together in time.
    pub async fn start_apart_with(voters: usize, setting: &Setting) -> Option<Self> {
        let namespaces = Namespaces::new(voters)?;
        let places = (0..voters).map(|number| Place::in_namespace(&namespaces, number)).collect();
        Some(Self::found(places, Some(namespaces), setting).await)
    }

    async fn found(places: Vec<Place>, namespaces: Option<Namespaces>, setting: &Setting) -> Self {
        let places = places.into_iter().enumerate();
        let mut members: Vec<Member> =
            places.map(|(number, place)| Member::with(number, place, setting.clone())).collect();
        members[0].init(COLONY);
        members[0].up();
        let (colony, owner) = members[0].founded(COLONY);
        let runtime = Runtime::new(Tokio::new());
        let mut cluster = Self { members, namespaces, colony, owner, runtime };
        for number in 1..cluster.members.len() {
            let ticket = cluster.members[0].invite(&["--role", "voter"]);
            cluster.members[number].join(&ticket);
        }
        cluster.until_voters(cluster.members.len()).await;
        cluster
    }

    /// Waits until so many vote.
    ///
    /// # Panics
    /// If that takes too long; the message shows how each member sees it.
    pub async fn until_voters(&self, count: usize) {
        self.until(PATIENCE, &format!("{count} voters"), |seen| {
            let mut seen = seen.iter().flatten();
            seen.any(|status| status.voters.len() == count && status.coordinator.is_some())
        })
        .await;
    }

    /// Waits until the members' own views fit; each is `None` while its node does not answer.
    ///
    /// # Panics
    /// If they never do; the message shows them.
    pub async fn until(
        &self,
        patience: Duration,
        what: &str,
        fits: impl Fn(&[Option<Status>]) -> bool,
    ) -> Duration {
        let begun = Instant::now();
        loop {
            let seen = self.views().await;
            if fits(&seen) {
                return begun.elapsed();
            }
            assert!(begun.elapsed() < patience, "not within {patience:?}: {what}\n{}", self.said(&seen));
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How each member sees the colony.
    pub async fn views(&self) -> Vec<Option<Status>> {
        let views = self.members.iter().map(|member| self.view(member));
        futures::future::join_all(views).await
    }

    /// How one member sees the colony, asked by itself.
    pub async fn view(&self, member: &Member) -> Option<Status> {
        if !member.is_up() {
            return None;
        }
        let asking = self.only(member).stale();
        let asking = asking.query(&Query::Status);
        match tokio::time::timeout(Duration::from_secs(2), asking).await {
            Ok(Ok(Answer::Status(status))) => Some(*status),
            _ => None,
        }
    }

    /// Who coordinates, by the newest term that any member knows of.
    ///
    /// # Panics
    /// If nobody does for too long.
    pub async fn coordinator(&self) -> usize {
        let begun = Instant::now();
        loop {
            let seen = self.views().await;
            let newest = seen.iter().flatten().filter(|status| status.coordinator.is_some());
            let newest = newest.max_by_key(|status| status.term).and_then(|status| status.coordinator);
            let place = newest.and_then(|id| self.place_of(&seen, &id));
            if let Some(place) = place {
                return place;
            }
            assert!(begun.elapsed() < PATIENCE, "no coordinator within {PATIENCE:?}\n{}", self.said(&seen));
            tokio::time::sleep(LOOK).await;
        }
    }

    fn place_of(&self, seen: &[Option<Status>], id: &Identity) -> Option<usize> {
        seen.iter().position(|status| status.as_ref().is_some_and(|status| status.node == *id))
    }

    /// Waits until a member votes and has applied what the others had when this was called.
    pub async fn until_caught_up(&self, place: usize, patience: Duration) -> Duration {
        let committed = self.views().await.iter().flatten().map(|status| status.committed).max();
        let what = format!("{} has caught up", self.members[place].name());
        self.until(patience, &what, |seen| {
            let status = seen[place].as_ref();
            status.is_some_and(|status| {
                status.applied >= committed.unwrap_or_default() && status.voters.contains(&status.node)
            })
        })
        .await
    }

    /// Clients of all members, each preferring another one.
    #[must_use]
    pub fn doors(&self) -> Vec<Door> {
        let count = self.members.len();
        let order = |first: usize| (0..count).map(move |step| &self.members[(first + step) % count]);
        (0..count).map(|first| self.door(order(first))).collect()
    }

    /// A client of one member only.
    #[must_use]
    pub fn only(&self, member: &Member) -> Client {
        self.door([member].into_iter()).client
    }

    /// Ways into some members, the owner's key on all.
    pub fn door<'a>(&self, members: impl Iterator<Item = &'a Member>) -> Door {
        let addresses = members.map(|member| member.place().address()).collect();
        let raw = Arc::new(Remote::connect(addresses, self.runtime.clone()));
        let client =
            Client::new(Arc::clone(&raw) as _, self.colony, self.owner.clone(), self.runtime.clone());
        Door { client, raw }
    }

    /// A client of all members.
    #[must_use]
    pub fn client(&self) -> Client {
        self.door(self.members.iter()).client
    }

    /// Insists that no node panicked and all that should run do.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_healthy(&mut self) {
        for member in &mut self.members {
            member.assert_healthy();
        }
    }

    /// What everybody has to say, for a message.
    #[must_use]
    pub fn said(&self, seen: &[Option<Status>]) -> String {
        let lines = self.members.iter().zip(seen).map(|(member, status)| {
            let view = status.as_ref().map_or_else(
                || "no answer".to_owned(),
                |status| {
                    format!(
                        "term {}, coordinator {:?}, {} voters, {} learners, applied {}, is {}",
                        status.term,
                        status.coordinator.map(|id| id.to_hex()[..8].to_owned()),
                        status.voters.len(),
                        status.learners.len(),
                        status.applied,
                        &status.node.to_hex()[..8],
                    )
                },
            );
            format!("{}: {view}\n{}", member.name(), member.said())
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}
