//! What executors say for themselves, outside any process.
//!
//! Their lines stand where no process's lines are: under number 0, which no process has.

use super::{Colony, Outbox, RowKey, encoding::encode_log_line};
use crate::{
    identity::Identity,
    model::{LogLine, StoredLogLine},
    refusal::Refusal,
    reply::Reply,
};

/// The number under which these lines are kept.
pub const NO_PROCESS: u64 = 0;

impl Colony {
    pub(super) fn add_executor_log(
        &mut self,
        by: &Identity,
        lines: &[LogLine],
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let executor_name = self.approved(by)?.name.clone();
        for line in lines {
            let stored = StoredLogLine {
                line: self.meta.executor_lines,
                at: self.meta.now,
                executor_name: executor_name.clone(),
                stream: line.stream,
                message: line.message.clone(),
            };
            out.keep(RowKey::LogLine(NO_PROCESS, stored.line), encode_log_line(&stored));
            self.meta.executor_lines = self.meta.executor_lines.saturating_add(1);
        }
        Ok(Reply::Done)
    }
}
