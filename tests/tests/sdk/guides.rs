//! The guides keep their word: every command in them runs as written, against the binary under test.
//!
//! They use the ports that a development colony takes unasked, so they are followed one after the other.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use colony_tests::{
    binary::workspace,
    document::{Block, blocks, run_document},
    home::Home,
};

use crate::python;

/// The guides, each with those who follow it.
const IN_RUST: &str = "node/docs/executor-in-rust.md";
const IN_PYTHON: [&str; 2] = ["node/docs/executor-in-python.md", "node/docs/from-colonyos.md"];

fn read(name: &str) -> String {
    fs::read_to_string(workspace().join(name)).unwrap()
}

/// Whether a block is for the repository, and not for the reader's own directory.
fn builds(block: &Block) -> bool {
    block.language == "sh" && block.text.starts_with("cargo ")
}

/// Builds what a guide says, in its words; gives the place that it names, whose programs the reader then has at hand.
fn build(guide: &str) -> PathBuf {
    // Where these tests were built themselves: nothing is built twice.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    for block in blocks(guide).iter().filter(|block| builds(block)) {
        let mut bash = Command::new("bash");
        bash.args(["-euc", block.text.as_str()]).current_dir(workspace()).env("CARGO_TARGET_DIR", target);
        assert!(bash.stdin(Stdio::null()).status().unwrap().success(), "{}", block.text);
    }
    assert!(guide.contains("`target/debug/examples`"), "another place");
    target.join("debug/examples")
}

/// Follows a guide with these programs at hand, too.
fn follow(name: &str, programs: &Path) {
    let home = Home::new();
    home.prefer(programs);
    run_document(name, &read(name), &home, |block| !builds(block));
}

#[test]
fn the_guides_for_executors_and_for_those_who_come_from_colonyos_run_as_written() {
    follow(IN_RUST, &build(&read(IN_RUST)));
    let Some(python) = python::python() else { return };
    for name in IN_PYTHON {
        follow(name, python.parent().unwrap());
    }
}

#[test]
fn the_guide_for_executors_in_rust_shows_the_program_that_is_built() {
    let guide = read(IN_RUST);
    let blocks = blocks(&guide);
    let shown = blocks.iter().find(|block| block.language == "rust").unwrap();
    assert_eq!(shown.text, read("node/examples/greeter.rs"));
}
