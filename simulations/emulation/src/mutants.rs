//! Deliberate bugs in the shipped crates, one at a time, by name. `../MUTANTS.md` says what catches them.

/// All of them, with faults under which they show.
pub const ALL: [(&str, &str); 31] = [
    ("acknowledge-before-the-commit", "crash,power-cut"),
    ("apply-what-expired", "clock-jump,slow-disk"),
    ("archive-nothing", "restart"),
    ("begin-tokens-anew", "clients-cut"),
    ("cancel-as-failed", "storm"),
    ("cancel-nothing", "storm"),
    ("cut-without-the-archive", "crash,restart"),
    ("every-end-is-a-success", "storm"),
    ("forget-grants", "storm,crash"),
    ("forget-requests", "storm,crash"),
    ("forget-the-holder", "storm"),
    ("forget-the-vote", "crash,power-cut"),
    ("go-on-in-office", "crash,restart"),
    ("grant-for-ever", "clients-cut"),
    ("hear-no-newcomer", "succession"),
    ("ignore-the-fencing-token", "clients-cut"),
    ("ignore-the-holder", "clients-cut"),
    ("lead-before-it-is-known-what-was", "last-word"),
    ("lose-the-output", "storm"),
    ("lose-the-tenth-item", "storm"),
    ("miscount", "storm"),
    ("queue-twice", "storm"),
    ("read-without-a-quorum", "last-word"),
    ("release-nothing", "storm"),
    ("renew-what-is-lost", "clients-cut"),
    ("skip-an-entry", "storm"),
    ("skip-the-sync", "crash,power-cut"),
    ("stand-for-what-was", "succession"),
    ("start-before-all-parents", "storm"),
    ("use-a-token-again", "clients-cut"),
    ("write-without-a-lease", "clients-cut"),
];

/// Switches one on.
///
/// # Errors
/// That there is none of this name, or that the program was built without them.
pub fn switch_on(name: &str) -> Result<(), String> {
    if !ALL.iter().any(|(known, _)| *known == name) {
        let names: Vec<&str> = ALL.iter().map(|(known, _)| *known).collect();
        return Err(format!("there is no mutant `{name}`; there are: {}", names.join(", ")));
    }
    choose(name)
}

#[cfg(feature = "mutants")]
#[expect(clippy::unnecessary_wraps, reason = "without the feature there is an error")]
fn choose(name: &str) -> Result<(), String> {
    colony_protocol::mutant::choose(name);
    Ok(())
}

#[cfg(not(feature = "mutants"))]
fn choose(name: &str) -> Result<(), String> {
    Err(format!("no mutant `{name}` without `--features mutants`"))
}
