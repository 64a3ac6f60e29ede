//! A result is applied only from the holder of the live lease (G4).

use std::collections::BTreeMap;

use colony_protocol::{colony::Event, command::Command, identity::Identity, model::ProcessId, reply::Reply};

use super::{Fact, Invariant};
use crate::coordinator::Applied;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct StaleWritesRefused {
    live: BTreeMap<ProcessId, (Identity, u64)>,
}

impl Invariant for StaleWritesRefused {
    fn name(&self) -> &'static str {
        "only the holder of the live lease writes"
    }

    fn observe(&mut self, fact: &Fact<'_>, broken: &mut Vec<String>) {
        if let Fact::Applied(Applied { call, answer: Ok(Reply::Closed(outcomes)), repeated: false, .. }) =
            fact
        {
            let Command::Close { items } = &*call.command else { return };
            for (item, _) in items.into_iter().zip(outcomes).filter(|(_, outcome)| outcome.is_ok()) {
                let live = self.live.remove(&item.lease.process);
                if live != Some((call.by, item.lease.token)) {
                    let (number, token) = (item.lease.process.number(), item.lease.token);
                    broken.push(format!("p{number}: {} closed it with {token}; live was {live:?}", call.by));
                }
            }
        }
        for event in fact.events() {
            if let Event::LeaseLost { process, .. } = event {
                self.live.remove(process);
            }
        }
        if let Fact::Applied(applied) = fact {
            let grants = fact.grants().iter();
            self.live.extend(grants.map(|process| (process.id, (applied.call.by, process.token))));
        }
    }
}
