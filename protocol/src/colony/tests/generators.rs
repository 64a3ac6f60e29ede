use std::sync::Arc;

use super::*;
use crate::model::{Generator, GeneratorId, NewGenerator, WorkflowSpec};

/// A root and a child of it.
fn workflow() -> Arc<WorkflowSpec> {
    let root = FunctionSpec { node_name: text("root"), args: values(&["replaced"]), ..spec() };
    let mut child = FunctionSpec { node_name: text("child"), args: values(&["kept"]), ..spec() };
    child.conditions.dependencies = List::new(vec![text("root")]).unwrap();
    Arc::new(WorkflowSpec { nodes: List::new(vec![root, child]).unwrap(), ..Default::default() })
}

fn new(trigger: u64, timeout: Option<u64>) -> NewGenerator {
    NewGenerator { name: text("g"), trigger, timeout: timeout.map(Span::from_secs), spec: workflow() }
}

impl World {
    fn add_generator(&mut self, generator: NewGenerator) -> GeneratorId {
        match self.ok(USER, Command::AddGenerator { generator }) {
            Reply::GeneratorAdded(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn generator(&self) -> Generator {
        self.colony.find_generator("g").unwrap().clone()
    }

    /// How many wait afterwards, and how many workflows were started.
    fn pack(&mut self, generator: GeneratorId, args: &[&str]) -> Result<(u64, usize), Refusal> {
        let args = args.iter().map(|arg| Json::string(arg)).collect();
        match self.tell(E2, Command::Pack { generator, args: List::new(args).unwrap() })? {
            Reply::Packed { waiting, started } => Ok((waiting, started.len())),
            other => panic!("{other:?}"),
        }
    }

    /// The arguments of every first process, in the order in which they were started.
    fn root_args(&self) -> Vec<Values> {
        let roots = self.colony.live_processes().filter(|process| process.parents.is_empty());
        roots.map(|process| process.spec.args.clone()).collect()
    }
}

#[test]
fn enough_arguments_start_a_workflow_with_them_in_the_order_they_were_packed() {
    let mut world = World::new();
    let id = world.add_generator(new(3, None));
    assert_eq!(world.pack(id, &["1", "2"]), Ok((2, 0)));
    assert_eq!(world.pack(id, &["3"]), Ok((0, 1)));
    assert_eq!(world.root_args(), [values(&["1", "2", "3"])]);
    let child = world.colony.live_process(2).unwrap();
    assert_eq!(child.spec.args, values(&["kept"]));
    // The workflow is that of who made the generator, whoever packed the last argument.
    assert_eq!(world.colony.live_workflow(1).unwrap().initiator, super::id(USER));
}

#[test]
fn one_pack_may_start_several() {
    let mut world = World::new();
    let id = world.add_generator(new(2, None));
    assert_eq!(world.pack(id, &["1", "2", "3", "4", "5"]), Ok((1, 2)));
    assert_eq!(world.root_args(), [values(&["1", "2"]), values(&["3", "4"])]);
    let generator = world.generator();
    assert_eq!((generator.packed, generator.taken, generator.runs), (5, 4, 2));
}

#[test]
fn a_timeout_takes_what_is_there_and_counts_from_the_oldest_that_waits() {
    let mut world = World::new();
    let id = world.add_generator(new(3, Some(10)));
    world.wait(60);
    assert_eq!(world.colony.next_deadline(), None, "nothing waits");
    world.pack(id, &["1"]).unwrap();
    world.wait(6);
    world.pack(id, &["2"]).unwrap();
    world.wait(4);
    assert_eq!(world.root_args(), [values(&["1", "2"])]);
    // Packed after the last start, and not due before its own ten seconds are over.
    world.wait(5);
    world.pack(id, &["3"]).unwrap();
    world.wait(9);
    assert_eq!(world.root_args().len(), 1);
    world.wait(1);
    assert_eq!(world.root_args().last(), Some(&values(&["3"])));
    assert_eq!((world.generator().waiting(), world.colony.next_deadline()), (0, None));
}

#[test]
fn a_repeated_pack_counts_once() {
    let mut world = World::new();
    let generator = world.add_generator(new(2, None));
    let args = List::new(vec![Json::string("1"), Json::string("2")]).unwrap();
    let call = world.call(USER, Command::Pack { generator, args });
    let first = world.apply(&call);
    assert_eq!(world.apply(&call), first);
    assert_eq!(world.root_args(), [values(&["1", "2"])]);
}

#[test]
fn a_generator_whose_maker_is_gone_takes_no_argument_it_could_not_use() {
    let mut world = World::new();
    let id = world.add_generator(new(2, Some(10)));
    world.pack(id, &["1"]).unwrap();
    world.ok(OWNER, Command::RemoveUser { name: text("u4") });
    let refused = world.pack(id, &["2"]).unwrap_err();
    assert!(matches!(refused, Refusal::Invalid { .. }), "{refused}");
    // What waits stays, and is not tried in every entry.
    world.wait(10);
    let generator = world.generator();
    assert_eq!((generator.waiting(), generator.runs), (1, 0));
    assert!(generator.problem.contains("access denied"), "{}", generator.problem);
    assert_eq!(generator.due, Some(Timestamp::from_micros(1_070_000_000)));
}

#[test]
fn arguments_that_wait_survive_a_restart() {
    let mut world = World::new();
    let id = world.add_generator(new(3, None));
    world.pack(id, &["1", "2"]).unwrap();
    let keys = [
        RowKey::Meta,
        RowKey::User(super::id(USER)),
        RowKey::Executor(super::id(E2)),
        RowKey::Generator(1),
        RowKey::Packed(1, 0),
        RowKey::Packed(1, 1),
    ];
    let rows: Vec<_> = keys.iter().rev().map(|key| (*key, world.colony.row(key).unwrap())).collect();
    world.colony = Colony::restore(super::id(OWNER), rows).unwrap();
    assert_eq!(world.pack(id, &["3"]), Ok((0, 1)));
    assert_eq!(world.root_args(), [values(&["1", "2", "3"])]);
    assert!(world.colony.row(&RowKey::Packed(1, 0)).is_none());
}

#[test]
fn what_is_no_generator_is_refused_whole() {
    let mut world = World::new();
    world.add_generator(new(1, None));
    for wrong in [
        NewGenerator { name: text(""), ..new(1, None) },
        NewGenerator { name: text("h"), ..new(4097, None) },
        NewGenerator { name: text("h"), ..new(1, Some(0)) },
        NewGenerator { name: text("h"), spec: Default::default(), ..new(1, None) },
    ] {
        let refused = world.tell(USER, Command::AddGenerator { generator: wrong });
        assert!(matches!(refused, Err(Refusal::Invalid { .. })), "{refused:?}");
    }
    let twice = world.tell(USER, Command::AddGenerator { generator: new(1, None) });
    assert!(matches!(twice, Err(Refusal::Exists { .. })));
    let empty = world.tell(USER, Command::Pack { generator: world.generator().id, args: List::default() });
    assert!(matches!(empty, Err(Refusal::Invalid { .. })));
}

#[test]
fn a_removed_generator_takes_its_arguments_with_it() {
    let mut world = World::new();
    let generator = world.add_generator(new(3, Some(10)));
    world.pack(generator, &["1", "2"]).unwrap();
    let other = world.tell(E2, Command::RemoveGenerator { generator });
    assert!(matches!(other, Err(Refusal::Denied { .. })));
    world.ok(OWNER, Command::RemoveGenerator { generator });
    assert!(world.colony.row(&RowKey::Packed(1, 0)).is_none());
    assert_eq!(world.colony.next_deadline(), None);
}
