//! Judges of the way to one peer: direct, then punched, then through a relay.
//!
//! A step that does not work is a failure only if no other does. Where none works the first thing to do is what the
//! last step says.

use std::time::Duration;

use super::{Check, words};

/// Why a node that is there leads nowhere.
pub(super) const NO_RELAY: &str = "it does not relay";

/// What came of trying one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The address.
    pub address: String,
    /// How long it took to connect, or why nothing came of it.
    pub outcome: Result<Duration, String>,
}

/// What came of punching a hole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Punch {
    /// It was not tried: there was no relay to agree through, or no need.
    Untried,
    /// A direct connection came of it.
    Done(Duration),
    /// None did.
    Failed(String),
}

/// All that was tried to reach one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tries {
    /// What it is called.
    pub peer: String,
    /// Its own addresses.
    pub direct: Vec<Attempt>,
    /// Its addresses through relays.
    pub relayed: Vec<Attempt>,
    /// The hole.
    pub punch: Punch,
}

/// The best way that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// At an address of its own.
    Direct,
    /// Through a hole in the NATs.
    Punched,
    /// Through a relay.
    Relayed,
    /// None.
    None,
}

impl Way {
    /// The word for people and programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Punched => "punched",
            Self::Relayed => "relayed",
            Self::None => "none",
        }
    }
}

impl Tries {
    /// The best way that was found.
    #[must_use]
    pub fn way(&self) -> Way {
        if self.reaches_directly() {
            Way::Direct
        } else if matches!(self.punch, Punch::Done(_)) {
            Way::Punched
        } else if best(&self.relayed).is_some() {
            Way::Relayed
        } else {
            Way::None
        }
    }

    /// Whether an address of its own leads to it.
    #[must_use]
    pub fn reaches_directly(&self) -> bool {
        best(&self.direct).is_some()
    }

    /// Each step, judged.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        vec![self.direct(), self.punched(), self.relayed()]
    }

    fn direct(&self) -> Check {
        const NAME: &str = "direct";
        if let Some((address, took)) = best(&self.direct) {
            return Check::ok(NAME, format!("{address} in {}", words::duration(took)));
        }
        let finding = match self.direct.as_slice() {
            [] => format!("{} has told no address of its own", self.peer),
            tried => failures(tried),
        };
        self.short_of(
            NAME,
            finding,
            format!(
                "let its port in on its router or firewall, and see there: colony doctor (on {})",
                self.peer
            ),
        )
    }

    fn punched(&self) -> Check {
        const NAME: &str = "punched";
        match &self.punch {
            Punch::Done(took) => Check::ok(NAME, format!("a hole, after {}", words::duration(*took))),
            Punch::Untried if self.way() == Way::Direct => Check::ok(NAME, "not needed"),
            Punch::Untried => self.short_of(
                NAME,
                "not tried: holes are agreed on through a relay".to_owned(),
                String::new(),
            ),
            Punch::Failed(why) => self.short_of(
                NAME,
                format!("no hole ({why}); at least one NAT shows each peer another port"),
                "forward a port on one of the two routers, or stay with the relay".to_owned(),
            ),
        }
    }

    fn relayed(&self) -> Check {
        const NAME: &str = "relayed";
        if let Some((address, took)) = best(&self.relayed) {
            return Check::ok(NAME, format!("{address} in {}", words::duration(took)));
        }
        match self.relayed.as_slice() {
            [] if self.way() == Way::Direct => Check::ok(NAME, "not needed"),
            [] => self.short_of(
                NAME,
                format!("{} has no place at a relay", self.peer),
                "run a reachable member as a relay: colony up --relay".to_owned(),
            ),
            tried if tried.iter().all(|attempt| attempt.outcome == Err(NO_RELAY.to_owned())) => self
                .short_of(
                    NAME,
                    failures(tried),
                    "run a reachable member as a relay: colony up --relay".to_owned(),
                ),
            tried => self.short_of(
                NAME,
                failures(tried),
                format!("see that {} and its relay run: colony members", self.peer),
            ),
        }
    }

    /// A failure if nothing else works.
    fn short_of(&self, name: &'static str, finding: String, fix: String) -> Check {
        match self.way() {
            Way::None => Check::fail(name, finding, fix),
            _ => Check::warn(name, finding, fix),
        }
    }
}

/// The fastest that worked.
fn best(attempts: &[Attempt]) -> Option<(&str, Duration)> {
    let worked = attempts.iter().filter_map(|attempt| {
        let took = attempt.outcome.as_ref().ok()?;
        Some((attempt.address.as_str(), *took))
    });
    worked.min_by_key(|(_, took)| *took)
}

fn failures(attempts: &[Attempt]) -> String {
    let failed = attempts.iter().filter_map(|attempt| {
        let why = attempt.outcome.as_ref().err()?;
        Some(format!("{}: {why}", attempt.address))
    });
    failed.collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::{Health, worst};

    fn tried(outcome: Result<u64, &str>) -> Vec<Attempt> {
        let outcome = outcome.map(Duration::from_millis).map_err(ToOwned::to_owned);
        vec![Attempt { address: "/ip4/11.1.0.1/tcp/1".to_owned(), outcome }]
    }

    fn tries(direct: Vec<Attempt>, punch: Punch, relayed: Vec<Attempt>) -> Tries {
        Tries { peer: "b".to_owned(), direct, relayed, punch }
    }

    fn healths(tries: &Tries) -> Vec<Health> {
        tries.checks().iter().map(|check| check.health).collect()
    }

    #[test]
    fn the_best_way_that_works_is_the_way() {
        let direct = tries(tried(Ok(3)), Punch::Untried, Vec::new());
        assert_eq!((direct.way(), healths(&direct)), (Way::Direct, vec![Health::Ok; 3]));
        let punched = tries(tried(Err("timed out")), Punch::Done(Duration::from_millis(40)), tried(Ok(9)));
        assert_eq!(punched.way(), Way::Punched);
        let relayed = tries(tried(Err("timed out")), Punch::Failed("timed out".to_owned()), tried(Ok(9)));
        assert_eq!(relayed.way(), Way::Relayed);
        assert_eq!(healths(&relayed), [Health::Warn, Health::Warn, Health::Ok]);
        assert!(relayed.checks()[1].finding.contains("timed out"));
    }

    #[test]
    fn a_peer_that_no_way_leads_to_fails_each_step_with_its_reason() {
        let none = tries(tried(Err("timed out")), Punch::Untried, tried(Err("no reservation")));
        assert_eq!((none.way(), worst(&none.checks())), (Way::None, Health::Fail));
        assert_eq!(healths(&none), [Health::Fail; 3]);
        assert!(none.checks()[0].finding.contains("/ip4/11.1.0.1/tcp/1: timed out"));
        assert!(none.checks()[2].finding.contains("no reservation"));
        let no_relay = tries(Vec::new(), Punch::Untried, tried(Err(NO_RELAY)));
        assert!(no_relay.checks()[2].fix.contains("colony up --relay"), "{no_relay:?}");
    }

    #[test]
    fn a_peer_without_addresses_is_told_to_get_some() {
        let unknown = tries(Vec::new(), Punch::Untried, Vec::new());
        assert!(unknown.checks().iter().all(|check| check.health == Health::Fail), "{unknown:?}");
        assert!(unknown.checks()[2].fix.contains("colony up --relay"));
    }
}
