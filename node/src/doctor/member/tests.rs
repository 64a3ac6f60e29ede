//! A case for each judge in which it must complain, and one in which it must not.

use colony_protocol::{
    bounded::{List, Text},
    identity::SecretKey,
    vitals::{Discovery, Peer, Reservation},
};

use super::*;
use crate::doctor::Health;

fn list<const N: usize>(texts: &[&str]) -> List<colony_protocol::model::member::Address, N> {
    List::new(texts.iter().map(|text| Text::cut(text)).collect()).unwrap()
}

fn who(name: &str) -> Identity {
    SecretKey::derive(name.as_bytes()).identity()
}

fn name_of(id: &Identity) -> String {
    let known = ["relay", "other"].into_iter().find(|name| who(name) == *id);
    known.unwrap_or("somebody").to_owned()
}

fn reservation(live: bool) -> Reservation {
    Reservation { relay: who("relay"), address: Text::default(), live }
}

fn with(reservations: Vec<Reservation>, public: Option<bool>) -> Vitals {
    Vitals { reservations: List::new(reservations).unwrap(), public, ..Vitals::default() }
}

fn a_peer() -> Peer {
    Peer {
        id: who("other"),
        agent: Text::cut("colony/0.1.0"),
        path: colony_protocol::model::member::Path::Direct,
        rtt: None,
        since: colony_protocol::time::Span::ZERO,
    }
}

#[test]
fn a_node_that_listens_nowhere_is_named_and_one_by_one_transport_too() {
    let by = |texts: &[&str]| listening(&Vitals { listening: list(texts), ..Vitals::default() });
    assert_eq!(by(&[]).health, Health::Fail);
    assert_eq!(by(&["/ip4/1.2.3.4/tcp/1/p2p-circuit"]).health, Health::Fail);
    assert_eq!(by(&["/ip4/1.2.3.4/tcp/1"]).health, Health::Warn);
    let both = by(&["/ip4/1.2.3.4/tcp/1", "/ip4/1.2.3.4/udp/1/quic-v1", "/ip4/1.2.3.4/tcp/2/ws"]);
    assert_eq!((both.health, both.finding.as_str()), (Health::Ok, "by QUIC, TCP, WebSocket"));
}

#[test]
fn a_node_that_nobody_can_reach_is_told_to_get_a_relay() {
    let lost = reachable(&with(vec![reservation(false)], Some(false)));
    assert_eq!(lost.health, Health::Fail);
    assert!(lost.fix.contains("colony up --relay"), "{lost:?}");
    assert_eq!(reachable(&with(vec![reservation(true)], Some(false))).health, Health::Ok);
    assert_eq!(reachable(&with(vec![], None)).health, Health::Unknown);
    let alone = Vitals { listening: list(&["/ip4/127.0.0.1/tcp/1"]), ..with(vec![], None) };
    assert_eq!(reachable(&alone).health, Health::Warn);
    let confirmed = Vitals {
        confirmed: list(&["/ip4/11.1.0.1/udp/1/quic-v1", "/ip4/11.1.0.1/tcp/1"]),
        ..with(vec![], Some(true))
    };
    assert_eq!(reachable(&confirmed), Check::ok("reachable", "from outside by QUIC, TCP"));
    // One transport that does not get through is named.
    let listening = list(&["/ip4/11.1.0.1/udp/1/quic-v1", "/ip4/11.1.0.1/tcp/1"]);
    let half = Vitals { listening, confirmed: list(&["/ip4/11.1.0.1/tcp/1"]), ..confirmed };
    let check = reachable(&half);
    assert_eq!((check.health, check.finding.as_str()), {
        (Health::Warn, "from outside by TCP; nobody got through by QUIC")
    });
    assert!(check.fix.contains("UDP"), "{check:?}");
}

#[test]
fn a_node_that_is_seen_in_a_private_network_only_is_named() {
    let at = |texts: &[&str]| addresses(&Vitals { observed: list(texts), ..Vitals::default() });
    assert_eq!(at(&[]).health, Health::Unknown);
    assert_eq!(at(&["/ip4/192.168.1.2/tcp/1"]).health, Health::Warn);
    assert_eq!(at(&["/ip4/192.168.1.2/tcp/1", "/ip4/11.1.0.1/tcp/1"]).health, Health::Ok);
}

#[test]
fn a_nat_through_which_no_hole_is_punched_is_named() {
    let of = |kind| nat(&Vitals { nat: kind, ..Vitals::default() }).health;
    assert_eq!([Nat::None, Nat::Equal, Nat::Different, Nat::Unknown].map(of), {
        [Health::Ok, Health::Ok, Health::Warn, Health::Unknown]
    });
}

#[test]
fn a_node_behind_a_nat_without_a_live_reservation_is_named() {
    let of = |reservations, public| relays(&with(reservations, public), name_of);
    assert_eq!(of(vec![], Some(true)).health, Health::Ok);
    assert_eq!(of(vec![], None).health, Health::Unknown);
    assert_eq!(of(vec![reservation(false)], None).health, Health::Warn, "perhaps none is needed");
    assert_eq!(of(vec![], Some(false)).health, Health::Fail);
    let lost = of(vec![reservation(false)], Some(false));
    assert_eq!((lost.health, lost.finding.as_str()), (Health::Fail, "none; lost relay"));
    assert_eq!(of(vec![reservation(true)], Some(false)), Check::ok("relays", "through relay"));
}

#[test]
fn a_node_whose_peers_cannot_be_asked_is_named() {
    let of = |server, known, peers: Vec<Peer>| {
        let discovery_facts = Discovery { server, known };
        let peers = List::new(peers).unwrap();
        let vitals = Vitals { discovery: discovery_facts, peers, ..Vitals::default() };
        discovery(&vitals, |id| *id == who("other")).health
    };
    assert_eq!(of(false, 0, vec![]), Health::Unknown);
    assert_eq!(of(false, 0, vec![a_peer()]), Health::Fail);
    assert_eq!(of(true, 0, vec![a_peer()]), Health::Warn, "others can ask this one");
    assert_eq!(of(true, 3, vec![a_peer()]), Health::Ok);
    let executor = Peer { id: who("relay"), ..a_peer() };
    assert_eq!(of(false, 0, vec![executor]), Health::Unknown, "it is no node");
}

#[test]
fn versions_that_do_not_talk_to_each_other_are_named() {
    let against = |other: &str| {
        let others = vec![("other".to_owned(), other.to_owned())];
        version(&Versions { own: "0.1.3".to_owned(), others })
    };
    assert_eq!(against("0.1.3").health, Health::Ok);
    assert_eq!(against("0.1.4").health, Health::Warn);
    let far = against("0.2.0");
    assert_eq!((far.health, far.finding.as_str()), (Health::Fail, "this is 0.1.3; other runs 0.2.0"));
}

#[test]
fn a_key_at_two_places_is_named_with_both() {
    let twin = |id| Twin { id, addresses: list(&["/ip4/11.1.0.1/tcp/1", "/ip4/11.2.0.1/tcp/1"]) };
    let me = who("me");
    assert_eq!(twins(&[], &me, name_of).health, Health::Ok);
    let own = twins(&[twin(who("other")), twin(me)], &me, name_of);
    assert_eq!(own.health, Health::Fail);
    assert!(own.finding.starts_with("this node's key") && own.finding.contains("11.2.0.1"), "{own:?}");
    let theirs = twins(&[twin(who("other"))], &me, name_of);
    assert_eq!(theirs.health, Health::Fail);
    assert!(theirs.finding.contains("the key of other"), "{theirs:?}");
}

#[test]
fn a_colony_that_does_not_answer_is_named_with_why() {
    let whole = Colony {
        name: "lab".to_owned(),
        coordinator: Some("a".to_owned()),
        answered: vec!["a".to_owned()],
        silent: Vec::new(),
        misdated: Vec::new(),
    };
    assert_eq!(colony(&whole).health, Health::Ok);
    let silent = vec![("b".to_owned(), "connection refused".to_owned())];
    let partly = Colony { silent: silent.clone(), ..whole.clone() };
    assert_eq!(colony(&partly).health, Health::Warn);
    let headless = Colony { coordinator: None, ..whole.clone() };
    assert_eq!(colony(&headless).health, Health::Fail);
    let late = Colony { answered: Vec::new(), misdated: vec!["a".to_owned()], ..whole.clone() };
    assert!(colony(&late).health == Health::Fail && colony(&late).fix.contains("clock"), "{late:?}");
    let dead = colony(&Colony { answered: Vec::new(), silent, ..whole });
    assert_eq!(dead.health, Health::Fail);
    assert!(dead.finding.contains("b: connection refused"), "{dead:?}");
}
