//! Judges of a member's place in its colony and in the network, from its node's own account.

use std::collections::BTreeSet;

use colony_protocol::{
    identity::Identity,
    vitals::{Discovery, Nat, Twin, Vitals},
};
use libp2p::{Multiaddr, multiaddr::Protocol};

use super::{
    Check,
    facts::{Colony, Versions},
};
use crate::net::scope::{Scope, is_relayed, scope};

/// Relays that a node behind a NAT should have: one may restart.
const RELAYS: usize = 2;

/// Whether the colony answers.
#[must_use]
pub fn colony(colony: &Colony) -> Check {
    const NAME: &str = "colony";
    let Colony { name, coordinator, answered, silent, misdated } = colony;
    let silence: Vec<String> = silent.iter().map(|(who, why)| format!("{who}: {why}")).collect();
    let silence = silence.join("; ");
    if answered.is_empty() && !misdated.is_empty() {
        let finding =
            format!("{} refuses what this machine signs, because of its clock", misdated.join(", "));
        return Check::fail(NAME, finding, "set the clock first: see the check `clock`");
    }
    if answered.is_empty() {
        let finding = match silent.len() {
            0 => format!("no node of {name} is known"),
            _ => format!("no node of {name} answers ({silence})"),
        };
        let fix =
            "colony up on one of its nodes, or a new ticket: colony invite there, colony join TICKET here";
        return Check::fail(NAME, finding, fix);
    }
    let Some(coordinator) = coordinator else {
        let finding = format!("{} answers, but {name} has no coordinator", answered.join(", "));
        return Check::fail(NAME, finding, "start most of its voters: colony up");
    };
    if silent.is_empty() {
        let all = answered.len();
        return Check::ok(NAME, format!("{name}: {all} of {all} nodes answer; {coordinator} coordinates"));
    }
    Check::warn(
        NAME,
        format!(
            "{} of {} nodes of {name} do not answer ({silence})",
            silent.len(),
            silent.len() + answered.len()
        ),
        "colony up on those that should run; colony members remove NAME for those that never will again",
    )
}

/// Whether others can knock at all, and by which transports.
#[must_use]
pub fn listening(vitals: &Vitals) -> Check {
    const NAME: &str = "listening";
    let words: Vec<&str> = transports(&parsed(&vitals.listening)).into_iter().collect();
    match words.as_slice() {
        [] => Check::fail(
            NAME,
            "the node listens nowhere",
            "colony up --listen /ip4/0.0.0.0/tcp/0 --listen /ip4/0.0.0.0/udp/0/quic-v1",
        ),
        [only] => Check::warn(
            NAME,
            format!("only by {only}: where that is blocked, nobody gets through"),
            "colony up --listen /ip4/0.0.0.0/tcp/0 --listen /ip4/0.0.0.0/udp/0/quic-v1",
        ),
        several => Check::ok(NAME, format!("by {}", several.join(", "))),
    }
}

/// Whether others get in from outside, by which transports, or through relays.
#[must_use]
pub fn reachable(vitals: &Vitals) -> Check {
    const NAME: &str = "reachable";
    let proven = transports(&parsed(&vitals.confirmed));
    let unproven: Vec<&str> = transports(&parsed(&vitals.listening)).difference(&proven).copied().collect();
    let ways = proven.into_iter().collect::<Vec<_>>().join(", ");
    let relayed = vitals.reservations.iter().filter(|reservation| reservation.live).count();
    match (vitals.public, relayed) {
        (Some(true), _) if ways.is_empty() => Check::ok(NAME, "from outside"),
        (Some(true), _) if unproven.is_empty() => Check::ok(NAME, format!("from outside by {ways}")),
        (Some(true), _) => Check::warn(
            NAME,
            format!("from outside by {ways}; nobody got through by {}", unproven.join(", ")),
            "let it in on the router or firewall (QUIC is UDP), and ask again in a minute: colony doctor",
        ),
        (Some(false), 1..) => Check::ok(NAME, "not from outside; through relays, and by punched holes"),
        (Some(false), 0) => Check::fail(
            NAME,
            "neither from outside nor through a relay: only those it calls itself can talk to it",
            "run a reachable member as a relay: colony up --relay; or let a port in: see the check `listening`",
        ),
        (None, 1..) => Check::ok(NAME, "through relays; nobody has tried from outside yet"),
        (None, 0) if is_alone(vitals) => Check::warn(
            NAME,
            "from this machine only: the node listens at no other address",
            "nothing, if all members are on it; else: colony up --listen /ip4/0.0.0.0/tcp/0",
        ),
        (None, 0) => Check::unknown(
            NAME,
            "nobody has tried from outside yet",
            "ask again in a minute, with another member up: colony doctor",
        ),
    }
}

/// Whether a node listens at its own machine alone.
fn is_alone(vitals: &Vitals) -> bool {
    let mut own = parsed(&vitals.listening).into_iter().filter(|address| !is_relayed(address)).peekable();
    own.peek().is_some() && own.all(|address| scope(&address) == Scope::Machine)
}

/// Whether others see the node where it is.
#[must_use]
pub fn addresses(vitals: &Vitals) -> Check {
    const NAME: &str = "addresses";
    let observed = parsed(&vitals.observed);
    if observed.is_empty() {
        let fix = "ask again when another member is connected: colony members";
        return Check::unknown(NAME, "nobody has told where it sees this node", fix);
    }
    let hosts: BTreeSet<String> = observed.iter().filter_map(host).collect();
    let hosts = hosts.into_iter().collect::<Vec<_>>().join(", ");
    if observed.iter().any(|address| scope(address) == Scope::World) {
        return Check::ok(NAME, format!("others see this node at {hosts}"));
    }
    Check::warn(
        NAME,
        format!("others see this node at {hosts} only: nobody outside that network can reach it"),
        "nothing, if all members are in that network; else join through a public member",
    )
}

/// Whether holes can be punched.
#[must_use]
pub fn nat(vitals: &Vitals) -> Check {
    const NAME: &str = "nat";
    match vitals.nat {
        Nat::None => Check::ok(NAME, "none"),
        Nat::Equal => Check::ok(NAME, "all peers see the same port: holes can be punched"),
        Nat::Different => Check::warn(
            NAME,
            "each peer sees another port (symmetric): what cannot connect directly goes through a relay",
            "forward a port on the router to this machine, or keep a relay up: colony up --relay",
        ),
        Nat::Unknown if vitals.public == Some(true) => Check::ok(NAME, "none that is in the way"),
        Nat::Unknown => Check::unknown(
            NAME,
            "it takes two peers in different places to tell",
            "ask again when two public members are up: colony members",
        ),
    }
}

/// Whether a node that cannot be reached has relays that hold a place for it.
#[must_use]
pub fn relays(vitals: &Vitals, name_of: impl Fn(&Identity) -> String) -> Check {
    const NAME: &str = "relays";
    let (live, dead): (Vec<_>, Vec<_>) = vitals.reservations.iter().partition(|reservation| reservation.live);
    let names: Vec<String> = live.iter().map(|reservation| name_of(&reservation.relay)).collect();
    match (vitals.public, live.len()) {
        (Some(true), 0) => Check::ok(NAME, "none needed"),
        (None, 0) if dead.is_empty() => Check::unknown(
            NAME,
            "none yet; it is not known whether one is needed",
            "ask again in a minute: colony doctor",
        ),
        (public, 0) => {
            let lost: Vec<String> = dead.iter().map(|reservation| name_of(&reservation.relay)).collect();
            let finding = match lost.len() {
                0 => "none, and this node is not reachable from outside".to_owned(),
                _ => format!("none; lost {}", lost.join(", ")),
            };
            let fix = "run a reachable member as a relay: colony up --relay";
            // Perhaps none is needed.
            if public.is_none() { Check::warn(NAME, finding, fix) } else { Check::fail(NAME, finding, fix) }
        }
        (_, count) if count < RELAYS => Check::ok(NAME, format!("through {}", names.join(", "))),
        _ => Check::ok(NAME, format!("through {}; one may fail", names.join(", "))),
    }
}

/// Whether colonies can be found by their id, and this one by others. `is_node` says who is a node: executors answer
/// nobody, and commands are connected for a moment only.
#[must_use]
pub fn discovery(vitals: &Vitals, is_node: impl Fn(&Identity) -> bool) -> Check {
    const NAME: &str = "discovery";
    let Discovery { server, known } = vitals.discovery;
    let nodes = vitals.peers.iter().filter(|peer| is_node(&peer.id)).count();
    let connected = if nodes == 1 { "1 node is".to_owned() } else { format!("{nodes} nodes are") };
    let part = if server { "answers others" } else { "only asks" };
    match known {
        0 if nodes == 0 => Check::unknown(
            NAME,
            "nobody is connected who could be asked",
            "start another node, or name one: colony up --bootstrap MULTIADDR",
        ),
        // Others find the colony by this one.
        0 if server => Check::warn(
            NAME,
            format!("{connected} connected, and all of them only ask; this one answers"),
            "make another node reachable from outside, for when this one is off",
        ),
        0 => Check::fail(
            NAME,
            format!("{connected} connected, and none of them can be asked"),
            "make one node reachable from outside and name it: colony up --bootstrap MULTIADDR",
        ),
        1 => Check::ok(NAME, format!("1 peer to ask; {part}")),
        many => Check::ok(NAME, format!("{many} peers to ask; {part}")),
    }
}

/// Whether all run the same program.
#[must_use]
pub fn version(versions: &Versions) -> Check {
    const NAME: &str = "version";
    let Versions { own, others } = versions;
    let differ: Vec<String> = others
        .iter()
        .filter(|(_, version)| version != own)
        .map(|(name, version)| format!("{name} runs {version}"))
        .collect();
    let finding = format!("this is {own}; {}", differ.join(", "));
    let fix = "install the same version everywhere, the coordinator's node last";
    if differ.is_empty() {
        return Check::ok(NAME, own.clone());
    }
    if others.iter().any(|(_, version)| line(version) != line(own)) {
        return Check::fail(NAME, finding, fix);
    }
    Check::warn(NAME, finding, fix)
}

/// The part of a version that may not differ between nodes that talk: `1` of `1.2.3`, `0.1` of `0.1.7`.
fn line(version: &str) -> Vec<&str> {
    let parts: Vec<&str> = version.split('.').collect();
    let significant = if parts.first() == Some(&"0") { 2 } else { 1 };
    parts.into_iter().take(significant).collect()
}

/// Whether some key is in use at two places: whoever has it receives half of what is meant for it, and a voter could vote
/// twice.
#[must_use]
pub fn twins(twins: &[Twin], me: &Identity, name_of: impl Fn(&Identity) -> String) -> Check {
    const NAME: &str = "twins";
    let places = |twin: &Twin| {
        twin.addresses.iter().map(|address| address.to_string()).collect::<Vec<_>>().join(" and ")
    };
    let fix = "stop one of them, delete its home, and join anew from there: colony join TICKET";
    if let Some(own) = twins.iter().find(|twin| twin.id == *me) {
        let finding = format!("this node's key is in use twice, at {}", places(own));
        return Check::fail(NAME, finding, fix);
    }
    match twins {
        [] => Check::ok(NAME, "every key is in use once"),
        [first, ..] => {
            let finding = format!("the key of {} is in use twice, at {}", name_of(&first.id), places(first));
            Check::fail(NAME, finding, fix)
        }
    }
}

/// Those of some texts that are addresses.
fn parsed<'a>(
    texts: impl IntoIterator<Item = &'a colony_protocol::model::member::Address>,
) -> Vec<Multiaddr> {
    texts.into_iter().filter_map(|text| text.parse().ok()).collect()
}

/// What carries connections to some addresses, but for ways through relays.
fn transports(addresses: &[Multiaddr]) -> BTreeSet<&'static str> {
    addresses.iter().filter(|address| !is_relayed(address)).map(transport).collect()
}

/// What carries a connection to an address, in the word people use.
fn transport(address: &Multiaddr) -> &'static str {
    let has = |wanted: fn(&Protocol<'_>) -> bool| address.iter().any(|part| wanted(&part));
    if has(|part| matches!(part, Protocol::QuicV1)) {
        "QUIC"
    } else if has(|part| matches!(part, Protocol::Ws(_) | Protocol::Wss(_))) {
        "WebSocket"
    } else {
        "TCP"
    }
}

/// The host an address names.
fn host(address: &Multiaddr) -> Option<String> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(ip.to_string()),
        Protocol::Ip6(ip) => Some(ip.to_string()),
        Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name) => Some(name.into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
