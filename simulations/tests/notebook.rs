//! The script that reads results with pandas, on results that were just made. `.ci/run` brings pandas; where it is missing
//! the test says that it has checked nothing.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use colony_simulations::lab::{library, scenario::sweep, series};

/// A Python with pandas: the one that `.ci/run` makes, or the system's.
fn python() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let places = [workspace.join("target/notebook/bin/python"), PathBuf::from("python3")];
    places.into_iter().find(|python| {
        let imports = Command::new(python).args(["-c", "import pandas, pyarrow"]).output();
        imports.is_ok_and(|output| output.status.success())
    })
}

#[test]
fn pandas_reads_the_results_and_finds_what_the_summary_says() {
    let Some(python) = python() else {
        eprintln!("NOT CHECKED: the notebook; that takes python3 with pandas and pyarrow");
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("run");
    let mut source = library::source("internet").unwrap().unwrap();
    source.set(&[("nodes.executors.count", "50"), ("stop.after", "1m")]).unwrap();
    let plans = sweep::plans(&source, Some((7, 8))).unwrap();
    series::run(&source, plans, &place, &|_| true, &|| 0).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("notebook/explore.py");
    let output = Command::new(python).arg(script).arg(&place).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.lines().last().is_some_and(|line| line.starts_with("agrees:")), "{said}");
}
