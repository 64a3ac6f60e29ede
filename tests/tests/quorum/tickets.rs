//! Tickets that must not let anybody in: forged, expired, used up, another colony's. Each is refused by name, and the
//! colony stays as it was.

use std::time::Duration;

use colony_protocol::{identity::SecretKey, ticket::SignedTicket};
use colony_tests::{
    cluster::{COLONY, Cluster, Member, Place},
    outcome::{DEADLINE, Outcome, run},
};

fn stranger() -> Member {
    Member::new(90, Place::on_loopback())
}

#[track_caller]
fn refused(ticket: &str, word: &str) -> Outcome {
    let stranger = stranger();
    let outcome = run(stranger.joining(ticket), None, DEADLINE).without_panic();
    assert_ne!(outcome.code, Some(0), "{outcome:#?}");
    let said = outcome.stderr.to_lowercase();
    assert!(said.contains(word), "does not say `{word}`:\n{outcome:#?}");
    assert!(said.contains("hint:"), "does not say what to do:\n{outcome:#?}");
    outcome
}

/// A ticket like this one, signed by somebody else.
fn signed_by(other: &SecretKey, ticket: &str) -> String {
    let mut forged: SignedTicket = ticket.parse().unwrap();
    forged.signature = SignedTicket::sign(&forged.verify().unwrap(), other).unwrap().signature;
    forged.to_string()
}

/// A ticket like this one, whose nodes are those of another ticket.
fn leading_to(nodes: &str, owner: &SecretKey, ticket: &str) -> String {
    let nodes = nodes.parse::<SignedTicket>().unwrap().verify().unwrap().nodes;
    let mut ticket = ticket.parse::<SignedTicket>().unwrap().verify().unwrap();
    ticket.nodes = nodes;
    SignedTicket::sign(&ticket, owner).unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_is_not_good_any_more_lets_nobody_in() {
    let cluster = Cluster::start(1).await;
    let founder = &cluster.members[0];

    // A character changed, and one whose letters are right but whose signature is another's.
    let good = founder.invite(&["--uses", "1"]);
    let mut wrong: Vec<char> = good.chars().collect();
    let place = wrong.len() / 2;
    wrong[place] = if wrong[place] == 'a' { 'b' } else { 'a' };
    let damaged = refused(&wrong.into_iter().collect::<String>(), "damaged in copying");
    assert_eq!(damaged.code, Some(2));
    let forged = refused(&signed_by(&SecretKey::derive(b"a forger"), &good), "forged");
    assert_eq!(forged.code, Some(4));

    // Over after a second.
    let short = founder.invite(&["--ttl", "1s"]);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    refused(&short, "expired");

    // For one, and one came.
    let mut first = Member::new(1, Place::on_loopback());
    first.join(&good);
    refused(&good, "used");

    // Of another colony, but with the addresses of this one; and with its own, where nobody is any more.
    let mut other = Member::new(2, Place::on_loopback());
    other.init("elsewhere");
    other.up();
    let elsewhere = other.invite(&[]);
    let (_, owner) = other.founded("elsewhere");
    let astray = refused(&leading_to(&good, &owner, &elsewhere), "the colony elsewhere");
    assert_eq!(astray.code, Some(4));
    other.kill();
    let gone = refused(&elsewhere, "cannot join elsewhere: nobody was reached");
    assert_eq!(gone.code, Some(3));
    // Each address that was tried is named, and what became of it.
    let port = other.place().address().to_string();
    assert!(gone.stderr.contains(&port) && gone.stderr.contains("refused"), "{gone:#?}");

    // Nobody came in but the one.
    let members = founder.run(&["members", "-o", "json"]).ok().json();
    let names: Vec<&str> =
        members.as_array().unwrap().iter().filter_map(|member| member["name"].as_str()).collect();
    assert!(names.contains(&"node-1") && !names.contains(&"node-90"), "{COLONY}: {members:#}");
}
