//! Questions that take several of the colony's own: what ColonyOS asks by time or by an id that tells nothing.

use colony_protocol::{
    colonyos::{Fault, LogSpan, Show},
    command::Command,
    identity::Identity,
    model::{Process, ProcessId, State, Workflow, json},
    query::{LogSearch, PAGE_MAX, ProcessFilter, Query},
    refusal::Refusal,
    reply::{Answer, LogHit},
    time::Span,
};
use serde_json::{Value, json};

use super::{Answered, Errand};

/// Most processes of a history: as many as a page of a program shows, and a hundred times more.
const HISTORY_MAX: usize = 10_000;
/// Most pages that are looked through for an attribute, newest processes first.
const ATTRIBUTE_PAGES: usize = 10;
/// Most pages of lines that are looked through for an executor's first ones.
const SEARCH_PAGES: usize = 10;
/// Most pages of workflows removed at once; who has more asks again.
const REMOVAL_PAGES: usize = 100;

impl Errand<'_> {
    /// Processes by when they were submitted, the oldest first.
    pub(super) async fn history(
        &self,
        executor: Option<&Identity>,
        span: Span,
        state: Option<State>,
    ) -> Result<Value, Fault> {
        let cutoff = self.shared.behind.runtime.now().before(span);
        let mut found: Vec<Process> = Vec::new();
        let mut before = None;
        while found.len() < HISTORY_MAX {
            let page =
                self.page(ProcessFilter { state, before, limit: PAGE_MAX, ..Default::default() }).await?;
            let Some(lowest) = page.iter().map(Process::number).min() else { break };
            before = Some(lowest);
            // Numbers follow the order of submission.
            let over = page.iter().all(|process| process.submitted_at < cutoff);
            let wanted = |process: &Process| {
                process.submitted_at >= cutoff
                    && executor.is_none_or(|id| process.assigned_to.as_ref() == Some(id))
            };
            found.extend(page.into_iter().filter(wanted));
            if over {
                break;
            }
        }
        found.sort_by_key(|process| (process.submitted_at, process.number()));
        Ok(found.iter().map(|process| json::process(process, self.context())).collect())
    }

    async fn page(&self, filter: ProcessFilter) -> Result<Vec<Process>, Refusal> {
        match self.ask(Query::Processes(filter)).await? {
            Answer::Processes(processes) => Ok(processes),
            _ => Ok(Vec::new()),
        }
    }

    /// Lines of a log.
    pub(super) async fn log(&self, process: ProcessId, span: LogSpan, limit: u16) -> Answered {
        if limit == 0 {
            return Ok((None, json!([])));
        }
        let selector = process.into();
        let query = match span {
            LogSpan::First => Query::Log { process: selector, from: 0, limit, latest: false },
            LogSpan::Latest => Query::Log { process: selector, from: 0, limit, latest: true },
            LogSpan::Since(since) => Query::LogSince { process: selector, since, limit },
        };
        self.show(query, &Show::Log(process)).await
    }

    /// Lines of all logs, the oldest first.
    pub(super) async fn search(&self, search: LogSearch, span: LogSpan) -> Answered {
        let limit = usize::from(search.limit);
        let since = match span {
            LogSpan::Since(since) => Some(since),
            LogSpan::First | LogSpan::Latest => search.since,
        };
        let mut hits: Vec<LogHit> = Vec::new();
        let mut after = None;
        for _ in 0..SEARCH_PAGES {
            let page = LogSearch { after, since, limit: PAGE_MAX, ..search.clone() };
            let Answer::LogHits { hits: more, next } = self.ask(Query::SearchLog(page)).await? else { break };
            hits.extend(more);
            // The newest come first: for the latest ones enough is enough.
            let enough = span == LogSpan::Latest && hits.len() >= limit;
            match next {
                Some(next) if !enough => after = Some(next),
                _ => break,
            }
        }
        hits.sort_by_key(|hit| (hit.line.at, hit.process, hit.line.line));
        match span {
            LogSpan::Latest => drop(hits.drain(..hits.len().saturating_sub(limit))),
            LogSpan::First | LogSpan::Since(_) => hits.truncate(limit),
        }
        let answer = Answer::LogHits { hits, next: None };
        Ok((None, Show::Hits.print(&answer, self.context())?))
    }

    /// An attribute by its id, which is a hash and does not tell its process.
    pub(super) async fn attribute(&self, id: &Identity) -> Result<Value, Fault> {
        let show = Show::AttributeById(*id);
        let mut before = None;
        for _ in 0..ATTRIBUTE_PAGES {
            let page = self.page(ProcessFilter { before, limit: PAGE_MAX, ..Default::default() }).await?;
            let Some(lowest) = page.iter().map(Process::number).min() else { break };
            before = Some(lowest);
            let has = |process: &Process| !process.attributes.is_empty() || !process.spec.env.is_empty();
            for process in page.into_iter().filter(has) {
                if let Ok(found) = show.print(&Answer::Process(Box::new(process)), self.context()) {
                    return Ok(found);
                }
            }
        }
        Err(Fault::bad("Attribute does not exists"))
    }

    /// Removes all workflows in some states; those that wait are cancelled first.
    pub(super) async fn remove_workflows(&self, states: &[State]) -> Result<Value, Fault> {
        self.owner()?;
        self.once()?;
        for state in states {
            for _ in 0..REMOVAL_PAGES {
                let workflows = self.workflows(*state).await?;
                if workflows.is_empty() {
                    break;
                }
                for workflow in workflows {
                    if *state == State::Waiting {
                        self.command(Command::CancelWorkflow { workflow: workflow.id }).await?;
                    }
                    self.command(Command::RemoveWorkflow { workflow: workflow.id }).await?;
                }
            }
        }
        Ok(json!({}))
    }

    async fn workflows(&self, state: State) -> Result<Vec<Workflow>, Refusal> {
        match self.ask(Query::Workflows { state: Some(state), before: None, limit: PAGE_MAX }).await? {
            Answer::Workflows(workflows) => Ok(workflows),
            _ => Ok(Vec::new()),
        }
    }
}
