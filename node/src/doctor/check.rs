//! What a judge says about one thing.

use std::fmt;

/// How well something is; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// As it should be.
    Ok,
    /// It could not be found out.
    Unknown,
    /// It works, and is worth a look.
    Warn,
    /// It does not work, or soon will not.
    Fail,
}

impl Health {
    /// The word for people and programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unknown => "unknown",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, in one word; the same in every run.
    pub name: &'static str,
    /// How well it is.
    pub health: Health,
    /// What was found.
    pub finding: String,
    /// What to do about it; empty where there is nothing to do.
    pub fix: String,
}

impl Check {
    /// As it should be.
    #[must_use]
    pub fn ok(name: &'static str, finding: impl Into<String>) -> Self {
        Self { name, health: Health::Ok, finding: finding.into(), fix: String::new() }
    }

    /// Not found out, and what would help to.
    #[must_use]
    pub fn unknown(name: &'static str, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, health: Health::Unknown, finding: finding.into(), fix: fix.into() }
    }

    /// Worth a look.
    #[must_use]
    pub fn warn(name: &'static str, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, health: Health::Warn, finding: finding.into(), fix: fix.into() }
    }

    /// Does not work.
    #[must_use]
    pub fn fail(name: &'static str, finding: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, health: Health::Fail, finding: finding.into(), fix: fix.into() }
    }
}

/// How well all of it is.
#[must_use]
pub fn worst(checks: &[Check]) -> Health {
    checks.iter().map(|check| check.health).max().unwrap_or(Health::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_is_what_counts() {
        assert_eq!(worst(&[]), Health::Ok);
        let mut checks = vec![Check::ok("a", "fine"), Check::unknown("b", "who knows", "")];
        assert_eq!(worst(&checks), Health::Unknown);
        checks.push(Check::fail("c", "broken", "mend it"));
        checks.push(Check::warn("d", "odd", "look"));
        assert_eq!(worst(&checks), Health::Fail);
    }
}
