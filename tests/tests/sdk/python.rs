//! pycolonies 1.0.25, as it comes from the package index.

use std::{path::PathBuf, time::Duration};

use colony_tests::{binary::workspace, home::Home, outcome::run};

use crate::dev;

/// Where `.ci/run` installs it.
const INSTALLED: &str = "target/pycolonies/bin/python";

/// How long the whole suite may take; it waits for a cron twice.
const PATIENCE: Duration = Duration::from_secs(120);

/// An interpreter that has pycolonies.
pub(crate) fn python() -> Option<PathBuf> {
    let named = std::env::var_os("COLONY_PYTHON").map(PathBuf::from);
    let python = named.or_else(|| Some(workspace().join(INSTALLED)).filter(|path| path.exists()));
    if python.is_none() {
        eprintln!("NOT CHECKED: pycolonies; {INSTALLED} is not there, and COLONY_PYTHON names no other");
    }
    python
}

/// A program beside the suite.
pub(crate) fn script(name: &str) -> PathBuf {
    workspace().join("tests/tests/sdk/python").join(name)
}

#[test]
fn every_call_of_the_python_client_works() {
    let Some(python) = python() else { return };
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let port = url.rsplit(':').next().unwrap();
    let mut command = home.program(python);
    command
        .arg(script("suite.py"))
        .env("COLONIES_SERVER_HOST", "127.0.0.1")
        .env("COLONIES_SERVER_PORT", port);
    let outcome = run(command, None, PATIENCE);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
}
