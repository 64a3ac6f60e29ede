//! The guides keep their word: every command in them runs as written, against the binary under test.
//!
//! They use the ports that a development colony takes unasked, so they are followed one after the other.

use std::{fs, path::Path};

use colony_tests::{
    binary::{colony_binary, workspace},
    document::{Block, blocks, run_document},
    home::Home,
};

use crate::python;

fn read(name: &str) -> String {
    fs::read_to_string(workspace().join(name)).unwrap()
}

/// What the reader of a guide has built or installed before, and how the guide says so.
fn is_done(block: &Block) -> bool {
    block.language == "sh" && block.text.starts_with("cargo ")
}

/// Follows a guide with these programs at hand, too.
fn follow(name: &str, programs: &Path) {
    let home = Home::new();
    home.prefer(programs);
    run_document(name, &read(name), &home, |block| !is_done(block));
}

#[test]
fn the_guides_for_executors_and_for_those_who_come_from_colonyos_run_as_written() {
    let examples = colony_binary().with_file_name("examples");
    if examples.join("greeter").exists() {
        follow("node/docs/executor-in-rust.md", &examples);
    } else {
        eprintln!("NOT CHECKED: the guide for executors in Rust; its example is not built");
    }
    let Some(python) = python::python() else { return };
    for name in ["node/docs/executor-in-python.md", "node/docs/from-colonyos.md"] {
        follow(name, python.parent().unwrap());
    }
}

#[test]
fn the_guide_for_executors_in_rust_shows_the_program_that_is_built() {
    let guide = read("node/docs/executor-in-rust.md");
    let blocks = blocks(&guide);
    let shown = blocks.iter().find(|block| block.language == "rust").unwrap();
    assert_eq!(shown.text, read("node/examples/greeter.rs"));
}
