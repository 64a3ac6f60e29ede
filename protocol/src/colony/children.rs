//! Dynamic children: a running process adds work to its own workflow.
//!
//! A child always has the caller's process as a parent and waits for it. Because that process is running, everything
//! above it has succeeded, and everything that can be put below the child is still waiting: no cycle can arise.

use super::{Call, Colony, Outbox};
use crate::{
    bounded::{List, Text},
    command::AddChild,
    model::{Process, ProcessId, State, WorkflowId},
    refusal::Refusal,
    reply::Reply,
    validate,
};

/// Most processes of a workflow: the length of its list.
const MEMBERS_MAX: usize = 40_000;
/// Most parents, and most children, of a process: the length of its lists.
const LINKS_MAX: usize = 4096;

impl Colony {
    pub(super) fn add_child(
        &mut self,
        call: &Call,
        ask: &AddChild,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let parent = self.held(&call.by, &ask.parent, "add a child to")?;
        let Some(workflow) = parent.workflow else {
            return Err(Refusal::invalid("parentid", "the process is in no workflow"));
        };
        validate::function_spec(&ask.spec, "")?;
        self.check_colony_name("", &ask.spec.conditions.colony_name)?;
        // With `insert` the new process takes over all children there are.
        let mut below: Vec<ProcessId> = if ask.insert { parent.children.to_vec() } else { Vec::new() };
        if !ask.insert && parent.children.len() >= LINKS_MAX {
            return Err(full("the parent has as many children as it can hold"));
        }
        if let Some(child) = ask.child.filter(|child| !below.contains(child)) {
            self.check_child(&child, &workflow)?;
            below.push(child);
        }
        let children =
            List::new(below).map_err(|_| full("the parent has as many children as it can hold"))?;
        if self.live_workflow_by_id(&workflow)?.processes.len() >= MEMBERS_MAX {
            return Err(full("the workflow has as many processes as it can hold"));
        }
        self.room_for_processes(1)?;

        let (parent_id, number) = (parent.id, self.meta.last_process.saturating_add(1));
        let process = self.new_process(&call.origin(), ask.spec.clone(), number);
        let process = Process {
            workflow: Some(workflow),
            waits_for_parents: true,
            parents: List::new(vec![parent_id]).unwrap_or_default(),
            children,
            ..process
        };
        let id = process.id;
        self.link_child(&process, parent_id, ask.insert, out);
        self.join_workflow(&workflow, id, out);
        self.add_process(process, out);
        Ok(Reply::ChildAdded(id))
    }

    /// A process that shall also wait for the new one must not have started.
    fn check_child(&self, id: &ProcessId, workflow: &WorkflowId) -> Result<(), Refusal> {
        let child = self.live(id)?;
        if child.workflow != Some(*workflow) {
            return Err(Refusal::invalid("childid", "the child is not in the workflow of the parent"));
        }
        // One that came back to the queue was given its input already.
        if child.state != State::Waiting || child.token > 0 {
            return Err(Refusal::WrongState { action: Text::cut("add a parent to"), state: child.state });
        }
        if child.parents.len() >= LINKS_MAX {
            return Err(full("the child has as many parents as it can hold"));
        }
        Ok(())
    }

    /// Puts the new process between its parent and its children.
    fn link_child(&mut self, new: &Process, parent: ProcessId, insert: bool, out: &mut Outbox) {
        let id = new.id;
        for child in &new.children {
            let mut takes_parents_place = false;
            self.change(child.number(), out, |child| {
                let parents = child.parents.iter().map(|old| {
                    let replaced = insert && *old == parent;
                    takes_parents_place |= replaced;
                    if replaced { id } else { *old }
                });
                let mut parents: Vec<ProcessId> = parents.collect();
                if !takes_parents_place {
                    parents.push(id);
                }
                child.parents = List::new(parents).unwrap_or_default();
                child.waits_for_parents = true;
            });
            if !takes_parents_place {
                let pending = self.index.pending.entry(child.number()).or_default();
                *pending = pending.saturating_add(1);
            }
        }
        self.write(parent.number(), out, |parent| {
            let mut children = if insert { Vec::new() } else { parent.children.to_vec() };
            children.push(id);
            parent.children = List::new(children).unwrap_or_default();
        });
    }
}

fn full(why: &str) -> Refusal {
    Refusal::Busy(Text::cut(why))
}
