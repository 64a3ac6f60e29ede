//! What a colony promises, written down a second time from the outside: it sees calls, answers and changes, and keeps
//! its own books.

use std::collections::{BTreeMap, BTreeSet};

use colony_protocol::{
    colony::{Call, Change, Colony, Event, Outbox, RowKey, decode_process, decode_workflow},
    command::Command,
    identity::Identity,
    model::{ExecutorState, Lease, Process, State},
    refusal::Refusal,
    reply::Reply,
};
use proptest::prelude::*;

use crate::{
    automation::{Automation, Started},
    town::Town,
    world::Verdict,
};

/// What one knows who watched a colony from its first day.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// Where each process was seen last, and whether it is in a workflow.
    seen: BTreeMap<u64, (State, bool)>,
    /// The last token granted, and to whom.
    tokens: BTreeMap<u64, (u64, Identity)>,
    /// Processes for which a result was accepted.
    results: BTreeSet<u64>,
    /// Requests answered before: their answers are repetitions.
    answered: BTreeSet<(Identity, Vec<u8>)>,
    archived: BTreeSet<u64>,
    /// Forgotten processes, by number.
    forgotten: BTreeSet<u64>,
    workflows: BTreeMap<u64, State>,
    /// Leases as they were granted.
    leases: BTreeMap<u64, Lease>,
    town: Town,
    automation: Automation,
}

impl Oracle {
    /// Takes in what one entry or one call did.
    pub(crate) fn observe(
        &mut self,
        colony: &Colony,
        out: &Outbox,
        call: Option<(&Call, &Result<Reply, Refusal>)>,
    ) -> Verdict {
        let mut first = false;
        if let Some((call, reply)) = call {
            first = self.answered.insert((call.by, call.request.as_bytes().to_vec()));
            self.answer(colony, call, reply, first)?;
        }
        for change in &out.changes {
            self.change(change)?;
        }
        for process in colony.live_processes() {
            self.process(process)?;
            self.shape(colony, process)?;
            self.lease(process)?;
        }
        self.town.observe(colony, call)?;
        self.automation.observe(colony, call, first)?;
        self.events(out)?;
        self.counts(colony)?;
        queue(colony)
    }

    /// What started by itself in the last entry.
    pub(crate) fn started(&self) -> Started {
        self.automation.started()
    }

    fn answer(
        &mut self,
        colony: &Colony,
        call: &Call,
        reply: &Result<Reply, Refusal>,
        fresh: bool,
    ) -> Verdict {
        match (&*call.command, reply) {
            (Command::Assign(_), Ok(Reply::Assigned { processes, .. })) => {
                for process in processes {
                    self.granted(colony, call, process, fresh)?;
                }
            }
            (Command::Close { items }, Ok(Reply::Closed(answers))) if fresh => {
                prop_assert_eq!(items.len(), answers.len());
                for (item, answer) in items.iter().zip(answers) {
                    if answer.is_ok() {
                        let number = item.lease.process.number();
                        let holder = self.tokens.get(&number).copied();
                        prop_assert_eq!(holder, Some((item.lease.token, call.by)), "a fenced holder's write");
                        prop_assert!(self.results.insert(number), "a second result of {}", number);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn granted(&mut self, colony: &Colony, call: &Call, process: &Process, fresh: bool) -> Verdict {
        let number = process.number();
        let known = self.tokens.get(&number).copied().unwrap_or((0, call.by));
        if process.token == known.0 {
            // Only the answer to a repeated request may name a lease a second time.
            prop_assert!(!fresh && known.1 == call.by, "a token was granted twice");
            return Ok(());
        }
        prop_assert_eq!(process.token, known.0 + 1, "tokens grow by one");
        self.tokens.insert(number, (process.token, call.by));
        let mut outputs = 0;
        for parent in &process.parents {
            let parent = colony.live_process(parent.number());
            prop_assert_eq!(
                parent.map(|parent| parent.state),
                Some(State::Success),
                "started before a parent"
            );
            outputs += parent.map_or(0, |parent| parent.output.len());
        }
        // What a cron's run before handed on is no output of a parent.
        let handed_on = process.parents.is_empty() && process.spec.func_name.starts_with("cron");
        prop_assert!(process.input.len() >= outputs && (handed_on || process.input.len() <= outputs + 1));
        Ok(())
    }

    fn change(&mut self, change: &Change) -> Verdict {
        match change {
            Change::Kept(RowKey::ArchivedProcess(number), row) => {
                let process = decode_process(row).unwrap();
                prop_assert!(process.state.is_terminal());
                prop_assert!(self.archived.insert(*number), "archived twice");
                self.process(&process)?;
            }
            Change::Kept(RowKey::ArchivedWorkflow(number), row) => {
                let workflow = decode_workflow(row).unwrap();
                prop_assert!(workflow.state.is_terminal() && workflow.ended_at.is_some());
                self.workflows.insert(*number, workflow.state);
            }
            Change::ForgottenState(state) => {
                let standalone = self.seen.iter().filter(|(_, (seen, workflow))| seen == state && !workflow);
                self.forgotten.extend(standalone.map(|(number, _)| *number));
            }
            Change::Forgotten(RowKey::LogLine(number, 0)) if !self.archived.contains(number) => {
                self.forgotten.insert(*number);
            }
            _ => {}
        }
        Ok(())
    }

    /// One terminal state, and it is the last.
    fn process(&mut self, process: &Process) -> Verdict {
        let number = process.number();
        let before = self.seen.insert(number, (process.state, process.workflow.is_some()));
        if let Some((before, _)) = before.filter(|(before, _)| before.is_terminal()) {
            prop_assert_eq!(before, process.state, "{} left a terminal state", number);
        }
        if process.state == State::Success {
            prop_assert!(self.results.contains(&number), "success without a result");
        }
        Ok(())
    }

    /// From its grant to its end a lease stays as it is, whoever coordinates.
    fn lease(&mut self, process: &Process) -> Verdict {
        let Some(lease) = process.lease else { return Ok(()) };
        let known = self.leases.insert(process.number(), lease);
        if let Some(known) = known.filter(|known| known.token == lease.token) {
            prop_assert_eq!(known, lease);
        }
        Ok(())
    }

    /// What must fit together within a live process.
    fn shape(&self, colony: &Colony, process: &Process) -> Verdict {
        let running = process.state == State::Running;
        prop_assert_eq!(process.lease.is_some(), running);
        prop_assert_eq!(process.state.is_terminal() && process.workflow.is_none(), false);
        if let Some(lease) = process.lease {
            prop_assert_eq!(Some(lease.holder), process.assigned_to);
            prop_assert_eq!(lease.token, process.token);
            let holder = colony.executor(&lease.holder).map(|holder| holder.state);
            prop_assert_eq!(holder, Some(ExecutorState::Approved), "held by one that may not");
            prop_assert!(lease.hard_deadline.is_none_or(|deadline| deadline > colony.now()));
            prop_assert!(colony.renew_by(&lease).is_none_or(|deadline| deadline > colony.now()));
        }
        if process.state == State::Waiting {
            prop_assert!(process.wait_deadline.is_none_or(|deadline| deadline > colony.now()));
            let parents =
                process.parents.iter().map(|parent| colony.live_process(parent.number()).unwrap().state);
            let open: Vec<State> = parents.filter(|state| *state != State::Success).collect();
            prop_assert_eq!(process.waits_for_parents, !open.is_empty());
            let doomed = open.iter().any(|state| state.is_terminal());
            prop_assert!(!doomed, "waits for a parent that will never succeed");
        }
        Ok(())
    }

    fn events(&self, out: &Outbox) -> Verdict {
        for event in &out.events {
            if let Event::Process { process, state } = event {
                let seen = self.seen.get(&process.number());
                // Of several changes in one call the last one is what was seen.
                prop_assert!(seen.is_some() || *state == State::Cancelled);
            }
        }
        Ok(())
    }

    /// Counts are what one gets by counting.
    fn counts(&mut self, colony: &Colony) -> Verdict {
        let mut processes = [0_u64; 5];
        for (number, (state, _)) in &self.seen {
            if !self.forgotten.contains(number) {
                processes[usize::from(u8::from(*state))] += 1;
            }
        }
        prop_assert_eq!(colony.statistics().processes, processes);

        for workflow in colony.live_workflows() {
            self.workflows.insert(workflow.id.number(), workflow.state);
            let unfinished = workflow.processes.iter().any(|process| {
                colony.live_process(process.number()).is_some_and(|process| !process.state.is_terminal())
            });
            prop_assert!(unfinished, "a finished workflow stays in memory");
        }
        let mut workflows = [0_u64; 5];
        for state in self.workflows.values() {
            workflows[usize::from(u8::from(*state))] += 1;
        }
        prop_assert_eq!(colony.statistics().workflows, workflows);
        Ok(())
    }
}

/// The queue holds exactly what is ready, in order.
fn queue(colony: &Colony) -> Verdict {
    let queue: Vec<(i64, u64)> =
        colony.queue().map(|process| (process.priority_time, process.number())).collect();
    let ready = colony.live_processes().filter(|p| p.state == State::Waiting && !p.waits_for_parents);
    let mut expected: Vec<(i64, u64)> =
        ready.map(|process| (process.priority_time, process.number())).collect();
    expected.sort_unstable();
    prop_assert_eq!(queue, expected);
    Ok(())
}
