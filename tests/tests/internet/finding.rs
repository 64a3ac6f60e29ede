//! One bootstrap address is enough, and only at the beginning.

use std::time::{Duration, Instant};

use colony_protocol::{
    bounded::{List, Text},
    identity::{Identity, SecretKey},
    model::member::Role,
    ticket::{SignedTicket, Ticket},
    time::{Span, Timestamp},
};
use colony_tests::{
    cluster::{COLONY, Member, PATIENCE, Place},
    served::{READY, Served},
};

/// Nodes of the colony. With the bootstrap node and the late one that makes fourteen processes.
const NODES: usize = 12;
/// Of them vote.
const VOTERS: usize = 3;
/// Who lends its machine may submit, too.
const LENDS: &[&str] = &["--executor", "cli"];

/// Ports of services that no machine here offers.
const NOWHERE: [u16; 2] = [9, 11];

/// A ticket whose addresses lead nowhere: whoever joins with it has to find the colony by its id.
fn blind_ticket(owner: &SecretKey, number: usize, role: Role) -> String {
    let dead = NOWHERE.map(|port| {
        let nobody = SecretKey::derive(&port.to_le_bytes());
        let peer = colony_node::net::peer_of(&nobody.public_key()).unwrap();
        Text::cut(&format!("/ip4/127.0.0.1/tcp/{port}/p2p/{peer}"))
    });
    let micros = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
    let issued = Timestamp::from_micros(u64::try_from(micros).unwrap());
    let ticket = Ticket {
        colony: owner.identity(),
        colony_name: Text::cut(COLONY),
        id: [u8::try_from(number).unwrap() + 1; 16],
        role,
        member_name: None,
        uses: 1,
        issued,
        expires: issued.after(Span::from_secs(3_600)),
        member_until: None,
        nodes: List::new(dead.to_vec()).unwrap(),
    };
    SignedTicket::sign(&ticket, owner).unwrap().to_string()
}

/// A node that keeps a colony of its own and is known to everybody.
fn bootstrap() -> Member {
    let mut bootstrap = Member::new(99, Place::on_loopback());
    bootstrap.init("elsewhere");
    bootstrap.up();
    bootstrap
}

#[track_caller]
fn up_with(member: &mut Member, bootstrap: &str) {
    let command = member.colony(&["up", "--bootstrap", bootstrap, "-o", "json"]);
    member.serve(command);
}

#[track_caller]
fn join_with(member: &mut Member, ticket: &str, bootstrap: &str, more: &[&str]) {
    let listen = member.place().address().to_string();
    let name = member.name().to_owned();
    let mut args = vec!["join", ticket, "--name", &name, "--listen", &listen, "--bootstrap", bootstrap];
    args.extend(["-o", "json"]);
    args.extend(more);
    let command = member.colony(&args);
    member.serve(command);
}

/// Says whether a member sees so many active members.
fn sees(member: &Member, count: usize) -> bool {
    let seen = member.run(&["members", "-o", "json"]);
    let Ok(all) = serde_json::from_str::<serde_json::Value>(&seen.stdout) else { return false };
    all.as_array().is_some_and(|all| all.iter().filter(|member| member["state"] == "active").count() >= count)
}

#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn twelve_nodes_find_their_colony_by_one_address_and_then_need_it_no_more() {
    let mut known = bootstrap();
    let first = known.place().address().to_string();
    let mut members: Vec<Member> =
        (0..NODES).map(|number| Member::new(number, Place::on_loopback())).collect();
    members[0].init(COLONY);
    up_with(&mut members[0], &first);
    let (colony, owner): (Identity, SecretKey) = members[0].founded(COLONY);
    assert_eq!(colony, owner.identity());

    // Each of the others knows the colony's id, from its ticket, and the bootstrap node; nothing else.
    for (number, member) in members.iter_mut().enumerate().skip(1) {
        let role = if number < VOTERS { Role::Voter } else { Role::Observer };
        let ticket = blind_ticket(&owner, number, role);
        let lends = if number % 4 == 3 { LENDS } else { &[] };
        join_with(member, &ticket, &first, lends);
    }
    let last = &members[NODES - 1];
    until("everybody is a member", || sees(last, NODES));

    // What was needed to begin is gone; the colony does not notice.
    known.kill();
    for place in [3, 7, NODES - 1] {
        let outcome = members[place].run(&["exec", "--", "echo", "still at work"]).ok();
        assert!(outcome.stdout.contains("still at work"), "{outcome:#?}");
    }

    // Whoever comes now may begin with any of them.
    let mut late = Member::new(NODES, Place::on_loopback());
    let any = members[7].place().address().to_string();
    join_with(&mut late, &blind_ticket(&owner, NODES, Role::Observer), &any, LENDS);
    until("it is a member too", || sees(&late, NODES + 1));
    let outcome = late.run(&["exec", "--", "echo", "welcome"]).ok();
    assert!(outcome.stdout.contains("welcome"), "{outcome:#?}");

    // Who was there before remembers, and needs no address at all.
    late.kill();
    let again = late.colony(&["up", "-o", "json"]);
    late.serve(again);
    for member in members.iter_mut().chain([&mut late]) {
        member.assert_healthy();
    }
}

#[test]
fn a_ticket_that_leads_nowhere_and_a_network_that_knows_nothing_are_both_told() {
    let known = bootstrap();
    let owner = SecretKey::derive(b"nobody's colony");
    let stranger = Member::new(0, Place::on_loopback());
    let ticket = blind_ticket(&owner, 0, Role::Observer);
    let listen = stranger.place().address().to_string();
    let first = known.place().address().to_string();
    let joining = stranger.colony(&["join", &ticket, "--listen", &listen, "--bootstrap", &first]);
    let said = Served::try_start(joining, READY).map(|_| ()).unwrap_err();
    for port in NOWHERE {
        let which = format!("/ip4/127.0.0.1/tcp/{port}");
        let how = said.split(&which).nth(1).unwrap_or_else(|| panic!("{which}: {said}"));
        assert!(how.contains("refused"), "{which}: {said}");
    }
    assert!(said.contains("the colony was not found"), "{said}");
}

#[test]
fn who_met_others_before_finds_a_colony_by_them_though_its_ticket_leads_nowhere() {
    let known = bootstrap();
    let first = known.place().address().to_string();
    let mut founder = Member::new(0, Place::on_loopback());
    founder.init(COLONY);
    up_with(&mut founder, &first);
    let (_, owner) = founder.founded(COLONY);

    // A node of a colony of its own that has met the bootstrap node, and remembers it.
    let mut node = Member::new(1, Place::on_loopback());
    node.init("mine");
    up_with(&mut node, &first);
    until("it has met somebody", || {
        let diagnosis = node.run(&["doctor", "-o", "json"]).json();
        let checks = diagnosis["checks"].as_array().cloned().unwrap_or_default();
        checks.iter().any(|check| check["name"] == "discovery" && check["status"] == "ok")
    });
    node.kill();
    let listen = node.place().address().to_string();
    let ticket = blind_ticket(&owner, 1, Role::Observer);
    let joining = node.colony(&["join", &ticket, "--name", "node", "--listen", &listen, "-o", "json"]);
    node.serve(joining);

    // Somebody without a node, whose other colony is kept by the bootstrap node.
    let user = Member::new(2, Place::on_loopback());
    let other = known.run(&["invite", "-o", "quiet", "--role", "user"]).ok().stdout;
    drop(user.run(&["join", other.trim(), "--name", "user"]).ok());
    let ticket = blind_ticket(&owner, 2, Role::User);
    let joined = user.run(&["join", &ticket, "--name", "user", "--lab"]).ok();
    assert!(joined.stderr.contains("found elsewhere"), "{joined:#?}");
    let members = founder.run(&["members", "-o", "json"]).ok().json();
    let joined = |name: &str| members.as_array().is_some_and(|all| all.iter().any(|row| row["name"] == name));
    assert!(joined("node") && joined("user"), "{members:#}");
}
