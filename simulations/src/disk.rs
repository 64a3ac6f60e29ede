//! What survives a crash: the rows of the last complete entry.

use std::collections::{BTreeMap, BTreeSet};

use colony_protocol::{
    colony::{Archived, Change, Colony, Expiry, RowKey, decode_process, decode_workflow},
    identity::Identity,
    model::{Process, State, Workflow},
};

/// Rows, as the store would hold them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Disk {
    rows: BTreeMap<RowKey, Vec<u8>>,
}

impl Disk {
    /// Writes the changes of one entry, all or nothing: the simulated crash comes before or after.
    pub fn commit(&mut self, changes: &[Change], colony: &Colony) {
        let mut touched = BTreeSet::new();
        for change in changes {
            match change {
                Change::Touched(key) => {
                    touched.insert(*key);
                }
                Change::Kept(key, row) => {
                    self.rows.insert(*key, row.clone());
                }
                Change::Forgotten(key) => self.forget(*key),
                Change::Removed(what, by) => self.remove(what, by, colony),
                Change::ForgottenState(state) => self.forget_state(*state),
                Change::Expired(expiry) => self.expire(expiry),
            }
        }
        for key in touched {
            match colony.row(&key) {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }

    fn forget(&mut self, key: RowKey) {
        match key {
            RowKey::LogLine(process, _) => self.forget_lines(process),
            RowKey::ArchivedWorkflow(number) => {
                let listed = self.rows.remove(&RowKey::ArchivedWorkflow(number));
                let workflow = listed.and_then(|row| decode_workflow(&row).ok());
                for process in workflow.iter().flat_map(|workflow| workflow.processes.iter()) {
                    self.rows.remove(&RowKey::ArchivedProcess(process.number()));
                    self.forget_lines(process.number());
                }
            }
            other => {
                self.rows.remove(&other);
            }
        }
    }

    /// Forgets what somebody wants forgotten, if it may.
    fn remove(&mut self, what: &Archived, by: &Identity, colony: &Colony) {
        match what {
            Archived::Process(id) => {
                let key = RowKey::ArchivedProcess(id.number());
                let row = self.rows.get(&key).and_then(|row| decode_process(row).ok());
                let may = |row: &Process| {
                    row.id == *id && colony.may_end(by, &row.initiator, &row.initiator_name).is_ok()
                };
                if row.is_some_and(|row| may(&row)) {
                    self.forget(key);
                    self.forget_lines(id.number());
                }
            }
            Archived::Workflow(id) => {
                let key = RowKey::ArchivedWorkflow(id.number());
                let row = self.rows.get(&key).and_then(|row| decode_workflow(row).ok());
                let may = |row: &Workflow| {
                    row.id == *id && colony.may_end(by, &row.initiator, &row.initiator_name).is_ok()
                };
                if row.is_some_and(|row| may(&row)) {
                    self.forget(key);
                }
            }
        }
    }

    fn forget_lines(&mut self, process: u64) {
        self.rows.retain(|key, _| !matches!(key, RowKey::LogLine(number, _) if *number == process));
    }

    fn expire(&mut self, expiry: &Expiry) {
        let (first, last) = (expiry.workflows.start, expiry.workflows.end);
        let rows = self.rows.range(RowKey::ArchivedWorkflow(first)..RowKey::ArchivedWorkflow(last));
        let workflows = rows.filter_map(|(_, row)| decode_workflow(row).ok());
        let old = workflows.filter(|workflow| expiry.takes(workflow.state, workflow.ended_at));
        for number in old.map(|workflow| workflow.id.number()).collect::<Vec<_>>() {
            self.forget(RowKey::ArchivedWorkflow(number));
        }
        let processes = self.archived().filter(|process| expiry.processes.contains(&process.number()));
        for process in processes.collect::<Vec<_>>() {
            let whole = process.workflow.is_none() && expiry.takes(process.state, process.ended_at);
            if whole {
                self.rows.remove(&RowKey::ArchivedProcess(process.number()));
            }
            if whole || expiry.takes_log(process.ended_at) {
                self.forget_lines(process.number());
            }
        }
    }

    fn forget_state(&mut self, state: State) {
        let ended = self.archived().filter(|process| process.state == state && process.workflow.is_none());
        let numbers: Vec<u64> = ended.map(|process| process.number()).collect();
        for number in numbers {
            self.rows.remove(&RowKey::ArchivedProcess(number));
            self.forget_lines(number);
        }
    }

    /// What a colony is restored from.
    pub fn live_rows(&self) -> impl Iterator<Item = (RowKey, Vec<u8>)> {
        self.rows.iter().filter(|(key, _)| key.is_live()).map(|(key, row)| (*key, row.clone()))
    }

    /// A finished process.
    #[must_use]
    pub fn archived_process(&self, number: u64) -> Option<Process> {
        decode_process(self.rows.get(&RowKey::ArchivedProcess(number))?).ok()
    }

    /// All finished processes that can be read.
    pub fn archived(&self) -> impl Iterator<Item = Process> {
        let rows = self.rows.range(RowKey::ArchivedProcess(0)..RowKey::ArchivedWorkflow(0));
        rows.filter_map(|(_, row)| decode_process(row).ok())
    }

    /// Keys whose rows differ between two disks.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<RowKey> {
        let keys: BTreeSet<&RowKey> = self.rows.keys().chain(other.rows.keys()).collect();
        keys.into_iter().filter(|key| self.rows.get(key) != other.rows.get(key)).copied().collect()
    }
}
