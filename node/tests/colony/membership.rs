//! Nodes that come, go, fail and come back: who replicates and who votes follows, and work goes on.

use std::time::Duration;

use colony_node::{client::ClientError, membership::join::JoinError};
use colony_protocol::{
    command::Command,
    model::{Name, member::Role},
    query::Query,
    refusal::Refusal,
    reply::Answer,
};

use crate::{
    cluster::{Cluster, FIRST, key},
    lab::{close, executor_key, submit, take, user, within, work},
};

fn remove(name: &str) -> Command {
    Command::RemoveMember { name: Name::cut(name) }
}

fn demote(name: &str) -> Command {
    Command::DemoteMember { name: Name::cut(name) }
}

fn promote(name: &str) -> Command {
    Command::PromoteMember { name: Name::cut(name) }
}

/// One piece of work goes in through one node and is done through another.
async fn work_goes_on(cluster: &Cluster, into: &str, out_of: &str) {
    submit(&cluster.client(into, user()), work("cli")).await;
    let executor = cluster.client(out_of, executor_key(0));
    let process = take(&executor).await;
    close(&executor, &process, "done").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_make_three_voters_of_which_each_answers() {
    let mut cluster = Cluster::found().await;
    cluster.join("two", Role::Voter).await.unwrap();
    // Two voters would survive no more than one: the second waits.
    cluster.until(&[FIRST], &["two"]).await;
    work_goes_on(&cluster, "two", FIRST).await;
    cluster.join("three", Role::Voter).await.unwrap();
    cluster.until(&[FIRST, "two", "three"], &[]).await;
    work_goes_on(&cluster, "three", "two").await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_promoted_demoted_and_removed() {
    let mut cluster = Cluster::of(&[FIRST, "two", "three"]).await;
    cluster.join("four", Role::Observer).await.unwrap();
    cluster.until(&[FIRST, "two", "three"], &["four"]).await;
    // An observer has no vote until it is promoted, and then takes that of whoever is demoted.
    cluster.decide(promote("four")).await.unwrap();
    cluster.decide(demote("three")).await.unwrap();
    cluster.until(&[FIRST, "two", "four"], &["three"]).await;
    cluster.decide(remove("two")).await.unwrap();
    cluster.until(&[FIRST, "four"], &["three"]).await;
    cluster.decide(promote("three")).await.unwrap();
    cluster.until(&[FIRST, "three", "four"], &[]).await;
    work_goes_on(&cluster, "four", FIRST).await;
    // Who was removed is refused by everybody, its own node included.
    for name in [FIRST, "three", "four", "two"] {
        let refused = within("query", cluster.client(name, key("two")).query(&Query::Members)).await;
        assert!(matches!(refused, Err(ClientError::Refused(Refusal::Denied { .. }))), "{name}: {refused:?}");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_disk_takes_no_part_until_it_is_let_in_anew() {
    let mut cluster = Cluster::of(&[FIRST, "two", "three"]).await;
    cluster.crash("two").await;
    cluster.wipe("two");
    // Under its old name it is not heard; it asks why, and tells what helps.
    cluster.restart("two").await.unwrap();
    let why = cluster.until_ended("two").await;
    for help in ["must come in anew", "`colony invite --role voter --name two`", "`colony join TICKET`"] {
        assert!(why.contains(help), "{why}");
    }
    let status = cluster.status("two").unwrap();
    assert!(status.voters.is_empty() && status.coordinator.is_none(), "{status:?}");
    cluster.crash("two").await;
    work_goes_on(&cluster, FIRST, "three").await;
    cluster.wipe("two");
    cluster.join("two", Role::Voter).await.unwrap();
    cluster.until(&[FIRST, "two", "three"], &[]).await;
    // It counts again: without one of the others there is still a majority.
    cluster.crash("three").await;
    cluster.until(&[FIRST, "two", "three"], &[]).await;
    work_goes_on(&cluster, "two", FIRST).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_that_is_gone_for_long_is_replaced_and_may_come_back() {
    let mut cluster = Cluster::of(&[FIRST, "two", "three", "four"]).await;
    cluster.crash("two").await;
    cluster.until(&[FIRST, "three", "four"], &["two"]).await;
    work_goes_on(&cluster, "four", "three").await;
    // It is a member still, and the next to get a seat.
    cluster.restart("two").await.unwrap();
    cluster.decide(remove("three")).await.unwrap();
    cluster.until(&[FIRST, "two", "four"], &[]).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_voter_votes_until_its_vote_is_not_needed() {
    let mut cluster = Cluster::of(&[FIRST, "two", "three"]).await;
    let coordinator = cluster.coordinator().unwrap();
    let others: Vec<&'static str> =
        [FIRST, "two", "three"].into_iter().filter(|name| *name != coordinator).collect();
    let [down, sent_away] = others[..] else { panic!("{others:?}") };
    cluster.crash(down).await;
    cluster.decide(remove(sent_away)).await.unwrap();
    // Without it there is no majority, for however long the other one is away.
    cluster.pass(Duration::from_secs(6)).await;
    submit(&cluster.client(coordinator, user()), work("cli")).await;
    // Whoever signs with its key is refused all the same.
    let refused = within("query", cluster.client(coordinator, key(sent_away)).query(&Query::Members)).await;
    assert!(matches!(refused, Err(ClientError::Refused(Refusal::Denied { .. }))), "{refused:?}");
    cluster.restart(down).await.unwrap();
    cluster.until(&[coordinator, down], &[]).await;
    let why = cluster.until_ended(sent_away).await;
    assert!(why.contains("this node was removed") || why.contains("no member of the colony"), "{why}");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_voter_that_restarts_still_gives_its_vote_away() {
    let mut cluster = Cluster::of(&[FIRST, "two", "three"]).await;
    let coordinator = cluster.coordinator().unwrap();
    let others: Vec<&'static str> =
        [FIRST, "two", "three"].into_iter().filter(|name| *name != coordinator).collect();
    let [down, sent_away] = others[..] else { panic!("{others:?}") };
    cluster.crash(down).await;
    cluster.decide(remove(sent_away)).await.unwrap();
    cluster.crash(sent_away).await;
    cluster.restart(sent_away).await.unwrap();
    work_goes_on(&cluster, coordinator, coordinator).await;
    cluster.restart(down).await.unwrap();
    cluster.until(&[coordinator, down], &[]).await;
    cluster.until_ended(sent_away).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_node_comes_back_on_its_disk_with_a_new_ticket() {
    let mut cluster = Cluster::of(&[FIRST, "two", "three"]).await;
    cluster.decide(remove("three")).await.unwrap();
    cluster.until_ended("three").await;
    cluster.until(&[FIRST, "two"], &[]).await;
    cluster.crash("three").await;
    cluster.join("three", Role::Voter).await.unwrap();
    cluster.until(&[FIRST, "two", "three"], &[]).await;
    work_goes_on(&cluster, "three", FIRST).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_removed_while_they_are_away_learn_it_when_they_are_back() {
    let mut cluster = Cluster::of(&[FIRST, "two", "three"]).await;
    cluster.join("four", Role::Observer).await.unwrap();
    cluster.until(&[FIRST, "two", "three"], &["four"]).await;
    for (name, voters) in [("four", &[FIRST, "two", "three"][..]), ("three", &[FIRST, "two"])] {
        cluster.crash(name).await;
        cluster.decide(remove(name)).await.unwrap();
        cluster.until(voters, &[]).await;
        // Nobody speaks to it any more, so it asks.
        cluster.restart(name).await.unwrap();
        let why = cluster.until_ended(name).await;
        assert!(why.contains("no member of the colony any more") && why.contains("ticket"), "{why}");
        cluster.crash(name).await;
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_that_is_removed_leaves_its_office_to_another() {
    let cluster = Cluster::of(&[FIRST, "two", "three"]).await;
    let coordinator = cluster.coordinator().unwrap();
    let others: Vec<&str> = [FIRST, "two", "three"].into_iter().filter(|name| *name != coordinator).collect();
    cluster.decide(remove(coordinator)).await.unwrap();
    cluster.until(&others, &[]).await;
    work_goes_on(&cluster, others[0], others[1]).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_coordinator_that_is_demoted_follows_another() {
    let cluster = Cluster::of(&[FIRST, "two", "three"]).await;
    let coordinator = cluster.coordinator().unwrap();
    let others: Vec<&str> = [FIRST, "two", "three"].into_iter().filter(|name| *name != coordinator).collect();
    cluster.decide(demote(coordinator)).await.unwrap();
    cluster.until(&others, &[coordinator]).await;
    work_goes_on(&cluster, coordinator, others[0]).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_joins_while_a_voter_is_down() {
    let mut cluster = Cluster::of(&[FIRST, "two", "three"]).await;
    let down = if cluster.coordinator() == Some("three") { "two" } else { "three" };
    cluster.crash(down).await;
    cluster.join("four", Role::Voter).await.unwrap();
    let up = if down == "two" { "three" } else { "two" };
    // It catches up and takes the seat of the one that is gone.
    cluster.until(&[FIRST, up, "four"], &[down]).await;
    work_goes_on(&cluster, "four", FIRST).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_shown_as_they_are_seen() {
    let cluster = Cluster::of(&[FIRST, "two", "three"]).await;
    let answer = within("members", cluster.client("two", user()).query(&Query::Members)).await.unwrap();
    let Answer::Members(views) = answer else { panic!("not members") };
    assert_eq!(views.len(), 3);
    for view in &views {
        assert_eq!(view.seat, colony_protocol::model::member::Seat::Voter, "{view:?}");
        assert!(view.path.is_some() && view.last_heard.is_some(), "{view:?}");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_used_ticket_lets_nobody_else_in() {
    let mut cluster = Cluster::found().await;
    let ticket = cluster.ticket(Role::Voter);
    cluster.join_with("two", ticket.clone()).await.unwrap();
    let refused = cluster.join_with("three", ticket).await;
    assert!(matches!(refused, Err(JoinError::Refused(Refusal::Ticket(_)))), "{refused:?}");
    cluster.stop().await;
}
