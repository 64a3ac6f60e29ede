//! Three voters of one colony, in memory.

use colony_node::{
    client::Client,
    consensus::Timing,
    net::{Multiaddr, PeerId},
    node::{ColonyConfig, Data, Founding, KnownPeer, LOG_KEPT, Node, NodeConfig, REPLACE_AFTER},
    runtime::Runtime,
};
use colony_protocol::{
    bounded::{List, Text},
    command::Command,
    identity::{Identity, SecretKey},
    model::{
        Executor, Name, User,
        member::{MemberKey, NewMember, Role},
    },
};

use crate::crowd;

/// The nodes, the coordinator first.
pub(crate) struct Trio(pub(crate) Vec<Node>);

pub(crate) fn colony() -> Identity {
    owner().identity()
}

fn owner() -> SecretKey {
    SecretKey::derive(b"herd owner")
}

fn user() -> SecretKey {
    SecretKey::derive(b"herd user")
}

fn node_key(number: usize) -> SecretKey {
    SecretKey::derive(format!("herd node {number}").as_bytes())
}

impl Trio {
    pub(crate) async fn start(executors: usize, runtime: &Runtime) -> Self {
        let founding = Founding {
            owner: owner(),
            name: Name::cut("herd"),
            member: Name::cut("node-0"),
            executors: (0..executors).map(executor).collect(),
            users: vec![User { id: user().identity(), name: Name::cut("someone"), ..User::default() }],
        };
        let mut nodes = Vec::new();
        for number in 0..3 {
            let found = (number == 0).then(|| founding.clone());
            let colonies =
                found.map(|found| ColonyConfig { id: colony(), found: Some(found), peers: Vec::new() });
            let config = NodeConfig {
                key: node_key(number),
                data: Data::Memory,
                listen: vec!["/ip4/127.0.0.1/tcp/0".parse().unwrap()],
                timing: Timing::Local,
                replace_after: REPLACE_AFTER,
                log_kept: LOG_KEPT,
                relay: false,
                tls: None,
                bootstrap: Vec::new(),
                lab: false,
                colonies: colonies.into_iter().collect(),
            };
            nodes.push(Node::start(config, runtime.clone()).await.unwrap());
        }
        let trio = Self(nodes);
        for number in 1..3 {
            trio.admit(number).await;
        }
        while trio.0[0].status(&colony()).unwrap().voters.len() < 3 {
            runtime.sleep(std::time::Duration::from_millis(50)).await;
        }
        trio
    }

    async fn admit(&self, number: usize) {
        let node = &self.0[number];
        let texts = node.addresses().into_iter().map(|address| Text::new(address.to_string()).unwrap());
        let member = NewMember {
            key: MemberKey::of(&node_key(number)),
            name: Name::cut(&format!("node-{number}")),
            addresses: List::new(texts.collect()).unwrap(),
            store: node.store_id(),
            executor: None,
        };
        let owner = self.0[0].client(colony(), owner());
        owner.command(&Command::AddMember { member, role: Role::Voter }).await.unwrap();
        let founder = KnownPeer { key: MemberKey::of(&node_key(0)), addresses: self.0[0].addresses() };
        let config = ColonyConfig { id: colony(), found: None, peers: vec![founder] };
        node.open_colony(&config).await.unwrap();
    }

    pub(crate) fn user(&self) -> Client {
        self.0[0].client(colony(), user())
    }

    /// Where the nodes are, the coordinator first.
    pub(crate) fn nodes(&self) -> Vec<(PeerId, Vec<Multiaddr>)> {
        self.0.iter().map(|node| (node.peer_id(), node.addresses())).collect()
    }

    /// How many peers each has a connection with.
    pub(crate) fn connections(&self) -> Vec<usize> {
        self.0.iter().map(Node::connections).collect()
    }
}

fn executor(number: usize) -> Executor {
    Executor {
        id: crowd::key(number).identity(),
        name: crowd::name(number),
        executor_type: crowd::kind(),
        ..Executor::default()
    }
}
