//! Which nodes a repeated workflow has.
//!
//! A dynamic child is added again by its parent when that runs again, so it is only repeated by itself when its parents
//! have succeeded.

use std::collections::{BTreeMap, BTreeSet};

use colony_protocol::{
    bounded::{BoundError, List, Text},
    model::{FunctionSpec, GivenNode, Name, Process, ProcessId, State, Values, WorkflowSpec},
};

/// Outputs by node name, from workflows that this one repeats.
type Earlier = BTreeMap<Name, Values>;

/// Names that nodes depend on and that no process here has: they were given by an earlier workflow.
pub(super) fn missing(all: &[Process]) -> BTreeSet<Name> {
    let present: BTreeSet<&Name> = all.iter().map(|process| &process.spec.node_name).collect();
    let wanted = all.iter().flat_map(|process| process.spec.conditions.dependencies.iter());
    wanted.filter(|name| !present.contains(name)).cloned().collect()
}

/// All nodes as they were submitted.
pub(super) fn whole(submitted: &[Process], earlier: &Earlier) -> Result<WorkflowSpec, BoundError> {
    spec(submitted.iter().map(|process| FunctionSpec::clone(&process.spec)).collect(), earlier.clone())
}

/// The nodes that did not succeed; what succeeded is given to them.
pub(super) fn failed_part(
    all: &[Process],
    submitted: &[Process],
    earlier: &Earlier,
) -> Result<WorkflowSpec, BoundError> {
    let names = names(all);
    let by_id: BTreeMap<ProcessId, &Process> = all.iter().map(|process| (process.id, process)).collect();
    let succeeded = |id: &ProcessId| by_id.get(id).is_some_and(|process| process.state == State::Success);
    let original: BTreeSet<ProcessId> = submitted.iter().map(|process| process.id).collect();
    let kept: Vec<&Process> = all
        .iter()
        .filter(|process| process.state != State::Success)
        .filter(|process| original.contains(&process.id) || process.parents.iter().all(succeeded))
        .collect();
    let kept_ids: BTreeSet<ProcessId> = kept.iter().map(|process| process.id).collect();

    let mut given = earlier.clone();
    let mut nodes = Vec::with_capacity(kept.len());
    for process in kept {
        let mut spec = FunctionSpec::clone(&process.spec);
        spec.node_name = name_of(&names, &process.id);
        let as_declared = process.parents.iter().all(|id| original.contains(id));
        // A parent that will be added again by its own parent cannot be named now; the declared ones can.
        let nameable = process.parents.iter().all(|id| kept_ids.contains(id) || succeeded(id));
        if nameable && !(as_declared && original.contains(&process.id)) {
            let before = spec.conditions.dependencies.iter().filter(|name| earlier.contains_key(*name));
            let parents = process.parents.iter().map(|id| name_of(&names, id));
            spec.conditions.dependencies = List::new(before.cloned().chain(parents).collect())?;
        }
        for parent in process.parents.iter().filter(|id| succeeded(id)).filter_map(|id| by_id.get(id)) {
            given.insert(name_of(&names, &parent.id), parent.output.clone());
        }
        nodes.push(spec);
    }
    spec(nodes, given)
}

/// A spec of these nodes, with those outputs given that one of them wants.
fn spec(nodes: Vec<FunctionSpec>, given: Earlier) -> Result<WorkflowSpec, BoundError> {
    let wanted: BTreeSet<&Name> = nodes.iter().flat_map(|node| node.conditions.dependencies.iter()).collect();
    let given = given
        .into_iter()
        .filter(|(name, _)| wanted.contains(name))
        .map(|(node_name, output)| GivenNode { node_name, output })
        .collect();
    Ok(WorkflowSpec { given: List::new(given)?, nodes: List::new(nodes)?, ..WorkflowSpec::default() })
}

/// A name for each process, unique in the workflow: its node's, or `p7` where that is empty or taken.
fn names(all: &[Process]) -> BTreeMap<ProcessId, Name> {
    let mut taken = BTreeSet::new();
    let mut names = BTreeMap::new();
    for process in all {
        let node = process.spec.node_name.clone();
        let free = !node.is_empty() && taken.insert(node.clone());
        let name = if free { node } else { Text::cut(&format!("p{}", process.number())) };
        names.insert(process.id, name);
    }
    names
}

fn name_of(names: &BTreeMap<ProcessId, Name>, id: &ProcessId) -> Name {
    names.get(id).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use colony_protocol::{
        bounded::Json, codec, envelope::RequestId, identity::Identity, model::Conditions, time::Timestamp,
    };

    use super::*;

    fn id(number: u64) -> ProcessId {
        ProcessId::make(&Identity::NOBODY, &Identity::NOBODY, &RequestId::from_bytes([0; 16]), number)
    }

    /// Its dependencies are declared as `n1` for a parent 1.
    fn process(number: u64, name: &str, state: State, parents: &[u64]) -> Process {
        let dependencies = parents.iter().map(|number| Text::cut(&format!("n{number}"))).collect();
        let spec = FunctionSpec {
            node_name: Text::cut(name),
            conditions: Conditions {
                dependencies: List::new(dependencies).unwrap(),
                ..Conditions::default()
            },
            ..FunctionSpec::default()
        };
        Process {
            id: id(number),
            spec: spec.into(),
            initiator: Identity::NOBODY,
            initiator_name: Name::default(),
            state,
            assigned_to: None,
            executor_name: Name::default(),
            lease: None,
            token: 0,
            retries: 0,
            submitted_at: Timestamp::ZERO,
            started_at: None,
            ended_at: None,
            wait_deadline: None,
            priority_time: 0,
            workflow: None,
            waits_for_parents: false,
            parents: List::new(parents.iter().map(|number| id(*number)).collect()).unwrap(),
            children: List::default(),
            input: List::default(),
            output: List::new(vec![Json::string(name)]).unwrap(),
            errors: List::default(),
            attributes: List::default(),
            log_lines: 0,
            retry_of: None,
        }
    }

    fn shape(spec: &WorkflowSpec) -> Vec<(String, Vec<String>)> {
        let strings = |names: &[Name]| names.iter().map(ToString::to_string).collect();
        spec.nodes
            .iter()
            .map(|node| (node.node_name.to_string(), strings(&node.conditions.dependencies)))
            .collect()
    }

    #[test]
    fn only_what_did_not_succeed_runs_again_with_the_rest_given() {
        let all = [
            process(1, "n1", State::Success, &[]),
            process(2, "n2", State::Failed, &[]),
            process(3, "n3", State::Failed, &[1, 2]),
            process(4, "n4", State::Success, &[1]),
        ];
        let spec = failed_part(&all, &all, &Earlier::new()).unwrap();
        let expected = [("n2".to_owned(), vec![]), ("n3".to_owned(), vec!["n1".to_owned(), "n2".to_owned()])];
        assert_eq!(shape(&spec), expected);
        let given: Vec<_> = spec.given.iter().map(|node| node.node_name.to_string()).collect();
        assert_eq!(given, ["n1"], "n4 has no child that runs again");
        assert!(codec::encode(&spec).is_ok());
    }

    #[test]
    fn what_was_given_once_is_given_again() {
        // n1 ran in an earlier workflow; this one has only its child.
        let mut child = process(3, "n3", State::Failed, &[1]);
        child.parents = List::default();
        let all = [child];
        assert_eq!(missing(&all).into_iter().collect::<Vec<_>>(), [Name::cut("n1")]);
        let earlier = Earlier::from([(Name::cut("n1"), all[0].output.clone())]);
        for spec in [failed_part(&all, &all, &earlier), whole(&all, &earlier)] {
            let spec = spec.unwrap();
            assert_eq!(shape(&spec), [("n3".to_owned(), vec!["n1".to_owned()])]);
            assert_eq!(spec.given.len(), 1);
        }
    }

    #[test]
    fn a_dynamic_child_is_left_to_its_parent_unless_that_succeeded() {
        let submitted = [process(1, "n1", State::Failed, &[]), process(2, "n2", State::Success, &[])];
        let all = [
            submitted[0].clone(),
            submitted[1].clone(),
            process(3, "", State::Failed, &[1]),
            process(4, "", State::Failed, &[2]),
        ];
        let spec = failed_part(&all, &submitted, &Earlier::new()).unwrap();
        assert_eq!(shape(&spec), [("n1".to_owned(), vec![]), ("p4".to_owned(), vec!["n2".to_owned()])]);
    }
}
