//! Takes results. At most one result per process is ever applied: the first under the live token.

use super::{
    Colony, Outbox,
    report::{room_for_lines, with_attributes},
    transitions::Ending,
};
use crate::{command::Closing, identity::Identity, model::State, mutant, refusal::Refusal, reply::Reply};

impl Colony {
    /// Each item is decided on its own; a refused one changes nothing.
    pub(super) fn close(
        &mut self,
        by: &Identity,
        items: &[Closing],
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.approved(by)?;
        Ok(Reply::Closed(items.iter().map(|item| self.close_one(by, item, out)).collect()))
    }

    fn close_one(&mut self, by: &Identity, item: &Closing, out: &mut Outbox) -> Result<(), Refusal> {
        let process = self.held(by, &item.lease, "close")?;
        let number = process.number();
        let attributes = with_attributes(process, &item.attributes)?;
        room_for_lines(process, &item.lines)?;
        self.append_lines(number, &item.lines, out);
        self.write(number, out, |process| {
            process.attributes = attributes;
            if !item.output.is_empty() && !mutant::is("lose-the-output") {
                process.output = item.output.clone();
            }
        });
        if item.success {
            self.count_run_of(number, out);
        }
        self.end(number, ending(item), out);
        Ok(())
    }

    fn count_run_of(&mut self, number: u64, out: &mut Outbox) {
        if let Some(process) = self.processes.get(&number) {
            self.functions.count_run(process, self.meta.now, out);
        }
    }
}

fn ending(item: &Closing) -> Ending {
    if item.success || mutant::is("every-end-is-a-success") {
        Ending { state: State::Success, errors: Default::default() }
    } else {
        Ending { state: State::Failed, errors: item.errors.clone() }
    }
}
