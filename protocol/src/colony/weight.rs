//! Roughly how many bytes things take on the wire: enough to keep answers within a frame.

use crate::model::{FunctionSpec, Process, Values, WorkflowSpec};

/// Ids, times and field names of a process.
const FIXED: usize = 1024;

/// Bytes of some values.
pub(super) fn of_values(values: &Values) -> usize {
    values.iter().map(|value| value.as_text().len().saturating_add(8)).sum()
}

/// Bytes of a process.
pub(super) fn of_process(process: &Process) -> usize {
    let attributes = process.attributes.iter().map(|attribute| attribute.key.len() + attribute.value.len());
    FIXED
        + of_spec(&process.spec)
        + of_values(&process.input)
        + of_values(&process.output)
        + attributes.sum::<usize>()
        + (process.parents.len() + process.children.len()) * 40
}

/// Bytes of a workflow that is to be started.
pub(super) fn of_workflow_spec(spec: &WorkflowSpec) -> usize {
    let given = spec.given.iter().map(|given| given.node_name.len() + of_values(&given.output));
    FIXED + spec.nodes.iter().map(of_spec).sum::<usize>() + given.sum::<usize>()
}

fn of_spec(spec: &FunctionSpec) -> usize {
    let kwargs = spec.kwargs.iter().map(|(key, value)| key.len() + value.as_text().len() + 8);
    let env = spec.env.iter().map(|(key, value)| key.len() + value.len() + 8);
    let conditions = &spec.conditions;
    let names = conditions.executor_names.iter().chain(conditions.dependencies.iter()).chain(&spec.channels);
    of_values(&spec.args)
        + kwargs.sum::<usize>()
        + env.sum::<usize>()
        + names.map(|name| name.len() + 4).sum::<usize>()
        + (spec.fs.snapshots.len() + spec.fs.dirs.len()) * 256
}
