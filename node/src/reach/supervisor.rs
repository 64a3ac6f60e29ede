//! What to do about being reached, decided from what is seen and the time.
//!
//! The supervisor holds no connection and sees no event. It looks at the state of things, remembers how often each relay
//! was tried, and says what to order now and when to look again at the latest.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use colony_protocol::time::Timestamp;
use libp2p::{Multiaddr, PeerId};

use crate::net::{
    reach::{Order, Relayed, Sight, Standing},
    scope::{is_relayed, scope},
    transport::is_quic,
};

/// Places at relays a node wants, if so many relays are known: one may be restarted at any time.
const PLACES: usize = 2;
/// How often a relay is asked whether it still keeps the place.
const ASSERT_EVERY: Duration = Duration::from_secs(60);
/// How long a relay that has never answered may take: a connection around the world, and two round trips.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a relay may take that answered before this machine slept or moved: what it was connected over may be gone.
const SHORT_PATIENCE: Duration = Duration::from_secs(3);
/// The first wait after a relay could not be had.
const WAIT: Duration = Duration::from_secs(1);
/// The longest wait for a relay that kept a place a short while ago: it is being restarted, and others wait for us.
const WAIT_FOR_KNOWN: Duration = Duration::from_secs(5);
/// How long a relay counts as known after it has kept a place.
const KNOWN_FOR: Duration = Duration::from_secs(600);
/// The longest wait for any other.
const WAIT_MAX: Duration = Duration::from_secs(120);
/// Orders take a moment to show: none is repeated before this.
const SETTLE: Duration = Duration::from_secs(1);
/// How long nodes of which nobody knows whether they relay are left alone at first: most connect anyway, and say so.
const UNKNOWN_AFTER: Duration = Duration::from_millis(1500);
/// How long a connection through a relay stays beside a direct one: what it carries moves or ends meanwhile.
const GRACE: Duration = Duration::from_secs(10);
/// When a peer that is connected through a relay is dialled directly again, after the first time.
const DIRECT_AGAIN: [Duration; 3] =
    [Duration::from_secs(30), Duration::from_secs(120), Duration::from_secs(600)];
/// Peers of whom is remembered when they were dialled directly.
const DIALLED_MAX: usize = 1024;
/// Before a relay is met over QUIC once more, for another peer that may be punched a hole to.
const MEET_AGAIN: Duration = Duration::from_secs(30);
/// A wall clock that ran so much further than the steady one has seen this machine sleep, and a look that comes so late
/// was kept from running.
const SLEPT: Duration = Duration::from_secs(10);

/// What the supervisor goes by.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Spreads the tries of many nodes over time: any number, a different one for each node.
    pub seed: u64,
}

/// A node that may relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub peer: PeerId,
    /// Where it is dialled, without ways through relays.
    pub addresses: Vec<Multiaddr>,
}

impl Candidate {
    /// A node that can be dialled at these, but for ways through relays. Where everybody can dial it comes first.
    #[must_use]
    pub fn new(peer: PeerId, addresses: impl IntoIterator<Item = Multiaddr>) -> Self {
        let mut addresses: Vec<Multiaddr> =
            addresses.into_iter().filter(|address| !is_relayed(address)).collect();
        addresses.sort_by_key(|address| std::cmp::Reverse(scope(address)));
        Self { peer, addresses }
    }
}

/// What is seen now.
#[derive(Debug)]
pub struct Look<'a> {
    /// The steady clock.
    pub now: Duration,
    /// The wall clock.
    pub wall: Timestamp,
    /// The facts.
    pub sight: &'a Sight,
    /// Nodes that may be used as relays, the preferred first.
    pub known: &'a [Candidate],
}

/// What to do.
#[derive(Debug, Default)]
pub struct Plan {
    /// What to order now.
    pub orders: Vec<Order>,
    /// When to look again, if nothing happens before.
    pub again: Duration,
    /// Whether more places at relays are wanted than there are relays to ask.
    pub is_short: bool,
}

impl Plan {
    fn no_later_than(&mut self, time: Duration) {
        self.again = self.again.min(time);
    }
}

/// The decision and what it remembers.
#[derive(Debug)]
pub struct Supervisor {
    rules: Rules,
    relays: BTreeMap<PeerId, Tries>,
    /// When each peer that is connected through a relay was last dialled directly, and how often.
    dialled: BTreeMap<PeerId, Dialled>,
    /// When each relay was last dialled over QUIC beside the connection that holds the place.
    met: BTreeMap<PeerId, Duration>,
    own: Option<BTreeSet<Multiaddr>>,
    last: Option<Clocks>,
    begun: Option<Duration>,
    /// What was known before this time must be asserted anew.
    doubted: Option<Duration>,
}

/// The last look.
#[derive(Debug, Clone, Copy)]
struct Clocks {
    now: Duration,
    wall: Timestamp,
    again: Duration,
}

/// What is remembered of a relay.
#[derive(Debug, Clone, Copy, Default)]
struct Tries {
    failures: u32,
    /// Not asked before.
    next: Duration,
    /// When it last kept a place.
    held: Option<Duration>,
    /// The last loss that was counted.
    lost: Option<Duration>,
}

/// A peer dialled past its relay.
#[derive(Debug, Clone, Copy)]
struct Dialled {
    /// Since when it is connected through a relay.
    since: Duration,
    times: usize,
    next: Duration,
}

impl Supervisor {
    /// One that remembers nothing.
    #[must_use]
    pub const fn new(rules: Rules) -> Self {
        Self {
            rules,
            relays: BTreeMap::new(),
            dialled: BTreeMap::new(),
            met: BTreeMap::new(),
            own: None,
            last: None,
            begun: None,
            doubted: None,
        }
    }

    /// Decides.
    pub fn look(&mut self, look: &Look<'_>) -> Plan {
        let mut plan =
            Plan { orders: Vec::new(), again: look.now.saturating_add(ASSERT_EVERY), is_short: false };
        self.begun.get_or_insert(look.now);
        if self.is_shaken(look) {
            self.doubted = Some(look.now);
            // What was connected from an address that is gone, or before a sleep, may lead nowhere; nobody says so.
            plan.orders.push(Order::Try);
            self.met.clear();
            for tries in self.relays.values_mut() {
                *tries = Tries { held: tries.held, lost: tries.lost, ..Tries::default() };
            }
        }
        self.count(look);
        self.assert(look, &mut plan);
        self.take_places(look, &mut plan);
        self.leave_relays(look, &mut plan);
        self.dial_directly(look, &mut plan);
        self.meet_over_quic(look, &mut plan);
        self.last = Some(Clocks { now: look.now, wall: look.wall, again: plan.again });
        plan
    }

    /// Whether this machine slept, stood still, or lost an address since the last look.
    fn is_shaken(&mut self, look: &Look<'_>) -> bool {
        let before = self.own.replace(look.sight.own.clone());
        let moved = before.is_some_and(|before| !before.is_subset(&look.sight.own));
        let slept = self.last.is_some_and(|last| {
            let steady = look.now.saturating_sub(last.now);
            let wall = look.wall.since(last.wall).to_std();
            wall > steady.saturating_add(SLEPT) || look.now > last.again.saturating_add(SLEPT)
        });
        if moved || slept {
            tracing::info!(moved, slept, "looking anew at how this node is reached");
        }
        moved || slept
    }

    /// Brings what is remembered of relays up to what is seen.
    fn count(&mut self, look: &Look<'_>) {
        let rules = self.rules;
        for (relay, standing) in &look.sight.relays {
            let wait = |tries: &Tries| rules.wait(tries, relay, look.now);
            let tries = self.relays.entry(*relay).or_default();
            match standing {
                Standing::Lost { at, .. } if tries.lost != Some(*at) => {
                    tries.lost = Some(*at);
                    tries.failures = tries.failures.saturating_add(1);
                    tries.next = at.saturating_add(wait(tries));
                }
                Standing::Held(held) | Standing::Asking { held: Some(held), .. } => {
                    // Lost after this, it is asked again at once.
                    *tries = Tries { held: Some(held.asserted), ..Tries::default() };
                }
                Standing::Lost { .. } | Standing::Asking { .. } => {}
            }
        }
    }

    /// Asks relays that keep a place whether they still do, and gives up those that do not answer.
    fn assert(&mut self, look: &Look<'_>, plan: &mut Plan) {
        let needs = look.sight.public() != Some(true);
        for (relay, standing) in &look.sight.relays {
            match standing {
                Standing::Asking { since, .. } => {
                    let is_cut = self.doubted.is_some_and(|doubted| *since < doubted);
                    let in_doubt =
                        self.doubted.is_some_and(|doubted| doubted.saturating_add(PATIENCE) > *since);
                    let patience = if in_doubt { SHORT_PATIENCE } else { PATIENCE };
                    let end = since.saturating_add(patience);
                    if is_cut || look.now >= end {
                        plan.orders.push(Order::Leave { relay: *relay });
                        plan.no_later_than(look.now.saturating_add(SETTLE));
                    } else {
                        plan.no_later_than(end);
                    }
                }
                Standing::Held(held) if needs => {
                    let is_doubted = self.doubted.is_some_and(|doubted| held.asserted < doubted);
                    let due = held.asserted.saturating_add(ASSERT_EVERY);
                    if is_doubted || look.now >= due {
                        let addresses = addresses_of(look.known, relay);
                        plan.orders.push(Order::Reserve { relay: *relay, addresses });
                        plan.no_later_than(look.now.saturating_add(SETTLE));
                    } else {
                        plan.no_later_than(due);
                    }
                }
                Standing::Held(_) | Standing::Lost { .. } => {}
            }
        }
    }

    /// Asks for as many places as are missing.
    fn take_places(&mut self, look: &Look<'_>, plan: &mut Plan) {
        if look.sight.public() == Some(true) {
            return;
        }
        let patient_until = self.begun.unwrap_or(look.now).saturating_add(UNKNOWN_AFTER);
        let is_taken = |standing: &Standing| !matches!(standing, Standing::Lost { .. });
        let taken = look.sight.relays.values().filter(|standing| is_taken(standing)).count();
        let mut missing = PLACES.saturating_sub(taken);
        let mut candidates: Vec<(bool, u32, &Candidate)> = Vec::new();
        for candidate in look.known {
            let offers = look.sight.offers.get(&candidate.peer).copied();
            if offers == Some(false) || look.sight.relays.get(&candidate.peer).is_some_and(is_taken) {
                continue;
            }
            if offers.is_none() && candidate.addresses.is_empty() {
                continue;
            }
            if offers.is_none() && look.now < patient_until {
                plan.no_later_than(patient_until);
                continue;
            }
            let failures = self.relays.get(&candidate.peer).map_or(0, |tries| tries.failures);
            candidates.push((offers.is_none(), failures, candidate));
        }
        // Stable: among equals the order of those who know.
        candidates.sort_by_key(|(is_unknown, failures, _)| (*is_unknown, *failures));
        plan.is_short = missing > candidates.len();
        for (_, _, candidate) in candidates {
            if missing == 0 {
                break;
            }
            let tries = self.relays.entry(candidate.peer).or_default();
            if tries.next > look.now {
                plan.no_later_than(tries.next);
                continue;
            }
            tries.next = look.now.saturating_add(SETTLE);
            plan.no_later_than(tries.next);
            missing -= 1;
            let addresses = candidate.addresses.clone();
            plan.orders.push(Order::Reserve { relay: candidate.peer, addresses });
        }
        self.forget_strangers(look);
    }

    /// Forgets relays that nobody knows any more.
    fn forget_strangers(&mut self, look: &Look<'_>) {
        self.relays.retain(|relay, _| {
            look.sight.relays.contains_key(relay) || look.known.iter().any(|known| known.peer == *relay)
        });
    }

    /// Closes connections through relays that a direct one has replaced.
    fn leave_relays(&self, look: &Look<'_>, plan: &mut Plan) {
        for relayed in look.sight.relayed.values() {
            let Some(direct) = relayed.direct else { continue };
            let end = direct.max(relayed.since).saturating_add(GRACE);
            if look.now >= end {
                plan.orders.extend(relayed.connections.iter().map(|connection| Order::Close(*connection)));
                plan.no_later_than(look.now.saturating_add(SETTLE));
            } else {
                plan.no_later_than(end);
            }
        }
    }

    /// Dials peers directly that came through a relay and say that everybody can dial them: they cannot dial us.
    fn dial_directly(&mut self, look: &Look<'_>, plan: &mut Plan) {
        let relayed = &look.sight.relayed;
        self.dialled.retain(|peer, dialled| {
            relayed.get(peer).is_some_and(|relayed: &Relayed| relayed.since == dialled.since)
        });
        for (peer, Relayed { since, addresses, direct, .. }) in relayed {
            if direct.is_some() || addresses.is_empty() {
                continue;
            }
            if !self.dialled.contains_key(peer) && self.dialled.len() >= DIALLED_MAX {
                continue;
            }
            let dialled =
                self.dialled.entry(*peer).or_insert(Dialled { since: *since, times: 0, next: look.now });
            if look.now >= dialled.next {
                let pause = DIRECT_AGAIN.get(dialled.times).or(DIRECT_AGAIN.last()).copied();
                dialled.times = dialled.times.saturating_add(1);
                dialled.next = look.now.saturating_add(pause.unwrap_or(ASSERT_EVERY));
                plan.orders.push(Order::Dial { peer: *peer, addresses: addresses.clone() });
            }
            plan.no_later_than(dialled.next);
        }
    }
}

impl Supervisor {
    /// Meets relays over QUIC too, where the place is held over something else: holes are punched from the port that
    /// QUIC listens at, and only somebody outside can say where that is seen. Such a connection carries nothing and may
    /// end; so it is made again when a peer comes through a relay, which opens the way in the translator anew.
    fn meet_over_quic(&mut self, look: &Look<'_>, plan: &mut Plan) {
        if look.sight.public() == Some(true) || !look.sight.own.iter().any(is_quic) {
            return;
        }
        self.met.retain(|relay, _| look.sight.relays.contains_key(relay));
        let waiting = look.sight.relayed.values().filter(|peer| peer.direct.is_none());
        let newest = waiting.map(|peer| peer.since).max();
        for (relay, standing) in &look.sight.relays {
            if standing.held().is_none() || look.sight.quic.contains(relay) {
                continue;
            }
            let mut addresses = addresses_of(look.known, relay);
            addresses.retain(is_quic);
            if addresses.is_empty() {
                continue;
            }
            if let Some(met) = self.met.get(relay) {
                if newest.is_none_or(|newest| newest <= *met) {
                    continue;
                }
                let next = met.saturating_add(MEET_AGAIN);
                if look.now < next {
                    plan.no_later_than(next);
                    continue;
                }
            }
            self.met.insert(*relay, look.now);
            plan.orders.push(Order::Dial { peer: *relay, addresses });
        }
    }
}

impl Rules {
    /// The wait before a relay is asked again: twice the last one, and up to a quarter of it more, which differs from
    /// node to node. One that was lost without a failure before is asked at once.
    fn wait(&self, tries: &Tries, relay: &PeerId, now: Duration) -> Duration {
        let failures = tries.failures.saturating_sub(u32::from(tries.held.is_some()));
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let is_known = tries.held.is_some_and(|held| now.saturating_sub(held) < KNOWN_FOR);
        let longest = if is_known { WAIT_FOR_KNOWN } else { WAIT_MAX };
        let wait = WAIT.saturating_mul(1_u32.checked_shl(doublings.min(16)).unwrap_or(u32::MAX)).min(longest);
        let spread = relay.to_bytes().iter().fold(self.seed, |spread, byte| {
            spread.rotate_left(5).wrapping_mul(31).wrapping_add(u64::from(*byte))
        });
        let quarters = u32::try_from(spread.wrapping_add(u64::from(failures)) % 256).unwrap_or(0);
        wait.saturating_add(wait.saturating_mul(quarters) / (4 * 256))
    }
}

fn addresses_of(known: &[Candidate], relay: &PeerId) -> Vec<Multiaddr> {
    let found = known.iter().find(|candidate| candidate.peer == *relay);
    found.map_or_else(Vec::new, |candidate| candidate.addresses.clone())
}

#[cfg(test)]
mod tests;
