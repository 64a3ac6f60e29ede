//! What is answered when a change was made.

use serde_json::{Value, json};

use super::{Fault, Show, crons};
use crate::{
    identity::Identity,
    model::{
        Name, Process, ProcessId, State, Values,
        file::{FileKey, SnapshotKey},
        json::ColonyContext,
    },
    query::{FilesQuery, Query},
    refusal::Refusal,
    reply::Reply,
};

/// What is answered when a change was made.
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// An empty object.
    Nothing,
    /// The new process.
    Process,
    /// The new workflow, without its drawing.
    Workflow,
    /// The work that was given out.
    Assigned,
    /// The new function.
    Function,
    /// The new cron.
    Cron,
    /// The new generator.
    Generator,
    /// An empty object, if the process could be closed, or was closed in the same way before.
    Closed {
        /// The process.
        process: ProcessId,
        /// Whether it was closed as successful.
        success: bool,
        /// With what.
        output: Values,
    },
    /// The answer to a question.
    Show(Query, Show),
    /// What was made, whatever it is.
    Made,
    /// The process that asks a blueprint's handler.
    Reconciler,
    /// Always the same.
    Says(Value),
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// The answer.
    Done(Value),
    /// A question, whose answer is to be shown.
    Read(Query, Show),
    /// A refusal that may mean that the same was done before: the process says.
    Again {
        /// Why it was refused.
        refusal: Refusal,
        /// The process.
        process: ProcessId,
    },
}

impl Then {
    /// What comes after a change.
    ///
    /// # Errors
    /// [`Fault`] if the change was refused after all, or there was nothing.
    pub fn after(&self, reply: &Reply, colony: ColonyContext<'_>) -> Result<Next, Fault> {
        Ok(match (self, reply) {
            (Self::Show(query, show), _) => Next::Read(query.clone(), show.clone()),
            (Self::Process, Reply::Submitted(ids)) => match ids.first() {
                Some(id) => Next::Read(Query::Process((*id).into()), Show::Process),
                None => Next::Done(json!({})),
            },
            (Self::Process, Reply::ChildAdded(id)) => Next::Read(Query::Process((*id).into()), Show::Process),
            (Self::Workflow, Reply::WorkflowSubmitted { workflow, .. }) => {
                let before = Some(workflow.number().saturating_add(1));
                Next::Read(Query::Workflows { state: None, before, limit: 1 }, Show::NewWorkflow)
            }
            (Self::Assigned, Reply::Assigned { processes, .. }) => match processes.first() {
                Some(process) => Next::Done(crate::model::json::process(process, colony)),
                None => return Err(Fault::missing("No process available for assignment")),
            },
            (Self::Function, Reply::FunctionAdded(number)) => {
                Next::Read(Query::Functions { executor_name: Name::default() }, Show::Function(*number))
            }
            (Self::Cron, Reply::CronAdded(id)) => Next::Read(crons::cron_query(id), Show::Cron),
            (Self::Generator, Reply::GeneratorAdded(id)) => {
                Next::Read(crons::generator_query(id), Show::Generator)
            }
            (Self::Made, Reply::FileAdded(id)) => {
                let file = FilesQuery::File { file: FileKey::Id(*id), latest: true };
                Next::Read(Query::Files(file), Show::First("Failed to get file"))
            }
            (Self::Made, Reply::SnapshotCreated(id)) => {
                Next::Read(Query::Files(FilesQuery::Snapshot(SnapshotKey::Id(*id))), Show::Rows)
            }
            (Self::Reconciler, Reply::BlueprintSet { process: Some(id), .. }) => {
                Next::Read(Query::Process((*id).into()), Show::Process)
            }
            (Self::Reconciler, _) => {
                let why = "Blueprint has no handler with executor type/function name defined";
                return Err(Fault::bad(why));
            }
            (Self::Says(value), _) => Next::Done(value.clone()),
            (Self::Closed { process, .. }, Reply::Closed(outcomes)) => match outcomes.first() {
                Some(Err(refusal)) => Next::Again { refusal: refusal.clone(), process: *process },
                Some(Ok(())) | None => Next::Done(json!({})),
            },
            _ => Next::Done(json!({})),
        })
    }

    /// What is answered to a close that was refused, by what the process has become: the same close again is no error.
    ///
    /// # Errors
    /// [`Fault`] unless it is the same.
    pub fn again(&self, by: &Identity, refusal: &Refusal, process: &Process) -> Result<Value, Fault> {
        let Self::Closed { success, output, .. } = self else { return Err(refusal.into()) };
        let tried = if *success { State::Success } else { State::Failed };
        let own = process.assigned_to.as_ref() == Some(by);
        if own && *success && process.state == tried && (output.is_empty() || *output == process.output) {
            return Ok(json!({}));
        }
        let word = if *success { "successful" } else { "failed" };
        match process.state {
            State::Running | State::Waiting if process.assigned_to.is_none() => {
                Err(Fault::denied(format!("Failed to close process as {word}, process is not assigned")))
            }
            _ if !own => {
                Err(Fault::denied(format!("Failed to close process, not allowed to close process as {word}")))
            }
            State::Success => Err(Fault::bad(format!("Tried to set successful process as {word}"))),
            State::Failed => Err(Fault::bad(format!("Tried to set failed process as {word}"))),
            State::Cancelled => Err(Fault::bad(format!("Tried to set cancelled process as {word}"))),
            State::Running | State::Waiting => Err(refusal.into()),
        }
    }
}
