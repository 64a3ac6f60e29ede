//! Questions about a colony, answered from applied state and the archive of this node.
//!
//! [`Desk::answer`] runs on the processor pool: it takes the state's read lock briefly, clones what it needs - a
//! process shares its spec - and leaves encoding to the caller. Answers are those of this node's applied state: on the
//! coordinator everything acknowledged, on another member perhaps a little older.
//!
//! What may never happen: an answer to somebody who may not read, except to [`Query::Status`] by
//! one who was a member; a page larger than its bounds; a lock held while bytes are encoded or the disk is read.

mod automation;
mod channels;
mod logs;
mod page;
mod select;
mod watch;

use std::sync::RwLockReadGuard;

use colony_protocol::{
    bounded::{List, Text},
    colony::{Colony, Load},
    command::Command,
    identity::Identity,
    model::{
        ExecutorState, Name, Process, ProcessId, RegisteredFunction, StoredLogLine, Workflow, WorkflowId,
        member::{Address, MemberKey, MemberView},
    },
    query::{ChannelsQuery, PAGE_MAX, Query, Selector},
    refusal::Refusal,
    reply::{Answer, LISTENERS_MAX, Statistics, Status},
};
use colony_store::{ColonyView, StoreFailure};

use crate::{
    announcements::company, consensus::Consensus, coordinator::Coordinator, membership::view, node::Pulse,
    peers::Peers, runtime::Runtime,
};

/// Most bytes of rows one answer carries, by a rough count: half a frame, so that encoding never exceeds one.
const ANSWER_BYTES_MAX: usize = colony_protocol::rpc::OUTCOME_MAX / 2;

/// Answers the questions about one colony.
#[derive(Debug)]
pub struct Desk {
    /// State, archive and logs.
    view: ColonyView,
    /// Who coordinates.
    consensus: Consensus,
    /// Told who was heard, and where watchers wait.
    coordinator: Coordinator,
    /// How other nodes are reached.
    peers: Peers,
    /// Time.
    runtime: Runtime,
    /// How this node is doing.
    pulse: Pulse,
    /// This node.
    node: Identity,
}

impl Desk {
    /// A desk for one colony.
    #[must_use]
    pub(crate) const fn new(
        view: ColonyView,
        consensus: Consensus,
        coordinator: Coordinator,
        peers: Peers,
        runtime: Runtime,
        pulse: Pulse,
        node: Identity,
    ) -> Self {
        Self { view, consensus, coordinator, peers, runtime, pulse, node }
    }

    /// Answers a question. A watch is answered with what is there now; see [`Desk::await_news`].
    ///
    /// # Errors
    /// [`Refusal::Denied`], [`Refusal::NotFound`], [`Refusal::Ambiguous`], [`Refusal::Invalid`], or
    /// [`Refusal::Storage`] if the archive cannot be read.
    pub fn answer(&self, by: &Identity, query: &Query) -> Result<Answer, Refusal> {
        if matches!(query, Query::Status) {
            self.may_ask_status(by)?;
            return Ok(Answer::Status(Box::new(self.status()?)));
        }
        self.authorise(by)?;
        match query {
            Query::Status => Ok(Answer::Status(Box::new(self.status()?))),
            Query::Statistics => Ok(Answer::Statistics(self.colony()?.statistics())),
            Query::Process(selector) => Ok(Answer::Process(Box::new(self.process(selector)?))),
            Query::Processes(filter) => self.processes(filter).map(Answer::Processes),
            Query::Workflow(selector) => self.workflow_answer(selector),
            Query::Workflows { state, before, limit } => {
                self.workflows(*state, *before, *limit).map(Answer::Workflows)
            }
            Query::Executors => Ok(Answer::Executors(self.colony()?.executors().cloned().collect())),
            Query::Users => Ok(Answer::Users(self.colony()?.users().cloned().collect())),
            Query::Members => Ok(Answer::Members(self.members()?)),
            Query::Silent => Ok(Answer::Silent(self.colony()?.silent(self.runtime.now()))),
            Query::Delegation => Ok(Answer::Delegation(self.colony()?.delegation().cloned().map(Box::new))),
            Query::Functions { executor_name } => self.functions(executor_name).map(Answer::Functions),
            Query::Log { process, from, limit, latest } => {
                let process = self.process(process)?;
                self.log(&process, *from, *limit, *latest).map(Answer::Log)
            }
            Query::Watch { process, from, .. } => {
                let process = self.process(process)?;
                let lines = self.log(&process, *from, PAGE_MAX, false)?;
                Ok(Answer::Watch { process: Box::new(process), lines })
            }
            Query::Files(query) => self.colony()?.files_answer(query, ANSWER_BYTES_MAX),
            Query::Blueprints(query) => self.colony()?.blueprints_answer(query, ANSWER_BYTES_MAX),
            Query::BlueprintHistory { blueprint, limit } => self.blueprint_history(blueprint, *limit),
            Query::Locations => Ok(Answer::Locations(self.colony()?.locations().cloned().collect())),
            Query::Channels(query) => self.channels(by, query),
            Query::Vitals => Ok(Answer::Vitals(Box::new(self.pulse.take()))),
            Query::Listeners { key } => self.listeners(by, key).map(Answer::Listeners),
            Query::Explain(selector) => {
                let process = self.process(selector)?;
                Ok(Answer::Explanation(Box::new(self.colony()?.explain(&process))))
            }
            Query::Crons { after, limit } => self.crons(*after, *limit).map(Answer::Crons),
            Query::Cron { named } => self.cron(named).map(|cron| Answer::Cron(Box::new(cron))),
            Query::Generators { after, limit } => self.generators(*after, *limit).map(Answer::Generators),
            Query::Generator { named } => {
                self.generator(named).map(|generator| Answer::Generator(Box::new(generator)))
            }
            Query::Policy => Ok(Answer::Policy(*self.colony()?.policy())),
            Query::LogSince { process, since, limit } => {
                let process = self.process(process)?;
                self.log_since(&process, *since, *limit).map(Answer::Log)
            }
            Query::SearchLog(search) => self.search_log(search),
        }
    }

    /// The colony.
    pub(crate) fn id(&self) -> Result<Identity, Refusal> {
        Ok(self.colony()?.id())
    }

    /// The key of the colony's owner, as far as it is known here.
    pub(crate) fn owner_id(&self) -> Result<Identity, Refusal> {
        Ok(self.colony()?.owner_id())
    }

    /// Whom this node takes for its server's owner, in ColonyOS's sense.
    pub(crate) fn server_owner(&self) -> Result<Identity, Refusal> {
        Ok(self.colony()?.server_owner(&self.node))
    }

    /// The colony's name, as far as it is known here.
    pub(crate) fn name(&self) -> Result<Name, Refusal> {
        Ok(self.colony()?.name().clone())
    }

    /// Whether somebody has a part in the colony, or had, as far as is known here.
    pub(crate) fn is_known(&self, by: &Identity) -> bool {
        self.colony().is_ok_and(|colony| colony.is_known(by))
    }

    /// The name of the executor with this key.
    pub(crate) fn executor_name(&self, by: &Identity) -> Option<Name> {
        let colony = self.colony().ok()?;
        colony.executors().find(|executor| executor.id == *by).map(|executor| executor.name.clone())
    }

    /// Whether a process is in the colony, as far as is known here.
    pub(crate) fn has_process(&self, id: &ProcessId) -> bool {
        matches!(self.process_by_number(id.number()), Ok(Some(process)) if process.id == *id)
    }

    /// Whether a workflow is in the colony, as far as is known here.
    pub(crate) fn has_workflow(&self, id: &WorkflowId) -> bool {
        matches!(self.workflow_by_number(id.number()), Ok(Some(workflow)) if workflow.id == *id)
    }

    /// Counts by state.
    pub(crate) fn statistics(&self) -> Result<Statistics, Refusal> {
        Ok(self.colony()?.statistics())
    }

    /// How much is waiting and how much is held, as far as is known here.
    pub(crate) fn load(&self) -> Result<Load, Refusal> {
        Ok(self.colony()?.load())
    }

    /// Whether somebody may ask questions, as far as is known here.
    pub(crate) fn may_read(&self, by: &Identity) -> bool {
        self.colony().is_ok_and(|colony| colony.may_read(by).is_ok())
    }

    /// Whether somebody may forget what is in the archive already, where the core cannot look: it must be its own. This
    /// is for the answer alone; the store looks again when it forgets.
    pub(crate) fn may_forget(&self, by: &Identity, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::Remove { process } => {
                match self.view.archived_process(process.number()).map_err(storage)? {
                    Some(row) if row.id == *process => {
                        self.colony()?.may_end(by, &row.initiator, &row.initiator_name)
                    }
                    Some(_) => Err(Refusal::not_found(format!("process {process}"))),
                    None => Ok(()),
                }
            }
            Command::RemoveWorkflow { workflow } => {
                match self.view.archived_workflow(workflow.number()).map_err(storage)? {
                    Some(row) if row.id == *workflow => {
                        self.colony()?.may_end(by, &row.initiator, &row.initiator_name)
                    }
                    Some(_) => Err(Refusal::not_found(format!("workflow {workflow}"))),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether somebody may ask this question, as far as is known here: what is said in channels is not for all members.
    pub(crate) fn may_ask(&self, by: &Identity, query: &Query) -> Result<(), Refusal> {
        self.colony()?.may_read(by)?;
        match query {
            Query::Channels(ChannelsQuery::Read { process, .. } | ChannelsQuery::List { process }) => {
                let process = self.process(process)?.id;
                self.colony()?.channels(by, &process).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Who was sent away may ask whether its vote is still needed, and where nothing is known yet anybody may.
    fn may_ask_status(&self, by: &Identity) -> Result<(), Refusal> {
        let colony = self.colony()?;
        if colony.is_known(by) || !self.consensus.has_members() || *by == self.node {
            return Ok(());
        }
        colony.may_read(by)
    }

    /// All members as this node sees them.
    pub(crate) fn members(&self) -> Result<Vec<MemberView>, Refusal> {
        let metrics = self.consensus.metrics().borrow().clone();
        Ok(view::members(&*self.colony()?, &metrics, &self.peers, &self.node, &self.runtime))
    }

    /// Executors that one of them may take for neighbours. Who asks with another's key is told of those for the world.
    fn listeners(&self, by: &Identity, key: &MemberKey) -> Result<List<Address, LISTENERS_MAX>, Refusal> {
        let key = if key.identity() == *by { key } else { &MemberKey::NOBODY };
        let connected = self.pulse.connected();
        let colony = self.colony()?;
        let is_executor =
            |id: &Identity| colony.executor(id).is_some_and(|it| it.state == ExecutorState::Approved);
        Ok(company(&connected, key, is_executor))
    }

    /// Checks that the caller may read, and remembers that it was heard.
    fn authorise(&self, by: &Identity) -> Result<(), Refusal> {
        self.colony()?.may_read(by)?;
        self.coordinator.hear(*by);
        Ok(())
    }

    /// The colony and its coordinator, as this node sees them.
    ///
    /// # Errors
    /// [`Refusal::Storage`] if the state cannot be trusted any more.
    pub fn status(&self) -> Result<Status, Refusal> {
        let metrics = self.consensus.metrics().borrow().clone();
        let membership = metrics.membership_config.membership();
        // An entry is applied as soon as this node knows that it is committed.
        let applied = self.view.applied().map_err(storage)?.0.map_or(0, |id| id.index);
        let colony = self.colony()?;
        Ok(Status {
            colony: colony.name().clone(),
            colony_id: colony.id(),
            node: self.node,
            term: metrics.current_term,
            coordinator: metrics.current_leader.map(|member| member.0),
            voters: membership.voter_ids().map(|member| member.0).collect(),
            learners: membership.learner_ids().map(|member| member.0).collect(),
            committed: applied,
            applied,
            paused: colony.is_paused(),
            statistics: colony.statistics(),
            version: Text::cut(env!("CARGO_PKG_VERSION")),
            owner: colony.owner_id(),
        })
    }

    /// The process a selector names.
    pub(crate) fn process(&self, selector: &Selector) -> Result<Process, Refusal> {
        let last = self.colony()?.last_process_number();
        select::process(selector, last, |number| self.process_by_number(number))
    }

    /// Live first, archived second: what is archived in between is found.
    fn process_by_number(&self, number: u64) -> Result<Option<Process>, Refusal> {
        let live = self.colony()?.live_process(number).cloned();
        if live.is_some() {
            return Ok(live);
        }
        self.view.archived_process(number).map_err(storage)
    }

    fn workflow(&self, selector: &Selector) -> Result<Workflow, Refusal> {
        let last = self.colony()?.last_workflow_number();
        select::workflow(selector, last, |number| self.workflow_by_number(number))
    }

    fn workflow_by_number(&self, number: u64) -> Result<Option<Workflow>, Refusal> {
        let live = self.colony()?.live_workflow(number).cloned();
        if live.is_some() {
            return Ok(live);
        }
        self.view.archived_workflow(number).map_err(storage)
    }

    /// The live state, for a brief look.
    fn colony(&self) -> Result<RwLockReadGuard<'_, Colony>, Refusal> {
        self.view.colony().map_err(storage)
    }

    fn workflow_answer(&self, selector: &Selector) -> Result<Answer, Refusal> {
        let workflow = self.workflow(selector)?;
        let numbers = workflow.processes.iter().map(|id| id.number());
        let processes = self.by_number(numbers, |_| true, usize::MAX)?;
        Ok(Answer::Workflow { workflow: Box::new(workflow), processes })
    }

    fn functions(&self, executor_name: &Name) -> Result<Vec<RegisteredFunction>, Refusal> {
        let colony = self.colony()?;
        let wanted = colony
            .functions()
            .filter(|function| executor_name.is_empty() || function.executor_name == *executor_name);
        Ok(wanted.cloned().collect())
    }

    /// Lines of a log, at most a page of lines and of bytes.
    fn log(
        &self,
        process: &Process,
        from: u64,
        limit: u16,
        latest: bool,
    ) -> Result<Vec<StoredLogLine>, Refusal> {
        let limit = page::limit(limit);
        let lines = if latest {
            self.view.latest_log_lines(process.number(), limit)
        } else if from < process.log_lines {
            self.view.log_lines(process.number(), from, limit)
        } else {
            Ok(Vec::new())
        };
        let mut lines = lines.map_err(storage)?;
        let mut room = ANSWER_BYTES_MAX;
        lines.truncate(page::fitting(lines.iter().map(|line| line.message.len()), &mut room));
        Ok(lines)
    }
}

/// The archive could not be read.
fn storage(failure: StoreFailure) -> Refusal {
    Refusal::Storage(Text::cut(&failure.to_string()))
}
