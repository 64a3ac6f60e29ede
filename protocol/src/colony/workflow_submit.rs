//! Puts a graph of work into the queue. It is checked whole before anything of it is made.

use super::{Call, Colony, Outbox, RowKey, submit::Origin, weight, workflow_flow::LiveWorkflow};
use crate::{
    bounded::List,
    model::{Name, Process, ProcessId, State, Values, Workflow, WorkflowId, WorkflowSpec},
    refusal::Refusal,
    reply::Reply,
    validate::{self, Parent, Plan, PlannedNode},
};

/// Most bytes that given nodes put into the inputs of one workflow's processes: each dependent gets its own copy.
const GIVEN_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A workflow to be started.
pub(super) struct Start<'a> {
    pub(super) spec: &'a WorkflowSpec,
    pub(super) retry_of: Option<WorkflowId>,
    /// What its first processes are given, behind what given nodes give them.
    pub(super) root_input: Values,
    /// What the functions of its first processes are called with instead of what the spec says.
    pub(super) root_args: Option<Values>,
}

impl<'a> Start<'a> {
    /// A workflow as its spec says.
    pub(super) fn plain(spec: &'a WorkflowSpec) -> Self {
        Self { spec, retry_of: None, root_input: Values::default(), root_args: None }
    }
}

impl Colony {
    pub(super) fn submit_workflow(
        &mut self,
        call: &Call,
        spec: &WorkflowSpec,
        retry_of: Option<WorkflowId>,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(&call.by)?;
        let start = Start { retry_of, ..Start::plain(spec) };
        let (workflow, processes) = self.start_workflow(&call.origin(), start, out)?;
        Ok(Reply::WorkflowSubmitted { workflow, processes })
    }

    /// Checks a workflow without making anything of it.
    pub(super) fn check_workflow(&self, spec: &WorkflowSpec) -> Result<(Plan, Vec<Values>), Refusal> {
        if !spec.colony_name.is_empty() && spec.colony_name != self.meta.name {
            let why = format!("`{}` is another colony; this is `{}`", spec.colony_name, self.meta.name);
            return Err(Refusal::invalid("colonyname", why));
        }
        let plan = validate::workflow(spec)?;
        let inputs = given_inputs(spec, &plan)?;
        Ok((plan, inputs))
    }

    /// Makes a workflow and its processes; on a refusal, nothing of it.
    pub(super) fn start_workflow(
        &mut self,
        origin: &Origin,
        start: Start<'_>,
        out: &mut Outbox,
    ) -> Result<(WorkflowId, Vec<ProcessId>), Refusal> {
        let Start { spec, retry_of, root_input, root_args } = start;
        let (plan, inputs) = self.check_workflow(spec)?;
        self.room_for_processes(spec.nodes.len())?;

        let number = self.meta.last_workflow.saturating_add(1);
        let ids: Vec<ProcessId> = (1..=spec.nodes.len() as u64)
            .map(|place| self.process_id(origin, self.meta.last_process.saturating_add(place)))
            .collect();
        let id = self.workflow_id(origin, number);
        self.meta.last_workflow = number;
        let mut processes = Vec::with_capacity(ids.len());
        for ((node, planned), (id_of_node, input)) in
            spec.nodes.iter().zip(&plan.nodes).zip(ids.iter().zip(inputs))
        {
            let mut spec = node.clone();
            set_colony_name(&mut spec.conditions.colony_name, &self.meta.name);
            let is_root = !planned.parents.iter().any(|parent| matches!(parent, Parent::Node(_)));
            if let Some(args) = root_args.as_ref().filter(|_| is_root) {
                spec.args = args.clone();
                spec.kwargs = Default::default();
            }
            let input = if is_root { joined(input, &root_input) } else { input };
            let process = self.new_process(origin, spec, id_of_node.number());
            processes.push(link(Process { workflow: Some(id), input, ..process }, planned, &ids));
        }
        let workflow = Workflow {
            id,
            initiator: origin.by,
            initiator_name: self.name_of(&origin.by),
            state: State::Waiting,
            submitted_at: self.meta.now,
            started_at: None,
            ended_at: None,
            roots: list(
                processes.iter().filter(|process| process.parents.is_empty()).map(|process| process.id),
            ),
            processes: list(ids.iter().copied()),
            retry_of,
        };
        self.add_workflow(LiveWorkflow::new(workflow, ids.len()), out);
        for process in processes {
            self.add_process(process, out);
        }
        Ok((id, ids))
    }

    fn add_workflow(&mut self, workflow: LiveWorkflow, out: &mut Outbox) {
        let number = workflow.row.id.number();
        self.meta.counters.add_workflow(workflow.row.state);
        out.touch(RowKey::Workflow(number));
        out.event(super::Event::Workflow { workflow: workflow.row.id, state: workflow.row.state });
        self.workflows.insert(number, workflow);
    }
}

/// Both, as far as a process takes them.
fn joined(first: Values, second: &Values) -> Values {
    let most = Values::MAX.saturating_sub(first.len());
    let values = first.into_vec().into_iter().chain(second.iter().take(most).cloned()).collect();
    Values::new(values).unwrap_or_default()
}

/// The plan's positions become ids. Plans respect the lengths of the lists.
fn link(mut process: Process, planned: &PlannedNode, ids: &[ProcessId]) -> Process {
    let parents = planned.parents.iter().filter_map(|parent| match parent {
        Parent::Node(position) => ids.get(*position).copied(),
        Parent::Given(_) => None,
    });
    process.parents = list(parents);
    process.children = list(planned.children.iter().filter_map(|position| ids.get(*position).copied()));
    process.waits_for_parents = !process.parents.is_empty();
    process
}

fn list<const N: usize>(ids: impl Iterator<Item = ProcessId>) -> List<ProcessId, N> {
    List::new(ids.take(N).collect()).unwrap_or_default()
}

/// ColonyOS overwrites the colony of a node by that of its workflow; an empty one stays empty.
fn set_colony_name(name: &mut Name, colony: &Name) {
    if !name.is_empty() {
        name.clone_from(colony);
    }
}

/// What each node is given by nodes that need not run, in the order of its dependencies.
fn given_inputs(spec: &WorkflowSpec, plan: &Plan) -> Result<Vec<Values>, Refusal> {
    let mut bytes = 0_usize;
    let mut inputs = Vec::with_capacity(plan.nodes.len());
    for (index, planned) in plan.nodes.iter().enumerate() {
        let field = || format!("functionspecs[{index}].conditions.dependencies");
        let given = planned.parents.iter().filter_map(|parent| match parent {
            Parent::Given(position) => spec.given.get(*position).map(|given| &given.output),
            Parent::Node(_) => None,
        });
        let given: Vec<&Values> = given.collect();
        bytes = given.iter().fold(bytes, |sum, output| sum.saturating_add(weight::of_values(output)));
        if bytes > GIVEN_BYTES_MAX {
            let why = format!("given outputs copied to all dependents are above {GIVEN_BYTES_MAX} bytes");
            return Err(Refusal::invalid(&field(), why));
        }
        let values = given.into_iter().flatten().cloned().collect();
        inputs.push(Values::new(values).map_err(|error| Refusal::invalid(&field(), error.to_string()))?);
    }
    Ok(inputs)
}
