//! Points of the time series, and the sums at the end.

use colony_protocol::model::State;

use super::{Event, Outcome, World, measure::Point, office::Office};

impl World {
    pub(super) fn sample(&mut self) {
        let submitted = self.offices.iter().map(|office| office.lives.len() as u64).sum::<u64>();
        let running = self.offices.iter().map(|office| office.running).sum::<u64>();
        let ended = self.offices.iter().map(|office| office.ended).sum::<u64>();
        let (mut up, mut reachable) = (0, 0);
        for exec in &self.execs {
            if let Some(node) = self.node(exec.node).filter(|node| node.up) {
                up += 1;
                reachable += u64::from(node.contact);
            }
        }
        let available =
            self.offices.iter().filter(|office| office.leader.is_some() && office.lost_at.is_none());
        let point = Point {
            at: self.now(),
            waiting: submitted.saturating_sub(running).saturating_sub(ended),
            running,
            ended,
            submitted,
            executors_up: up,
            executors_reachable: reachable,
            colonies_available: available.count() as u64,
            asks: self.measure.asks,
            announcements: self.measure.announcements,
            leases_lost: self.measure.leases_lost,
            messages: self.measure.messages,
        };
        self.measure.points.push(point);
        let every = self.sample_every;
        self.plan(every, Event::Sample);
    }

    /// Looks at what is left.
    pub(super) fn finish(mut self) -> Outcome {
        self.sample();
        let ended = self.now();
        for colony in 0..self.offices.len() as u16 {
            // A window that is still open counts up to the end.
            if let Some(lost_at) = self.office(colony).and_then(|office| office.lost_at) {
                self.available(colony, lost_at);
            }
        }
        let (mut lost, mut doubled, mut unfinished) = (0, 0, 0);
        for office in &self.offices {
            let (a, b, c) = verdict(office);
            (lost, doubled, unfinished) = (lost + a, doubled + b, unfinished + c);
        }
        let lives = std::mem::take(&mut self.offices).into_iter().map(|office| office.lives).collect();
        Outcome {
            plan: self.plan,
            measure: self.measure,
            nodes: self.nodes,
            lives,
            ended,
            lost,
            doubled,
            unfinished,
        }
    }
}

/// How many processes of a colony were lost, doubled, not finished.
fn verdict(office: &Office) -> (u64, u64, u64) {
    let (mut lost, mut doubled, mut unfinished) = (0, 0, 0);
    for (place, life) in office.lives.iter().enumerate() {
        let lives = office.core.live_process(place as u64 + 1).map(|process| process.state);
        let is_open = matches!(lives, Some(State::Waiting | State::Running));
        doubled += u64::from(life.results > 1);
        unfinished += u64::from(life.ended == 0);
        // Known to whoever sent it, not ended, and not in the colony any more.
        lost += u64::from(life.acknowledged && life.ended == 0 && !is_open);
    }
    (lost, doubled, unfinished)
}
