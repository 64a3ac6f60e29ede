//! Submissions: when they come, what is in them, whether they were acknowledged.

use colony_protocol::{
    bounded::{List, Text},
    command::{Command, Submission},
    identity::Identity,
    model::{Conditions, FunctionSpec, Limit, Name, WorkflowSpec},
    reply::Reply,
};

use super::{
    Event, World,
    calls::{Answer, Client, Request},
};
use crate::lab::{
    amounts::{Share, Time, WHOLE},
    dice,
    scenario::{Arrivals, Function, Spread, Work},
};

/// One kind of work in one colony.
#[derive(Debug)]
pub(super) struct Stream {
    work: usize,
    pub(super) colony: u16,
    /// Machines that submit in this colony.
    clients: Vec<(u32, Identity)>,
    sent: u64,
    limit: u64,
    /// A burst has no distances.
    burst: bool,
    under_way: u64,
    /// Submissions that were given up, to be shown.
    pub(super) failed: u64,
}

impl Stream {
    pub(super) fn new(place: usize, colony: u16, work: &Work, clients: Vec<(u32, Identity)>) -> Self {
        Self {
            work: place,
            colony,
            clients,
            sent: 0,
            limit: work.count.unwrap_or(u64::MAX),
            burst: work.arrivals == Arrivals::Burst,
            under_way: 0,
            failed: 0,
        }
    }

    /// A crowd that arrives at once with the same kind of work.
    pub(super) fn crowd(&self, submissions: u64) -> Self {
        let clients = self.clients.clone();
        let (work, colony) = (self.work, self.colony);
        Self { work, colony, clients, sent: 0, limit: submissions, burst: true, under_way: 0, failed: 0 }
    }

    pub(super) const fn is_busy(&self) -> bool {
        self.under_way > 0
    }
}

/// Submissions of a burst that are sent in the same moment; the next follow a millisecond later, as a client sends them.
const BURST: u64 = 20;
/// Microseconds after which they do.
const BURST_GAP: u64 = 1_000;

impl World {
    /// What is known of a function: mean, spread, share of failures.
    pub(super) fn function(&self, name: &str) -> (Time, Spread, Share) {
        let all = self.plan.scenario.work.iter().flat_map(|work| &work.functions);
        let found = all.into_iter().find(|function| function.name == name);
        found.map_or((Time(1), Spread::Fixed, Share(0)), |one| (one.takes, one.spread, one.fails))
    }

    /// When a stream begins.
    pub(super) fn stream_from(&self, stream: u32) -> u64 {
        let work =
            self.streams.get(stream as usize).and_then(|stream| self.plan.scenario.work.get(stream.work));
        work.map_or(0, |work| work.from.0)
    }

    /// Processes in a submission of a stream.
    pub(super) fn batch(&self, stream: &Stream) -> u64 {
        let Some(work) = self.plan.scenario.work.get(stream.work) else { return 1 };
        work.workflow
            .map_or_else(|| u64::from(work.batch), |flow| u64::from(flow.width) * u64::from(flow.depth))
    }

    /// The next submission of a stream.
    pub(super) fn submit(&mut self, stream: u32) {
        let now = self.now();
        let plan = std::sync::Arc::clone(&self.plan);
        let Some(state) = self.streams.get(stream as usize) else { return };
        let Some(work) = plan.scenario.work.get(state.work) else { return };
        let (left, burst) = (state.limit.saturating_sub(state.sent), state.burst);
        let until = work.until.unwrap_or(plan.scenario.stop.after).0.min(plan.scenario.stop.after.0);
        if left == 0 || (!burst && now > until) {
            return;
        }
        let count = if burst { left.min(BURST) } else { 1 };
        for _ in 0..count {
            self.submit_one(stream, work);
        }
        let gap = match work.arrivals {
            _ if burst => BURST_GAP,
            Arrivals::Steady | Arrivals::Burst => libm::round(1e6 / work.rate) as u64,
            Arrivals::Poisson => {
                dice::exponential(&mut self.chance, Time(libm::round(1e6 / work.rate) as u64))
            }
        };
        self.plan(gap.max(1), Event::Submit(stream));
    }

    fn submit_one(&mut self, stream: u32, work: &Work) {
        let Some(state) = self.streams.get_mut(stream as usize) else { return };
        state.sent += 1;
        state.under_way += 1;
        let number = state.sent;
        let lot = self.chance.below(state.clients.len() as u64);
        let Some((node, id)) = state.clients.get(lot as usize).copied() else { return };
        let command = match work.workflow {
            Some(flow) => {
                let mut nodes = Vec::new();
                for stage in 0..flow.depth {
                    for place in 0..flow.width {
                        let mut spec = self.spec(work);
                        spec.node_name = node_name(stage, place);
                        let before = stage.checked_sub(1).map(|before| {
                            (0..flow.width).map(|place| node_name(before, place)).collect::<Vec<_>>()
                        });
                        spec.conditions.dependencies =
                            List::new(before.unwrap_or_default()).unwrap_or_default();
                        nodes.push(spec);
                    }
                }
                let nodes = List::new(nodes).unwrap_or_default();
                Command::SubmitWorkflow {
                    spec: WorkflowSpec { nodes, ..WorkflowSpec::default() },
                    retry_of: None,
                }
            }
            None => {
                let items = (0..work.batch).map(|_| Submission { spec: self.spec(work), retry_of: None });
                let items: Vec<_> = items.collect();
                Command::Submit { items: List::new(items).unwrap_or_default() }
            }
        };
        self.begin_call(Client::Stream(stream, number), node, id, command, (0, false));
    }

    fn spec(&mut self, work: &Work) -> FunctionSpec {
        let limit = |time: Option<Time>| {
            time.map_or(Limit::NONE, |time| Limit(i64::try_from(time.0.div_ceil(1_000_000)).unwrap_or(-1)))
        };
        let function = self.pick(&work.functions);
        let (name, executor_type) =
            function.map_or(("", ""), |one| (one.name.as_str(), one.executor_type.as_str()));
        FunctionSpec {
            func_name: Text::cut(name),
            max_wait_time: limit(work.max_wait),
            max_exec_time: limit(work.max_exec),
            max_retries: work.retries,
            conditions: Conditions { executor_type: Text::cut(executor_type), ..Conditions::default() },
            ..FunctionSpec::default()
        }
    }

    /// One of the functions, by their shares; the first takes what the shares leave.
    fn pick<'a>(&mut self, functions: &'a [Function]) -> Option<&'a Function> {
        let mut lot = if functions.len() > 1 { self.chance.below(u64::from(WHOLE)) } else { 0 };
        for function in functions {
            match lot.checked_sub(u64::from(function.share.0)) {
                None => return Some(function),
                Some(rest) => lot = rest,
            }
        }
        functions.first()
    }

    /// A submission was answered.
    pub(super) fn stream_told(&mut self, stream: u32, submission: u64, request: &Request, answer: Answer) {
        let now = self.now();
        let (Ok(Reply::Submitted(ids)) | Ok(Reply::WorkflowSubmitted { processes: ids, .. })) = answer else {
            return self.submission_failed(stream, submission);
        };
        self.measure.acknowledgement.add(now.saturating_sub(request.asked));
        let colony = request.colony;
        for id in ids {
            if let Some(life) = self.office_mut(colony).and_then(|office| office.life(id.number())) {
                life.acknowledged = true;
            }
        }
        if let Some(stream) = self.streams.get_mut(stream as usize) {
            stream.under_way -= 1;
        }
    }

    /// A submission was given up: whoever sent it has seen an error.
    pub(super) fn submission_failed(&mut self, stream: u32, _submission: u64) {
        if let Some(stream) = self.streams.get_mut(stream as usize) {
            stream.under_way -= 1;
            stream.failed += 1;
        }
    }
}

fn node_name(stage: u16, place: u16) -> Name {
    Text::cut(&format!("{stage}-{place}"))
}
