//! `colony completions`: the script that teaches a shell our words.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{
    args::Cli,
    error::{Exit, Failure},
    output,
};

/// Prints the script.
pub(super) fn run(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "colony", &mut script);
    output::data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::DONE)
}
