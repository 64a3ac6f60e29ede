//! Three nodes of one colony in this process, over loopback, each with a store of its own.

use std::{sync::Arc, time::Duration};

use colony_node::{
    client::{Client, Remote},
    consensus::Timing,
    net::Multiaddr,
    node::{ColonyConfig, Data, KnownPeer, LOG_KEPT, Node, NodeConfig, REPLACE_AFTER},
    runtime::{Runtime, Tokio},
};
use colony_protocol::{
    bounded::{List, Text},
    command::Command,
    identity::{Identity, SecretKey},
    model::{
        Name,
        member::{MemberKey, NewMember, Role},
    },
    query::Query,
    reply::{Answer, Status},
};
use tempfile::TempDir;

use crate::lab::{self, PATIENCE, within};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// One of the three.
pub(crate) struct Seat {
    key: SecretKey,
    directory: TempDir,
    /// The port it keeps over restarts.
    listen: Multiaddr,
    /// Its tasks end when it is killed.
    running: Option<(Node, Runtime)>,
}

/// Three nodes.
pub(crate) struct Trio {
    pub(crate) seats: Vec<Seat>,
    /// What clients run on: it outlives every node.
    pub(crate) runtime: Runtime,
}

fn colony() -> Identity {
    lab::owner().identity()
}

impl Trio {
    /// A founder and two voters that were added.
    pub(crate) async fn start() -> Self {
        let mut trio = Self { seats: Vec::new(), runtime: Runtime::new(Tokio::new()) };
        for number in 0..3_u8 {
            let mut config = lab::config(Data::Memory);
            config.key = SecretKey::derive(&[b'n', number]);
            let directory = tempfile::tempdir().unwrap();
            config.data = Data::Directory(directory.path().to_owned());
            if number > 0 {
                config.colonies = Vec::new();
            }
            let key = config.key.clone();
            let runtime = Runtime::new(Tokio::new());
            let node = within("start", Node::start(config, runtime.clone())).await.unwrap();
            let listen = node.addresses()[0].clone();
            let listen = listen.iter().filter(|part| part.tag() != "p2p").collect();
            trio.seats.push(Seat { key, directory, listen, running: Some((node, runtime)) });
        }
        for number in 1..3 {
            trio.admit(number).await;
        }
        trio.until("three vote", |trio| trio.status(0).is_some_and(|status| status.voters.len() == 3)).await;
        trio
    }

    /// Adds a node as voter and opens the colony on it.
    async fn admit(&self, number: usize) {
        let node = self.node(number).unwrap();
        let addresses = node.addresses().into_iter().map(|address| Text::new(address.to_string()).unwrap());
        let member = NewMember {
            key: MemberKey::of(&self.seats[number].key),
            name: Name::cut(&format!("node-{number}")),
            addresses: List::new(addresses.collect()).unwrap(),
            store: node.store_id(),
            executor: None,
        };
        let owner = self.node(0).unwrap().client(colony(), lab::owner());
        within("add", owner.command(&Command::AddMember { member, role: Role::Voter })).await.unwrap();
        let founder = KnownPeer {
            key: MemberKey::of(&self.seats[0].key),
            addresses: self.node(0).unwrap().addresses(),
        };
        let config = ColonyConfig { id: colony(), found: None, peers: vec![founder] };
        within("open", node.open_colony(&config)).await.unwrap();
    }

    /// A node, if it runs.
    pub(crate) fn node(&self, number: usize) -> Option<&Node> {
        self.seats[number].running.as_ref().map(|(node, _)| node)
    }

    pub(crate) fn status(&self, number: usize) -> Option<Status> {
        self.node(number)?.status(&colony()).ok()
    }

    /// A client that knows all three and asks `first` before the others.
    pub(crate) fn client(&self, key: SecretKey, first: usize) -> Client {
        let mut order: Vec<usize> = (0..3).collect();
        order.rotate_left(first);
        let addresses = order.iter().map(|number| {
            let seat = &self.seats[*number];
            let peer = colony_node::net::peer_of(&seat.key.public_key()).unwrap();
            seat.listen.clone().with_p2p(peer).unwrap()
        });
        let remote = Remote::connect(addresses.collect(), self.runtime.clone());
        Client::new(Arc::new(remote), colony(), key, self.runtime.clone())
    }

    /// Who coordinates, by the word of those that run.
    pub(crate) async fn coordinator(&self) -> usize {
        let mut found = None;
        self.until("a coordinator", |trio| {
            found = (0..3).find(|number| {
                let id = trio.seats[*number].key.identity();
                trio.status(*number).is_some_and(|status| status.coordinator == Some(id))
            });
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// Ends a node where it stands.
    pub(crate) async fn kill(&mut self, number: usize) {
        let (node, runtime) = self.seats[number].running.take().unwrap();
        drop(node);
        assert!(runtime.shutdown(PATIENCE).await, "a task or thread outlived the crash");
    }

    /// Starts it again on what its disk holds.
    pub(crate) async fn restart(&mut self, number: usize) {
        let seat = &mut self.seats[number];
        let config = NodeConfig {
            key: seat.key.clone(),
            data: Data::Directory(seat.directory.path().to_owned()),
            listen: vec![seat.listen.clone()],
            relay: false,
            tls: None,
            timing: Timing::Local,
            replace_after: REPLACE_AFTER,
            log_kept: LOG_KEPT,
            bootstrap: Vec::new(),
            lab: false,
            colonies: vec![ColonyConfig { id: colony(), found: None, peers: Vec::new() }],
        };
        let runtime = Runtime::new(Tokio::new());
        let node = within("restart", Node::start(config, runtime.clone())).await.unwrap();
        seat.running = Some((node, runtime));
    }

    /// Waits until something holds.
    pub(crate) async fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        within(what, async {
            while !holds(self) {
                self.runtime.sleep(LOOK).await;
            }
        })
        .await;
    }

    /// Counts of processes by state, by the word of a quorum.
    pub(crate) async fn counts(&self) -> [u64; 5] {
        let client = self.client(lab::user(), 0);
        match within("statistics", client.query(&Query::Statistics)).await.unwrap() {
            Answer::Statistics(statistics) => statistics.processes,
            other => panic!("{other:?}"),
        }
    }

    /// Ends all.
    pub(crate) async fn stop(mut self) {
        for seat in &mut self.seats {
            if let Some((node, runtime)) = seat.running.take() {
                within("shutdown", node.shutdown()).await;
                assert!(runtime.shutdown(PATIENCE).await, "a task or thread outlived its node");
            }
        }
    }
}
