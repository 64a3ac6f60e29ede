//! The coordinator answers somebody, and is heard by no other node after that.
//!
//! Steered by what happens, since by chance it hardly ever does. What goes from the coordinator to the others takes a while
//! longer than usual; an executor is let in; once that is acknowledged, and before any other node can have heard that it is
//! decided, the coordinator is cut off. Whoever is elected then has the decision on its disk without knowing that it is one:
//! it must not act before it does (Raft §8, "a leader commits a no-op entry at the start of its term"). Once it has decided
//! something, the old coordinator is asked, which may still believe in itself: it must not answer from what it knows
//! (Raft §8, reads through a quorum).

use std::time::Duration;

use colony_node::client::{Client, ClientError};
use colony_protocol::{
    bounded::Text,
    command::{Assign, Command},
    identity::SecretKey,
    model::Executor,
    query::Query,
    reply::Answer,
};
use colony_tests::crowd::is_maybe;
use futures::future::{join, join_all, select_ok};
use tokio::time::timeout;

use super::{End, Weather, between};
use crate::{
    colony::{Colony, Seat},
    faults::Kind,
};

/// How much longer the coordinator's messages take: less than the patience of those who wait for the next.
const LAG: Duration = Duration::from_millis(50);
/// How long the coordinator may take to answer.
const ANSWER: Duration = Duration::from_millis(500);
/// How long a successor may take until it has decided something.
const SUCCEEDS: Duration = Duration::from_secs(3);

/// Clients of one node each, and how many executors they have let in.
#[derive(Debug, Default)]
pub(super) struct Witnesses {
    doors: Vec<Client>,
    count: u64,
}

impl Witnesses {
    fn come(&mut self, colony: &mut Colony) {
        if self.doors.is_empty() {
            let ways: Vec<_> = colony.seats.iter().map(Seat::listens).collect();
            self.doors = ways.into_iter().map(|way| colony.door_at(vec![way]).client).collect();
        }
    }

    /// Somebody to be let in.
    fn next(&mut self) -> (SecretKey, Command) {
        self.count += 1;
        let name = format!("witness-{}", self.count);
        let key = SecretKey::derive(name.as_bytes());
        let executor = Executor {
            id: key.identity(),
            name: Text::cut(&name),
            executor_type: Text::cut("witness"),
            ..Executor::default()
        };
        (key, Command::AddExecutor { executor, approved: true })
    }
}

impl Weather {
    pub(super) async fn last_word(&mut self, colony: &mut Colony) {
        let Some(old) = colony.coordinator() else { return };
        let is_near = |number: &usize| *number != old && !colony.seats[*number].is_hidden;
        let others: Vec<usize> = (0..colony.seats.len()).filter(is_near).collect();
        if others.is_empty() || colony.seats.iter().any(|seat| seat.node().is_none()) {
            return;
        }
        self.witnesses.come(colony);
        let address = colony.seats[old].address;
        let nodes: Vec<_> = colony.seats.iter().map(|seat| seat.address).collect();
        for node in &nodes {
            colony.network.lag(address, *node, Some(LAG));
        }
        let (first, let_in) = self.witnesses.next();
        let told = timeout(ANSWER, self.witnesses.doors[old].command(&let_in)).await;
        for node in &nodes {
            colony.network.lag(address, *node, None);
        }
        if !matches!(told, Ok(Ok(_))) {
            return;
        }
        let held = colony.network.held();
        let cuts = between(&[address], &nodes);
        for (from, to) in &cuts {
            colony.network.cut(*from, *to);
        }
        colony.trace.note(format_args!("node {old} has had its last word"));
        let (second, let_in) = self.witnesses.next();
        let doors: Vec<Client> = others.iter().map(|other| self.witnesses.doors[*other].clone()).collect();
        let succeeded = succeed(&doors, &let_in, &self.witnesses.doors[old], &second);
        let asked = join_all(doors.iter().map(|door| ask(door, &first)));
        let (succeeded, asked) = join(succeeded, asked).await;
        let refused = asked.into_iter().flatten().map(|why| format!("who was let in is refused: {why}"));
        self.broken.extend(refused.chain(succeeded.clone().err()).map(|why| format!("last word: {why}")));
        if succeeded == Ok(true) {
            colony.trace.note(format_args!("the successor of node {old} has decided something"));
        }
        // Nothing was exercised without a successor, however much the cut has held up.
        let held = if succeeded == Ok(true) { held } else { u64::MAX };
        self.later(100, 1_000, End::Heal(Kind::LastWord, cuts, held));
    }
}

/// Lets somebody in through the others, then looks whether the old coordinator answers as if nobody had been. Says whether it
/// came to that.
async fn succeed(
    doors: &[Client],
    let_in: &Command,
    old: &Client,
    second: &SecretKey,
) -> Result<bool, String> {
    let through = doors.iter().map(|door| Box::pin(door.command(let_in)));
    if !matches!(timeout(SUCCEEDS, select_ok(through)).await, Ok(Ok(_))) {
        return Ok(false);
    }
    match timeout(ANSWER, old.query(&Query::Executors)).await {
        Ok(Ok(Answer::Executors(executors))) => {
            let is_known = executors.iter().any(|executor| executor.id == second.identity());
            if is_known { Ok(true) } else { Err("the old coordinator answers from an old state".to_owned()) }
        }
        // It knows nothing for certain, and says so or nothing.
        _ => Ok(true),
    }
}

/// Asks for work that there is none of; gives why it was refused for good.
async fn ask(door: &Client, key: &SecretKey) -> Option<ClientError> {
    let asked =
        timeout(SUCCEEDS, door.with_key(key.clone()).assign(Assign { max: 1, ..Assign::default() })).await;
    asked.ok()?.err().filter(|error| !is_maybe(error))
}
