//! Why a process does, or does not, run: what holds it back, and each executor against each condition.

use super::{
    Colony,
    matching::{Demand, Fit, Offer, cpu_of},
    queue,
};
use crate::{
    model::{Executor, ExecutorState, Hardware, Leg, Name, Process, Reach, State, json::rfc3339 as date},
    reply::{Blocker, Check, ExecutorVerdict, Explanation},
    units::format_memory,
};

/// Most executors in one explanation, the closest first: a page.
const EXECUTORS_SHOWN: usize = 1_000;

impl Colony {
    /// Explains a process, which may also be a finished one out of the archive.
    #[must_use]
    pub fn explain(&self, process: &Process) -> Explanation {
        let mut executors: Vec<ExecutorVerdict> = self
            .executors()
            .filter(|executor| executor.state != ExecutorState::Unregistered)
            .map(|executor| self.verdict(executor, process))
            .collect();
        executors.sort_by_cached_key(|verdict| {
            let unmet = verdict.checks.iter().filter(|check| !check.met).count();
            (unmet, verdict.name.clone())
        });
        executors.truncate(EXECUTORS_SHOWN);
        let wanted = &process.spec.conditions.executor_type;
        let waits = process.state == State::Waiting;
        Explanation {
            process: process.clone(),
            blockers: self.blockers(process),
            ahead: if waits { self.index.queue.ahead(wanted, queue::place(process)) } else { 0 },
            executors,
        }
    }

    fn blockers(&self, process: &Process) -> Vec<Blocker> {
        if process.state != State::Waiting {
            return vec![Blocker::NotWaiting(process.state)];
        }
        let mut blockers = Vec::new();
        if self.meta.paused {
            blockers.push(Blocker::Paused);
        }
        let parents = process.parents.iter().filter_map(|parent| self.live_process(parent.number()));
        blockers.extend(parents.filter(|parent| parent.state != State::Success).map(|parent| {
            Blocker::Parent {
                process: parent.id,
                node_name: parent.spec.node_name.clone(),
                state: parent.state,
            }
        }));
        let wanted = &process.spec.conditions.executor_type;
        let registered = |executor: &Executor| executor.state != ExecutorState::Unregistered;
        if !self.executors().any(|executor| registered(executor) && executor.executor_type == *wanted) {
            blockers.push(Blocker::NoExecutorOfType(wanted.clone()));
        }
        blockers
    }

    fn verdict(&self, executor: &Executor, process: &Process) -> ExecutorVerdict {
        let demand = Demand::of(&process.spec.conditions);
        let mut checks = identity_checks(executor, &demand, process);
        checks.extend(resource_checks(executor, &demand));
        checks.extend(self.contact_check(executor, process));
        ExecutorVerdict {
            name: executor.name.clone(),
            executor_type: executor.executor_type.clone(),
            last_heard_at: executor.last_heard_at,
            checks,
        }
    }

    /// Of an executor with a contact plan: whether work gets there and its result back in time, or which leg fails.
    fn contact_check(&self, executor: &Executor, process: &Process) -> Option<Check> {
        if executor.contacts.windows.is_empty() {
            return None;
        }
        let limit = process.spec.max_exec_time.as_seconds();
        let wanted = limit.map_or_else(
            || "no deadline".to_owned(),
            |span| format!("result back before {}", date(self.meta.now.after(span))),
        );
        let owed = self.index.leases.of(&executor.id).len();
        let bytes = |carries: u64, from: &str| format!("{} {from}", format_memory(carries));
        Some(match self.returns(executor, process, owed) {
            Err(Leg::Up { until, carries }) => {
                let has = bytes(carries, &format!("left of the window until {}", date(until)));
                check("upload", false, "the process sent in this window", &has)
            }
            Err(Leg::Late(next)) => check("return", false, &wanted, &format!("next contact {}", date(next))),
            Err(Leg::Back { from, carries }) => {
                let has = bytes(carries, &format!("in the window from {}", date(from)));
                check("return", false, &format!("{wanted}, in one window"), &has)
            }
            Ok(()) => {
                let has = match executor.contacts.reach(self.meta.now) {
                    Reach::InContact(until) => format!("in contact until {}", date(until)),
                    Reach::Silent(until) => format!("silent until {}", date(until)),
                    Reach::Unplanned => "no further windows".to_owned(),
                };
                check("contact", true, &wanted, &has)
            }
        })
    }
}

fn identity_checks(executor: &Executor, demand: &Demand, process: &Process) -> Vec<Check> {
    let names: Vec<&str> = demand.executor_names.iter().map(|name| &**name).collect();
    let named = names.is_empty() || names.contains(&&*executor.name);
    let is_at = Offer::new(executor, None, None).is_at(demand);
    let conditions = &process.spec.conditions;
    let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    vec![
        check("approved", executor.state == ExecutorState::Approved, "approved", executor.state.word()),
        check(
            "type",
            executor.executor_type == demand.executor_type,
            &demand.executor_type,
            &executor.executor_type,
        ),
        check("name", named, &or(&names.join(", "), "any"), &executor.name),
        check("location", is_at, &or(&conditions.location_name, "any"), &or(&executor.location_name, "none")),
    ]
}

/// Resources against the declared kind of machine that comes closest.
fn resource_checks(executor: &Executor, demand: &Demand) -> Vec<Check> {
    let unknown = Hardware::default();
    let machines = executor.capabilities.hardware.iter();
    let machine = machines.max_by_key(|machine| Fit::of(demand, machine).met()).unwrap_or(&unknown);
    let fit = Fit::of(demand, machine);
    let stated = |value: u64| if value == 0 { "not stated".to_owned() } else { value.to_string() };
    let cpu = |millis: u64| if millis == 0 { stated(0) } else { format!("{millis}m") };
    let gpu = |count: u32, name: &str| match (count, name) {
        (0, _) => "none".to_owned(),
        (count, "") => count.to_string(),
        (count, name) => format!("{count} x {name}"),
    };
    vec![
        check("cpu", fit.cpu, &format!("{}m", demand.cpu), &cpu(cpu_of(machine))),
        check("memory", fit.memory, &demand.memory.to_string(), &stated(machine.memory)),
        check("storage", fit.storage, &demand.storage.to_string(), &stated(machine.storage)),
        check("nodes", fit.nodes, &demand.nodes.to_string(), &stated(machine.nodes.into())),
        check(
            "gpu",
            fit.gpu,
            &gpu(demand.gpu.count, &demand.gpu.name),
            &gpu(machine.gpu.count, &machine.gpu.name),
        ),
    ]
}

fn check(condition: &str, met: bool, wanted: &str, has: &str) -> Check {
    Check { condition: Name::cut(condition), met, wanted: Name::cut(wanted), has: Name::cut(has) }
}
