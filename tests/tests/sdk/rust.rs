//! The crate `colonyos` 1.0.5, as it comes from the registry: `tests/sdk-rust`, which `.ci/run` builds.

use std::{path::PathBuf, time::Duration};

use colony_tests::{binary::workspace, home::Home, outcome::run};

use crate::dev;

/// Where `.ci/run` puts it.
const BUILT: &str = "target/sdk-rust/debug/sdk-rust";

/// How long all calls may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program that has the crate in it. `COLONY_SDK_RUST` names another place.
pub(crate) fn program() -> Option<PathBuf> {
    let named = std::env::var_os("COLONY_SDK_RUST").map(PathBuf::from);
    let program = named.or_else(|| Some(workspace().join(BUILT)).filter(|path| path.exists()));
    if program.is_none() {
        eprintln!("NOT CHECKED: the Rust client; {BUILT} is not there, and COLONY_SDK_RUST names no other");
    }
    program
}

#[test]
fn every_call_of_the_rust_client_works() {
    let Some(program) = program() else { return };
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let mut command = home.program(program);
    command.args(["suite", url.as_str()]);
    let outcome = run(command, None, PATIENCE);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}
