//! Several real nodes of one colony in this process: each with a key, a store, a network and a runtime of its own.
//!
//! They meet over the loopback interface as nodes on different machines would, and any of them can be stopped as a crash
//! would stop it. Used where a whole colony must stand on one machine at once: `dev` and `demo`.

use std::time::Duration;

use colony_node::{
    client::Client,
    consensus::Timing,
    net::Multiaddr,
    node::{ColonyConfig, Data, Founding, KnownPeer, LOG_KEPT, Node, NodeConfig, REPLACE_AFTER, StartError},
    runtime::{Runtime, Tokio},
};
use colony_protocol::{
    bounded::{List, Text},
    command::Command,
    identity::{Identity, SecretKey},
    model::{
        Executor, Name,
        member::{MemberKey, MemberView, NewMember, Role},
    },
    refusal::Refusal,
};
use tokio::sync::oneshot;

use crate::{
    app::members,
    error::{Exit, Failure},
};

/// How long the nodes may take to become voters: an election and a few steps, on a busy machine.
const SEATING: Duration = Duration::from_secs(30);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(10);
/// How long tasks and threads of a stopped node may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// One node of a colony that shall be.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    /// What it is called.
    pub(super) name: Name,
    /// Its key.
    pub(super) key: SecretKey,
    /// Where it keeps its data.
    pub(super) data: Data,
    /// Where it listens: a port that is known before, so that the others can be told.
    pub(super) listen: Vec<Multiaddr>,
}

/// A colony that shall be.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Its name.
    pub(super) name: Name,
    /// Its owner.
    pub(super) owner: SecretKey,
    /// Its executors.
    pub(super) executors: Vec<Executor>,
    /// Its nodes; the first founds it.
    pub(super) seats: Vec<Seat>,
}

/// A node that runs.
#[derive(Debug)]
pub(super) struct Member {
    /// What it is called.
    pub(super) name: Name,
    /// The node.
    pub(super) node: Node,
    /// Its tasks and threads, and those of whatever else is lost with it.
    pub(super) runtime: Runtime,
}

/// A colony in this process.
#[derive(Debug)]
pub(super) struct Cluster {
    /// Its id.
    pub(super) colony: Identity,
    /// Its nodes.
    pub(super) members: Vec<Member>,
}

impl Cluster {
    /// Starts all nodes and waits until every one of them votes. `explain` says what a person does about one that did not
    /// start.
    pub(super) async fn start(
        plan: &Plan,
        runtime: &Runtime,
        explain: impl Fn(StartError) -> Failure,
    ) -> Result<Self, Failure> {
        let colony = plan.owner.identity();
        // Together: those that find their data again need each other for a quorum.
        let starting: Vec<_> = plan.seats.iter().enumerate().map(|(index, _)| begin(plan, index)).collect();
        let mut members = Vec::new();
        let mut failure = None;
        for (seat, started) in plan.seats.iter().zip(starting) {
            let (own, started) = started;
            match started.await {
                Ok(Ok(node)) => members.push(Member { name: seat.name.clone(), node, runtime: own }),
                Ok(Err(error)) => drop(failure.get_or_insert_with(|| explain(error))),
                Err(_) => drop(failure.get_or_insert_with(|| Failure::new("a node ended while it started"))),
            }
        }
        let cluster = Self { colony, members };
        let seated = match failure {
            Some(failure) => Err(failure),
            None => cluster.seat(plan, runtime).await,
        };
        match seated {
            Ok(()) => Ok(cluster),
            Err(failure) => {
                cluster.shutdown().await;
                Err(failure)
            }
        }
    }

    /// A client of the first node, within the process.
    pub(super) fn client(&self, key: SecretKey) -> Result<Client, Failure> {
        let first = self.members.first().ok_or_else(|| Failure::new("the colony has no node left"))?;
        Ok(first.node.client(self.colony, key))
    }

    /// Where the nodes listen.
    pub(super) fn addresses(&self) -> Vec<Multiaddr> {
        self.members.iter().flat_map(|member| member.node.addresses()).collect()
    }

    /// The node that coordinates, as most of the nodes see it.
    pub(super) fn coordinator(&self) -> Option<Identity> {
        let seen =
            self.members.iter().filter_map(|member| member.node.status(&self.colony).ok()?.coordinator);
        let seen: Vec<Identity> = seen.collect();
        let most = self.members.len() / 2;
        seen.iter().copied().find(|id| seen.iter().filter(|other| *other == id).count() > most)
    }

    /// Makes every node a voter.
    async fn seat(&self, plan: &Plan, runtime: &Runtime) -> Result<(), Failure> {
        let owner = self.client(plan.owner.clone())?;
        let seated = runtime.timeout(SEATING, async {
            let known = members(&owner).await?;
            for (seat, member) in plan.seats.iter().zip(&self.members) {
                let_in(&owner, &known, seat, &member.node).await?;
            }
            while !self.all_vote() {
                runtime.sleep(LOOK).await;
            }
            Ok(())
        });
        let late =
            || Failure::new(format!("the nodes did not find each other within {} s", SEATING.as_secs()));
        seated.await.unwrap_or_else(|| Err(late().exit(Exit::TIMED_OUT)))
    }

    /// Whether every node knows that all of them vote, and who coordinates.
    fn all_vote(&self) -> bool {
        self.members.iter().all(|member| {
            let status = member.node.status(&self.colony);
            status
                .is_ok_and(|status| status.voters.len() == self.members.len() && status.coordinator.is_some())
        })
    }

    /// Ends a node as a power cut would: nothing is told to anybody, nothing is written any more.
    pub(super) async fn crash(&mut self, id: &Identity) -> Option<Name> {
        let index = self.members.iter().position(|member| member.node.identity() == *id)?;
        let Member { name, node, runtime } = self.members.remove(index);
        // Its tasks go before anything they could still say, at once; then the last handle of the store.
        runtime.shutdown(Duration::ZERO).await;
        drop(node);
        Some(name)
    }

    /// Ends all nodes gracefully.
    pub(super) async fn shutdown(self) {
        for Member { node, runtime, .. } in self.members {
            node.shutdown().await;
            runtime.shutdown(GRACE).await;
        }
    }
}

/// Starts one node in a task of its own runtime.
fn begin(plan: &Plan, index: usize) -> (Runtime, oneshot::Receiver<Result<Node, StartError>>) {
    let runtime = Runtime::new(Tokio::new());
    let (started, starting) = oneshot::channel();
    if let Some(config) = config(plan, index) {
        let own = runtime.clone();
        runtime.spawn("start", async move { drop(started.send(Node::start(config, own).await)) });
    }
    (runtime, starting)
}

fn config(plan: &Plan, index: usize) -> Option<NodeConfig> {
    let seat = plan.seats.get(index)?;
    let others = plan.seats.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
    let peers =
        others.map(|other| KnownPeer { key: MemberKey::of(&other.key), addresses: other.listen.clone() });
    let found = (index == 0).then(|| Founding {
        owner: plan.owner.clone(),
        name: plan.name.clone(),
        member: seat.name.clone(),
        executors: plan.executors.clone(),
        users: Vec::new(),
    });
    Some(NodeConfig {
        key: seat.key.clone(),
        data: seat.data.clone(),
        listen: seat.listen.clone(),
        relay: false,
        tls: None,
        timing: Timing::Local,
        replace_after: REPLACE_AFTER,
        log_kept: LOG_KEPT,
        bootstrap: Vec::new(),
        lab: false,
        colonies: vec![ColonyConfig { id: plan.owner.identity(), found, peers: peers.collect() }],
    })
}

/// Makes a node a member, unless it is one with this disk and these addresses.
async fn let_in(owner: &Client, known: &[MemberView], seat: &Seat, node: &Node) -> Result<(), Failure> {
    let addresses: Vec<_> = node.addresses().iter().map(|address| Text::cut(&address.to_string())).collect();
    let member = NewMember {
        key: MemberKey::of(&seat.key),
        name: seat.name.clone(),
        addresses: List::new(addresses).unwrap_or_default(),
        store: node.store_id(),
        executor: None,
    };
    let as_wanted = known.iter().map(|view| &view.member).any(|known| {
        known.is_active()
            && known.key == member.key
            && known.store == member.store
            && known.addresses == member.addresses
    });
    if as_wanted {
        return Ok(());
    }
    match owner.command(&Command::AddMember { member, role: Role::Voter }).await {
        Ok(_) | Err(colony_node::client::ClientError::Refused(Refusal::Exists { .. })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
