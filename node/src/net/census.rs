//! Who is connected: what they call themselves, how far they are, and whether one key is in use at two places.
//!
//! The swarm's task tells everything it sees; whoever asks gets a copy. Nothing is decided here.
//!
//! Each process draws a number when it starts and tells it with its name. Two numbers of one peer are nothing strange: it
//! has restarted, and its old connection is not known to be dead yet. But a number never comes back once another was
//! told, and of two connections only one stays alive: where it is otherwise, two machines use one key. Both are looked
//! for, because nodes close what they think is the older connection, and two machines then take turns. Where the second is
//! not let in at all, whoever turns it away says so here ([`Census::beside`]).

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId, identify, ping,
    swarm::{ConnectionId, SwarmEvent},
};

use super::{behaviour::BehaviourEvent, discovery};
use crate::runtime::Runtime;

/// Most characters of a name that a peer gives itself.
const AGENT_MAX: usize = 128;
/// Most places remembered at which a peer says it listens: each interface of an ordinary machine with two transports.
const LISTENS_MAX: usize = 16;

/// Peers whose numbers are remembered; those that came first are forgotten first.
const PEERS_MAX: usize = 1024;
/// How long two machines that took turns are told of: until well after one of them was stopped.
const REMEMBERED: Duration = Duration::from_secs(300);

/// What a process of this program calls itself; `number` is drawn at its start.
pub(super) fn agent(number: [u8; 8]) -> String {
    let number: String = number.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("colony/{} {number}", env!("CARGO_PKG_VERSION"))
}

/// A connection, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquaintance {
    /// Who.
    pub peer: PeerId,
    /// Where from, or where to.
    pub address: Multiaddr,
    /// Since when, by [`Runtime::elapsed`].
    pub since: Duration,
    /// What it calls itself, without the number of its process; empty until it has told.
    pub agent: String,
    /// How long a message takes there and back, once measured.
    pub rtt: Option<Duration>,
    /// Where it says that it listens, once it has told; a few of these places.
    pub listens: Vec<Multiaddr>,
    /// The number of its process, and when it was told.
    process: Option<(String, Duration)>,
    /// When it last answered.
    answered: Duration,
}

/// One key at two places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twins {
    /// Whose key.
    pub peer: PeerId,
    /// Where the two are.
    pub addresses: [Multiaddr; 2],
}

/// All connections there are.
#[derive(Debug, Clone)]
pub struct Census {
    book: Arc<Mutex<Book>>,
    runtime: Runtime,
}

#[derive(Debug, Default)]
struct Book {
    connections: BTreeMap<ConnectionId, Acquaintance>,
    turns: Turns,
    turned_away: BTreeMap<PeerId, (Duration, [Multiaddr; 2])>,
}

/// The numbers that peers have told, in turn.
#[derive(Debug, Default)]
struct Turns(Vec<(PeerId, Turn)>);

/// What one peer has told: the last number, the one before it, and whether that came back.
#[derive(Debug)]
struct Turn {
    last: (String, Multiaddr),
    before: Option<(String, Multiaddr)>,
    returned: Option<Duration>,
}

impl Turns {
    fn told(&mut self, peer: PeerId, number: &str, address: &Multiaddr, now: Duration) {
        let told = (number.to_owned(), address.clone());
        let Some((_, turn)) = self.0.iter_mut().find(|(known, _)| *known == peer) else {
            if self.0.len() >= PEERS_MAX {
                self.0.remove(0);
            }
            self.0.push((peer, Turn { last: told, before: None, returned: None }));
            return;
        };
        if turn.last.0 == number {
            turn.last = told;
            return;
        }
        if turn.before.as_ref().is_some_and(|(before, _)| before == number) {
            turn.returned = Some(now);
        }
        turn.before = Some(std::mem::replace(&mut turn.last, told));
    }

    fn twins(&self, now: Duration) -> impl Iterator<Item = Twins> {
        self.0.iter().filter_map(move |(peer, turn)| {
            let is_recent = now.saturating_sub(turn.returned?) < REMEMBERED;
            let (_, before) = turn.before.as_ref().filter(|_| is_recent)?;
            Some(Twins { peer: *peer, addresses: [before.clone(), turn.last.1.clone()] })
        })
    }
}

impl Census {
    pub(super) fn new(runtime: Runtime) -> Self {
        Self { book: Arc::default(), runtime }
    }

    /// Who is connected now, connection by connection.
    #[must_use]
    pub fn connections(&self) -> Vec<Acquaintance> {
        self.book().connections.values().cloned().collect()
    }

    /// Keys that two machines use now.
    #[must_use]
    pub fn twins(&self) -> Vec<Twins> {
        let mut found = twins(&self.connections());
        let now = self.runtime.elapsed();
        for taking_turns in self.book().turns.twins(now) {
            if found.iter().all(|twins| twins.peer != taking_turns.peer) {
                found.push(taking_turns);
            }
        }
        for (peer, (at, addresses)) in &self.book().turned_away {
            let is_recent = now.saturating_sub(*at) < REMEMBERED;
            if is_recent && found.iter().all(|twins| twins.peer != *peer) {
                found.push(Twins { peer: *peer, addresses: addresses.clone() });
            }
        }
        found
    }

    /// Another process than the one that `heard` leads to uses its key, and came over `other`.
    pub(crate) fn beside(&self, heard: ConnectionId, other: ConnectionId) {
        let now = self.runtime.elapsed();
        let mut book = self.book();
        let Book { connections, turned_away, .. } = &mut *book;
        let (Some(heard), Some(other)) = (connections.get(&heard), connections.get(&other)) else { return };
        turned_away.retain(|_, (at, _)| now.saturating_sub(*at) < REMEMBERED);
        if turned_away.len() < PEERS_MAX || turned_away.contains_key(&heard.peer) {
            turned_away.insert(heard.peer, (now, [heard.address.clone(), other.address.clone()]));
        }
    }

    /// Looks at what the swarm's task sees.
    pub(super) fn notice(&self, event: &SwarmEvent<BehaviourEvent>) {
        let now = self.runtime.elapsed();
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.book().connections.insert(
                    *connection_id,
                    Acquaintance::at(*peer_id, endpoint.get_remote_address().clone(), Vec::new(), now),
                );
            }
            SwarmEvent::ConnectionClosed { connection_id, .. } => {
                self.book().connections.remove(connection_id);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping::Event {
                connection, result: Ok(rtt), ..
            })) => {
                if let Some(known) = self.book().connections.get_mut(connection) {
                    (known.rtt, known.answered) = (Some(*rtt), now);
                }
            }
            SwarmEvent::Behaviour(BehaviourEvent::Discovery(discovery::BehaviourEvent::Identify(
                identify::Event::Received { connection_id, info, .. },
            ))) => {
                let mut book = self.book();
                let Book { connections, turns, .. } = &mut *book;
                if let Some(known) = connections.get_mut(connection_id) {
                    known.introduce(&info.agent_version, now);
                    known.listens = info.listen_addrs.iter().take(LISTENS_MAX).cloned().collect();
                    if let Some((number, _)) = &known.process {
                        turns.told(known.peer, number, &known.address, now);
                    }
                }
            }
            _ => {}
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // Nothing that can panic runs under this lock.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Acquaintance {
    /// One who has just come, or was met there.
    pub(crate) const fn at(peer: PeerId, address: Multiaddr, listens: Vec<Multiaddr>, now: Duration) -> Self {
        let agent = String::new();
        Self { peer, address, since: now, agent, rtt: None, listens, process: None, answered: now }
    }

    fn introduce(&mut self, told: &str, now: Duration) {
        let told: String = told.chars().take(AGENT_MAX).collect();
        let (agent, number) = told.split_once(' ').unwrap_or((&told, ""));
        self.agent = agent.to_owned();
        // Who tells it again tells nothing new.
        if self.process.is_none() && !number.is_empty() {
            self.process = Some((number.to_owned(), now));
        }
    }

    /// Whether this and another connection of the same peer lead to different processes that both are alive.
    fn is_beside(&self, other: &Self) -> bool {
        let (Some((one, first)), Some((two, second))) = (&self.process, &other.process) else { return false };
        let both_told = *first.max(second);
        self.peer == other.peer && one != two && self.answered > both_told && other.answered > both_told
    }
}

fn twins(connections: &[Acquaintance]) -> Vec<Twins> {
    let mut of_peer: BTreeMap<PeerId, Vec<&Acquaintance>> = BTreeMap::new();
    for connection in connections {
        of_peer.entry(connection.peer).or_default().push(connection);
    }
    of_peer.into_iter().filter_map(|(peer, all)| Some(Twins { peer, addresses: beside(&all)? })).collect()
}

/// Where the first two of one peer's connections lead that are twins. (A peer has few: the limits see to that.)
fn beside(connections: &[&Acquaintance]) -> Option<[Multiaddr; 2]> {
    let pairs = connections.iter().enumerate();
    pairs.into_iter().find_map(|(at, one)| {
        let other = connections.iter().skip(at.saturating_add(1)).find(|other| one.is_beside(other))?;
        Some([one.address.clone(), other.address.clone()])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Tokio;

    const SECOND: Duration = Duration::from_secs(1);

    fn connected(peer: PeerId, at: u8) -> Acquaintance {
        let address = format!("/ip4/11.{at}.0.1/tcp/1").parse().unwrap();
        Acquaintance::at(peer, address, Vec::new(), Duration::ZERO)
    }

    #[test]
    fn a_process_is_told_apart_from_its_program() {
        let mut known = connected(PeerId::random(), 1);
        known.introduce(&agent([7; 8]), SECOND);
        assert_eq!(known.agent, concat!("colony/", env!("CARGO_PKG_VERSION")));
        assert_eq!(known.process, Some(("07".repeat(8), SECOND)));
        // The number is told once; a name without end is cut.
        known.introduce(&"x".repeat(5_000), 2 * SECOND);
        assert_eq!(known.agent.len(), AGENT_MAX);
        assert_eq!(known.process, Some(("07".repeat(8), SECOND)));
    }

    #[test]
    fn a_number_that_comes_back_after_another_is_a_twins() {
        let (peer, mut turns) = (PeerId::random(), Turns::default());
        let at = |number: u8| connected(peer, number).address;
        let found = |turns: &Turns, now| turns.twins(now).collect::<Vec<_>>();
        // Started again, twice; and many connections of one process.
        for (number, at_second) in [("a", 1), ("b", 2), ("b", 3), ("c", 4)] {
            turns.told(peer, number, &at(1), SECOND * at_second);
        }
        assert_eq!(found(&turns, 5 * SECOND), []);
        turns.told(peer, "b", &at(2), 5 * SECOND);
        assert_eq!(found(&turns, 6 * SECOND), [Twins { peer, addresses: [at(1), at(2)] }]);
        // One of them was stopped.
        assert_eq!(found(&turns, 6 * SECOND + REMEMBERED), []);
        // Strangers do not fill the memory.
        for _ in 0..2 * PEERS_MAX {
            turns.told(PeerId::random(), "a", &at(3), SECOND);
        }
        assert_eq!(turns.0.len(), PEERS_MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_was_turned_away_is_told_of_for_a_while() {
        let runtime = Runtime::new(Tokio::new());
        let (census, peer) = (Census::new(runtime.clone()), PeerId::random());
        let id = ConnectionId::new_unchecked;
        census.beside(id(1), id(2));
        assert_eq!(census.twins(), [], "who has left already cannot be shown");
        for number in [1, 2] {
            let known = connected(peer, u8::try_from(number).unwrap());
            census.book().connections.insert(id(number), known);
        }
        census.beside(id(1), id(2));
        census.book().connections.clear();
        let addresses = [connected(peer, 1).address, connected(peer, 2).address];
        assert_eq!(census.twins(), [Twins { peer, addresses }]);
        runtime.sleep(REMEMBERED).await;
        assert_eq!(census.twins(), []);
    }

    #[test]
    fn two_processes_with_one_key_that_both_answer_are_twins() {
        let peer = PeerId::random();
        let (mut one, mut other) = (connected(peer, 1), connected(peer, 2));
        one.introduce(&agent([1; 8]), SECOND);
        other.introduce(&agent([2; 8]), 3 * SECOND);
        // A connection whose peer has restarted elsewhere answers no more.
        other.answered = 4 * SECOND;
        assert_eq!(twins(&[one.clone(), other.clone()]), []);
        one.answered = 5 * SECOND;
        let found = twins(&[one.clone(), other.clone()]);
        assert_eq!(found, [Twins { peer, addresses: [one.address.clone(), other.address.clone()] }]);
        // Several ways to one process, and other peers' processes, are nothing strange.
        let mut same = connected(peer, 3);
        same.introduce(&agent([1; 8]), SECOND);
        same.answered = 5 * SECOND;
        let mut stranger = connected(PeerId::random(), 4);
        stranger.introduce(&agent([3; 8]), SECOND);
        stranger.answered = 5 * SECOND;
        assert_eq!(twins(&[one, same, stranger]), []);
    }
}
