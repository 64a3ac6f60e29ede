//! Deliberate bugs, to see whether the whole-system simulation would notice them.
//!
//! Each stands in the shipped code as a question to [`is`], which is a constant `false` unless the crate is built with the
//! feature `mutants`. No shipped binary is: the emulator's workspace alone asks for it. One is chosen for a whole process.

/// Whether the bug of this name is switched on.
#[cfg(not(feature = "mutants"))]
#[must_use]
#[inline(always)]
pub const fn is(_name: &str) -> bool {
    false
}

#[cfg(feature = "mutants")]
static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Whether the bug of this name is switched on.
#[cfg(feature = "mutants")]
#[must_use]
pub fn is(name: &str) -> bool {
    CHOSEN.get().is_some_and(|chosen| chosen == name)
}

/// Switches a bug on, for the rest of the process; the first choice counts.
#[cfg(feature = "mutants")]
pub fn choose(name: &str) {
    CHOSEN.get_or_init(|| name.to_owned());
}
