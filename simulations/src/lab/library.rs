//! Scenarios that ship. Each is a file in `simulations/library`, with a page beside it about what it showed.

use std::path::PathBuf;

use super::scenario::read::{self, ScenarioError, Source};

/// Names and texts.
pub const LIBRARY: [(&str, &str); 12] = [
    ("lan", include_str!("../../library/lan.toml")),
    ("internet", include_str!("../../library/internet.toml")),
    ("churn", include_str!("../../library/churn.toml")),
    ("partition", include_str!("../../library/partition.toml")),
    ("coordinator-loss", include_str!("../../library/coordinator-loss.toml")),
    ("flash-crowd", include_str!("../../library/flash-crowd.toml")),
    ("nat-heavy", include_str!("../../library/nat-heavy.toml")),
    ("herd", include_str!("../../library/herd.toml")),
    ("sybil", include_str!("../../library/sybil.toml")),
    ("satellites", include_str!("../../library/satellites.toml")),
    ("many-colonies", include_str!("../../library/many-colonies.toml")),
    ("lying-clocks", include_str!("../../library/lying-clocks.toml")),
];

/// The scenario of this name, if one ships.
///
/// # Errors
/// [`ScenarioError`]; not for what ships.
pub fn source(name: &str) -> Option<Result<Source, ScenarioError>> {
    let (name, text) = LIBRARY.iter().find(|(known, _)| *known == name)?;
    Some(Source::new((*name).to_owned(), PathBuf::new(), (*text).to_owned()))
}

/// The name most like this one, if any is.
#[must_use]
pub fn nearest(name: &str) -> Option<&'static str> {
    read::nearest(name, LIBRARY.iter().map(|(known, _)| *known))
}
