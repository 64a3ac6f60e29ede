//! The way to one peer: direct, then punched, then through a relay.

use colony_node::{
    doctor::probe::{self, Target},
    net::{Multiaddr, PeerId, peer_of, scope::is_relayed},
};
use colony_protocol::model::member::{Member, MemberView};

use crate::{
    app::{App, Session, members},
    error::{Exit, Failure},
    hint::Hint,
    names,
    output::Findings,
};

/// Characters of an id that are enough to name a member by.
const PREFIX_MIN: usize = 6;

/// Tries each way.
pub(super) async fn examine(app: &App, wanted: &str) -> Result<Findings, Failure> {
    let session = app.session()?;
    let target = match by_address(wanted) {
        Some(target) => target,
        None => by_member(&session, wanted).await?,
    };
    let tries = probe::find(&target, &session.chosen.key, &app.runtime).await.map_err(Failure::new)?;
    Ok(Findings { peer: Some((target.name.clone(), tries.way())), checks: tries.checks() })
}

/// Somebody named by an address that ends in a peer id.
fn by_address(wanted: &str) -> Option<Target> {
    let address: Multiaddr = wanted.parse().ok()?;
    let peer = peer_in(&address)?;
    Some(Target { name: peer.to_string(), peer, addresses: vec![address], relays: Vec::new() })
}

fn peer_in(address: &Multiaddr) -> Option<PeerId> {
    address.to_string().rsplit_once("/p2p/")?.1.parse().ok()
}

/// A member of the colony. Any of its nodes may relay to it.
async fn by_member(session: &Session, wanted: &str) -> Result<Target, Failure> {
    let known = members(&session.client.stale()).await?;
    let active = || known.iter().map(|view| &view.member).filter(|member| member.is_active());
    let member = active()
        .find(|member| is_named(member, wanted))
        .ok_or_else(|| unknown(&known, wanted, &session.chosen.context.colony))?;
    let peer = peer_of(member.key.as_bytes())
        .ok_or_else(|| Failure::new(format!("{} has no key that could be looked for", member.name)))?;
    let relays = active().filter(|node| node.is_active_node() && node.id != member.id);
    Ok(Target {
        name: member.name.to_string(),
        peer,
        addresses: addresses(member),
        relays: relays.flat_map(addresses).filter(|address| !is_relayed(address)).collect(),
    })
}

fn addresses(member: &Member) -> Vec<Multiaddr> {
    member.addresses.iter().filter_map(|text| text.parse().ok()).collect()
}

/// By name, by the head of the id, or by peer id.
fn is_named(member: &Member, wanted: &str) -> bool {
    let is_head = wanted.len() >= PREFIX_MIN && member.id.to_hex().starts_with(wanted);
    let peer = || peer_of(member.key.as_bytes()).is_some_and(|peer| peer.to_string() == wanted);
    member.name.as_str() == wanted || is_head || peer()
}

fn unknown(known: &[MemberView], wanted: &str, colony: &str) -> Failure {
    let names = known.iter().map(|view| view.member.name.as_str());
    let guess = names::meant(wanted, names).map(|guess| format!("; did you mean {guess}?"));
    Failure::new(format!("{colony} has no member named {wanted}{}", guess.unwrap_or_default()))
        .exit(Exit::USAGE)
        .hint(Hint::Members)
}
