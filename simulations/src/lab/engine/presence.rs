//! Nodes that come and go: churn, traces, contact windows, and what a kill or a start means to each class.

use colony_protocol::{
    bounded::List,
    command::Command,
    model::{ContactPlan, WINDOWS_MAX, Window},
    time::{Span, Timestamp},
};

use super::{Event, World, executor::Schedule, measure::What};
use crate::lab::{
    dice,
    scenario::{Churn, ChurnModel, Class, Contacts},
};

/// Connecting after the way is known: handshakes of transport and encryption take about so many round trips.
const HANDSHAKES: u64 = 3;
/// Windows that are declared at once. More are declared when half of them are over.
const DECLARED: usize = WINDOWS_MAX;
/// How far a window may be off, as it is declared: beyond the largest error of a plan, plus acquisition.
const MARGIN: Span = Span::from_secs(135);

impl World {
    /// Plans a group's first changes.
    pub(super) fn plan_churn(&mut self, node: u32, place: u32) {
        let group = self.node(node).map_or(0, |node| usize::from(node.group));
        let plan = std::sync::Arc::clone(&self.plan);
        let Some(churn) = plan.scenario.nodes.get(group).and_then(|nodes| nodes.churn.as_ref()) else {
            return;
        };
        if churn.model == ChurnModel::Trace {
            let lines = plan.files.traces.get(&group).and_then(|nodes| nodes.get(&place));
            if let Some((at, _)) = lines.and_then(|lines| lines.first()) {
                self.plan(*at, Event::Trace(node, 0));
            }
            return;
        }
        // In the midst of its life: some are away, the others have a part of a session behind them.
        let (up, down) = (churn.up.0, churn.down.0);
        let away = self.chance.below(up.saturating_add(down)) < down;
        let delay = if away {
            self.set_up(node, false);
            dice::exponential(&mut self.chance, churn.down)
        } else {
            let session = self.session(churn);
            self.chance.below(session + 1)
        };
        let life = self.lives.get(node as usize).copied().unwrap_or_default();
        self.plan(delay, Event::Churn(node, life));
    }

    fn session(&mut self, churn: &Churn) -> u64 {
        match churn.model {
            ChurnModel::Weibull => dice::weibull(&mut self.chance, churn.up, churn.shape),
            ChurnModel::Poisson | ChurnModel::Trace => dice::exponential(&mut self.chance, churn.up),
        }
    }

    /// A session or an absence is over.
    pub(super) fn churn(&mut self, node: u32, life: u32) {
        if self.lives.get(node as usize) != Some(&life) {
            return;
        }
        let group = self.node(node).map_or(0, |node| usize::from(node.group));
        let plan = std::sync::Arc::clone(&self.plan);
        let Some(churn) = plan.scenario.nodes.get(group).and_then(|nodes| nodes.churn.as_ref()) else {
            return;
        };
        let up = !self.node(node).is_some_and(|node| node.up);
        self.set_up(node, up);
        let delay = if up { self.session(churn) } else { dice::exponential(&mut self.chance, churn.down) };
        let life = self.lives.get(node as usize).copied().unwrap_or_default();
        self.plan(delay.max(1_000), Event::Churn(node, life));
    }

    /// A line of a trace.
    pub(super) fn trace(&mut self, node: u32, line: u32) {
        let now = self.now();
        let Some(state) = self.node(node) else { return };
        let (group, role) = (usize::from(state.group), state.role);
        let plan = std::sync::Arc::clone(&self.plan);
        let Some(lines) = plan.files.traces.get(&group).and_then(|nodes| nodes.get(&role)) else { return };
        if let Some((_, up)) = lines.get(line as usize) {
            self.set_up(node, *up);
        }
        if let Some((at, _)) = lines.get(line as usize + 1) {
            self.plan(at.saturating_sub(now), Event::Trace(node, line + 1));
        }
    }

    /// Starts or stops a node.
    pub(super) fn set_up(&mut self, node: u32, up: bool) {
        let Some(state) = self.node_mut(node) else { return };
        if state.up == up {
            return;
        }
        state.up = up;
        let (class, colony) = (state.class, state.colony);
        if let Some(life) = self.lives.get_mut(node as usize) {
            *life += 1;
        }
        self.note(if up { What::Up } else { What::Down }, colony, node, 0, 0);
        match class {
            Class::Executor => {
                let Some(exec) = self.table.exec_at.get(node as usize).copied().flatten() else { return };
                if up {
                    self.join(exec);
                } else {
                    self.stop_executor(exec);
                }
                self.tend(colony);
            }
            Class::Voter => {
                self.stir(colony);
                self.tend(colony);
            }
            Class::Relay => self.stir_all(),
            Class::Observer => self.tend(colony),
            Class::Submitter => {}
        }
    }

    /// An executor looks for its colony, connects, and starts.
    pub(super) fn join(&mut self, exec: u32) {
        let Some(state) = self.exec(exec) else { return };
        let (node, life) = (state.node, state.life);
        let colony = self.node(node).map_or(0, |node| node.colony);
        let found = self.look_up(node, colony);
        let there = self.office(colony).and_then(super::office::Office::leader_node).unwrap_or_default();
        let matrix = &self.plan.files.matrix;
        let region = |node: u32| self.node(node).map_or(0, |node| node.region);
        let trip = 2 * matrix.one_way(region(node), region(there));
        self.plan(found + HANDSHAKES * trip + 1, Event::Ask(exec, life));
        self.give_back(exec);
        self.declare(exec);
    }

    /// The mesh is put in order.
    fn tend(&mut self, colony: u16) {
        let Some(office) = self.offices.get_mut(usize::from(colony)) else { return };
        let nodes = &self.nodes;
        let there = |node: u32| nodes.get(node as usize).is_some_and(|node| node.up);
        // In a large mesh one that is gone changes little, and is found by chance as others are put in order.
        office.mesh.changes += 1;
        if office.mesh.changes * 50 >= office.mesh.listeners.len() {
            office.mesh.changes = 0;
            office.mesh.tend(&mut self.chance, &there);
        }
    }

    /// Works out when an executor can be reached, as it declares it and as it comes true.
    pub(super) fn plan_contacts(
        &mut self,
        exec: u32,
        place: u32,
        of: u32,
        contacts: &Contacts,
        group: usize,
    ) {
        let end = self.plan.scenario.stop.after.0.saturating_add(self.plan.scenario.stop.drain.0);
        let file = self.plan.files.windows.get(&group).and_then(|nodes| nodes.get(&place)).cloned();
        let declared: Vec<(u64, u64)> = file.unwrap_or_else(|| {
            if contacts.period.0 == 0 {
                return Vec::new();
            }
            // Spread over the orbit, so that some are always in sight.
            let phase = contacts.period.0 * u64::from(place) / u64::from(of.max(1));
            let starts =
                (0..).map(|orbit| phase + orbit * contacts.period.0).take_while(|start| *start < end);
            starts.map(|start| (start, start + contacts.window.0)).collect()
        });
        let truth = declared.iter().map(|(start, close)| {
            if dice::happens(&mut self.chance, contacts.missed) {
                return None;
            }
            let wrong = dice::happens(&mut self.chance, contacts.wrong);
            let by = if wrong { dice::around(&mut self.chance, contacts.wrong_by.0) } else { 0 };
            let shift = |at: u64| at.saturating_add_signed(by);
            Some((shift(*start).saturating_add(contacts.acquisition.0), shift(*close)))
        });
        let true_windows: Vec<_> = truth.collect();
        if let Some(state) = self.exec_mut(exec) {
            state.schedule = Some(Box::new(Schedule { declared, true_windows, next: 0, declared_at: None }));
            let node = state.node;
            if let Some(node) = self.node_mut(node) {
                node.contact = false;
            }
        }
        self.plan_window(exec, 0);
    }

    /// Plans the opening of the next window that happens, from `number` on.
    fn plan_window(&mut self, exec: u32, number: u32) {
        let now = self.now();
        let Some(schedule) = self.exec(exec).and_then(|exec| exec.schedule.as_ref()) else { return };
        let later = schedule.true_windows.iter().enumerate().skip(number as usize);
        let next = later.filter_map(|(place, window)| window.map(|(start, _)| (place, start))).next();
        if let Some((place, start)) = next {
            self.plan(start.saturating_sub(now), Event::Window(exec, place as u32, true));
        }
    }

    /// A window opens or closes.
    pub(super) fn window(&mut self, exec: u32, number: u32, opens: bool) {
        let now = self.now();
        let Some(state) = self.exec_mut(exec) else { return };
        state.last_contact = now;
        let (node, life) = (state.node, state.life);
        let stalled = if opens { std::mem::take(&mut state.stalled) } else { Vec::new() };
        let Some(schedule) = &mut state.schedule else { return };
        schedule.next = number as usize + usize::from(!opens);
        let end = schedule.true_windows.get(number as usize).copied().flatten().map_or(now, |(_, end)| end);
        let last = schedule.declared_at;
        let declares = opens && last.is_none_or(|last| number as usize >= last + DECLARED / 2);
        if declares {
            schedule.declared_at = Some(number as usize);
        }
        if let Some(node) = self.node_mut(node) {
            node.contact = opens;
        }
        let colony = self.node(node).map_or(0, |node| node.colony);
        self.note(if opens { What::Contact } else { What::Silence }, colony, node, u64::from(number), 0);
        if opens {
            self.plan(end.saturating_sub(now), Event::Window(exec, number, false));
            for (request, generation) in stalled {
                self.plan(1, Event::Resend(request, generation));
            }
            if declares {
                self.declare(exec);
            }
            self.plan(1_000, Event::Ask(exec, life));
            self.resume_renewals(exec);
        } else {
            self.plan_window(exec, number + 1);
        }
    }

    /// Whether an executor has a schedule and no contact.
    pub(super) fn is_out_of_contact(&self, exec: u32) -> bool {
        let Some(state) = self.exec(exec) else { return false };
        state.schedule.is_some() && !self.node(state.node).is_some_and(|node| node.contact)
    }

    /// Whether an executor is silent as it said it would be: since its last contact no declared window has passed.
    pub(super) fn is_silent_as_planned(&self, exec: u32) -> bool {
        let now = self.now();
        let Some(state) = self.exec(exec) else { return false };
        let Some(schedule) = &state.schedule else { return false };
        let missed =
            schedule.declared.iter().filter(|(start, end)| *start > state.last_contact && *end < now);
        self.is_out_of_contact(exec) && missed.count() == 0
    }

    /// What an executor declares, if it has a schedule and the rule is on.
    pub(super) fn contact_plan(&self, exec: u32) -> Option<Command> {
        let now = self.now();
        if !self.plan.scenario.rules.contact_windows {
            return None;
        }
        let state = self.exec(exec)?;
        let schedule = state.schedule.as_ref()?;
        let node = self.node(state.node)?;
        let clock = node.clock(now);
        // Of the narrower of its two directions, in bytes.
        let rate = u64::from(node.up_rate.min(node.down_rate)) * 1_000 / 8;
        let moment = |at: u64| Timestamp::from_micros(clock.saturating_sub(now).saturating_add(at));
        let first = schedule.declared.partition_point(|(_, end)| *end < now);
        let windows = schedule.declared.iter().skip(first).take(DECLARED);
        let windows = windows.map(|(start, end)| Window { start: moment(*start), end: moment(*end), rate });
        let windows = List::new(windows.collect()).unwrap_or_default();
        Some(Command::DeclareContacts { plan: ContactPlan { windows, margin: MARGIN } })
    }
}
