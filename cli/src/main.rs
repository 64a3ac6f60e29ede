//! The `colony` command: one binary for running work, lending a machine and keeping a colony.
//!
//! A thin shell: it reads words ([`args`]), finds the colony and the key ([`context`]), asks ([`commands`]) and prints
//! ([`output`]). Everything a colony decides is decided elsewhere.

mod app;
mod args;
mod commands;
mod connect;
mod context;
mod error;
mod hardware;
mod hint;
mod names;
mod nodes;
mod output;
mod place;
mod presence;
mod specs;
mod stop;

use std::{process::ExitCode, time::Duration};

use clap::{CommandFactory as _, FromArgMatches as _, parser::ValueSource};
use colony_node::runtime::{Runtime, Tokio};

use crate::{app::App, args::Cli, error::Failure};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long tasks of the program may take to end after its work is done.
const GRACE: Duration = Duration::from_secs(2);
/// Names what is logged, in the syntax of `tracing`'s `EnvFilter`; for finding faults.
const LOG_VARIABLE: &str = "COLONY_LOG";
/// What is logged otherwise: our own errors. The engine below repeats each of them in words that help nobody.
const LOGGED: &str = "error,openraft=off";

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let flags = repeated_flags(&matches);
    let outcome = Cli::from_arg_matches(&matches)
        .map_err(|error| Failure::usage(error.to_string()))
        .and_then(|cli| run(cli, flags.clone()));
    match outcome {
        Ok(exit) => ExitCode::from(exit.0),
        Err(failure) => {
            output::report(&failure, &flags);
            ExitCode::from(failure.exit.0)
        }
    }
}

fn run(cli: Cli, flags: Vec<String>) -> Result<error::Exit, Failure> {
    let serves = cli.verb.serves();
    log_to_stderr(serves);
    // A client waits most of its short life: one thread starts sooner than many.
    let mut builder = if serves {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let tokio = builder.enable_all().build()?;
    let outcome = tokio.block_on(async {
        let runtime = Runtime::new(Tokio::new());
        let app = App { global: cli.global, flags, runtime: runtime.clone() };
        let outcome = commands::run(&app, cli.verb).await.map_err(|failure| app.advise(failure));
        if serves {
            runtime.shutdown(GRACE).await;
        }
        outcome
    });
    tokio.shutdown_background();
    outcome
}

/// `--home` and `--context`, if they were typed: a hint without them would lead to another colony.
fn repeated_flags(matches: &clap::ArgMatches) -> Vec<String> {
    let mut leaf = matches;
    while let Some((_, inner)) = leaf.subcommand() {
        leaf = inner;
    }
    let typed = |name: &str| leaf.value_source(name) == Some(ValueSource::CommandLine);
    let mut flags = Vec::new();
    if typed("home")
        && let Some(home) = leaf.get_one::<std::path::PathBuf>("home")
    {
        flags.extend(["--home".to_owned(), home.display().to_string()]);
    }
    if typed("context")
        && let Some(context) = leaf.get_one::<String>("context")
    {
        flags.extend(["--context".to_owned(), context.clone()]);
    }
    flags
}

/// A node says what a person should know; a client speaks for itself.
fn log_to_stderr(serves: bool) {
    let wanted = std::env::var(LOG_VARIABLE).ok();
    if wanted.is_none() && !serves {
        return;
    }
    let filter = tracing_subscriber::EnvFilter::new(wanted.as_deref().unwrap_or(LOGGED));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(output::is_coloured())
        .init();
}
