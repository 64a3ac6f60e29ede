//! The command blocks of a Markdown file, run as written.
//!
//! * A block marked `sh` is a script: every line must succeed.
//! * A block marked `console` shows commands after `$ ` and what they print. Each shown line must appear, in this order; `…` in
//!   it stands for anything, and a line of its own for any lines. What is not shown is not checked. A command that is meant to fail says so:
//!   `command; echo "exit code $?"`.
//! * A comment right before a block says more: `<!-- stays running -->` for a terminal that stays open (its last command runs on until
//!   the end of the document), `<!-- save as NAME -->` for the contents of a file.
//!
//! All blocks share one home, one directory, and see the binary under test as `colony`.

mod parse;
mod shown;

use std::{fs, process::Command, time::Duration};

pub use parse::{Block, blocks};
use shown::{Step, missing_line, steps};

use crate::{
    home::Home,
    outcome::{Outcome, Running, run},
};

/// Longest one command of a document may take: its reader waits for it too.
const PATIENCE: Duration = Duration::from_secs(90);

/// Runs every block of a document for which `wanted` is true.
///
/// # Panics
/// At the first block that does not do what the document says.
pub fn run_document(name: &str, text: &str, home: &Home, wanted: impl Fn(&Block) -> bool) {
    let mut terminals = Vec::new();
    for block in blocks(text).iter().filter(|block| wanted(block)) {
        let place = format!("{name}:{}", block.line);
        if let Some(file) = block.comment.strip_prefix("save as ") {
            home.write(file.trim(), &block.text);
            continue;
        }
        match (block.language.as_str(), block.comment.as_str()) {
            ("sh", _) => {
                drop(script(home, &block.text, &place).ok());
            }
            ("console", comment) => {
                terminals.extend(console(home, block, comment == "stays running", &place));
            }
            _ => {}
        }
    }
}

/// Runs the commands of a console block; gives the one that stays running, if that is asked.
fn console(home: &Home, block: &Block, stays: bool, place: &str) -> Option<Terminal> {
    let mut steps = steps(&block.text);
    let last = if stays { steps.pop() } else { None };
    for step in &steps {
        // As on a terminal, where both streams are one.
        let outcome = script(home, &format!("exec 2>&1\n{}", step.command), place);
        check(step, &outcome, place);
    }
    last.map(|step| Terminal::open(home, &step, place))
}

fn script(home: &Home, script: &str, place: &str) -> Outcome {
    println!("{place}: {script}");
    run(bash(home, script), None, PATIENCE).without_panic()
}

fn bash(home: &Home, script: &str) -> Command {
    let mut bash = home.program("bash");
    bash.args(["-euo", "pipefail", "-c", script]);
    bash
}

fn check(step: &Step, outcome: &Outcome, place: &str) {
    assert!(outcome.code == Some(0), "{place}: the command failed:\n{outcome:#?}");
    if let Some(line) = missing_line(&step.shown, &outcome.stdout) {
        panic!(
            "{place}: the document shows this line, but the command does not print it:\n{line}\n{outcome:#?}"
        );
    }
}

/// A terminal that stays open beside the others.
#[derive(Debug)]
struct Terminal {
    _running: Running,
}

impl Terminal {
    /// Starts the command and waits until it has printed what the document shows.
    fn open(home: &Home, step: &Step, place: &str) -> Self {
        println!("{place}: {} (stays running)", step.command);
        let log = home.path().join(format!(".terminal-{}", place.replace(['/', ':'], "-")));
        let command = format!("exec > '{}' 2>&1\n{}", log.display(), step.command);
        let mut running = Running::start(bash(home, &command), None);
        let until = std::time::Instant::now() + PATIENCE;
        loop {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let Some(line) = missing_line(&step.shown, &said) else { break };
            assert!(running.is_running(), "{place}: the command ended:\n{said}");
            assert!(std::time::Instant::now() < until, "{place}: still not printed: {line}\n{said}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { _running: running }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_text(text: &str) {
        run_document("text", text, &Home::new(), |_| true);
    }

    #[test]
    fn files_scripts_and_consoles_share_a_directory() {
        run_text(
            "<!-- save as a.txt -->\n```json\n{}\n```\n```sh\ncp a.txt b.txt\n```\n```console\n$ cat b.txt\n{}\n```\n",
        );
    }

    #[test]
    #[should_panic(expected = "text:1: the document shows this line")]
    fn output_that_differs_fails() {
        run_text("```console\n$ echo one\ntwo\n```\n");
    }

    #[test]
    #[should_panic(expected = "expected exit code 0")]
    fn a_script_that_fails_in_the_middle_fails() {
        run_text("```sh\nfalse\ntrue\n```\n");
    }

    #[test]
    fn a_terminal_stays_open_until_the_end() {
        run_text(
            "<!-- stays running -->\n```console\n$ echo up; echo $$ > pid; sleep 1000\nup\n```\n```sh\nkill -0 $(cat pid)\n```\n",
        );
    }
}
