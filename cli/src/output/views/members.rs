//! Members, as people and programs see them: nodes, executors and users in one list.
//!
//! A key may be several of these at once, a node that lends its machine too, so each row has roles. Executors and users that
//! were added by hand are members like those that came with a ticket.

use std::collections::BTreeMap;

use colony_node::net::peer_of;
use colony_protocol::{
    identity::Identity,
    model::{
        Executor, ExecutorState, User,
        json::rfc3339,
        member::{Member, MemberView, Role},
    },
    time::Timestamp,
};
use serde_json::{Value, json};

use super::Seen;
use crate::output::{
    age::{ago, short},
    listing::{Listing, Row, column, wide},
};

/// Hex characters that tell keys apart for a person.
const SHORT: usize = 8;
/// Stands where nothing is known.
const NOTHING: &str = "-";

/// What a person calls a member; the head of its id if it has no name.
pub(crate) fn member_name(members: &[MemberView], id: &Identity) -> String {
    let known = members.iter().find(|view| view.member.id == *id && !view.member.name.is_empty());
    known.map_or_else(|| id.to_hex().chars().take(SHORT).collect(), |view| view.member.name.to_string())
}

/// Everybody in a colony.
#[derive(Debug, Clone, Default)]
pub(crate) struct Everybody {
    /// Those with a member's row.
    pub(crate) members: Vec<MemberView>,
    /// Executors, also those without.
    pub(crate) executors: Vec<Executor>,
    /// Users, also those without.
    pub(crate) users: Vec<User>,
    /// Who coordinates, as far as is known.
    pub(crate) coordinator: Option<Identity>,
}

/// One row before it is one.
#[derive(Debug, Clone, Default)]
struct Facts {
    name: String,
    roles: Vec<&'static str>,
    state: &'static str,
    seat: &'static str,
    path: &'static str,
    path_since: Option<Timestamp>,
    rtt_ms: Option<f64>,
    last_heard: Option<Timestamp>,
    addresses: Vec<String>,
    peer: Option<String>,
    joined: Timestamp,
    until: Option<Timestamp>,
}

/// Everybody as rows: nodes first, each group by name.
pub(crate) fn members(seen: Seen<'_>, everybody: &Everybody) -> Listing {
    let columns = vec![
        column("NAME"),
        column("ROLES"),
        column("STATE"),
        column("SEAT"),
        column("PATH"),
        column("RTT"),
        column("HEARD"),
        wide("SINCE"),
        wide("JOINED"),
        wide("UNTIL"),
        wide("ADDRESSES"),
        wide("MEMBERID"),
    ];
    let mut all: Vec<(Identity, Facts)> = facts(everybody).into_iter().collect();
    all.sort_by(|(_, one), (_, other)| {
        (one.peer.is_none(), &one.name).cmp(&(other.peer.is_none(), &other.name))
    });
    let rows = all.iter().map(|(id, facts)| row(seen, id, facts)).collect();
    Listing { columns, rows, empty: "no members" }
}

fn facts(everybody: &Everybody) -> BTreeMap<Identity, Facts> {
    let mut all: BTreeMap<Identity, Facts> = BTreeMap::new();
    for view in &everybody.members {
        all.insert(view.member.id, of_member(view, everybody.coordinator));
    }
    for executor in &everybody.executors {
        let facts = all.entry(executor.id).or_insert_with(|| Facts {
            name: executor.name.to_string(),
            state: executor.state.word(),
            seat: NOTHING,
            path: NOTHING,
            joined: executor.commissioned_at,
            ..Facts::default()
        });
        facts.last_heard =
            facts.last_heard.max(Some(executor.last_heard_at)).filter(|at| *at != Timestamp::ZERO);
        let lends = executor.state != ExecutorState::Unregistered || facts.roles.is_empty();
        if lends && !facts.roles.contains(&Role::Executor.word()) {
            facts.roles.push(Role::Executor.word());
        }
    }
    for user in &everybody.users {
        let facts = all.entry(user.id).or_insert_with(|| Facts {
            name: user.name.to_string(),
            state: "active",
            seat: NOTHING,
            path: NOTHING,
            ..Facts::default()
        });
        if !facts.roles.contains(&Role::User.word()) {
            facts.roles.push(Role::User.word());
        }
    }
    all
}

fn of_member(view: &MemberView, coordinator: Option<Identity>) -> Facts {
    let Member { id, name, role, state, addresses, key, joined_at, until, .. } = &view.member;
    let peer = role.is_node().then(|| peer_of(key.as_bytes())).flatten();
    Facts {
        name: name.to_string(),
        roles: vec![role.word()],
        state: state.word(),
        seat: if coordinator == Some(*id) { "coordinator" } else { view.seat.word() },
        path: view.path.map_or(NOTHING, colony_protocol::model::member::Path::word),
        path_since: view.path_since,
        rtt_ms: view.rtt.map(|rtt| rtt.as_secs_f64() * 1_000.0),
        last_heard: view.last_heard,
        addresses: addresses.iter().map(ToString::to_string).collect(),
        peer: peer.map(|peer| peer.to_string()),
        joined: *joined_at,
        until: *until,
    }
}

fn row(seen: Seen<'_>, id: &Identity, facts: &Facts) -> Row {
    let cells = vec![
        facts.name.clone(),
        facts.roles.join(","),
        facts.state.to_owned(),
        facts.seat.to_owned(),
        facts.path.to_owned(),
        facts.rtt_ms.map_or_else(|| NOTHING.to_owned(), |ms| format!("{ms:.1}ms")),
        facts.last_heard.map_or_else(|| NOTHING.to_owned(), |at| ago(seen.now, at)),
        facts.path_since.map_or_else(|| NOTHING.to_owned(), |at| ago(seen.now, at)),
        ago(seen.now, facts.joined),
        facts.until.map_or_else(|| NOTHING.to_owned(), |at| format!("{} left", short(at.since(seen.now)))),
        facts.addresses.join(" "),
        id.to_hex(),
    ];
    Row { cells, json: as_json(id, facts), quiet: facts.name.clone() }
}

fn as_json(id: &Identity, facts: &Facts) -> Value {
    json!({
        "id": id.to_hex(),
        "name": facts.name,
        "roles": facts.roles,
        "peerid": facts.peer,
        "state": facts.state,
        "seat": facts.seat,
        "path": facts.path,
        "pathsince": facts.path_since.map(rfc3339),
        "rtt_ms": facts.rtt_ms,
        "lastheard": facts.last_heard.map(rfc3339),
        "addresses": facts.addresses,
        "joined": rfc3339(facts.joined),
        "until": facts.until.map(rfc3339),
    })
}
