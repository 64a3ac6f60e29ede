use std::sync::Arc;

use super::*;
use crate::model::{Cron, CronId, NewCron, Schedule, WorkflowId, WorkflowSpec};

fn workflow(names: &[&str]) -> Arc<WorkflowSpec> {
    let nodes = names.iter().map(|name| FunctionSpec { node_name: text(name), ..spec() });
    Arc::new(WorkflowSpec { nodes: List::new(nodes.collect()).unwrap(), ..Default::default() })
}

fn every(seconds: u64) -> Schedule {
    Schedule::Interval { every: Span::from_secs(seconds), random: false }
}

fn new(name: &str, schedule: Schedule) -> NewCron {
    NewCron { name: text(name), schedule, wait_for_previous: false, spec: workflow(&["a"]) }
}

impl World {
    fn add_cron(&mut self, cron: NewCron) -> CronId {
        match self.ok(USER, Command::AddCron { cron }) {
            Reply::CronAdded(id) => id,
            other => panic!("{other:?}"),
        }
    }

    fn cron(&self, id: &CronId) -> Cron {
        self.colony.find_cron(&id.to_hex()).unwrap().clone()
    }

    fn run_cron(&mut self, cron: CronId) -> Result<WorkflowId, Refusal> {
        match self.tell(USER, Command::RunCron { cron })? {
            Reply::CronStarted(workflow) => Ok(workflow),
            other => panic!("{other:?}"),
        }
    }

    fn workflows(&self) -> u64 {
        self.colony.last_workflow_number()
    }

    /// Runs whatever is ready to its end.
    fn work(&mut self, output: &[&str]) {
        while let Some(process) = self.assign(E2) {
            self.close(E2, &process, true, output).unwrap();
        }
    }
}

#[test]
fn a_cron_starts_its_workflow_at_each_moment_of_its_schedule() {
    let mut world = World::new();
    let id = world.add_cron(new("c", every(10)));
    assert_eq!(world.colony.next_deadline(), Some(Timestamp::from_micros(1_010_000_000)));
    world.wait(9);
    assert_eq!(world.workflows(), 0);
    world.wait(1);
    assert_eq!(world.workflows(), 1);
    // The same moment again: not a second run.
    world.wait(0);
    assert_eq!(world.workflows(), 1);
    world.wait(10);
    let cron = world.cron(&id);
    assert_eq!(
        (world.workflows(), cron.runs, cron.last_run),
        (2, 2, Some(Timestamp::from_micros(1_020_000_000)))
    );
    let workflow = world.colony.live_workflow(2).unwrap();
    assert_eq!((workflow.initiator, &*workflow.initiator_name), (super::id(USER), "u4"));
    assert_eq!(cron.previous, Some(workflow.id));
}

#[test]
fn missed_runs_collapse_into_one_and_the_schedule_keeps_its_grid() {
    let mut world = World::new();
    let id = world.add_cron(new("c", every(10)));
    world.wait(47);
    assert_eq!(world.workflows(), 1);
    assert_eq!(world.cron(&id).next_run, Some(Timestamp::from_micros(1_050_000_000)));
}

#[test]
fn a_cron_by_expression_runs_in_its_zone() {
    let mut world = World::new();
    // Second 1,000 of the epoch is 00:16:40 in UTC and 01:16:40 in Stockholm.
    let id = world.add_cron(new("c", Schedule::Expression(text("TZ=Europe/Stockholm 0 0 2 * * *"))));
    assert_eq!(world.cron(&id).next_run, Some(Timestamp::from_micros(3_600_000_000)));
    world.wait(2_600);
    assert_eq!(world.workflows(), 1);
    assert_eq!(world.cron(&id).next_run, Some(Timestamp::from_micros(90_000_000_000)));
}

#[test]
fn a_random_cron_runs_once_in_each_span_at_another_moment_of_it() {
    let mut world = World::new();
    let schedule = Schedule::Interval { every: Span::from_secs(100), random: true };
    let id = world.add_cron(new("c", schedule));
    let mut offsets = BTreeSet::new();
    for run in 1..=8_u64 {
        let next = world.cron(&id).next_run.unwrap();
        let offset = next.since(Timestamp::from_micros(1_000_000_000)).as_micros();
        assert_eq!(offset / 100_000_000, run - 1, "outside its span");
        offsets.insert(offset % 100_000_000);
        // To the second after it.
        let wait = (next.as_micros() / 1_000_000 + 1).saturating_sub(world.now);
        world.wait(wait);
        assert_eq!(world.workflows(), run);
    }
    assert!(offsets.len() > 6, "{offsets:?}");
}

#[test]
fn a_run_waits_for_the_workflow_before_and_takes_its_place_as_soon_as_it_ends() {
    let mut world = World::new();
    let id = world.add_cron(NewCron { wait_for_previous: true, ..new("c", every(10)) });
    world.wait(10);
    world.wait(35);
    assert_eq!(world.workflows(), 1, "the first is unfinished");
    let by_hand = world.run_cron(id).unwrap_err();
    assert!(matches!(by_hand, Refusal::Busy(_)), "{by_hand}");
    world.work(&[]);
    // What was missed is due at once, as one run.
    assert!(world.colony.next_deadline().unwrap() <= world.colony.now());
    world.wait(0);
    assert_eq!(world.workflows(), 2);
    assert_eq!(world.cron(&id).next_run, Some(Timestamp::from_micros(1_050_000_000)));
}

#[test]
fn a_cancelled_workflow_does_not_hold_a_cron_up_for_ever() {
    let mut world = World::new();
    world.add_cron(NewCron { wait_for_previous: true, ..new("c", every(10)) });
    world.wait(10);
    let workflow = world.colony.live_workflow(1).unwrap().id;
    world.ok(USER, Command::CancelWorkflow { workflow });
    world.wait(10);
    assert_eq!(world.workflows(), 2);
}

#[test]
fn what_the_last_processes_of_a_run_put_out_is_the_input_of_the_next() {
    let mut world = World::new();
    world.add_cron(NewCron { wait_for_previous: true, spec: workflow(&["a", "b"]), ..new("c", every(10)) });
    world.wait(10);
    assert_eq!(world.assign(E3).unwrap().input, values(&[]));
    let second = world.assign(E3).unwrap();
    world.close(E3, &second, true, &["from b"]).unwrap();
    let first = world.colony.live_processes().next().unwrap().clone();
    world.close(E3, &first, true, &["from a"]).unwrap();
    world.wait(10);
    let next = world.assign(E2).unwrap();
    assert_eq!(next.input, values(&["from a", "from b"]));
}

#[test]
fn a_cron_run_by_hand_keeps_its_schedule() {
    let mut world = World::new();
    let id = world.add_cron(new("c", every(100)));
    world.wait(30);
    let started = world.run_cron(id).unwrap();
    assert_eq!((started.number(), world.cron(&id).previous), (1, Some(started)));
    assert_eq!(world.cron(&id).next_run, Some(Timestamp::from_micros(1_100_000_000)));
}

#[test]
fn a_cron_whose_maker_is_gone_starts_nothing_and_says_why() {
    let mut world = World::new();
    let id = world.add_cron(new("c", every(10)));
    world.ok(OWNER, Command::RemoveUser { name: text("u4") });
    world.wait(10);
    let cron = world.cron(&id);
    assert_eq!((world.workflows(), cron.runs), (0, 0));
    assert!(cron.problem.contains("access denied"), "{}", cron.problem);
    // It goes on with its schedule instead of trying again and again.
    assert_eq!(cron.next_run, Some(Timestamp::from_micros(1_020_000_000)));
}

#[test]
fn what_is_no_cron_is_refused_whole() {
    let mut world = World::new();
    world.add_cron(new("c", every(10)));
    let elsewhere = WorkflowSpec { colony_name: text("other"), ..(*workflow(&["a"])).clone() };
    for (wrong, field) in [
        (new("", every(10)), "name"),
        (new("a:b", every(10)), "name"),
        (new("d", every(0)), "cronexpression"),
        (new("d", Schedule::Expression(text("* * * * *"))), "cronexpression"),
        (NewCron { spec: workflow(&["a", "a"]), ..new("d", every(10)) }, "functionspecs[1].nodename"),
        (NewCron { spec: Arc::new(elsewhere), ..new("d", every(10)) }, "colonyname"),
    ] {
        let refused = world.tell(USER, Command::AddCron { cron: wrong }).unwrap_err();
        assert!(matches!(&refused, Refusal::Invalid { field: named, .. } if &**named == field), "{refused}");
    }
    let twice = world.tell(USER, Command::AddCron { cron: new("c", every(10)) });
    assert!(matches!(twice, Err(Refusal::Exists { .. })));
    assert_eq!(world.colony.crons_after(0).count(), 1);
}

#[test]
fn who_made_a_cron_or_the_owner_removes_it() {
    let mut world = World::new();
    let one = world.add_cron(new("one", every(10)));
    let two = world.add_cron(new("two", every(10)));
    let other = world.tell(E2, Command::RemoveCron { cron: one });
    assert!(matches!(other, Err(Refusal::Denied { .. })));
    world.ok(USER, Command::RemoveCron { cron: one });
    world.ok(OWNER, Command::RemoveCron { cron: two });
    world.wait(100);
    assert_eq!((world.workflows(), world.colony.next_deadline()), (0, None));
}

#[test]
fn a_cron_is_found_by_name_number_and_the_beginning_of_its_id() {
    let mut world = World::new();
    let id = world.add_cron(new("nightly", every(10)));
    let other = world.add_cron(new("c1", every(10)));
    for word in ["nightly", &id.to_hex()[..12], &id.to_hex()] {
        assert_eq!(world.colony.find_cron(word).unwrap().id, id, "{word}");
    }
    // A name comes before a number.
    assert_eq!(world.colony.find_cron("c1").unwrap().id, other);
    assert_eq!(world.colony.find_cron("c2").unwrap().id, other);
    for word in ["c3", "night", "", "zz"] {
        assert!(matches!(world.colony.find_cron(word), Err(Refusal::NotFound { .. })), "{word}");
    }
}
