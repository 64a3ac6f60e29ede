//! Places at relays, as the swarm's task knows them: which listener and which connection each hangs on.
//!
//! To assert a place it is asked for again over the same connection: the relay answers with the same place, and the new
//! listener takes over from the old one, which then closes by itself. A listener is never removed by hand: the relay
//! client does not survive an answer that comes for a listener that is gone.

use std::{collections::BTreeMap, time::Duration};

use libp2p::{Multiaddr, PeerId, core::transport::ListenerId, swarm::ConnectionId};

use super::sight::{Held, Standing};

/// Relays of which is remembered how they were.
const RELAYS_MAX: usize = 32;
/// Addresses of one place. A relay says how many it has.
const ADDRESSES_MAX: usize = 4;

/// Places, by relay.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<PeerId, Place>);

/// A place at a relay.
#[derive(Debug, Default)]
struct Place {
    asking: Option<Asking>,
    held: Option<(ListenerId, Held)>,
    lost: Option<(Duration, String)>,
}

/// A place that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Asking {
    pub(super) since: Duration,
    /// Where the relay may be dialled.
    pub(super) addresses: Vec<Multiaddr>,
    /// The connection that is being made.
    pub(super) dialling: Option<ConnectionId>,
    /// The listener that waits for the relay's answer.
    pub(super) listener: Option<ListenerId>,
    /// Where this node will be reached.
    told: Vec<Multiaddr>,
}

impl Places {
    /// A place is asked for. Says whether that is new.
    pub(super) fn ask(&mut self, relay: PeerId, addresses: Vec<Multiaddr>, now: Duration) -> bool {
        if self.0.len() >= RELAYS_MAX && !self.0.contains_key(&relay) {
            self.forget_oldest();
        }
        let place = self.0.entry(relay).or_default();
        if place.asking.is_some() {
            return false;
        }
        place.asking =
            Some(Asking { since: now, addresses, dialling: None, listener: None, told: Vec::new() });
        true
    }

    /// What is being asked of a relay.
    pub(super) fn asking(&mut self, relay: &PeerId) -> Option<&mut Asking> {
        self.0.get_mut(relay)?.asking.as_mut()
    }

    /// The relay that a connection was dialled for.
    pub(super) fn dialled(&mut self, connection: ConnectionId) -> Option<PeerId> {
        let is_it =
            |place: &Place| place.asking.as_ref().is_some_and(|asking| asking.dialling == Some(connection));
        let relay = self.0.iter().find(|(_, place)| is_it(place)).map(|(relay, _)| *relay)?;
        self.asking(&relay)?.dialling = None;
        Some(relay)
    }

    /// The relay a listener listens through.
    pub(super) fn relay_of(&self, listener: ListenerId) -> Option<PeerId> {
        let is_it = |place: &Place| {
            place.held.as_ref().is_some_and(|(held, _)| *held == listener)
                || place.asking.as_ref().is_some_and(|asking| asking.listener == Some(listener))
        };
        self.0.iter().find(|(_, place)| is_it(place)).map(|(relay, _)| *relay)
    }

    /// The relay keeps the place.
    pub(super) fn accepted(&mut self, relay: &PeerId, now: Duration) {
        let Some(place) = self.0.get_mut(relay) else { return };
        let asking = place.asking.take_if(|asking| asking.listener.is_some());
        match (asking, &mut place.held) {
            (Some(Asking { listener: Some(listener), told, .. }), held) => {
                let since = held.as_ref().map_or(now, |(_, held)| held.since);
                let before = held.take().map(|(_, held)| held.addresses).unwrap_or_default();
                let addresses = if told.is_empty() { before } else { told };
                *held = Some((listener, Held { since, asserted: now, addresses }));
            }
            // The client asks again by itself now and then.
            (_, Some((_, held))) => held.asserted = now,
            (_, None) => {}
        }
        place.lost = None;
    }

    /// This node is reached at an address through a relay.
    pub(super) fn reached_at(&mut self, relay: &PeerId, listener: Option<ListenerId>, address: Multiaddr) {
        let Some(Place { asking, held, .. }) = self.0.get_mut(relay) else { return };
        let addresses = match (asking, held) {
            (Some(asking), _) if listener.is_some() && asking.listener == listener => &mut asking.told,
            (_, Some((_, held))) => &mut held.addresses,
            (Some(asking), None) => &mut asking.told,
            (None, None) => return,
        };
        if addresses.len() < ADDRESSES_MAX && !addresses.contains(&address) {
            addresses.push(address);
        }
    }

    /// A listener has closed.
    pub(super) fn closed(&mut self, listener: ListenerId, why: &str, now: Duration) {
        for place in self.0.values_mut() {
            let was_asking = place.asking.take_if(|asking| asking.listener == Some(listener)).is_some();
            let was_held = place.held.take_if(|(held, _)| *held == listener).is_some();
            if (was_asking || was_held) && place.asking.is_none() && place.held.is_none() {
                place.lost = Some((now, why.to_owned()));
            }
        }
    }

    /// There is no place at this relay.
    pub(super) fn lost(&mut self, relay: &PeerId, why: String, now: Duration) {
        if let Some(place) = self.0.get_mut(relay) {
            *place = Place { lost: Some((now, why)), ..Place::default() };
        }
    }

    /// How everything stands.
    pub(super) fn standings(&self) -> BTreeMap<PeerId, Standing> {
        self.0.iter().filter_map(|(relay, place)| Some((*relay, place.standing()?))).collect()
    }

    /// Makes room: for as many relays as there are, one that was lost long ago is the least of use.
    fn forget_oldest(&mut self) {
        let lost = self.0.iter().filter(|(_, place)| place.asking.is_none() && place.held.is_none());
        let oldest = lost.min_by_key(|(_, place)| place.lost.as_ref().map(|(at, _)| *at));
        if let Some(oldest) = oldest.map(|(relay, _)| *relay) {
            self.0.remove(&oldest);
        }
    }
}

impl Place {
    fn standing(&self) -> Option<Standing> {
        let held = self.held.as_ref().map(|(_, held)| held.clone());
        match (&self.asking, held, &self.lost) {
            (Some(asking), held, _) => Some(Standing::Asking { since: asking.since, held }),
            (None, Some(held), _) => Some(Standing::Held(held)),
            (None, None, Some((at, why))) => Some(Standing::Lost { at: *at, why: why.clone() }),
            (None, None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: fn(u64) -> Duration = Duration::from_secs;

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/9.9.9.9/tcp/{port}/p2p-circuit").parse().unwrap()
    }

    #[test]
    fn a_place_is_asked_for_held_asserted_and_lost() {
        let (mut places, relay) = (Places::default(), PeerId::random());
        let (first, second) = (ListenerId::next(), ListenerId::next());
        let standing = |places: &Places| places.standings().remove(&relay).unwrap();

        assert!(places.ask(relay, Vec::new(), AT(1)));
        assert!(!places.ask(relay, Vec::new(), AT(2)), "one question at a time");
        assert_eq!(standing(&places), Standing::Asking { since: AT(1), held: None });
        places.asking(&relay).unwrap().listener = Some(first);
        assert_eq!(places.relay_of(first), Some(relay));
        places.accepted(&relay, AT(3));
        places.reached_at(&relay, Some(first), address(1));
        places.reached_at(&relay, Some(first), address(1));
        let held = Held { since: AT(3), asserted: AT(3), addresses: vec![address(1)] };
        assert_eq!(standing(&places), Standing::Held(held.clone()));

        // Asserted by another listener, while the first still stands; what is known of the place stays.
        assert!(places.ask(relay, Vec::new(), AT(60)));
        assert_eq!(standing(&places), Standing::Asking { since: AT(60), held: Some(held) });
        places.asking(&relay).unwrap().listener = Some(second);
        places.accepted(&relay, AT(61));
        places.closed(first, "replaced", AT(62));
        let held = Held { since: AT(3), asserted: AT(61), addresses: vec![address(1)] };
        assert_eq!(standing(&places), Standing::Held(held));

        places.closed(second, "gone", AT(70));
        assert_eq!(standing(&places), Standing::Lost { at: AT(70), why: "gone".to_owned() });
    }

    #[test]
    fn a_refused_assertion_ends_the_place_and_says_why_once() {
        let (mut places, relay) = (Places::default(), PeerId::random());
        let (first, second) = (ListenerId::next(), ListenerId::next());
        places.ask(relay, Vec::new(), AT(1));
        places.asking(&relay).unwrap().listener = Some(first);
        places.accepted(&relay, AT(2));
        places.ask(relay, Vec::new(), AT(60));
        places.asking(&relay).unwrap().listener = Some(second);
        places.closed(first, "its channel closed", AT(61));
        assert!(matches!(places.standings().get(&relay), Some(Standing::Asking { held: None, .. })));
        places.closed(second, "refused", AT(61));
        let lost = Standing::Lost { at: AT(61), why: "refused".to_owned() };
        assert_eq!(places.standings().get(&relay), Some(&lost));
    }

    #[test]
    fn relays_of_the_past_are_forgotten_when_there_are_too_many() {
        let mut places = Places::default();
        for second in 0..100 {
            let relay = PeerId::random();
            places.ask(relay, Vec::new(), AT(second));
            places.lost(&relay, "no".to_owned(), AT(second));
        }
        assert_eq!(places.standings().len(), RELAYS_MAX);
    }
}
