//! Carries out what a message asks.

mod lists;
mod server;

use std::{sync::Arc, time::Duration};

use colony_protocol::{
    colonyos::{
        Action, Ask, ENTRIES_BYTES_MAX, Fault, Next, PAGES_MAX, Place, Show, Then, entries_bytes, joined,
        next_page,
    },
    command::{Assign, Command},
    model::{Name, Process, ProcessId, json::ColonyContext},
    query::{LogSearch, Query},
    refusal::Refusal,
    reply::{Answer, Reply, Response},
    time::Span,
};
use serde_json::Value;

use super::{Shared, api::Said, place};
use crate::{
    client::whole,
    service::{Colony, Evidence},
};

/// How long one command waits for work; a client that wants more is served by several.
const ASSIGN_STEP: Duration = Duration::from_secs(60);

/// What a message is answered with: the kind of reply, if it is not that of the message, and the reply.
pub(super) type Answered = Result<(Option<&'static str>, Value), Fault>;

/// Carries out what a message asks.
pub(super) async fn out(shared: &Arc<Shared>, said: &Said) -> Answered {
    if said.ask.place == Place::Server {
        return server::answer(shared, said).await;
    }
    let served = shared.behind.service.served();
    let colony = place::find(served, &said.ask.place, &said.by)?;
    let name = colony.desk.name()?;
    Errand { shared, said, colony, name }.run().await
}

/// A message and the colony it belongs to.
pub(super) struct Errand<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) said: &'a Said,
    pub(super) colony: Colony,
    pub(super) name: Name,
}

impl Errand<'_> {
    async fn run(&self) -> Answered {
        let Ask { action, executor, .. } = &self.said.ask;
        if !executor.is_empty()
            && let Some(own) = self.colony.desk.executor_name(&self.said.by)
            && own != *executor
        {
            return Err(Fault::denied(format!(
                "Access denied, the executor {own} cannot speak for {executor}"
            )));
        }
        match action {
            Action::Read { query, show } => self.show(query.clone(), show).await,
            Action::ReadAll { query, show } => Ok((None, self.show_all(query.clone(), show).await?)),
            Action::Change { commands, then } => Ok((None, self.change(commands, then).await?)),
            Action::Assign { assign, wait } => Ok((None, self.assign(assign, *wait).await?)),
            Action::History { executor, span, state } => {
                Ok((None, self.history(executor.as_ref(), *span, *state).await?))
            }
            Action::Log { process, span, limit } => self.log(*process, *span, *limit).await,
            Action::Search { text, executor, back, span, limit } => {
                let search = LogSearch {
                    text: text.clone(),
                    executor_name: executor.clone(),
                    since: back.map(|back| self.shared.behind.runtime.now().before(back)),
                    after: None,
                    limit: *limit,
                };
                self.search(search, *span).await
            }
            Action::Attribute(id) => Ok((None, self.attribute(id).await?)),
            Action::RemoveWorkflows(states) => Ok((None, self.remove_workflows(states).await?)),
            Action::Version
            | Action::ServerInfo
            | Action::Colonies
            | Action::AddColony { .. }
            | Action::RemoveColony(_)
            | Action::ServerStatistics
            | Action::Cluster => Err(Fault::new(500, "this is asked of the node, not of a colony")),
        }
    }

    fn context(&self) -> ColonyContext<'_> {
        ColonyContext { name: &self.name }
    }

    async fn show(&self, query: Query, show: &Show) -> Answered {
        let answer = self.ask(query).await?;
        Ok((show.kind(), show.print(&answer, self.context())?))
    }

    async fn show_all(&self, first: Query, show: &Show) -> Result<Value, Fault> {
        let (mut pages, mut next, mut bytes) = (Vec::new(), Some(first), 0_usize);
        while let Some(query) = next.take().filter(|_| pages.len() < PAGES_MAX && bytes < ENTRIES_BYTES_MAX) {
            let answer = self.ask(query.clone()).await?;
            bytes = bytes.saturating_add(entries_bytes(&answer));
            pages.push(show.print(&answer, self.context())?);
            // An answer is cut where it becomes too large, so only one without rows is surely the last.
            next = next_page(&query, &answer);
        }
        Ok(joined(pages))
    }

    /// Asks the colony.
    pub(super) async fn ask(&self, query: Query) -> Result<Answer, Refusal> {
        match query {
            Query::Channels(query) => whole(query, |query| self.ask_once(query)).await,
            query => self.ask_once(query).await,
        }
    }

    async fn ask_once(&self, query: Query) -> Result<Answer, Refusal> {
        let behind = &self.shared.behind;
        let relayed = behind.service.relay_query(&self.colony, self.said.by, query, &behind.key)?;
        match behind.service.follow(relayed).await? {
            Response::Answer(answer) => Ok(answer),
            Response::Reply(_) => Err(Refusal::Malformed(Default::default())),
        }
    }

    /// Changes the colony, in the caller's name.
    pub(super) async fn command(&self, command: Command) -> Result<Reply, Refusal> {
        let service = &self.shared.behind.service;
        let Said { rpc, by, signature, .. } = self.said;
        let evidence = Evidence { by: *by, text: &rpc.payload, digest: rpc.digest(), signature: *signature };
        match service.follow(service.relay(&self.colony, command, evidence)?).await? {
            Response::Reply(reply) => Ok(reply),
            Response::Answer(_) => Err(Refusal::Malformed(Default::default())),
        }
    }

    /// Refuses what was recorded elsewhere.
    pub(super) fn once(&self) -> Result<(), Fault> {
        let Some(from) = self.said.from else { return Ok(()) };
        let now = self.shared.behind.runtime.elapsed();
        self.shared.replays.note(self.said.rpc.digest(), from.ip(), now)
    }

    pub(super) async fn change(&self, commands: &[Command], then: &Then) -> Result<Value, Fault> {
        self.once()?;
        let mut last = Reply::Done;
        for command in commands {
            last = match self.command(command.clone()).await {
                Ok(reply) => reply,
                Err(refusal) => return Err(self.explain(refusal).await),
            };
        }
        match then.after(&last, self.context())? {
            Next::Done(value) => Ok(value),
            Next::Read(query, show) => Ok(self.show(query, &show).await?.1),
            Next::Again { refusal, process } => {
                let process = self.process(process).await?;
                then.again(&self.said.by, &refusal, &process)
            }
        }
    }

    /// Why a change of a process was refused: one that has ended is not to be found among the live ones, but it is there.
    async fn explain(&self, refusal: Refusal) -> Fault {
        match (&refusal, &self.said.ask.place) {
            (Refusal::NotFound { .. }, Place::Process(id)) => match self.process(*id).await {
                Ok(process) => Fault::ended(&self.said.rpc.kind, &process),
                Err(missing) => missing.into(),
            },
            _ => refusal.into(),
        }
    }

    async fn process(&self, id: ProcessId) -> Result<Process, Refusal> {
        match self.ask(Query::Process(id.into())).await? {
            Answer::Process(process) => Ok(*process),
            _ => Err(Refusal::not_found(format!("process {id}"))),
        }
    }

    /// Asks for work until there is some, or time is over.
    async fn assign(&self, asked: &Assign, wait: Span) -> Result<Value, Fault> {
        let runtime = &self.shared.behind.runtime;
        let end = runtime.elapsed().saturating_add(wait.to_std());
        loop {
            let left = end.saturating_sub(runtime.elapsed());
            let step =
                Span::from_micros(u64::try_from(left.min(ASSIGN_STEP).as_micros()).unwrap_or(u64::MAX));
            let ask = self.command(Command::Assign(Assign { wait: step, ..asked.clone() }));
            let reply = tokio::select! {
                biased;
                reply = ask => reply?,
                () = self.shared.closing.cancelled() => return Err(Fault::new(503, "the node is stopping")),
            };
            let Reply::Assigned { processes, paused } = &reply else {
                return Err(Fault::new(500, "the node answered another question"));
            };
            let over = runtime.elapsed() >= end;
            match (processes.is_empty(), over, paused) {
                (true, false, _) => {}
                (true, true, true) if wait == Span::ZERO => {
                    return Err(Fault::new(503, "No processes available: colony assignments are paused"));
                }
                (true, true, true) => {
                    return Err(Fault::new(408, "Assignment timeout: colony assignments are paused"));
                }
                _ => {
                    return match Then::Assigned.after(&reply, self.context())? {
                        Next::Done(value) => Ok(value),
                        Next::Read(..) | Next::Again { .. } => {
                            Err(Fault::new(500, "there is nothing to show"))
                        }
                    };
                }
            }
        }
    }

    /// Only the colony's owner.
    fn owner(&self) -> Result<(), Fault> {
        if self.colony.desk.owner_id()? == self.said.by {
            return Ok(());
        }
        Err(Fault::denied("Access denied, not colony owner"))
    }
}
