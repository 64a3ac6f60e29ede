//! Who takes part: executors of the shipped kind that hear announcements, and machines that submit.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use colony_node::{
    announcements::listen,
    client::{Answering, Client, Remote, Transport},
    discovery::{Settings, delegate},
    endpoint::{Endpoint, EndpointConfig},
    executor::NoopExecutor,
    net::{Multiaddr, PeerId},
    runtime::Runtime,
};
use colony_protocol::{
    announcement::Listener,
    bounded::Text,
    command::Command,
    envelope::Signed,
    identity::SecretKey,
    model::{Executor, Name, User},
};
use colony_simulations::{
    chance::Chance,
    lab::scenario::{Class, check, sweep::Plan},
};
use libp2p::multiaddr::Protocol;
use tokio_util::sync::CancellationToken;

use super::sums::Words;
use crate::colony::{Colony, Stuck, colony, owner};

/// Where executors listen.
const PORT: u16 = 4001;
/// All wake within this time, as in the laboratory.
const WAKING: u64 = 5_000_000;
/// Before an executor whose call has failed begins anew.
const AGAIN: Duration = Duration::from_millis(250);

/// Everybody but the nodes.
pub(super) struct Cast {
    /// The owner's way into the colony.
    pub(super) probe: Client,
    /// Machines that submit.
    pub(super) submitters: Vec<Client>,
    /// Requests for work that executors made.
    pub(super) asks: Arc<AtomicU64>,
    /// Announcements as they were heard.
    pub(super) words: Words,
    /// Ends the executors.
    pub(super) stop: CancellationToken,
}

/// A way to the colony that counts requests for work.
#[derive(Debug)]
struct Counted {
    inner: Arc<Remote>,
    asks: Arc<AtomicU64>,
}

impl Transport for Counted {
    fn call(&self, request: Vec<u8>, timeout: Duration) -> Answering {
        let body = Signed::from_bytes(&request).ok().and_then(|signed| signed.body_from_log().ok());
        if body.is_some_and(|body| &*body.kind == "assign") {
            self.asks.fetch_add(1, Ordering::Relaxed);
        }
        self.inner.call(request, timeout)
    }

    fn nodes(&self) -> usize {
        self.inner.nodes()
    }

    fn learn(&self, addresses: Vec<Multiaddr>) {
        self.inner.learn(addresses);
    }
}

fn refused(what: &'static str) -> impl Fn(String) -> Stuck {
    move |why| Stuck::Refused { what, why }
}

impl Cast {
    /// Lets everybody in, and wakes the executors.
    pub(super) async fn assemble(
        plan: &Plan,
        colony: &mut Colony,
        chance: &mut Chance,
    ) -> Result<Self, Stuck> {
        let probe = colony.door(0).client;
        let told = delegate(&probe, &owner(), probe.runtime().now()).await;
        told.map_err(|error| refused("letting the voters speak")(error.to_string()))?;
        let mut cast = Self {
            probe: probe.clone(),
            submitters: Vec::new(),
            asks: Arc::default(),
            words: Words::default(),
            stop: CancellationToken::new(),
        };
        for nodes in plan.scenario.nodes.iter().filter(|nodes| nodes.class == Class::Submitter) {
            for number in 0..check::count(nodes) {
                let key = SecretKey::derive(format!("submitter {} {number}", nodes.name).as_bytes());
                let name = Text::cut(&format!("{}-{number}", nodes.name));
                let user = User { id: key.identity(), name, ..User::default() };
                let added = probe.command(&Command::AddUser { user }).await;
                added.map_err(|error| refused("adding a user")(error.to_string()))?;
                let first = chance.below(colony.seats.len() as u64) as usize;
                cast.submitters.push(colony.door(first).client.with_key(key));
            }
        }
        if cast.submitters.is_empty() {
            cast.submitters.push(colony.door(0).client);
        }
        for nodes in plan.scenario.nodes.iter().filter(|nodes| nodes.class == Class::Executor) {
            for number in 0..check::count(nodes) {
                let name = format!("{}-{number}", nodes.name);
                cast.hire(colony, &name, &nodes.executor_type, chance).await?;
            }
        }
        Ok(cast)
    }

    async fn hire(&self, all: &mut Colony, name: &str, kind: &str, chance: &mut Chance) -> Result<(), Stuck> {
        let key = SecretKey::derive(format!("executor {name}").as_bytes());
        let (name, kind): (Name, Name) = (Text::cut(name), Text::cut(kind));
        let (id, listens) = (key.identity(), name.clone());
        let executor = Executor { id, name, executor_type: kind.clone(), ..Executor::default() };
        let added = self.probe.command(&Command::AddExecutor { executor, approved: true }).await;
        added.map_err(|error| refused("adding an executor")(error.to_string()))?;
        let machine = all.client_machine();
        let bootstrap: Vec<Multiaddr> = all.seats.iter().map(|seat| seat.listens()).collect();
        let nodes = all.seats.iter().filter_map(|seat| Some((seat.peer()?, vec![seat.listens()])));
        let discovery =
            Settings { bootstrap: bootstrap.clone(), lab: true, guest: true, ..Settings::default() };
        // As the shipped executor: it can be dialled, tells the colony where, and hears others like it.
        let listen = vec![Multiaddr::from(machine.address()).with(Protocol::Tcp(PORT))];
        let config = EndpointConfig { key: key.clone(), listen, discovery };
        let endpoint = Endpoint::start(config, machine.runtime()).await;
        let endpoint = endpoint.map_err(|error| refused("an executor's endpoint")(error.to_string()))?;
        endpoint.learn(&colony(), bootstrap.clone());
        endpoint.be_met(colony(), key.clone());
        endpoint.spread(&colony()).await;
        let mut doors = bootstrap;
        let places = doors.len().max(1);
        doors.rotate_left(chance.below(places as u64) as usize);
        let inner = Arc::new(Remote::connect(doors, machine.runtime()));
        let counted = Arc::new(Counted { inner, asks: Arc::clone(&self.asks) });
        let client = Client::new(counted, colony(), key, machine.runtime());
        let asleep = Duration::from_micros(chance.below(WAKING));
        let listener = Listener { id, name: listens, executor_type: kind, row: None };
        let life = Life { endpoint, client, listener, nodes: nodes.collect(), words: self.words.clone() };
        machine.runtime().spawn("executor", life.live(asleep, machine.runtime(), self.stop.clone()));
        // Nobody takes its power; what it runs is held by its tasks.
        drop(machine);
        Ok(())
    }
}

/// An executor's life.
struct Life {
    endpoint: Endpoint,
    client: Client,
    listener: Listener,
    nodes: Vec<(PeerId, Vec<Multiaddr>)>,
    words: Words,
}

impl Life {
    async fn live(self, asleep: Duration, runtime: Runtime, stop: CancellationToken) {
        runtime.sleep(asleep).await;
        while !stop.is_cancelled() {
            let (gossip, client) = (self.endpoint.network().gossip(), self.client.clone());
            let hints = listen(gossip, client.clone(), self.listener.clone(), self.nodes.clone()).await;
            let (mut newest, words, clock) = (hints.newest(), self.words.clone(), runtime.clone());
            runtime.spawn("ears", async move {
                while newest.changed().await.is_ok() {
                    if let Some(heard) = newest.borrow_and_update().clone() {
                        words.heard(&heard.announcement, clock.now());
                    }
                }
            });
            let executor = NoopExecutor::new(client, 1).with_hints(hints).closing_aside();
            if executor.run(stop.clone()).await.is_err() {
                runtime.sleep(AGAIN).await;
            }
        }
    }
}
