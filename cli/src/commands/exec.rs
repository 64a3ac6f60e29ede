//! `colony exec`: a command somewhere in the colony that feels like a local one.
//!
//! Its stdout is ours, its stderr is ours, its exit status is ours. Ctrl-C stops the following, not the process.

use std::{collections::BTreeMap, time::Duration};

use colony_protocol::{
    bounded::{Json, List, Map, Text},
    command::Submission,
    model::{Conditions, FunctionSpec, Limit, Process, State, StoredLogLine},
};

use super::{follow::Follow, submit};
use crate::{
    app::{App, Session},
    args::ExecArgs,
    error::{Exit, Failure},
    hint::Hint,
    output::{self, Spinner},
};

/// The attribute in which an OS executor keeps the exit status of a program.
const EXIT_CODE: &str = "exitcode";
/// After this long in the queue a person wants to know why.
const PATIENCE: Duration = Duration::from_secs(3);

/// Runs the command.
pub(super) async fn run(app: &App, args: ExecArgs) -> Result<Exit, Failure> {
    let session = app.session()?;
    let spec = spec(&args)?;
    let ids = session.client.submit(vec![Submission { spec, retry_of: None }]).await?;
    let Some(id) = ids.first().copied() else { return Err(Failure::new("the node gave no id")) };
    if args.detach {
        submit::print_ids(&session, &ids, None)?;
        return Ok(Exit::DONE);
    }
    let name = format!("p{}", id.number());
    let mut follow = Follow::start(session.client.clone(), id.into());
    let mut screen = Screen::new(&session, &name, &args.executor_type);
    loop {
        tokio::select! {
            biased;
            news = follow.next() => match news.map_err(|error| goes_on(error.into(), &name))? {
                Some((process, lines)) => screen.show(process, &lines)?,
                None => break,
            },
            stop = tokio::signal::ctrl_c() => {
                stop?;
                return Err(interrupted(&screen, &name));
            }
            () = app.runtime.sleep(PATIENCE), if screen.is_queued() => screen.explain(),
        }
    }
    screen.end()
}

/// The process was queued; only the way to it broke.
fn goes_on(failure: Failure, name: &str) -> Failure {
    Failure { what: format!("{}; {name} goes on", failure.what), ..failure }.hint(Hint::Get(name.to_owned()))
}

fn interrupted(screen: &Screen<'_>, name: &str) -> Failure {
    screen.spinner.stop();
    output::note(&format!("interrupted; {name} goes on"));
    Failure::new("").exit(Exit::INTERRUPTED).hint(Hint::Cancel(name.to_owned()))
}

fn spec(args: &ExecArgs) -> Result<FunctionSpec, Failure> {
    let too_long = |what: &str| Failure::usage(format!("{what} is too long"));
    let mut words = args.command.iter();
    let program = words.next().map(String::as_str).unwrap_or_default();
    let env = args
        .env
        .iter()
        .map(|(key, value)| Some((Text::new(key.as_str()).ok()?, Text::new(value.as_str()).ok()?)))
        .collect::<Option<BTreeMap<_, _>>>()
        .ok_or_else(|| too_long("--env"))?;
    let conditions = Conditions {
        executor_type: Text::new(args.executor_type.as_str()).map_err(|_| too_long("--type"))?,
        ..Conditions::default()
    };
    Ok(FunctionSpec {
        func_name: Text::new(program).map_err(|_| too_long("the command"))?,
        args: List::new(words.map(|word| Json::string(word)).collect())
            .map_err(|_| too_long("the command"))?,
        env: Map::new(env).map_err(|_| too_long("--env"))?,
        max_exec_time: args.timeout.map_or(Limit::NONE, Limit),
        max_retries: args.retries,
        conditions,
        ..FunctionSpec::default()
    })
}

/// What the person in front of it has seen.
#[derive(Debug)]
struct Screen<'a> {
    /// For the form of the output.
    session: &'a Session,
    /// `p7`.
    name: &'a str,
    /// What it waits for.
    executor_type: &'a str,
    /// Turns while it is queued.
    spinner: Spinner,
    /// The process as last seen.
    process: Option<Process>,
    /// Whether it was said why it may be waiting.
    explained: bool,
}

impl<'a> Screen<'a> {
    fn new(session: &'a Session, name: &'a str, executor_type: &'a str) -> Self {
        let spinner = Spinner::start(format!("{name} is queued"));
        Self { session, name, executor_type, spinner, process: None, explained: false }
    }

    fn is_queued(&self) -> bool {
        let state = self.process.as_ref().map(|process| process.state);
        !self.explained && matches!(state, None | Some(State::Waiting))
    }

    fn show(&mut self, process: Process, lines: &[StoredLogLine]) -> Result<(), Failure> {
        match process.state {
            State::Running if lines.is_empty() && self.process.as_ref().is_none_or(|p| p.log_lines == 0) => {
                self.spinner.say(format!("{} runs on {}", self.name, process.executor_name));
            }
            State::Waiting => {}
            _ => self.spinner.stop(),
        }
        self.process = Some(process);
        // A program that reads JSON gets the process at the end, and nothing between.
        if self.session.format().is_human() || self.session.format() == output::Format::Quiet {
            for line in lines {
                self.spinner.stop();
                output::pass_through(line.stream, &line.message)?;
            }
        }
        Ok(())
    }

    fn explain(&mut self) {
        self.explained = true;
        self.spinner.stop();
        let failure = Failure::new("").hint(Hint::Explain(self.name.to_owned()));
        output::note(&format!("{} still waits for an executor of type {}", self.name, self.executor_type));
        output::report(&failure, &self.session.app.flags);
        self.spinner = Spinner::start(format!("{} is queued", self.name));
    }

    fn end(self) -> Result<Exit, Failure> {
        self.spinner.stop();
        let Some(process) = self.process else { return Err(Failure::new("the node told nothing")) };
        match self.session.format() {
            output::Format::Table | output::Format::Wide => output::note(&verdict(self.name, &process)),
            output::Format::Quiet => {}
            format => output::process_record(self.session.seen(), &process).print_one(format)?,
        }
        Ok(exit_of(&process))
    }
}

/// `p1 succeeded in 0.2 s on local`, or `p1 failed: exit status 3`.
pub(super) fn verdict(name: &str, process: &Process) -> String {
    match process.state {
        State::Success => {
            let took = output::ran(process).map_or_else(String::new, output::spoken);
            format!("{name} succeeded in {took} on {}", process.executor_name)
        }
        State::Failed => {
            let why = process.errors.first().and_then(|error| error.lines().next());
            format!("{name} failed: {}", why.unwrap_or("no reason given"))
        }
        State::Cancelled => format!("{name} was cancelled"),
        state => format!("{name} is {}", state.word()),
    }
}

/// The program's own status where there is one; else what became of the process.
pub(super) fn exit_of(process: &Process) -> Exit {
    if process.state == State::Success {
        return Exit::DONE;
    }
    let code = process.attributes.iter().find(|attribute| &*attribute.key == EXIT_CODE);
    match code.and_then(|attribute| attribute.value.parse().ok()) {
        Some(code) if code != 0 => Exit(code),
        _ if ran_out_of_time(process) => Exit::TIMED_OUT,
        _ => Exit::FAILED,
    }
}

fn ran_out_of_time(process: &Process) -> bool {
    let limit = process.spec.max_exec_time.as_seconds();
    process.state == State::Failed && limit.zip(output::ran(process)).is_some_and(|(limit, ran)| ran >= limit)
}
