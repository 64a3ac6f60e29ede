//! Nodes that are sent away and come back with an empty disk, and that come to coordinate then.
//!
//! One at a time, and only while the others are a majority that is decided: what may never happen is a colony that cannot
//! decide any more because of what was done here.

use std::{collections::BTreeSet, net::Ipv4Addr};

use colony_protocol::model::member::Role;

use super::{End, Weather, between};
use crate::{
    colony::{Colony, Started},
    faults::Kind,
};

/// How often a coordinator is cut off until one that came last succeeds it, by chance.
const SUCCESSIONS: u64 = 12;
/// The fewest voters of which two may be missing at once.
const VOTERS_MIN: usize = 5;

impl Weather {
    /// Sends a node away; it comes back later with an empty disk. One at a time, and only once the one before votes again:
    /// the others must be a majority.
    pub(super) async fn send_away(&mut self, colony: &mut Colony, kind: Kind, number: usize) {
        if self.leaving.is_some() || colony.seats[number].is_hidden || !colony.has_all_voters() {
            return;
        }
        self.leaving = Some(number);
        if kind == Kind::BitFlip {
            colony.crash(number, false).await;
            let place = colony.seats[number].disk.flip();
            colony.trace.note(format_args!("a bit of node {number} flips: {place:?}"));
            self.suspect = Some(number);
            let started = colony.start(number).await;
            colony.trace.note(format_args!("with it, node {number} is {started:?}"));
            self.later(500, 6_000, End::SendAway(kind, number));
        } else {
            self.replace(colony, kind, number).await;
        }
    }

    pub(super) async fn replace(&mut self, colony: &mut Colony, kind: Kind, number: usize) {
        if !colony.send_away(number).await {
            // The colony could not decide: later.
            self.later(1_000, 3_000, End::SendAway(kind, number));
            return;
        }
        self.suspect = None;
        if kind == Kind::Succession && colony.voters() >= VOTERS_MIN {
            let coordinator = colony.coordinator();
            self.absent = self
                .running(colony)
                .filter(|other| Some(*other) != coordinator && !colony.seats[*other].is_hidden);
            if let Some(other) = self.absent {
                colony.crash(other, true).await;
            }
        }
        self.later(200, 3_000, End::Join(kind, number));
    }

    pub(super) async fn join(&mut self, colony: &mut Colony, kind: Kind, number: usize) {
        if colony.seats[number].node().is_none() && !matches!(colony.start(number).await, Started::Running) {
            self.later(200, 1_000, End::Join(kind, number));
            return;
        }
        if colony.join(number, Role::Voter).await.is_some() {
            if kind == Kind::Succession {
                self.later(300, 1_000, End::Succeed(number, SUCCESSIONS));
                return;
            }
            self.leaving = None;
            self.count(kind);
        } else {
            self.later(500, 2_000, End::Join(kind, number));
        }
    }

    /// Once the node that came last coordinates, who was off meanwhile comes back.
    pub(super) fn succeed(&mut self, colony: &Colony, number: usize, left: u64) {
        let coordinator = colony.coordinator();
        if coordinator != Some(number) && left > 0 {
            let nodes: Vec<Ipv4Addr> = colony.seats.iter().map(|seat| seat.address).collect();
            // Where nobody does, somebody soon will.
            let cuts = coordinator.map_or_else(BTreeSet::new, |other| between(&[nodes[other]], &nodes));
            for (from, to) in &cuts {
                colony.network.cut(*from, *to);
            }
            colony.trace.note(format_args!("node {number} shall coordinate, and {coordinator:?} does"));
            self.later(800, 1_500, End::Reunite(cuts, number, left - 1));
            return;
        }
        if coordinator == Some(number) {
            colony.trace.note(format_args!("node {number}, which came last, coordinates"));
            self.count(Kind::Succession);
        }
        self.leaving = None;
        if let Some(absent) = self.absent.take() {
            self.later(0, 500, End::Start(absent));
        }
    }
}
