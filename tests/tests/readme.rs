//! README.md keeps its word: every command block runs as written, against the binary under test.
//!
//! The blocks that build and test the project itself (`cargo …`) are run by `.ci/run`.

use std::fs;

use colony_tests::{
    binary::workspace,
    document::{Block, blocks, run_document},
    home::Home,
};

/// What `.ci/run` runs, line by line as the README has it.
const BY_CI: [&str; 3] = ["cargo run --release -- demo", "cargo test --workspace", "cargo build --release"];

fn is_for_ci(block: &Block) -> bool {
    block.language == "sh" && block.text.starts_with("cargo ")
}

#[test]
fn the_guide_in_the_readme_runs_as_written() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    run_document("README.md", &readme, &Home::new(), |block| !is_for_ci(block));
}

#[test]
fn every_cargo_command_in_the_readme_is_one_that_ci_runs() {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let blocks = blocks(&readme);
    let lines = blocks.iter().filter(|block| is_for_ci(block)).flat_map(|block| block.text.lines());
    for line in lines.filter(|line| line.starts_with("cargo ")) {
        assert!(BY_CI.contains(&line), "`.ci/run` does not run `{line}`");
    }
}
