//! Takes back what a holder cannot, or will not, finish: at once, instead of after its silence.

use super::{Colony, Outbox};
use crate::{command::Release, identity::Identity, mutant, refusal::Refusal, reply::Reply};

/// What a process is told whose last allowed holder gave it back.
pub(super) const GIVEN_BACK: &str = "Executor stopped before the process was done";

impl Colony {
    /// Each item is decided on its own; a refused one changes nothing.
    pub(super) fn release(
        &mut self,
        by: &Identity,
        items: &[Release],
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.approved(by)?;
        Ok(Reply::Closed(items.iter().map(|item| self.release_one(by, item, out)).collect()))
    }

    fn release_one(&mut self, by: &Identity, item: &Release, out: &mut Outbox) -> Result<(), Refusal> {
        let number = self.held(by, &item.lease, "release")?.number();
        if mutant::is("release-nothing") {
            return Ok(());
        }
        if item.began {
            self.lose(number, GIVEN_BACK, out);
        } else {
            // Nothing happened yet: it costs the process no try.
            self.requeue(number, false, out);
        }
        Ok(())
    }
}
