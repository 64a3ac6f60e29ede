//! Which executor may run which process: the rules of ColonyOS, plus hardware and accelerators.
//!
//! An executor without declared hardware is limited only by what each of its requests says is free. With declared
//! hardware a process must fit one kind of its machines; a value of zero there means "not stated" and limits nothing.
//! Accelerators must be stated to be there.

use crate::{
    announcement::WaitingWork,
    model::{Conditions, Executor, GpuDemand, Hardware, Name},
};

/// What makes two processes equal in the eyes of every executor.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Demand {
    pub(super) executor_type: Name,
    /// Sorted; empty means any.
    pub(super) executor_names: Vec<Name>,
    /// In lower case; empty means anywhere.
    pub(super) location: String,
    pub(super) nodes: u32,
    pub(super) cpu: u64,
    pub(super) memory: u64,
    pub(super) storage: u64,
    pub(super) gpu: GpuDemand,
}

impl Demand {
    pub(super) fn of(conditions: &Conditions) -> Self {
        let any = conditions.executor_names.iter().any(|name| &**name == "*");
        let mut executor_names = if any { Vec::new() } else { conditions.executor_names.to_vec() };
        executor_names.sort_unstable();
        executor_names.dedup();
        Self {
            executor_type: conditions.executor_type.clone(),
            executor_names,
            location: conditions.location_name.to_lowercase(),
            nodes: conditions.nodes,
            cpu: conditions.cpu_millis,
            memory: conditions.memory,
            storage: conditions.storage,
            gpu: conditions.gpu.clone(),
        }
    }
}

/// Whether an executor has what announced work wants, whatever its type and name.
#[must_use]
pub fn meets(executor: &Executor, work: &WaitingWork) -> bool {
    let demand = Demand {
        executor_type: work.executor_type.clone(),
        executor_names: Vec::new(),
        location: work.location_name.to_lowercase(),
        nodes: work.nodes,
        cpu: work.cpu_millis,
        memory: work.memory,
        storage: work.storage,
        gpu: work.gpu.clone(),
    };
    Offer::new(executor, None, None).fits(&demand)
}

/// What an executor has to offer at this moment.
#[derive(Debug)]
pub(super) struct Offer<'a> {
    executor: &'a Executor,
    location: String,
    cpu: Option<u64>,
    memory: Option<u64>,
}

impl<'a> Offer<'a> {
    /// As an assign request states it.
    pub(super) fn new(executor: &'a Executor, cpu: Option<u64>, memory: Option<u64>) -> Self {
        Self { executor, location: executor.location_name.to_lowercase(), cpu, memory }
    }

    /// Whether a demand of the executor's type, for any or for this executor's name, can be met.
    pub(super) fn fits(&self, demand: &Demand) -> bool {
        self.is_at(demand)
            && self.cpu.is_none_or(|cpu| demand.cpu <= cpu)
            && self.memory.is_none_or(|memory| demand.memory <= memory)
            && self.has_hardware(demand)
    }

    pub(super) fn is_at(&self, demand: &Demand) -> bool {
        demand.location.is_empty() || demand.location == self.location
    }

    fn has_hardware(&self, demand: &Demand) -> bool {
        let hardware = &self.executor.capabilities.hardware;
        if hardware.is_empty() {
            return demand.gpu.count == 0;
        }
        hardware.iter().any(|machine| Fit::of(demand, machine).all())
    }
}

/// Which parts of a demand one kind of machine meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fit {
    pub(super) nodes: bool,
    pub(super) cpu: bool,
    pub(super) memory: bool,
    pub(super) storage: bool,
    pub(super) gpu: bool,
}

impl Fit {
    pub(super) fn of(demand: &Demand, machine: &Hardware) -> Self {
        Self {
            nodes: within(u64::from(demand.nodes), u64::from(machine.nodes)),
            cpu: within(demand.cpu, cpu_of(machine)),
            memory: within(demand.memory, machine.memory),
            storage: within(demand.storage, machine.storage),
            gpu: has_gpu(&demand.gpu, machine),
        }
    }

    pub(super) fn all(self) -> bool {
        self.met() == 5
    }

    /// How many of the five are met.
    pub(super) fn met(self) -> u8 {
        [self.nodes, self.cpu, self.memory, self.storage, self.gpu].into_iter().map(u8::from).sum()
    }
}

/// Thousandths of a CPU of a machine; whole cores where only those are stated.
pub(super) fn cpu_of(machine: &Hardware) -> u64 {
    if machine.cpu_millis > 0 { machine.cpu_millis } else { u64::from(machine.cores).saturating_mul(1_000) }
}

fn within(wanted: u64, stated: u64) -> bool {
    stated == 0 || wanted <= stated
}

fn has_gpu(wanted: &GpuDemand, machine: &Hardware) -> bool {
    let gpu = &machine.gpu;
    wanted.count == 0
        || (wanted.count <= gpu.count
            && (wanted.name.is_empty() || wanted.name.to_lowercase() == gpu.name.to_lowercase())
            && wanted.memory <= gpu.memory
            && within(u64::from(wanted.node_count), u64::from(gpu.node_count)))
}
