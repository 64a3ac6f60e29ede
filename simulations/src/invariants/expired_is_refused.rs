//! A request that has expired by the colony's time is not carried out: its sender has given it up, and what was remembered
//! of it may be forgotten (G4).

use super::{Fact, Invariant};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct ExpiredIsRefused;

impl Invariant for ExpiredIsRefused {
    fn name(&self) -> &'static str {
        "an expired request is not carried out"
    }

    fn observe(&mut self, fact: &Fact<'_>, broken: &mut Vec<String>) {
        let Fact::Committed(entry, _) = fact else { return };
        for applied in entry.applied.iter().filter(|applied| applied.answer.is_ok()) {
            if applied.call.expires < entry.at {
                let late = entry.at.since(applied.call.expires);
                broken.push(format!(
                    "{} was carried out {late:?} after it expired",
                    applied.call.command.kind()
                ));
            }
        }
    }
}
