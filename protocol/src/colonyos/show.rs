//! Answers in the shapes that ColonyOS's clients know. Empty lists are `[]`, which all of them take.

use serde_json::{Value, json};

use super::{Fault, crons};
use crate::{
    identity::Identity,
    model::{
        AttributeKind, Executor, Name, Process, ProcessId, User,
        json::{self, ColonyContext},
        location::Location,
    },
    reply::{Answer, LogHit},
};

/// How an answer is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Show {
    /// The colony.
    Colony,
    /// Whether assignment is paused.
    PauseStatus,
    /// Counts of one colony.
    Statistics,
    /// All users.
    Users,
    /// The user of this name.
    User(Name),
    /// The user with this key.
    UserById(Identity),
    /// All executors.
    Executors,
    /// The executor of this name.
    Executor(Name),
    /// The executor with this key.
    ExecutorById(Identity),
    /// Functions.
    Functions,
    /// One function.
    Function(u64),
    /// One process.
    Process,
    /// Processes.
    Processes,
    /// A workflow with its drawing.
    Workflow,
    /// A workflow that was just submitted.
    NewWorkflow,
    /// Workflows without their drawings.
    Workflows,
    /// An attribute of a process.
    Attribute {
        /// Its key.
        key: Name,
        /// Its kind.
        kind: AttributeKind,
    },
    /// An attribute of a process, by its id.
    AttributeById(Identity),
    /// Crons.
    Cron,
    /// Generators.
    Generator,
    /// Lines of a process's log.
    Log(ProcessId),
    /// Lines of any logs.
    Hits,
    /// The location of this name.
    Location(Name),
    /// All rows of the answer.
    Rows,
    /// The first row of the answer; if there is none, this is said.
    First(&'static str),
}

/// A line of some log; what an executor says for itself belongs to no process.
fn log_hit(hit: &LogHit, context: ColonyContext<'_>) -> Value {
    let mut shown = json::log_line(&hit.line, &hit.id.unwrap_or(ProcessId::from_bytes([0; 32])), context);
    if hit.id.is_none() {
        shown["processid"] = Value::from("");
    }
    shown
}

/// A colony, as ColonyOS writes it.
#[must_use]
pub fn colony(id: &Identity, name: &str) -> Value {
    json!({"colonyid": id.to_hex(), "name": name})
}

impl Show {
    /// The kind of reply, where it is not that of the request.
    #[must_use]
    pub const fn kind(&self) -> Option<&'static str> {
        match self {
            Self::PauseStatus => Some("pausestatusreplymsg"),
            _ => None,
        }
    }

    /// The answer's shape.
    ///
    /// # Errors
    /// [`Fault`] if what was asked for is not among what was found.
    pub fn print(&self, answer: &Answer, context: ColonyContext<'_>) -> Result<Value, Fault> {
        Ok(match answer {
            Answer::Status(status) => match self {
                Self::PauseStatus => json!({
                    "msgtype": "pausestatusreplymsg",
                    "colonyname": context.name,
                    "ispaused": status.paused,
                }),
                _ => colony(&status.owner, &status.colony),
            },
            Answer::Statistics(statistics) => json::statistics(statistics),
            Answer::Users(users) => return self.users(users, context),
            Answer::Executors(executors) => return self.executors(executors, context),
            Answer::Functions(functions) => match self {
                Self::Function(number) => {
                    let found = functions.iter().find(|function| function.number == *number);
                    json::function(found.ok_or_else(|| Fault::missing("Function not found"))?, context)
                }
                _ => functions.iter().map(|function| json::function(function, context)).collect(),
            },
            Answer::Process(process) => return self.process(process, context),
            Answer::Processes(processes) => {
                processes.iter().map(|process| json::process(process, context)).collect()
            }
            Answer::Workflow { workflow, processes } => json::workflow(workflow, processes, context),
            Answer::Workflows(workflows) => match (self, workflows.first()) {
                (Self::NewWorkflow, Some(workflow)) => json::workflow(workflow, &[], context),
                _ => workflows.iter().map(|workflow| json::workflow(workflow, &[], context)).collect(),
            },
            Answer::Log(lines) => match self {
                Self::Log(process) => {
                    lines.iter().map(|line| json::log_line(line, process, context)).collect()
                }
                _ => json!([]),
            },
            Answer::Cron(cron) => crons::cron(cron, context),
            Answer::Crons(all) => all.iter().map(|cron| crons::cron(cron, context)).collect(),
            Answer::Generator(generator) => crons::generator(generator, context),
            Answer::Generators(all) => all.iter().map(|one| crons::generator(one, context)).collect(),
            Answer::LogHits { hits, .. } => hits.iter().map(|hit| log_hit(hit, context)).collect(),
            Answer::Files(files) => return self.rows(files, |file| json::file(file, context)),
            Answer::FileEntries(files) => return self.rows(files, json::file_entry),
            Answer::Labels(labels) => return self.rows(labels, json::label),
            Answer::Snapshot(snapshot) => json::snapshot(snapshot, context),
            Answer::Snapshots(all) => return self.rows(all, |one| json::snapshot(one, context)),
            Answer::Locations(all) => return self.locations(all, context),
            Answer::Definitions(all) => return self.rows(all, |one| json::definition(one, context)),
            Answer::Blueprints(all) => return self.rows(all, |one| json::blueprint(one, context)),
            Answer::BlueprintHistory(all) => {
                return self.rows(all, |one| json::blueprint_change(one, context));
            }
            Answer::Channel { entries, .. } => return self.rows(entries, json::channel_entry),
            _ => return Err(Fault::new(500, "the node answered another question")),
        })
    }

    fn rows<T>(&self, rows: &[T], print: impl Fn(&T) -> Value) -> Result<Value, Fault> {
        match self {
            Self::First(missing) => rows.first().map(print).ok_or_else(|| Fault::missing(*missing)),
            _ => Ok(rows.iter().map(print).collect()),
        }
    }

    fn locations(&self, all: &[Location], context: ColonyContext<'_>) -> Result<Value, Fault> {
        match self {
            Self::Location(name) => {
                let found = all.iter().find(|location| location.name == *name);
                found
                    .map(|location| json::location(location, context))
                    .ok_or_else(|| Fault::missing(format!("Location with name {name} not found")))
            }
            _ => self.rows(all, |location| json::location(location, context)),
        }
    }

    fn users(&self, users: &[User], context: ColonyContext<'_>) -> Result<Value, Fault> {
        let is = |user: &&User| match self {
            Self::User(name) => user.name == *name,
            Self::UserById(id) => user.id == *id,
            _ => true,
        };
        let mut found = users.iter().filter(is).map(|user| json::user(user, context));
        match self {
            Self::Users => Ok(found.collect()),
            _ => found.next().ok_or_else(|| Fault::missing("Failed to get user, user is nil")),
        }
    }

    fn executors(&self, executors: &[Executor], context: ColonyContext<'_>) -> Result<Value, Fault> {
        let is = |executor: &&Executor| match self {
            Self::Executor(name) => executor.name == *name,
            Self::ExecutorById(id) => executor.id == *id,
            _ => true,
        };
        let mut found = executors.iter().filter(is).map(|executor| json::executor(executor, context));
        match self {
            Self::Executors => Ok(found.collect()),
            // The one that is registered now stands behind those that were.
            _ => found.next_back().ok_or_else(|| Fault::missing("Failed to get executor, executor is nil")),
        }
    }

    fn process(&self, process: &Process, context: ColonyContext<'_>) -> Result<Value, Fault> {
        let shown = json::process(process, context);
        let wanted = |attribute: &Value| match self {
            Self::Attribute { key, kind } => {
                attribute["key"] == key.as_str() && attribute["attributetype"] == u8::from(*kind)
            }
            Self::AttributeById(id) => attribute["attributeid"] == id.to_hex(),
            _ => false,
        };
        match self {
            Self::Attribute { .. } | Self::AttributeById(_) => {
                let attributes = shown["attributes"].as_array().map(Vec::as_slice).unwrap_or_default();
                let found = attributes.iter().find(|attribute| wanted(attribute)).cloned();
                found.ok_or_else(|| Fault::bad("Attribute does not exists"))
            }
            _ => Ok(shown),
        }
    }
}
