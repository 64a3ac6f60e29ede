//! Crons and generators, a page at a time.

use colony_protocol::{
    model::{Cron, Generator, WorkflowSpec},
    refusal::Refusal,
};

use super::{ANSWER_BYTES_MAX, Desk, page};

/// What a cron or a generator costs on the wire beside its spec.
const ROW_BYTES: usize = 1024;

impl Desk {
    pub(super) fn cron(&self, named: &str) -> Result<Cron, Refusal> {
        self.colony()?.find_cron(named).cloned()
    }

    pub(super) fn generator(&self, named: &str) -> Result<Generator, Refusal> {
        self.colony()?.find_generator(named).cloned()
    }

    /// Crons with numbers above `after`.
    pub(super) fn crons(&self, after: u64, limit: u16) -> Result<Vec<Cron>, Refusal> {
        let mut found: Vec<Cron> =
            self.colony()?.crons_after(after).take(page::limit(limit)).cloned().collect();
        let bytes = |cron: &Cron| {
            let handed_on: usize = cron.handed_on.iter().map(|value| value.as_text().len()).sum();
            spec_bytes(&cron.spec).saturating_add(handed_on)
        };
        let mut room = ANSWER_BYTES_MAX;
        found.truncate(page::fitting(found.iter().map(bytes), &mut room));
        Ok(found)
    }

    /// Generators with numbers above `after`.
    pub(super) fn generators(&self, after: u64, limit: u16) -> Result<Vec<Generator>, Refusal> {
        let mut found: Vec<Generator> =
            self.colony()?.generators_after(after).take(page::limit(limit)).cloned().collect();
        let mut room = ANSWER_BYTES_MAX;
        let bytes = |generator: &Generator| spec_bytes(&generator.spec);
        found.truncate(page::fitting(found.iter().map(bytes), &mut room));
        Ok(found)
    }
}

fn spec_bytes(spec: &WorkflowSpec) -> usize {
    ROW_BYTES.saturating_add(spec.nodes.iter().map(page::spec_bytes).sum())
}
