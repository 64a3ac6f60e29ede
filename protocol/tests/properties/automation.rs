//! Crons and generators of a random history, and what must hold of them: no moment of a schedule starts two runs, and
//! every argument is taken once, in the order in which it was packed.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use colony_protocol::{
    bounded::{Json, List},
    colony::{Call, Colony},
    command::Command,
    model::{Cron, FunctionSpec, NewCron, NewGenerator, Schedule, WorkflowSpec},
    refusal::Refusal,
    reply::Reply,
    time::{Span, Timestamp},
};
use proptest::prelude::*;

use crate::world::{Verdict, text};

/// A cron; what it starts says whose it is.
pub(crate) fn cron(name: u8, wait: bool, nodes: u8, schedule: u8) -> NewCron {
    let every = |seconds, random| Schedule::Interval { every: Span::from_secs(seconds), random };
    let schedule = match schedule {
        0 => every(1, false),
        1 => every(7, false),
        2 => every(20, true),
        3 => Schedule::Expression(text("*/15 * * * * *")),
        4 => Schedule::Expression(text("TZ=Asia/Kathmandu @hourly")),
        _ => Schedule::Expression(text("0 0 0 30 2 *")),
    };
    let name = format!("cron{name}");
    NewCron { name: text(&name), schedule, wait_for_previous: wait, spec: spec(&name, nodes) }
}

/// A generator; a trigger of 0 is refused.
pub(crate) fn generator(name: u8, trigger: u64, timeout: Option<u64>) -> NewGenerator {
    let name = format!("generator{name}");
    NewGenerator { name: text(&name), trigger, timeout: timeout.map(Span::from_secs), spec: spec(&name, 1) }
}

fn spec(name: &str, nodes: u8) -> Arc<WorkflowSpec> {
    let node = |node| {
        let mut spec = FunctionSpec {
            node_name: text(&format!("n{node}")),
            func_name: text(name),
            ..Default::default()
        };
        spec.conditions.executor_type = text("cli");
        spec
    };
    Arc::new(WorkflowSpec { nodes: List::new((0..nodes).map(node).collect()).unwrap(), ..Default::default() })
}

/// How many workflows started by themselves in one entry.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Started {
    pub(crate) crons: u64,
    pub(crate) generators: u64,
}

/// What one knows of crons and generators who watched them from the first day.
#[derive(Debug, Default)]
pub(crate) struct Automation {
    crons: BTreeMap<u64, Cron>,
    /// Moments that have started a run.
    fired: BTreeSet<(u64, Timestamp)>,
    /// Arguments that were packed and not seen in a process yet.
    packed: BTreeMap<u64, VecDeque<Json>>,
    runs: BTreeMap<u64, u64>,
    /// The last process looked at.
    last_process: u64,
    started: Started,
}

impl Automation {
    pub(crate) const fn started(&self) -> Started {
        self.started
    }

    /// Takes in what one entry or one call did; `first` unless the call was answered before.
    pub(crate) fn observe(
        &mut self,
        colony: &Colony,
        call: Option<(&Call, &Result<Reply, Refusal>)>,
        first: bool,
    ) -> Verdict {
        self.started = Started::default();
        if let (Some((call, Ok(Reply::Packed { .. }))), true) = (call, first)
            && let Command::Pack { generator, args } = &*call.command
        {
            self.packed.entry(generator.number()).or_default().extend(args.iter().cloned());
        }
        self.generators(colony)?;
        self.crons(colony, call.is_none())
    }

    fn generators(&mut self, colony: &Colony) -> Verdict {
        // Numbers are given in the order of starts.
        let new = colony.live_processes().filter(|process| process.number() > self.last_process);
        let new = new.filter(|process| process.spec.func_name.starts_with("generator"));
        for process in new {
            let workflow = process.workflow.unwrap();
            let owner = colony.generators_after(0).find(|generator| generator.previous == Some(workflow));
            let named = colony.find_generator(&process.spec.func_name);
            let generator = owner.or_else(|| named.ok()).unwrap();
            let packed = self.packed.entry(generator.id.number()).or_default();
            for arg in &process.spec.args {
                let next = packed.pop_front();
                prop_assert_eq!(next.as_ref(), Some(arg), "taken twice or out of order");
            }
            let count = process.spec.args.len() as u64;
            prop_assert!(count > 0 && count <= generator.trigger);
            prop_assert!(count == generator.trigger || generator.timeout.is_some());
        }
        self.last_process = colony.last_process_number();
        for generator in colony.generators_after(0) {
            let number = generator.id.number();
            let waiting = self.packed.get(&number).map_or(0, VecDeque::len) as u64;
            prop_assert_eq!(generator.waiting(), waiting, "an argument was lost");
            prop_assert!(waiting < generator.trigger);
            prop_assert!(generator.due.is_none_or(|due| due > colony.now() && waiting > 0));
            let before = self.runs.insert(number, generator.runs).unwrap_or_default();
            self.started.generators += generator.runs - before;
        }
        Ok(())
    }

    fn crons(&mut self, colony: &Colony, by_itself: bool) -> Verdict {
        for cron in colony.crons_after(0) {
            let number = cron.id.number();
            let Some(before) = self.crons.insert(number, cron.clone()) else { continue };
            let runs = cron.runs - before.runs;
            prop_assert!(runs <= 1, "two runs in one step");
            if !by_itself {
                prop_assert_eq!(cron.tick, before.tick, "a call moved the schedule");
                continue;
            }
            prop_assert!(cron.tick == before.tick || before.next_run <= Some(colony.now()), "too early");
            if runs == 1 {
                prop_assert!(self.fired.insert((number, before.tick)), "two runs of one moment");
                prop_assert!(cron.tick > before.tick);
                self.started.crons += 1;
            }
            let held = cron.wait_for_previous
                && cron.previous.is_some_and(|workflow| colony.live_workflow(workflow.number()).is_some());
            prop_assert!(held || cron.next_run > Some(colony.now()), "a moment has passed without a run");
        }
        Ok(())
    }
}
