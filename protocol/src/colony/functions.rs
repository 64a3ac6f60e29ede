//! Functions that executors say they offer, and how their runs went.
//!
//! An offer is advice to people: nothing about assignment depends on it. Statistics count successful runs only, as in
//! ColonyOS, but with true sums instead of a decaying mean.

use std::collections::BTreeMap;

use super::{Colony, Outbox, RowKey};
use crate::{
    bounded::Text,
    identity::Identity,
    model::{FunctionArguments, Name, Process, RegisteredFunction},
    refusal::Refusal,
    reply::Reply,
    time::Timestamp,
};

/// Most functions in a colony: they are all in memory and in one answer.
const FUNCTIONS_MAX: usize = 100_000;
/// Most functions of one executor, so that one cannot fill the colony's table.
const FUNCTIONS_PER_EXECUTOR: usize = 1_000;

/// Registered functions, by number, and found by executor and name.
#[derive(Debug, Default)]
pub(super) struct Functions {
    pub(super) by_number: BTreeMap<u64, RegisteredFunction>,
    by_name: BTreeMap<Name, BTreeMap<Text<1024>, u64>>,
}

impl Functions {
    pub(super) fn put(&mut self, function: RegisteredFunction) {
        let names = self.by_name.entry(function.executor_name.clone()).or_default();
        names.insert(function.func_name.clone(), function.number);
        self.by_number.insert(function.number, function);
    }

    fn drop(&mut self, number: u64) {
        let Some(function) = self.by_number.remove(&number) else { return };
        if let Some(names) = self.by_name.get_mut(&function.executor_name) {
            names.remove(&function.func_name);
            if names.is_empty() {
                self.by_name.remove(&function.executor_name);
            }
        }
    }

    fn of(&self, executor: &str) -> Vec<u64> {
        self.by_name.get(executor).map(|names| names.values().copied().collect()).unwrap_or_default()
    }

    fn find(&mut self, executor: &str, function: &str) -> Option<&mut RegisteredFunction> {
        let number = self.by_name.get(executor)?.get(function)?;
        self.by_number.get_mut(number)
    }

    /// Counts a successful run that ends now.
    pub(super) fn count_run(&mut self, process: &Process, now: Timestamp, out: &mut Outbox) {
        let Some(started) = process.started_at else { return };
        let Some(function) = self.find(&process.executor_name, &process.spec.func_name) else {
            return;
        };
        let wait = started.since(process.submitted_at).as_secs_f64();
        let exec = now.since(started).as_secs_f64();
        let first = function.counter == 0;
        function.min_wait = if first { wait } else { function.min_wait.min(wait) };
        function.min_exec = if first { exec } else { function.min_exec.min(exec) };
        function.max_wait = function.max_wait.max(wait);
        function.max_exec = function.max_exec.max(exec);
        function.sum_wait += wait;
        function.sum_exec += exec;
        function.counter = function.counter.saturating_add(1);
        out.touch(RowKey::Function(function.number));
    }
}

impl Colony {
    pub(super) fn add_function(
        &mut self,
        by: &Identity,
        func_name: &Text<1024>,
        description: &Text<16384>,
        arguments: &FunctionArguments,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let executor = self.approved(by)?;
        if func_name.is_empty() {
            return Err(Refusal::invalid("funcname", "a function needs a name"));
        }
        if let Some(names) = self.functions.by_name.get(&executor.name) {
            if names.contains_key(func_name) {
                return Err(Refusal::exists(format!("function `{func_name}` of `{}`", executor.name)));
            }
            if names.len() >= FUNCTIONS_PER_EXECUTOR {
                return Err(Refusal::Busy(Text::cut("the executor offers as many functions as it may")));
            }
        }
        if self.functions.by_number.len() >= FUNCTIONS_MAX {
            return Err(Refusal::Busy(Text::cut("the colony has as many functions as it can hold")));
        }
        let number = self.meta.last_function.saturating_add(1);
        let function = RegisteredFunction {
            number,
            executor_name: executor.name.clone(),
            executor_type: executor.executor_type.clone(),
            func_name: func_name.clone(),
            description: description.clone(),
            arguments: arguments.clone(),
            location_name: executor.location_name.clone(),
            ..RegisteredFunction::default()
        };
        self.meta.last_function = number;
        self.functions.put(function);
        out.touch(RowKey::Function(number));
        Ok(Reply::FunctionAdded(number))
    }

    pub(super) fn remove_function(
        &mut self,
        by: &Identity,
        number: u64,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(by)?;
        let function = self.functions.by_number.get(&number);
        let own = |function: &RegisteredFunction| {
            self.members.executors.get(by).is_some_and(|executor| executor.name == function.executor_name)
        };
        if !function.is_some_and(own) {
            self.owner(by)?;
        }
        if function.is_none() {
            return Err(Refusal::not_found(format!("function {number}")));
        }
        self.functions.drop(number);
        out.touch(RowKey::Function(number));
        Ok(Reply::Done)
    }

    pub(super) fn drop_functions_of(&mut self, executor: &str, out: &mut Outbox) {
        for number in self.functions.of(executor) {
            self.functions.drop(number);
            out.touch(RowKey::Function(number));
        }
    }
}
