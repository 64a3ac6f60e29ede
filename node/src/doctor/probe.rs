//! Trying each way to a peer, with a swarm of its own that lives as long as that takes.
//!
//! Direct first, at all addresses at once. If none leads there, through relays; what the peer then says of its own
//! addresses is tried too, and the peer, which sees a connection through a relay, begins to punch a hole. The swarm opens
//! no stream and is told nothing but who the peer is, so it finds the same with and without a colony.
//!
//! What may never happen: an address tried without end; more addresses taken from a peer than are worth trying.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use colony_protocol::identity::SecretKey;
use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, Swarm, dcutr, identify,
    multiaddr::Protocol,
    ping, relay,
    swarm::{
        ConnectionId, NetworkBehaviour, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};

use super::peer::{Attempt, NO_RELAY, Punch, Tries};
use crate::{
    net::{
        self,
        dial::reason,
        keypair,
        scope::{is_relayed, relay_in},
        transport::{Kinds, is_quic, with_circuits},
    },
    runtime::Runtime,
};

/// What the probe calls itself: no node, and no process that could be somebody's twin.
const AGENT: &str = concat!("colony-doctor/", env!("CARGO_PKG_VERSION"));
/// Where it listens, so that a hole can be punched to a port that others have seen.
const LISTEN: [&str; 2] = ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"];
/// Addresses of one kind that are tried.
const ADDRESSES_MAX: usize = 16;
/// How long an address may take: a handshake around the world takes a second, and what has not answered in five will
/// not.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a relay may take to say where it sees us, which is what a hole is punched from.
const INTRODUCTION: Duration = Duration::from_secs(2);
/// How long a hole may take: three attempts of a few round trips each.
const PUNCH: Duration = Duration::from_secs(10);

/// Whom to find the way to.
#[derive(Debug, Clone)]
pub struct Target {
    /// What it is called.
    pub name: String,
    /// Who it is.
    pub peer: PeerId,
    /// Its own addresses, as far as they are known.
    pub addresses: Vec<Multiaddr>,
    /// Nodes that may relay to it, with their peer ids at the end.
    pub relays: Vec<Multiaddr>,
}

/// The protocols of finding a way, and nothing else.
#[derive(NetworkBehaviour)]
struct Behaviour {
    relayed: relay::client::Behaviour,
    punching: dcutr::Behaviour,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
}

/// The swarm and what came of its attempts.
struct Probe {
    swarm: Swarm<Behaviour>,
    peer: PeerId,
    runtime: Runtime,
    /// Addresses being dialled, and since when.
    dialling: BTreeMap<ConnectionId, (Multiaddr, Duration)>,
    attempts: Vec<Attempt>,
    /// Connections with relays that have not said yet where they see us.
    meeting: BTreeSet<ConnectionId>,
    /// Who has said what it is, and its own addresses if it is the peer.
    introduced: BTreeMap<PeerId, Vec<Multiaddr>>,
    /// How the punching ended.
    punched: Option<Result<(), String>>,
}

/// Tries all ways. `key` is a member's: relays refuse strangers.
///
/// # Errors
/// If there is no transport for the key; the text says why.
pub async fn find(target: &Target, key: &SecretKey, runtime: &Runtime) -> Result<Tries, String> {
    let mut probe = Probe::new(target.peer, key, runtime)?;
    let (circuits, own): (Vec<Multiaddr>, Vec<Multiaddr>) =
        target.addresses.iter().cloned().partition(is_relayed);
    let mut tries = Tries {
        peer: target.name.clone(),
        direct: probe.attempt(own).await,
        relayed: Vec::new(),
        punch: Punch::Untried,
    };
    if tries.reaches_directly() {
        return Ok(tries);
    }
    let through = target.relays.iter().map(|relay| relay.clone().with(Protocol::P2pCircuit));
    let mut circuits: Vec<Multiaddr> = circuits.into_iter().chain(through).collect();
    probe.meet_relays(&circuits).await;
    circuits.retain(|circuit| relay_in(circuit).is_some_and(|relay| relay != target.peer));
    let begun = runtime.elapsed();
    tries.relayed = probe.attempt(circuits).await;
    if tries.relayed.iter().any(|attempt| attempt.outcome.is_ok()) {
        probe.until(INTRODUCTION, |probe| probe.introduced.contains_key(&probe.peer)).await;
        let told = probe.introduced.get(&target.peer).cloned().unwrap_or_default();
        let news = told.into_iter().filter(|address| !is_relayed(address) && !is_tried(&tries, address));
        let found = probe.attempt(news.collect()).await;
        tries.direct.extend(found);
        tries.punch = if tries.reaches_directly() { Punch::Untried } else { probe.punch(begun).await };
    }
    Ok(tries)
}

impl Probe {
    fn new(peer: PeerId, key: &SecretKey, runtime: &Runtime) -> Result<Self, String> {
        let key = keypair(key).ok_or("the key is not usable")?;
        let (transport, relayed) = with_circuits(&key, Kinds::ALL, None, runtime.carrier().as_ref())
            .map_err(|error| error.to_string())?;
        let me = key.public().to_peer_id();
        let identify = identify::Config::new("/colony/1".to_owned(), key.public());
        let behaviour = Behaviour {
            relayed,
            punching: dcutr::Behaviour::new(me),
            identify: identify::Behaviour::new(identify.with_agent_version(AGENT.to_owned())),
            ping: ping::Behaviour::default(),
        };
        let config = net::swarm_config(runtime).with_idle_connection_timeout(PUNCH * 2);
        let mut swarm = Swarm::new(transport, behaviour, me, config);
        for address in LISTEN {
            // Where the system allows no listening holes cannot be punched; all else can be tried.
            swarm.listen_on(address.parse().map_err(|_| "no address")?).ok();
        }
        Ok(Self {
            swarm,
            peer,
            runtime: runtime.clone(),
            dialling: BTreeMap::new(),
            attempts: Vec::new(),
            meeting: BTreeSet::new(),
            introduced: BTreeMap::new(),
            punched: None,
        })
    }

    /// Dials the peer at all of some addresses at once, and says what came of each.
    async fn attempt(&mut self, addresses: Vec<Multiaddr>) -> Vec<Attempt> {
        for address in addresses.into_iter().take(ADDRESSES_MAX) {
            let options = DialOpts::peer_id(self.peer)
                .condition(PeerCondition::Always)
                .addresses(vec![address.clone()])
                .build();
            let id = options.connection_id();
            match self.swarm.dial(options) {
                Ok(()) => drop(self.dialling.insert(id, (address, self.runtime.elapsed()))),
                Err(error) => self.attempts.push(failed(&address, reason(&error))),
            }
        }
        self.until(ANSWER, |probe| probe.dialling.is_empty()).await;
        for (address, _) in std::mem::take(&mut self.dialling).into_values() {
            self.attempts.push(failed(&address, format!("no answer within {ANSWER:?}")));
        }
        std::mem::take(&mut self.attempts)
    }

    /// Connects with the relays, over QUIC and otherwise, and hears from them where they see us: a hole is punched for one
    /// of the two only if a relay has seen that one.
    async fn meet_relays(&mut self, circuits: &[Multiaddr]) {
        let mut relays: BTreeMap<(PeerId, bool), Vec<Multiaddr>> = BTreeMap::new();
        for circuit in circuits.iter().take(ADDRESSES_MAX) {
            let address: Multiaddr =
                circuit.iter().take_while(|part| *part != Protocol::P2pCircuit).collect();
            if let Some(relay) = relay_in(circuit) {
                relays.entry((relay, is_quic(&address))).or_default().push(address);
            }
        }
        for ((relay, _), addresses) in relays {
            let options =
                DialOpts::peer_id(relay).condition(PeerCondition::Always).addresses(addresses).build();
            let id = options.connection_id();
            // What is wrong with a relay is told by the circuit that does not come about.
            if self.swarm.dial(options).is_ok() {
                self.meeting.insert(id);
            }
        }
        self.until(INTRODUCTION, |probe| probe.meeting.is_empty()).await;
    }

    async fn punch(&mut self, begun: Duration) -> Punch {
        self.until(PUNCH, |probe| probe.punched.is_some()).await;
        match self.punched.take() {
            Some(Ok(())) => Punch::Done(self.runtime.elapsed().saturating_sub(begun)),
            Some(Err(why)) => Punch::Failed(why),
            None => Punch::Failed(format!("nothing came of it within {PUNCH:?}")),
        }
    }

    /// Lets things happen until something has, or for as long as it may take.
    async fn until(&mut self, limit: Duration, is_done: impl Fn(&Self) -> bool) {
        let runtime = self.runtime.clone();
        let happening = async {
            while !is_done(self) {
                let event = self.swarm.select_next_some().await;
                self.event(event);
            }
        };
        runtime.timeout(limit, happening).await;
    }

    fn event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                if let Some((address, begun)) = self.dialling.remove(&connection_id) {
                    let took = self.runtime.elapsed().saturating_sub(begun);
                    self.attempts.push(Attempt { address: address.to_string(), outcome: Ok(took) });
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                self.meeting.remove(&connection_id);
                if let Some((address, _)) = self.dialling.remove(&connection_id) {
                    self.attempts.push(failed(&address, reason(&error)));
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Identify(identify::Event::Received {
                connection_id,
                peer_id,
                info,
            })) => {
                self.meeting.remove(&connection_id);
                let own = info.listen_addrs.into_iter().take(ADDRESSES_MAX).collect();
                self.introduced.insert(peer_id, own);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Punching(event)) if event.remote_peer_id == self.peer => {
                self.punched = Some(event.result.map(drop).map_err(|error| error.to_string()));
            }
            _ => {}
        }
    }
}

/// What did not work, without the address in front that some errors repeat.
fn failed(address: &Multiaddr, why: String) -> Attempt {
    let hop = relay::HOP_PROTOCOL_NAME.to_string();
    let does_not_relay = is_relayed(address) && why.contains(&hop);
    let why = if does_not_relay { NO_RELAY.to_owned() } else { why };
    let address = address.to_string();
    let short = why.strip_prefix(&address).map(|rest| rest.trim_start_matches([':', ' ']).to_owned());
    Attempt { address, outcome: Err(short.unwrap_or(why)) }
}

/// Whether an address was tried, with or without the peer's id at its end.
fn is_tried(tries: &Tries, address: &Multiaddr) -> bool {
    let bare = |text: &str| text.split("/p2p/").next().unwrap_or_default().to_owned();
    let address = bare(&address.to_string());
    tries.direct.iter().any(|attempt| bare(&attempt.address) == address)
}
