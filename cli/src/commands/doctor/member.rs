//! This home's place in its colony: what its own node says, and what the others say.

use std::collections::BTreeMap;

use colony_node::{
    client::Client,
    doctor::{
        Check,
        facts::{Clock, Colony, Versions},
        inquiry::{self, Told},
        machine, member,
    },
    net::{Multiaddr, PeerId, peer_of, scope::is_relayed},
};
use colony_protocol::{
    identity::Identity,
    model::member::{MemberView, Role},
    query::Query,
    reply::{Answer, Status},
    vitals::{Twin, Vitals},
};
use futures::future::join_all;

use crate::{
    app::{App, Session, members},
    connect,
    context::Home,
    error::Failure,
    output,
    place::{self, Place},
};

/// What this home's own node is called where its name is not known.
const OWN: &str = "this node";

/// Somebody who can be asked.
struct Node {
    name: String,
    addresses: Vec<Multiaddr>,
}

/// This home's own place in the network.
enum Own {
    /// A node, which keeps a replica.
    Node { name: String, told: Told },
    /// An executor, which does not.
    Executor { name: String, kind: Option<String>, told: Told },
}

impl Own {
    fn told(&self) -> (&str, &Told) {
        let (Self::Node { name, told } | Self::Executor { name, told, .. }) = self;
        (name, told)
    }
}

/// What all who were asked told.
struct Round {
    /// This home's own place, if it has one.
    own: Option<Own>,
    /// The colony's other nodes.
    others: Vec<(Node, Told)>,
    /// The colony as one of them sees it.
    status: Option<Status>,
    members: Vec<MemberView>,
}

/// Asks everybody, and judges.
pub(super) async fn examine(app: &App, home: &Home) -> Result<Vec<Check>, Failure> {
    let session = match app.session() {
        Ok(session) => session,
        Err(failure) => {
            let fix = failure.hint.as_ref().map(|hint| hint.sentence(&app.flags)).unwrap_or_default();
            return Ok(vec![Check::fail("colony", failure.what, fix)]);
        }
    };
    let me = home.key(&Home::node_key_path()?).ok().map(|key| key.identity());
    let round = ask_all(app, home, &session, me).await?;
    let name_of = |id: &Identity| output::member_name(&round.members, id);
    let mut checks: Vec<Check> = Vec::new();
    match &round.own {
        Some(Own::Node { name, told }) => checks.push(running(home, name, told)),
        Some(Own::Executor { name, kind, told }) => checks.push(lent(name, kind.as_deref(), told)),
        None => {}
    }
    checks.push(member::colony(&colony(&session, &round, name_of)));
    if let Some((_, Told { vitals: Ok(vitals), .. })) = round.own.as_ref().map(Own::told) {
        checks.extend([
            member::listening(vitals),
            member::reachable(vitals),
            member::addresses(vitals),
            member::nat(vitals),
            member::relays(vitals, name_of),
        ]);
        // An executor looks for nobody before its colony's nodes are gone.
        if matches!(round.own, Some(Own::Node { .. })) {
            let is_node = |id: &Identity| {
                round.members.iter().any(|view| view.member.id == *id && view.member.is_active_node())
            };
            checks.push(member::discovery(vitals, is_node));
        }
    }
    checks.push(machine::clock(&clocks(&round), round.others.len()));
    checks.push(member::version(&versions(&round)));
    let me = me.unwrap_or_else(|| session.client.identity());
    checks.push(member::twins(&twins(&round), &me, name_of));
    Ok(checks)
}

async fn ask_all(app: &App, home: &Home, session: &Session, me: Option<Identity>) -> Result<Round, Failure> {
    let known = members(&session.client.stale()).await.unwrap_or_default();
    let has_node = home.node()?.colonies.contains_key(&session.chosen.name);
    let own_key = home.key(&Home::node_key_path()?).ok().filter(|_| has_node);
    let own_peer = own_key.and_then(|key| peer_of(&key.public_key()));
    let nodes = nodes(&known, session, me.filter(|_| has_node), own_peer);
    let asked = nodes.iter().map(|node| {
        let client = client(app, session, node.addresses.clone());
        async move { inquiry::ask(&node.name, &client).await }
    });
    let own = async {
        if has_node {
            ask_node(app, home, session, &known, me).await
        } else {
            Ok(ask_executor(app, session, &known).await)
        }
    };
    let (own, told, status) = futures::join!(own, join_all(asked), async {
        session.client.query_stale(&Query::Status).await.ok()
    },);
    let status = match status {
        Some(Answer::Status(status)) => Some(*status),
        _ => None,
    };
    Ok(Round { own: own?, others: nodes.into_iter().zip(told).collect(), status, members: known })
}

/// Asks this home's own node, whether it runs or not.
async fn ask_node(
    app: &App,
    home: &Home,
    session: &Session,
    known: &[MemberView],
    me: Option<Identity>,
) -> Result<Option<Own>, Failure> {
    let Some(client) = own_node(app, home, session)? else { return Ok(None) };
    let row = me.and_then(|me| known.iter().find(|view| view.member.id == me));
    let name = row.map_or_else(|| OWN.to_owned(), |view| view.member.name.to_string());
    let told = inquiry::ask(&name, &client).await;
    Ok(Some(Own::Node { name, told }))
}

/// Asks this home's executor, if it is one by a ticket: the colony knows where it is met.
async fn ask_executor(app: &App, session: &Session, known: &[MemberView]) -> Option<Own> {
    let me = session.client.identity();
    let row = &known.iter().find(|view| view.member.id == me && view.member.is_active())?.member;
    if row.role != Role::Executor {
        return None;
    }
    let parsed = row.addresses.iter().filter_map(|text| text.parse().ok());
    // It is on this machine or nowhere.
    let here: Vec<Multiaddr> = parsed.filter(|address| !is_relayed(address)).collect();
    let kind = match session.client.query_stale(&Query::Executors).await {
        Ok(Answer::Executors(all)) => all
            .into_iter()
            .find(|executor| executor.id == me)
            .map(|executor| executor.executor_type.to_string()),
        _ => None,
    };
    let name = row.name.to_string();
    let told = inquiry::ask(&name, &client(app, session, here)).await;
    Some(Own::Executor { name, kind, told })
}

/// A client of this home's own node, whether it runs or not.
fn own_node(app: &App, home: &Home, session: &Session) -> Result<Option<Client>, Failure> {
    let listen = home.node()?.listen;
    let places: Vec<Place> = listen.iter().filter_map(|text| text.parse().ok()).collect();
    let places = place::at_interfaces(&places, &place::of_this_machine());
    let addresses = places.iter().map(Place::address).collect::<Result<Vec<_>, _>>()?;
    Ok((!addresses.is_empty()).then(|| client(app, session, addresses)))
}

fn client(app: &App, session: &Session, addresses: Vec<Multiaddr>) -> Client {
    connect::over(addresses, session.client.colony(), session.chosen.key.clone(), &app.runtime)
}

/// The colony's nodes but for one's own: those it names, else those the context remembers.
fn nodes(
    known: &[MemberView],
    session: &Session,
    own: Option<Identity>,
    own_peer: Option<PeerId>,
) -> Vec<Node> {
    let parse = |texts: Vec<String>| texts.iter().filter_map(|text| text.parse().ok()).collect();
    if known.is_empty() {
        let mut by_peer: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for address in &session.chosen.context.nodes {
            let peer = address.rsplit_once("/p2p/").map_or("", |(_, peer)| peer);
            by_peer.entry(peer.to_owned()).or_default().push(address.clone());
        }
        if let Some(own) = own_peer {
            by_peer.remove(&own.to_string());
        }
        // Whoever reads it knows a node by where it is, and not by its key.
        let place = |text: &String| text.split("/p2p/").next().unwrap_or_default().to_owned();
        let node = |texts: Vec<String>| Node {
            name: texts.first().map(place).unwrap_or_default(),
            addresses: parse(texts),
        };
        return by_peer.into_values().map(node).collect();
    }
    let others = known.iter().filter(|view| view.member.is_active_node() && Some(view.member.id) != own);
    others
        .map(|view| Node {
            name: view.member.name.to_string(),
            addresses: parse(view.member.addresses.iter().map(ToString::to_string).collect()),
        })
        .collect()
}

/// Whether this home's node runs.
fn running(home: &Home, name: &str, told: &Told) -> Check {
    const NAME: &str = "node";
    match &told.vitals {
        Ok(_) => Check::ok(NAME, format!("{name} runs")),
        // It runs, but this clock is so far off that it would not listen.
        Err(_) if told.clock.is_some() => Check::ok(NAME, format!("{name} runs")),
        Err(why) => match home.running().ok().flatten() {
            Some(running) => Check::fail(
                NAME,
                format!("{name} does not answer ({why}); it was started as process {}", running.pid),
                "see whether it still runs and what it said; start it with: colony up",
            ),
            None => Check::fail(NAME, format!("{name} does not run"), "colony up"),
        },
    }
}

/// Whether this home's executor runs.
fn lent(name: &str, kind: Option<&str>, told: &Told) -> Check {
    const NAME: &str = "executor";
    match &told.vitals {
        Ok(_) => Check::ok(NAME, format!("{name} runs")),
        Err(_) if told.clock.is_some() => Check::ok(NAME, format!("{name} runs")),
        Err(why) => Check::warn(
            NAME,
            format!("{name} does not take work from this machine now ({why})"),
            format!("colony executor start --name {name} --type {}", kind.unwrap_or("TYPE")),
        ),
    }
}

fn colony(session: &Session, round: &Round, name_of: impl Fn(&Identity) -> String) -> Colony {
    let told = round.others.iter().map(|(node, told)| (node.name.as_str(), told));
    let own = round.own.iter().filter(|own| matches!(own, Own::Node { .. })).map(Own::told);
    let told = told.chain(own);
    let (mut answered, mut silent, mut misdated) = (Vec::new(), Vec::new(), Vec::new());
    for (name, told) in told {
        match &told.vitals {
            Ok(_) => answered.push(name.to_owned()),
            Err(_) if told.clock.is_some() => misdated.push(name.to_owned()),
            Err(why) => silent.push((name.to_owned(), why.clone())),
        }
    }
    let coordinator = round.status.as_ref().and_then(|status| status.coordinator);
    Colony {
        name: session.chosen.context.colony.clone(),
        coordinator: coordinator.as_ref().map(name_of),
        answered,
        silent,
        misdated,
    }
}

/// A node on this machine has this machine's clock, which proves nothing.
fn clocks(round: &Round) -> Vec<Clock> {
    round.others.iter().filter_map(|(_, told)| told.clock.clone()).collect()
}

fn versions(round: &Round) -> Versions {
    let told =
        round.others.iter().filter_map(|(node, told)| Some((node.name.clone(), told.vitals.as_ref().ok()?)));
    let own = round.own.iter().map(Own::told);
    let own = own.filter_map(|(name, told)| Some((name.to_owned(), told.vitals.as_ref().ok()?)));
    let others = own.chain(told).map(|(name, vitals)| (name, vitals.version.to_string())).collect();
    Versions { own: env!("CARGO_PKG_VERSION").to_owned(), others }
}

/// A key at two places is seen by whoever both are connected with.
fn twins(round: &Round) -> Vec<Twin> {
    let own = round.own.iter().map(|own| own.told().1);
    let all = round.others.iter().map(|(_, told)| told).chain(own);
    let vitals = all.filter_map(|told| told.vitals.as_deref().ok());
    let mut found: BTreeMap<Identity, Twin> = BTreeMap::new();
    for twin in vitals.flat_map(|vitals: &Vitals| vitals.twins.iter()) {
        found.entry(twin.id).or_insert_with(|| twin.clone());
    }
    found.into_values().collect()
}
