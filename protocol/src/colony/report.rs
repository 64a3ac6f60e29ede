//! What a running process says before it ends: intermediate output, attributes, log lines.

use super::{Colony, Event, Outbox, RowKey, encoding::encode_log_line};
use crate::{
    bounded::Text,
    command::LeaseRef,
    identity::Identity,
    model::{Attribute, AttributeKind, LogLine, Process, StoredLogLine, Values},
    refusal::Refusal,
    reply::Reply,
};

/// Most log lines of one process; beyond it a runaway program would fill every member's disk.
const LOG_LINES_MAX: u64 = 1_000_000;
/// Most bytes of attributes of one process: they are part of its row, which is written whole.
const ATTRIBUTE_BYTES_MAX: usize = 1024 * 1024;

impl Colony {
    pub(super) fn set_output(
        &mut self,
        by: &Identity,
        lease: &LeaseRef,
        output: &Values,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let number = self.held(by, lease, "set the output of")?.number();
        if !output.is_empty() {
            self.write(number, out, |process| process.output = output.clone());
        }
        Ok(Reply::Done)
    }

    pub(super) fn add_attribute(
        &mut self,
        by: &Identity,
        lease: &LeaseRef,
        attribute: &Attribute,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let process = self.held(by, lease, "add an attribute to")?;
        let number = process.number();
        let attributes = with_attributes(process, std::slice::from_ref(attribute))?;
        self.write(number, out, |process| process.attributes = attributes);
        Ok(Reply::Done)
    }

    pub(super) fn add_log(
        &mut self,
        by: &Identity,
        lease: &LeaseRef,
        lines: &[LogLine],
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let process = self.held(by, lease, "add to the log of")?;
        let number = process.number();
        room_for_lines(process, lines)?;
        self.append_lines(number, lines, out);
        Ok(Reply::Done)
    }

    /// Changes what no index looks at.
    pub(super) fn write(&mut self, number: u64, out: &mut Outbox, write: impl FnOnce(&mut Process)) {
        if let Some(process) = self.processes.get_mut(&number) {
            write(process);
            out.touch(RowKey::Process(number));
        }
    }

    /// Hands lines to the store; the process only counts them.
    pub(super) fn append_lines(&mut self, number: u64, lines: &[LogLine], out: &mut Outbox) {
        let at = self.meta.now;
        let Some(process) = self.processes.get_mut(&number) else { return };
        if lines.is_empty() {
            return;
        }
        for line in lines {
            let stored = StoredLogLine {
                line: process.log_lines,
                at,
                executor_name: process.executor_name.clone(),
                stream: line.stream,
                message: line.message.clone(),
            };
            out.keep(RowKey::LogLine(number, stored.line), encode_log_line(&stored));
            process.log_lines = process.log_lines.saturating_add(1);
        }
        out.touch(RowKey::Process(number));
        out.event(Event::Log { process: process.id });
    }
}

/// Refuses lines beyond the limit of a process.
pub(super) fn room_for_lines(process: &Process, lines: &[LogLine]) -> Result<(), Refusal> {
    if process.log_lines.saturating_add(lines.len() as u64) > LOG_LINES_MAX {
        let why = format!("the log of the process is full: {LOG_LINES_MAX} lines");
        return Err(Refusal::Busy(Text::cut(&why)));
    }
    Ok(())
}

/// The attributes of a process with more of them; none of them may be there already.
pub(super) fn with_attributes(
    process: &Process,
    more: &[Attribute],
) -> Result<crate::bounded::List<Attribute, 4096>, Refusal> {
    let mut all = process.attributes.clone();
    for attribute in more {
        let same = |other: &Attribute| other.key == attribute.key && other.kind == attribute.kind;
        let env = attribute.kind == AttributeKind::Env && process.spec.env.contains_key(&attribute.key);
        if env || all.iter().any(same) {
            return Err(Refusal::exists(format!("attribute `{}`", attribute.key)));
        }
        all.push(attribute.clone())
            .map_err(|_| Refusal::Busy(Text::cut("the process has as many attributes as it can hold")))?;
    }
    let bytes: usize = all.iter().map(|attribute| attribute.key.len() + attribute.value.len()).sum();
    if bytes > ATTRIBUTE_BYTES_MAX {
        let why = format!("the attributes of the process are above {ATTRIBUTE_BYTES_MAX} bytes");
        return Err(Refusal::Busy(Text::cut(&why)));
    }
    Ok(all)
}
