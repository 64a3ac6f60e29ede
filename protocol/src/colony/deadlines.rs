//! What happens by itself when time passes: waits that end, leases that run out, holders that fall silent, memberships
//! that expire, tickets that need not be remembered any more, crons and generators that start work.
//!
//! Deadlines fire in the order of their time. All follow from stored rows, so a restored replica fires the same ones.

use super::{Colony, Outbox, RowKey, transitions::Ending};
use crate::{
    identity::Identity,
    model::{Lease, Process, State},
    time::Timestamp,
};

/// ColonyOS's words; its users look for them.
pub(super) const EXEC_EXCEEDED: &str = "Maximum execution time limit exceeded";
/// ColonyOS's words; its users look for them.
pub(super) const WAIT_EXCEEDED: &str = "Maximum waiting time limit exceeded";
/// What a process is told whose last allowed holder fell silent.
pub(super) const HOLDER_LOST: &str = "Executor lost: the lease was not renewed in time";

/// What has to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A process ran as long as it may.
    Exec(u64),
    /// A process waited as long as it may.
    Wait(u64),
    /// An executor was not heard for as long as it promised.
    Silence(Identity),
    /// A membership ends.
    Member(Identity),
    /// A used ticket has expired.
    Ticket([u8; 16]),
    /// A cron runs.
    Cron(u64),
    /// The oldest argument of a generator has waited long enough.
    Generator(u64),
    /// A part of the archive is gone through for what is too old.
    Retention,
    /// The handler of a kind of blueprints is asked.
    Round(u64),
    /// Closed channels have been readable long enough.
    Channels(u64),
}

impl Colony {
    /// When the next deadline fires, if nothing else happens before. Earlier than that no entry is needed.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.next_due().map(|(at, _)| at)
    }

    /// When a live lease is lost unless its holder is heard again. Each authenticated call of the holder moves this;
    /// [`Lease::renew_by`] in the row is the moment as of the grant.
    #[must_use]
    pub fn renew_by(&self, lease: &Lease) -> Option<Timestamp> {
        self.index.leases.renew_by(&lease.holder, lease.heartbeat?)
    }

    fn next_due(&self) -> Option<(Timestamp, Due)> {
        let exec = self.index.hard.first().map(|(at, number)| (*at, Due::Exec(*number)));
        let wait = self.index.waits.first().map(|(at, number)| (*at, Due::Wait(*number)));
        let silence = self.index.leases.next_silence().map(|(at, id)| (at, Due::Silence(id)));
        let member = self.roster.next_end().map(|(at, id)| (at, Due::Member(id)));
        let ticket = self.tickets.next_end().map(|(at, id)| (at, Due::Ticket(id)));
        let cron = self.crons.next_due().map(|(at, number)| (at, Due::Cron(number)));
        let generator = self.generators.next_due().map(|(at, number)| (at, Due::Generator(number)));
        let retention = self.meta.retention.due.map(|at| (at, Due::Retention));
        let round = self.blueprints.next_due().map(|(at, number)| (at, Due::Round(number)));
        let channels = self.channels.next_end().map(|(at, number)| (at, Due::Channels(number)));
        [exec, wait, silence, member, ticket, cron, generator, retention, round, channels]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn fire_deadlines(&mut self, out: &mut Outbox) {
        let now = self.meta.now;
        while let Some((_, due)) = self.next_due().filter(|(at, _)| *at <= now) {
            match due {
                Due::Exec(number) => self.lose(number, EXEC_EXCEEDED, out),
                Due::Wait(number) => self.end(number, Ending::failed(WAIT_EXCEEDED), out),
                Due::Silence(holder) => {
                    for number in self.index.leases.silent(&holder, now) {
                        self.lose(number, HOLDER_LOST, out);
                    }
                }
                Due::Member(id) => self.expire_member(&id, out),
                Due::Ticket(id) => {
                    self.tickets.forget(&id);
                    out.touch(RowKey::Ticket(id));
                }
                Due::Cron(number) => self.cron_is_due(number, out),
                Due::Retention => self.retention_is_due(out),
                Due::Generator(number) => self.generator_is_due(number, out),
                Due::Round(number) => self.round_is_due(number, out),
                Due::Channels(process) => self.forget_channels(process, out),
            }
        }
    }

    /// The lease of a running process ends: back to the queue, or failed if it was there often enough.
    pub(super) fn lose(&mut self, number: u64, why: &str, out: &mut Outbox) {
        let Some(process) = self.processes.get(&number).filter(|process| process.state == State::Running)
        else {
            return;
        };
        if may_retry(process) {
            self.requeue(number, true, out);
        } else {
            self.revoke(number, out);
            self.end(number, Ending::failed(why), out);
        }
    }
}

fn may_retry(process: &Process) -> bool {
    let limit = process.spec.max_retries;
    limit < 0 || i64::from(process.retries) < limit
}
