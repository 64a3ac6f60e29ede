//! Counts that make a test long, read from the environment: small by default, larger by hand.

use std::env;

/// A parameter's value.
///
/// # Panics
/// If the variable is set to something else than a number: a typing error must not look like a long run.
#[must_use]
pub fn parameter(name: &str, default: u64) -> u64 {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|error| panic!("{name}={text} is no count: {error}")),
        Err(_) => default,
    }
}
