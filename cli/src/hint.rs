//! What to do next, as a command that runs as typed.
//!
//! Every hint the program can give is a variant here, so that a test can feed each one to the parser.

/// A next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hint {
    /// There is no colony to talk to.
    StartDev,
    /// The usual port is taken.
    DevOnAnyPort,
    /// `dev` keeps to this machine; this address does.
    DevOnLoopback,
    /// The development colony in a directory has another size.
    DevAgain {
        /// How many nodes it has.
        nodes: String,
        /// The directory.
        data: String,
    },
    /// A process goes on without us.
    Cancel(String),
    /// A process waits.
    Explain(String),
    /// A process said why it failed.
    Logs(String),
    /// A process can be looked at.
    Get(String),
    /// A process can be waited for.
    Wait(String),
    /// What ended can be run again.
    Retry(String),
    /// The failed part of a workflow can be run again.
    RetryFailed(String),
    /// Which processes there are.
    Processes,
    /// Which workflows there are.
    Workflows,
    /// Which crons there are.
    Crons,
    /// Which generators there are.
    Generators,
    /// Which executors there are.
    Executors,
    /// Which users there are.
    Users,
    /// Which contexts there are.
    Contexts,
    /// A context can be chosen.
    UseContext(String),
    /// Which key signs.
    ShowContext,
    /// The owner has to let an executor in.
    Approve(String),
    /// The owner has to add an executor whose key is elsewhere.
    AddExecutor {
        /// Its name.
        name: String,
        /// Its type.
        kind: String,
        /// Its key's identity.
        id: String,
    },
    /// Nobody takes work of this type.
    StartExecutor(String),
    /// Assignment is paused.
    Resume,
    /// A colony can be founded here.
    Init,
    /// This home's node can be run.
    Up,
    /// The node can listen elsewhere.
    UpOnAnyPort,
    /// A ticket is needed.
    Invite {
        /// What for.
        role: &'static str,
        /// Under which name, if it matters.
        name: Option<String>,
    },
    /// A ticket is at hand, and another name is needed.
    JoinAs {
        /// The ticket.
        ticket: String,
        /// The name.
        name: String,
    },
    /// Who belongs to the colony.
    Members,
    /// Something is wrong here.
    Doctor,
    /// One node can say what it knows.
    StaleStatus,
    /// What the colony looks like.
    Status,
    /// How `submit` is written.
    SubmitHelp,
    /// How `workflow submit` is written.
    WorkflowSubmitHelp,
    /// Which scenarios ship.
    Scenarios,
}

impl Hint {
    /// Why the command helps, in a few words.
    fn purpose(&self) -> &'static str {
        match self {
            Self::StartDev => "start a colony on this machine with",
            Self::DevOnAnyPort => "let the system choose a port:",
            Self::DevOnLoopback => "keep to this machine:",
            Self::DevAgain { .. } => "start it as it was:",
            Self::Cancel(_) => "stop it with",
            Self::Explain(_) => "ask why with",
            Self::Logs(_) => "see what it said with",
            Self::Get(_) => "look at it with",
            Self::Wait(_) => "wait for it with",
            Self::Retry(_) => "run it again with",
            Self::RetryFailed(_) => "run what did not succeed again with",
            Self::Processes => "see which processes there are with",
            Self::Workflows => "see which workflows there are with",
            Self::Crons => "see which crons there are with",
            Self::Generators => "see which generators there are with",
            Self::Executors => "see which executors there are with",
            Self::Users => "see which users there are with",
            Self::Contexts => "see which contexts there are with",
            Self::Scenarios => "see which scenarios ship with",
            Self::UseContext(_) => "choose it with",
            Self::ShowContext => "see which key signs with",
            Self::Approve(_) => "the colony's owner lets it in with",
            Self::AddExecutor { .. } => "the colony's owner adds it with",
            Self::StartExecutor(_) => "lend this machine with",
            Self::Resume => "give out work again with",
            Self::Init => "found a colony here with",
            Self::Up => "run this home's node with",
            Self::UpOnAnyPort => "let a free port be chosen:",
            Self::Invite { .. } => "the colony's owner makes a new ticket with",
            Self::JoinAs { .. } => "take another name:",
            Self::Doctor => "find out what is wrong with",
            Self::Members => "see who belongs to the colony with",
            Self::StaleStatus => "ask one node what it knows with",
            Self::Status => "look at the colony with",
            Self::SubmitHelp | Self::WorkflowSubmitHelp => "see how it is written with",
        }
    }

    /// The words after `colony`.
    fn words(&self) -> Vec<&str> {
        match self {
            Self::StartDev => vec!["dev"],
            Self::DevOnAnyPort => vec!["dev", "--listen", "/ip4/127.0.0.1/tcp/0"],
            Self::DevOnLoopback => vec!["dev", "--listen", "/ip4/127.0.0.1/tcp/50081"],
            Self::DevAgain { nodes, data } => vec!["dev", "--nodes", nodes, "--data", data],
            Self::Cancel(id) => vec!["cancel", id],
            Self::Explain(id) => vec!["explain", id],
            Self::Logs(id) => vec!["logs", id],
            Self::Get(id) => vec!["get", id],
            Self::Wait(id) => vec!["wait", id],
            Self::Retry(id) => vec!["retry", id],
            Self::RetryFailed(id) => vec!["retry", "--failed", id],
            Self::Processes => vec!["ps"],
            Self::Workflows => vec!["workflow", "ls"],
            Self::Crons => vec!["cron", "ls"],
            Self::Generators => vec!["generator", "ls"],
            Self::Executors => vec!["executor", "ls"],
            Self::Users => vec!["user", "ls"],
            Self::Contexts => vec!["ctx", "ls"],
            Self::Scenarios => vec!["sim", "ls"],
            Self::UseContext(name) => vec!["ctx", "use", name],
            Self::ShowContext => vec!["ctx", "show"],
            Self::Approve(name) => vec!["executor", "approve", name],
            Self::AddExecutor { name, kind, id } => {
                vec!["executor", "add", "--name", name, "--type", kind, "--id", id, "--approve"]
            }
            Self::StartExecutor(kind) => vec!["executor", "start", "--name", "worker", "--type", kind],
            Self::Resume => vec!["process", "resume"],
            Self::Init => vec!["init", "--name", "my-colony"],
            Self::Up => vec!["up"],
            Self::UpOnAnyPort => vec!["up", "--listen", "/ip4/0.0.0.0/tcp/0"],
            Self::Invite { role, name: None } => vec!["invite", "--role", role],
            Self::Invite { role, name: Some(name) } => vec!["invite", "--role", role, "--name", name],
            Self::JoinAs { ticket, name } => vec!["join", ticket, "--name", name],
            Self::Doctor => vec!["doctor"],
            Self::Members => vec!["members"],
            Self::StaleStatus => vec!["status", "--stale"],
            Self::Status => vec!["status"],
            Self::SubmitHelp => vec!["submit", "--help"],
            Self::WorkflowSubmitHelp => vec!["workflow", "submit", "--help"],
        }
    }

    /// The command line, with the flags that lead to the same colony.
    pub(crate) fn command(&self, flags: &[String]) -> String {
        let words = self.words();
        std::iter::once("colony")
            .chain(flags.iter().map(String::as_str))
            .chain(words)
            .map(quoted)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The whole hint.
    pub(crate) fn sentence(&self, flags: &[String]) -> String {
        format!("{} `{}`", self.purpose(), self.command(flags))
    }
}

/// A word as a POSIX shell must be given it.
fn quoted(word: &str) -> String {
    let plain =
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=,@+%".contains(&b));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _, error::ErrorKind};

    use super::*;
    use crate::args::Cli;

    /// One of each variant, in the order of [`place`].
    fn all() -> Vec<Hint> {
        let id = || "p7".to_owned();
        vec![
            Hint::StartDev,
            Hint::DevOnAnyPort,
            Hint::DevOnLoopback,
            Hint::Cancel(id()),
            Hint::Explain(id()),
            Hint::Logs(id()),
            Hint::Get(id()),
            Hint::Wait(id()),
            Hint::Retry(id()),
            Hint::RetryFailed("w3".to_owned()),
            Hint::Processes,
            Hint::Workflows,
            Hint::Executors,
            Hint::Users,
            Hint::Contexts,
            Hint::UseContext("my colony".to_owned()),
            Hint::ShowContext,
            Hint::Approve("it's".to_owned()),
            Hint::AddExecutor { name: "n".to_owned(), kind: "cli".to_owned(), id: "ab".repeat(32) },
            Hint::StartExecutor("cli".to_owned()),
            Hint::Resume,
            Hint::SubmitHelp,
            Hint::WorkflowSubmitHelp,
            Hint::Init,
            Hint::Up,
            Hint::UpOnAnyPort,
            Hint::Invite { role: "voter", name: None },
            Hint::Invite { role: "executor", name: Some("a b".to_owned()) },
            Hint::JoinAs { ticket: "colony1abc".to_owned(), name: "b".to_owned() },
            Hint::Members,
            Hint::StaleStatus,
            Hint::Status,
            Hint::Doctor,
            Hint::DevAgain { nodes: "3".to_owned(), data: "a b".to_owned() },
            Hint::Crons,
            Hint::Generators,
            Hint::Scenarios,
        ]
    }

    /// Where a variant stands; a new one does not compile until it stands here, and fails the test until it is above.
    fn place(hint: &Hint) -> usize {
        match hint {
            Hint::StartDev => 0,
            Hint::DevOnAnyPort => 1,
            Hint::DevOnLoopback => 2,
            Hint::Cancel(_) => 3,
            Hint::Explain(_) => 4,
            Hint::Logs(_) => 5,
            Hint::Get(_) => 6,
            Hint::Wait(_) => 7,
            Hint::Retry(_) => 8,
            Hint::RetryFailed(_) => 9,
            Hint::Processes => 10,
            Hint::Workflows => 11,
            Hint::Executors => 12,
            Hint::Users => 13,
            Hint::Contexts => 14,
            Hint::UseContext(_) => 15,
            Hint::ShowContext => 16,
            Hint::Approve(_) => 17,
            Hint::AddExecutor { .. } => 18,
            Hint::StartExecutor(_) => 19,
            Hint::Resume => 20,
            Hint::SubmitHelp => 21,
            Hint::WorkflowSubmitHelp => 22,
            Hint::Init => 23,
            Hint::Up => 24,
            Hint::UpOnAnyPort => 25,
            Hint::Invite { name: None, .. } => 26,
            Hint::Invite { name: Some(_), .. } => 27,
            Hint::JoinAs { .. } => 28,
            Hint::Members => 29,
            Hint::StaleStatus => 30,
            Hint::Status => 31,
            Hint::Doctor => 32,
            Hint::DevAgain { .. } => 33,
            Hint::Crons => 34,
            Hint::Generators => 35,
            Hint::Scenarios => 36,
        }
    }

    /// How many variants [`place`] knows.
    const VARIANTS: usize = 37;

    /// Undoes [`quoted`] for the words above.
    fn split(line: &str) -> Vec<String> {
        let mut words = vec![String::new()];
        let mut open = false;
        let mut chars = line.chars();
        while let Some(c) = chars.next() {
            match c {
                '\'' => open = !open,
                '\\' if !open => words.last_mut().unwrap().extend(chars.next()),
                ' ' if !open => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words
    }

    #[test]
    fn every_hint_is_a_command_the_parser_takes() {
        let flags = ["--home".to_owned(), "/tmp/a home".to_owned()];
        for hint in all() {
            let line = hint.command(&flags);
            match Cli::try_parse_from(split(&line)) {
                Ok(_) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{line}: {error}"),
            }
        }
    }

    #[test]
    fn no_hint_is_forgotten() {
        let places: Vec<_> = all().iter().map(place).collect();
        assert_eq!(places, (0..VARIANTS).collect::<Vec<_>>());
    }

    #[test]
    fn the_tree_of_commands_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_word_is_quoted_when_a_shell_would_read_it_otherwise() {
        assert_eq!(Hint::UseContext("a b".to_owned()).command(&[]), "colony ctx use 'a b'");
        assert_eq!(Hint::Get("p7".to_owned()).command(&[]), "colony get p7");
    }
}
