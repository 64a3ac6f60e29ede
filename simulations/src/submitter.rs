//! A member that submits work, single and in workflows, and sometimes changes its mind.

use colony_protocol::{
    bounded::{List, Text},
    command::{Command, Submission},
    model::{Conditions, FunctionSpec, Limit, Name, ProcessId, WorkflowId, WorkflowSpec},
    reply::Reply,
};

use crate::{chance::Chance, coordinator::Answer};

/// What a submitter knows.
#[derive(Debug)]
pub struct Submitter {
    chance: Chance,
    processes: Vec<ProcessId>,
    workflows: Vec<WorkflowId>,
}

impl Submitter {
    /// One with a chance of its own.
    #[must_use]
    pub const fn new(chance: Chance) -> Self {
        Self { chance, processes: Vec::new(), workflows: Vec::new() }
    }

    /// What it asks next.
    pub fn decide(&mut self) -> Command {
        match self.chance.below(10) {
            0 => self.cancel().unwrap_or_else(|| self.submit()),
            1 | 2 => self.submit_workflow(),
            _ => self.submit(),
        }
    }

    /// It is told.
    pub fn told(&mut self, answer: &Answer) {
        match answer {
            Ok(Reply::Submitted(ids)) => self.processes.extend(ids),
            Ok(Reply::WorkflowSubmitted { workflow, .. }) => self.workflows.push(*workflow),
            _ => {}
        }
    }

    fn submit(&mut self) -> Command {
        let count = self.chance.between(1, 5);
        let items = (0..count).map(|_| Submission { spec: self.spec(), retry_of: None }).collect();
        Command::Submit { items: List::new(items).unwrap_or_default() }
    }

    fn cancel(&mut self) -> Option<Command> {
        if self.chance.below(3) == 0 {
            let workflow = *self.chance.one_of(&self.workflows)?;
            return Some(Command::CancelWorkflow { workflow });
        }
        let process = *self.chance.one_of(&self.processes)?;
        Some(Command::Cancel { process })
    }

    /// Each node waits for some of those before it, so there is no cycle.
    fn submit_workflow(&mut self) -> Command {
        let count = self.chance.between(2, 7);
        let nodes = (0..count).map(|node| {
            let parents = (0..node).filter(|_| self.chance.below(2) == 0).map(node_name).collect();
            let mut spec = self.spec();
            spec.node_name = node_name(node);
            spec.conditions.dependencies = List::new(parents).unwrap_or_default();
            spec
        });
        let nodes = List::new(nodes.collect()).unwrap_or_default();
        Command::SubmitWorkflow { spec: WorkflowSpec { nodes, ..WorkflowSpec::default() }, retry_of: None }
    }

    fn spec(&mut self) -> FunctionSpec {
        let limit = |chance: &mut Chance, most: u64| {
            // Half of all work has no limit.
            let seconds = if chance.below(2) == 0 { chance.between(1, most) } else { 0 };
            Limit(i64::try_from(seconds).unwrap_or_default())
        };
        FunctionSpec {
            func_name: Text::cut("work"),
            priority: i32::try_from(self.chance.below(3)).unwrap_or_default(),
            max_wait_time: limit(&mut self.chance, 60),
            max_exec_time: limit(&mut self.chance, 10),
            max_retries: i64::try_from(self.chance.below(5)).unwrap_or_default().saturating_sub(1),
            conditions: Conditions { executor_type: Text::cut("cli"), ..Conditions::default() },
            ..FunctionSpec::default()
        }
    }
}

fn node_name(node: u64) -> Name {
    Text::cut(&format!("node-{node}"))
}
