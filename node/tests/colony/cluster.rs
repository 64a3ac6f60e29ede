//! Several nodes in one process, each with its own directory, over real sockets: a colony that grows by tickets.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use colony_node::{
    client::{Client, ClientError},
    consensus::Timing,
    membership::join::{JoinError, Joined, Joining, join},
    node::{ColonyConfig, Data, Founding, KnownPeer, LOG_KEPT, Node, NodeConfig, StartError},
    runtime::{Runtime, Tokio},
};
use colony_protocol::{
    bounded::{List, Text},
    command::Command,
    identity::{Identity, SecretKey},
    model::{
        Name, User,
        member::{MemberKey, Role},
    },
    query::Query,
    refusal::Refusal,
    reply::{Reply, Status},
    ticket::{SignedTicket, Ticket},
    time::Span,
};
use tempfile::TempDir;

use crate::lab::{executor, owner, user, within};

/// How long a change of the members may take, however loaded the machine is.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the nodes.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a voter may be gone here.
const REPLACE_AFTER: Duration = Duration::from_secs(2);
/// The node that founds the colony.
pub(crate) const FIRST: &str = "one";

/// A running node.
struct Running {
    node: Node,
    runtime: Runtime,
}

/// The nodes of one colony, by name.
pub(crate) struct Cluster {
    running: BTreeMap<&'static str, Running>,
    directory: TempDir,
    runtime: Runtime,
    tickets: u8,
}

/// A node's key.
pub(crate) fn key(name: &str) -> SecretKey {
    SecretKey::derive(name.as_bytes())
}

fn colony() -> Identity {
    owner().identity()
}

/// Identities of nodes by their names.
fn ids(names: &[&str]) -> BTreeSet<Identity> {
    names.iter().map(|name| key(name).identity()).collect()
}

impl Cluster {
    /// A colony on one node.
    pub(crate) async fn found() -> Self {
        let mut cluster = Self {
            running: BTreeMap::new(),
            directory: TempDir::new().unwrap(),
            runtime: Runtime::new(Tokio::new()),
            tickets: 0,
        };
        let founding = Founding {
            owner: owner(),
            name: Name::cut("lab"),
            member: Name::cut(FIRST),
            executors: (0..3).map(|number| executor(number, "cli")).collect(),
            users: vec![User { id: user().identity(), name: Name::cut("someone"), ..User::default() }],
        };
        let colony = ColonyConfig { id: colony(), found: Some(founding), peers: Vec::new() };
        cluster.start(FIRST, vec![colony]).await.unwrap();
        cluster
    }

    /// A colony on these nodes, all of whom may vote.
    pub(crate) async fn of(names: &[&'static str]) -> Self {
        let mut cluster = Self::found().await;
        for name in names.iter().filter(|name| **name != FIRST) {
            cluster.join(name, Role::Voter).await.unwrap();
        }
        let seats = if names.len().is_multiple_of(2) { names.len() - 1 } else { names.len() };
        cluster.until(&names[..seats], &names[seats..]).await;
        cluster
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn start(&mut self, name: &'static str, colonies: Vec<ColonyConfig>) -> Result<(), StartError> {
        let config = NodeConfig {
            key: key(name),
            data: Data::Directory(self.path(name)),
            listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
            relay: false,
            tls: None,
            timing: Timing::Local,
            replace_after: REPLACE_AFTER,
            log_kept: LOG_KEPT,
            bootstrap: Vec::new(),
            lab: false,
            colonies,
        };
        // A platform of its own, so that it can crash alone.
        let runtime = Runtime::new(Tokio::new());
        let node = within("start", Node::start(config, runtime.clone())).await?;
        self.running.insert(name, Running { node, runtime });
        Ok(())
    }

    /// Starts a node that was there before, on the disk it has now. It remembers whom it knew.
    pub(crate) async fn restart(&mut self, name: &'static str) -> Result<(), StartError> {
        let peers = self.running.values().map(|other| KnownPeer {
            key: MemberKey::of(&self.key_of(other)),
            addresses: other.node.addresses(),
        });
        let colony = ColonyConfig { id: colony(), found: None, peers: peers.collect() };
        self.start(name, vec![colony]).await
    }

    fn key_of(&self, running: &Running) -> SecretKey {
        let name = self.running.keys().find(|name| key(name).identity() == running.node.identity());
        key(name.unwrap())
    }

    /// A ticket for one more member.
    pub(crate) fn ticket(&mut self, role: Role) -> SignedTicket {
        self.tickets += 1;
        let now = self.runtime.now();
        let addresses = self.running.values().flat_map(|running| running.node.addresses());
        let ticket = Ticket {
            colony: colony(),
            colony_name: Name::cut("lab"),
            id: [self.tickets; 16],
            role,
            member_name: None,
            uses: 1,
            issued: now,
            expires: now.after(Span::from_secs(600)),
            member_until: None,
            nodes: List::new(addresses.map(|address| Text::cut(&address.to_string())).collect()).unwrap(),
        };
        SignedTicket::sign(&ticket, &owner()).unwrap()
    }

    /// A machine with a ticket becomes a member and opens the colony.
    pub(crate) async fn join(&mut self, name: &'static str, role: Role) -> Result<Joined, JoinError> {
        let ticket = self.ticket(role);
        self.join_with(name, ticket).await
    }

    /// The same with a ticket of the test's choice.
    pub(crate) async fn join_with(
        &mut self,
        name: &'static str,
        ticket: SignedTicket,
    ) -> Result<Joined, JoinError> {
        if !self.running.contains_key(name) {
            self.start(name, Vec::new()).await.unwrap();
        }
        let running = &self.running[name];
        let joining = Joining {
            ticket,
            key: key(name),
            name: Name::cut(name),
            store: running.node.store_id(),
            addresses: running.node.addresses(),
            executor: None,
        };
        let joined = within("join", join(joining, &running.runtime)).await?;
        within("open", running.node.open_colony(&joined.colony_config())).await.unwrap();
        Ok(joined)
    }

    /// A node stops where it stands.
    pub(crate) async fn crash(&mut self, name: &str) {
        let running = self.running.remove(name).unwrap();
        drop(running.node);
        assert!(running.runtime.shutdown(PATIENCE).await, "a task or thread outlived the crash");
    }

    /// A node that does not run loses its disk.
    pub(crate) fn wipe(&self, name: &str) {
        assert!(!self.running.contains_key(name));
        std::fs::remove_dir_all(self.path(name)).unwrap();
    }

    /// A client that asks one node.
    pub(crate) fn client(&self, name: &str, signer: SecretKey) -> Client {
        self.running[name].node.client(colony(), signer)
    }

    /// The owner decides about the members, through any node.
    pub(crate) async fn decide(&self, command: Command) -> Result<Reply, ClientError> {
        let name = *self.running.keys().next().unwrap();
        within("a decision", self.client(name, owner()).command(&command)).await
    }

    /// How a node sees the colony.
    pub(crate) fn status(&self, name: &str) -> Option<Status> {
        self.running.get(name)?.node.status(&colony()).ok()
    }

    /// Who coordinates, as all running nodes that replicate see it.
    pub(crate) fn coordinator(&self) -> Option<&'static str> {
        let coordinators: BTreeSet<Option<Identity>> = self
            .running
            .keys()
            .filter_map(|name| self.status(name))
            .map(|status| status.coordinator)
            .collect();
        let [Some(coordinator)] = coordinators.into_iter().collect::<Vec<_>>()[..] else { return None };
        self.running.keys().copied().find(|name| key(name).identity() == coordinator)
    }

    /// Completes when every running one of these nodes sees exactly these voters and learners.
    pub(crate) async fn until(&self, voters: &[&str], learners: &[&str]) {
        let (wanted, following) = (ids(voters), ids(learners));
        let seen = |name: &&str| {
            self.status(name).is_some_and(|status| {
                status.coordinator.is_some()
                    && status.voters.iter().copied().collect::<BTreeSet<_>>() == wanted
                    && status.learners.iter().copied().collect::<BTreeSet<_>>() == following
            })
        };
        let names = || voters.iter().chain(learners).filter(|name| self.running.contains_key(**name));
        let reached = self.runtime.timeout(PATIENCE, async {
            while !names().all(seen) {
                self.runtime.sleep(LOOK_EVERY).await;
            }
        });
        if reached.await.is_none() {
            let seen: Vec<_> = self.running.keys().map(|name| (name, self.status(name))).collect();
            panic!("voters {voters:?} and learners {learners:?} were never seen: {seen:#?}");
        }
    }

    /// Completes when a node refuses its users because it takes no part any more; gives its words.
    pub(crate) async fn until_ended(&self, name: &str) -> String {
        let ended = self.runtime.timeout(PATIENCE, async {
            loop {
                match self.client(name, user()).stale().query(&Query::Statistics).await {
                    Err(ClientError::Refused(Refusal::Denied { by, why })) if by == key(name).identity() => {
                        return why.to_string();
                    }
                    _ => self.runtime.sleep(LOOK_EVERY).await,
                }
            }
        });
        ended.await.unwrap_or_else(|| panic!("{name} never ended: {:?}", self.status(name)))
    }

    /// Lets time pass.
    pub(crate) async fn pass(&self, time: Duration) {
        self.runtime.sleep(time).await;
    }

    /// Ends all nodes.
    pub(crate) async fn stop(self) {
        for (_, Running { node, runtime }) in self.running {
            within("shutdown", node.shutdown()).await;
            assert!(runtime.shutdown(PATIENCE).await, "a task or thread outlived its node");
        }
    }
}
