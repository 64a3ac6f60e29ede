//! The supervisor on virtual time: relays that come and go, a machine that sleeps and moves.

use proptest::prelude::*;

use super::*;
use crate::net::reach::Held;

const S: fn(u64) -> Duration = Duration::from_secs;

/// A small world: relays that answer after a while if they run, as the room would show it.
struct World {
    now: Duration,
    /// How far the wall clock is ahead of the steady one.
    slept: Duration,
    supervisor: Supervisor,
    known: Vec<Candidate>,
    sight: Sight,
    /// Relays that run.
    up: BTreeSet<PeerId>,
    /// Relays that neither answer nor refuse.
    mute: BTreeSet<PeerId>,
    orders: Vec<(Duration, Order)>,
}

impl World {
    fn new(relays: usize) -> Self {
        let known: Vec<_> = (0..relays)
            .map(|at| Candidate {
                peer: PeerId::random(),
                addresses: vec![format!("/ip4/9.9.9.{at}/tcp/1").parse().unwrap()],
            })
            .collect();
        Self {
            now: S(1),
            slept: Duration::ZERO,
            supervisor: Supervisor::new(Rules { seed: 7 }),
            up: known.iter().map(|relay| relay.peer).collect(),
            sight: Sight { own: ["/ip4/10.0.0.2/tcp/1".parse().unwrap()].into(), ..Sight::default() },
            known,
            mute: BTreeSet::new(),
            orders: Vec::new(),
        }
    }

    fn relay(&self, at: usize) -> PeerId {
        self.known[at].peer
    }

    /// Places that are kept; one stays so while it is asked for again.
    fn held(&self) -> usize {
        self.sight.relays.values().filter(|standing| standing.held().is_some()).count()
    }

    /// A relay is killed: what is held there is lost.
    fn kill(&mut self, relay: PeerId) {
        self.up.remove(&relay);
        self.lose(relay);
    }

    fn lose(&mut self, relay: PeerId) {
        self.sight.relays.insert(relay, Standing::Lost { at: self.now, why: "gone".to_owned() });
    }

    fn look(&mut self) -> Plan {
        let wall = Timestamp::from_micros(u64::try_from((self.now + self.slept).as_micros()).unwrap());
        let look = Look { now: self.now, wall, sight: &self.sight, known: &self.known };
        let plan = self.supervisor.look(&look);
        self.orders.extend(plan.orders.iter().map(|order| (self.now, order.clone())));
        for order in plan.orders.clone() {
            self.obey(order);
        }
        plan
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Try => {}
            Order::Reserve { relay, .. } => {
                if let Some(Standing::Asking { .. }) = self.sight.relays.get(&relay) {
                    return;
                }
                let held = self.sight.relays.get(&relay).and_then(Standing::held).cloned();
                self.sight.relays.insert(relay, Standing::Asking { since: self.now, held });
            }
            Order::Leave { relay } => self.lose(relay),
            Order::Close(_) | Order::Dial { .. } => {}
        }
    }

    /// What relays answer, a tenth of a second later.
    fn answers(&mut self) {
        for (relay, standing) in &mut self.sight.relays {
            let Standing::Asking { since, held } = standing else { continue };
            if self.mute.contains(relay) || self.now < *since + Duration::from_millis(100) {
                continue;
            }
            *standing = if self.up.contains(relay) {
                let since = held.as_ref().map_or(self.now, |held| held.since);
                Standing::Held(Held { since, asserted: self.now, addresses: Vec::new() })
            } else {
                Standing::Lost { at: self.now, why: "refused".to_owned() }
            };
        }
    }

    /// Runs for a while, looking when it was told to and when something changed.
    fn run(&mut self, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            let again = self.look().again;
            let changes = self.sight.relays.values().filter_map(|standing| match standing {
                Standing::Asking { since, .. } => Some(*since + Duration::from_millis(100)),
                _ => None,
            });
            let next = changes.chain([again]).filter(|next| *next > self.now).min().unwrap();
            self.now = next.min(end);
            self.answers();
        }
    }

    fn reserves(&self, relay: PeerId, since: Duration) -> usize {
        let asked = |order: &Order| matches!(order, Order::Reserve { relay: asked, .. } if *asked == relay);
        self.orders.iter().filter(|(at, order)| *at >= since && asked(order)).count()
    }
}

#[test]
fn two_relays_of_many_are_used_and_asserted_each_minute() {
    let mut world = World::new(5);
    world.run(S(1));
    assert_eq!(world.held(), 0, "they may yet say by themselves that they do not relay");
    world.run(S(1));
    assert_eq!(world.held(), 2);
    let asked_until = world.orders.len();
    world.run(S(600));
    assert_eq!(world.held(), 2);
    let asserted = world.orders.len() - asked_until;
    assert!((18..=22).contains(&asserted), "{asserted} questions to two relays in ten minutes");
}

#[test]
fn a_relay_that_dies_is_replaced_at_once_and_an_only_one_is_had_again_soon_after_it_returns() {
    let mut world = World::new(3);
    world.run(S(2));
    let lost = *world.sight.relays.keys().next().unwrap();
    world.kill(lost);
    world.run(Duration::from_millis(300));
    assert_eq!(world.held(), 2, "the third has taken its place");

    let mut world = World::new(1);
    world.run(S(2));
    let only = world.relay(0);
    for outage in [1, 5, 30, 120] {
        world.kill(only);
        world.run(S(outage));
        assert_eq!(world.held(), 0);
        world.up.insert(only);
        world.run(S(7));
        assert_eq!(world.held(), 1, "after {outage} s");
    }
}

#[test]
fn a_relay_that_never_answered_is_asked_ever_less_often() {
    let mut world = World::new(1);
    let only = world.relay(0);
    world.up.clear();
    world.run(S(3600));
    let asked = world.reserves(only, Duration::ZERO);
    assert!((25..=50).contains(&asked), "{asked} times in an hour");
    world.mute.insert(only);
    let before = world.now;
    world.run(S(3600));
    let asked = world.reserves(only, before);
    assert!((20..=40).contains(&asked), "{asked} times in an hour of silence");
}

#[test]
fn after_sleep_everything_is_asserted_at_once_and_dead_connections_are_left() {
    let mut world = World::new(2);
    world.run(S(10));
    assert_eq!(world.held(), 2);
    let asserted = world.now;
    // The steady clock stands still while a machine sleeps.
    world.slept = S(8 * 3600);
    world.mute = world.up.clone();
    world.now += S(1);
    let plan = world.look();
    assert_eq!((plan.orders.len(), &plan.orders[0]), (3, &Order::Try), "{:?}", plan.orders);
    assert!(world.sight.relays.values().all(|standing| matches!(standing, Standing::Asking { .. })));
    world.run(S(4));
    let left = world.orders.iter().filter(|(_, order)| matches!(order, Order::Leave { .. })).count();
    assert_eq!(left, 2, "their connections are dead");
    world.mute.clear();
    world.run(S(2));
    assert_eq!(world.held(), 2);
    assert!(world.now < asserted + S(8));
}

#[test]
fn a_lost_address_is_a_reason_to_doubt_and_a_new_one_alone_is_not() {
    let mut world = World::new(2);
    world.run(S(10));
    let before = world.orders.len();
    world.sight.own.insert("/ip4/10.0.0.3/tcp/1".parse().unwrap());
    world.run(S(1));
    assert_eq!(world.orders.len(), before);
    world.sight.own = ["/ip4/10.0.0.3/tcp/1".parse().unwrap()].into();
    let plan = world.look();
    assert_eq!((plan.orders.len(), &plan.orders[0]), (3, &Order::Try), "whatever is connected is tried");
    world.run(S(1));
    assert_eq!(world.held(), 2);
}

#[test]
fn a_node_that_everybody_reaches_takes_no_place() {
    let mut world = World::new(2);
    world.sight.confirmed = ["/ip4/8.8.8.8/tcp/1".parse().unwrap()].into();
    world.run(S(600));
    assert_eq!(world.orders, []);
    // Proven wrong, it does.
    world.sight.confirmed.clear();
    world.run(S(1));
    assert_eq!(world.held(), 2);
}

#[test]
fn connected_relays_come_first_and_those_who_do_not_relay_are_left_alone() {
    let mut world = World::new(4);
    let (no, yes) = (world.relay(0), world.relay(3));
    world.sight.offers = [(no, false), (yes, true)].into();
    world.run(S(2));
    let asked: Vec<_> = world
        .orders
        .iter()
        .filter_map(|(_, order)| match order {
            Order::Reserve { relay, .. } => Some(*relay),
            _ => None,
        })
        .collect();
    assert_eq!(asked, [yes, world.relay(1)]);
}

#[test]
fn a_connection_through_a_relay_is_closed_some_time_after_a_direct_one_was_made() {
    let mut world = World::new(0);
    let (peer, connection) = (PeerId::random(), libp2p::swarm::ConnectionId::new_unchecked(1));
    let relayed =
        Relayed { since: S(1), connections: [connection].into(), addresses: Vec::new(), direct: Some(S(2)) };
    world.sight.relayed.insert(peer, relayed);
    world.run(S(9));
    assert_eq!(world.orders, []);
    world.run(S(3));
    assert!(world.orders.contains(&(S(12), Order::Close(connection))), "{:?}", world.orders);
}

#[test]
fn who_came_through_a_relay_and_can_be_dialled_is_dialled_now_and_then() {
    let mut world = World::new(0);
    let peer = PeerId::random();
    let addresses: Vec<Multiaddr> = vec!["/ip4/8.8.8.8/tcp/1".parse().unwrap()];
    let relayed =
        Relayed { since: S(1), connections: BTreeSet::new(), addresses: addresses.clone(), direct: None };
    world.sight.relayed.insert(peer, relayed);
    world.run(S(200));
    let times: Vec<Duration> = world.orders.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [S(1), S(31), S(151)]);
    assert!(
        world.orders.iter().all(|(_, order)| *order == Order::Dial { peer, addresses: addresses.clone() })
    );

    // Another connection is another chance.
    if let Some(relayed) = world.sight.relayed.get_mut(&peer) {
        relayed.since = world.now;
    }
    world.look();
    assert_eq!(world.orders.len(), 4);
}

#[test]
fn a_relay_is_met_over_quic_too_and_again_when_a_peer_comes_through_it() {
    let mut world = World::new(1);
    let relay = world.relay(0);
    let quic: Multiaddr = "/ip4/9.9.9.0/udp/1/quic-v1".parse().unwrap();
    world.known[0].addresses.push(quic.clone());
    let dials = |world: &World| -> Vec<Duration> {
        let is_dial = |order: &Order| *order == Order::Dial { peer: relay, addresses: vec![quic.clone()] };
        world.orders.iter().filter(|(_, order)| is_dial(order)).map(|(at, _)| *at).collect()
    };
    world.run(S(10));
    assert!(dials(&world).is_empty(), "nothing here speaks QUIC");
    world.sight.own.insert("/ip4/10.0.0.2/udp/1/quic-v1".parse().unwrap());
    world.run(S(100));
    assert_eq!(dials(&world).len(), 1, "once is enough while nobody comes");

    let through =
        |since| Relayed { since, connections: BTreeSet::new(), addresses: Vec::new(), direct: None };
    world.sight.quic.insert(relay);
    world.sight.relayed.insert(PeerId::random(), through(world.now));
    world.run(S(1));
    assert_eq!(dials(&world).len(), 1, "the relay sees all it needs");
    world.sight.quic.clear();
    for _ in 0..60 {
        world.sight.relayed.insert(PeerId::random(), through(world.now));
        world.run(S(1));
    }
    assert!((2..=4).contains(&dials(&world).len()), "{:?}", dials(&world));
    // Everybody dials a node that is reached from outside: it needs no holes.
    let before = dials(&world).len();
    world.sight.confirmed = ["/ip4/8.8.8.8/tcp/1".parse().unwrap()].into();
    world.sight.relayed.insert(PeerId::random(), through(world.now));
    world.run(S(100));
    assert_eq!(dials(&world).len(), before);
}

proptest! {
    /// Whatever happens to relays and to this machine: once at least two of them run and answer, two places are held
    /// within the time of one pause, and no relay is asked more than about once a second.
    #[test]
    fn places_are_had_again_after_any_history(
        steps in prop::collection::vec((0_usize..4, 0_u8..6, 0_u64..90), 1..40),
    ) {
        let mut world = World::new(4);
        for (at, what, seconds) in steps {
            let relay = world.relay(at);
            match what {
                0 => world.kill(relay),
                1 => { world.mute.insert(relay); }
                2 => { world.mute.remove(&relay); world.up.insert(relay); }
                3 => world.slept += S(seconds * 100),
                4 => world.sight.own = [format!("/ip4/10.0.0.{}/tcp/1", seconds + 1).parse().unwrap()].into(),
                _ => {}
            }
            let before = world.now;
            world.run(S(seconds));
            let asked = world.reserves(relay, before);
            prop_assert!(asked <= usize::try_from(seconds).unwrap() + 4, "{asked} times in {seconds} s");
        }
        world.mute.clear();
        world.up = world.known.iter().map(|known| known.peer).collect();
        world.run(S(160));
        prop_assert!(world.held() >= 2);
    }
}
