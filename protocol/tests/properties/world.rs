//! Plays steps against the core, keeps the log, and plays the store's part.

use std::collections::{BTreeMap, BTreeSet};

use colony_protocol::{
    bounded::{Json, List, Text},
    colony::{Call, Change, Colony, Event, Outbox, RowKey},
    command::{AddChild, Assign, Closing, Command, LeaseRef, Release, Submission},
    envelope::RequestId,
    identity::Identity,
    model::{
        Attribute, AttributeKind, Capabilities, CronId, Executor, FunctionSpec, GeneratorId, GivenNode,
        Hardware, Limit, LogLine, LogStream, ProcessId, State, User, Values, WorkflowId, WorkflowSpec,
        member::Role,
    },
    refusal::Refusal,
    reply::Reply,
    ticket::{SignedTicket, Ticket},
    time::{Span, Timestamp},
};
use proptest::{prelude::*, sample::Index, test_runner::TestCaseError};

use crate::{
    automation::{self, Started},
    objects,
    oracle::Oracle,
    people::{id, key, who},
    step::{Step, Who, Work},
    town,
};

pub(crate) type Verdict = Result<(), TestCaseError>;
pub(crate) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// One thing that reached the core, and what came of it.
#[derive(Debug, Clone)]
pub(crate) enum Logged {
    Begin(Timestamp, Vec<Identity>, Vec<Event>, Started),
    Call(Box<Call>, Result<Reply, Refusal>, Vec<Event>),
}

/// A colony with what was written of it.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) colony: Colony,
    touched: BTreeSet<RowKey>,
}

impl Replica {
    fn new() -> Self {
        Self { colony: Colony::new(id(1)), touched: BTreeSet::new() }
    }

    /// Live rows as the store would hold them: only what was touched, as it is now.
    pub(crate) fn rows(&self) -> Rows {
        let rows = self.touched.iter().filter_map(|key| Some((key.to_bytes(), self.colony.row(key)?)));
        rows.collect()
    }

    fn restored(&self) -> Self {
        let rows: Vec<(RowKey, Vec<u8>)> =
            self.touched.iter().filter_map(|key| Some((*key, self.colony.row(key)?))).collect();
        let colony = Colony::restore(id(1), rows).unwrap();
        Self { colony, touched: self.touched.clone() }
    }

    fn begin(&mut self, at: Timestamp, heard: &[Identity]) -> Outbox {
        let mut out = Outbox::default();
        self.colony.begin(at, heard, &mut out);
        self.note(&out);
        out
    }

    fn apply(&mut self, call: &Call) -> (Result<Reply, Refusal>, Outbox) {
        let mut out = Outbox::default();
        let reply = self.colony.apply(call, &mut out);
        self.note(&out);
        (reply, out)
    }

    fn note(&mut self, out: &Outbox) {
        for change in &out.changes {
            if let Change::Touched(key) = change {
                self.touched.insert(*key);
            }
        }
    }

    fn again(&mut self, logged: &Logged) -> Verdict {
        match logged {
            Logged::Begin(at, heard, events, _) => {
                prop_assert_eq!(&self.begin(*at, heard).events, events);
            }
            Logged::Call(call, first, events) => {
                let (reply, out) = self.apply(call);
                prop_assert_eq!(&reply, first);
                prop_assert_eq!(&out.events, events);
            }
        }
        Ok(())
    }
}

/// Applies a log from its beginning; every answer must be the same.
pub(crate) fn replay(log: &[Logged]) -> Result<Replica, TestCaseError> {
    let mut replica = Replica::new();
    for logged in log {
        replica.again(logged)?;
    }
    Ok(replica)
}

/// Applies a log, but stops at `cut` and goes on from what was stored.
pub(crate) fn continue_from_rows(log: &[Logged], cut: usize) -> Result<Replica, TestCaseError> {
    let (before, after) = log.split_at(cut);
    let mut replica = replay(before)?.restored();
    for logged in after {
        replica.again(logged)?;
        let next = replica.colony.next_deadline();
        prop_assert!(
            next.is_none_or(|next| next > replica.colony.now() || matches!(logged, Logged::Call(..)))
        );
    }
    Ok(replica)
}

/// A history in the making.
pub(crate) struct World {
    replica: Replica,
    oracle: Oracle,
    pub(crate) log: Vec<Logged>,
    /// Every lease ever granted, with its holder.
    leases: Vec<(Identity, LeaseRef)>,
    processes: Vec<ProcessId>,
    workflows: Vec<WorkflowId>,
    crons: Vec<CronId>,
    generators: Vec<GeneratorId>,
    /// Every call and its first answer.
    calls: Vec<(Call, Result<Reply, Refusal>)>,
    tickets: Vec<Ticket>,
    now: u64,
    term: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let mut world = Self {
            replica: Replica::new(),
            oracle: Oracle::default(),
            log: Vec::new(),
            leases: Vec::new(),
            processes: Vec::new(),
            workflows: Vec::new(),
            crons: Vec::new(),
            generators: Vec::new(),
            calls: Vec::new(),
            tickets: Vec::new(),
            term: 1,
            now: 1_700_000_000_000_000,
        };
        world.begin(0, &[]).unwrap();
        world.tell(1, Command::Found { name: text("dev") }).unwrap();
        let user = User { id: id(4), name: text("user"), ..User::default() };
        world.tell(1, Command::AddUser { user }).unwrap();
        for executor in [5, 6] {
            world.tell(1, add_executor(executor, true)).unwrap();
        }
        let member = town::newcomer(10, 0, false);
        world.tell(1, Command::AddMember { member, role: Role::Voter }).unwrap();
        world
    }

    pub(crate) fn rows(&self) -> Rows {
        self.replica.rows()
    }

    fn begin(&mut self, millis: u64, heard: &[Who]) -> Verdict {
        self.now += millis * 1_000;
        self.enter(Timestamp::from_micros(self.now), heard.iter().map(|who| id(*who)).collect())
    }

    /// The first entry of another coordinator: it has heard nobody yet, so it gives every holder a fresh start.
    fn elect(&mut self, behind_millis: u64) -> Verdict {
        self.term += 1;
        let holders = self.replica.colony.live_processes().filter_map(|process| process.lease);
        let holders: BTreeSet<Identity> = holders.map(|lease| lease.holder).collect();
        let at = Timestamp::from_micros(self.now - behind_millis * 1_000);
        self.enter(at, holders.into_iter().collect())
    }

    fn enter(&mut self, at: Timestamp, heard: Vec<Identity>) -> Verdict {
        let out = self.replica.begin(at, &heard);
        self.oracle.observe(&self.replica.colony, &out, None)?;
        let next = self.replica.colony.next_deadline();
        let now = self.replica.colony.now();
        prop_assert_eq!(now, Timestamp::from_micros(self.now), "time went another way than on");
        prop_assert!(next.is_none_or(|next| next > now), "a deadline that has passed did not fire");
        self.log.push(Logged::Begin(at, heard, out.events, self.oracle.started()));
        Ok(())
    }

    fn tell(&mut self, by: Who, command: Command) -> Verdict {
        let mut request = [0; 16];
        request[..8].copy_from_slice(&(self.calls.len() as u64).to_be_bytes());
        let expires = Timestamp::from_micros(self.now + 10_000_000);
        let request = RequestId::from_bytes(request);
        let call = Call { by: id(by), term: self.term, request, expires, command: command.into() };
        let reply = self.apply(&call)?;
        self.calls.push((call.clone(), reply.clone()));
        match reply {
            Ok(Reply::Submitted(ids)) => self.processes.extend(ids),
            Ok(Reply::WorkflowSubmitted { workflow, processes }) => {
                self.workflows.push(workflow);
                self.processes.extend(processes);
            }
            Ok(Reply::CronAdded(cron)) => self.crons.push(cron),
            Ok(Reply::GeneratorAdded(generator)) => self.generators.push(generator),
            Ok(Reply::ChildAdded(child)) => self.processes.push(child),
            Ok(Reply::Assigned { processes, .. }) => {
                let leases =
                    processes.iter().map(|process| LeaseRef { process: process.id, token: process.token });
                self.leases.extend(leases.map(|lease| (call.by, lease)));
            }
            _ => {}
        }
        Ok(())
    }

    fn apply(&mut self, call: &Call) -> Result<Result<Reply, Refusal>, TestCaseError> {
        let before = self.replica.rows();
        let (reply, out) = self.replica.apply(call);
        if reply.is_err() {
            self.refused_changed_nothing(&before)?;
        }
        self.oracle.observe(&self.replica.colony, &out, Some((call, &reply)))?;
        self.log.push(Logged::Call(Box::new(call.clone()), reply.clone(), out.events));
        Ok(reply)
    }

    /// A refused call may leave its memory and the sign of life of its caller, nothing else.
    fn refused_changed_nothing(&self, before: &Rows) -> Verdict {
        for (key, row) in self.replica.rows() {
            if !matches!(RowKey::from_bytes(&key), Some(RowKey::Executor(_) | RowKey::Seen(_))) {
                prop_assert_eq!(before.get(&key), Some(&row), "a refused call changed a row");
            }
        }
        Ok(())
    }

    /// Plays one step and checks what must hold after it.
    pub(crate) fn play(&mut self, step: &Step) -> Verdict {
        match step {
            Step::Wait { millis, heard } => self.begin(*millis, heard),
            Step::Again { call } => self.again(*call),
            Step::Elect { behind_millis } => self.elect(*behind_millis),
            Step::Invite { role, uses, life, member_life } => {
                let now = Timestamp::from_micros(self.now);
                let number = u8::try_from(self.tickets.len()).unwrap();
                self.tickets.push(town::ticket(number, now, *role, *uses, *life, *member_life));
                Ok(())
            }
            Step::Close { by, leases, success, output } => self.close(*by, leases, *success, *output),
            Step::Renew { by, lease } => self
                .as_holder(*by, *lease, |lease| Command::Renew { leases: List::new(vec![lease]).unwrap() }),
            Step::Release { by, lease, began } => self.as_holder(*by, *lease, |lease| {
                let item = Release { lease, began: *began };
                Command::Release { items: List::new(vec![item]).unwrap() }
            }),
            Step::SetOutput { by, lease, output } => {
                self.as_holder(*by, *lease, |lease| Command::SetOutput { lease, output: values(*output) })
            }
            Step::Attribute { by, lease, key } => self.as_holder(*by, *lease, |lease| {
                let attribute =
                    Attribute { key: text(&key.to_string()), value: text("v"), kind: AttributeKind::Out };
                Command::AddAttribute { lease, attribute }
            }),
            Step::Log { by, lease, lines } => self.as_holder(*by, *lease, |lease| {
                let line = LogLine { stream: LogStream::Out, message: text("line\n") };
                Command::AddLog { lease, lines: List::new(vec![line; usize::from(*lines)]).unwrap() }
            }),
            Step::Child { lease, child, insert, work } => {
                let child = child.and_then(|child| recent(&self.processes, child));
                let spec = spec(work, "child");
                self.as_holder(None, *lease, |parent| {
                    Command::AddChild(AddChild { parent, child, spec, insert: *insert })
                })
            }
            other => match self.command(other) {
                Some((by, command)) => self.tell(by, command),
                None => Ok(()),
            },
        }
    }

    /// A repeated request gets its first answer and has no second effect.
    fn again(&mut self, call: Index) -> Verdict {
        let Some((call, first)) = pick(&self.calls, call) else { return Ok(()) };
        let before = self.replica.rows();
        let reply = self.apply(&call)?;
        match (&first, &reply) {
            (_, Err(Refusal::Envelope(_))) => {}
            // Nothing was assigned, so the request may still be answered. The answer names leases as they are now.
            (Ok(Reply::Assigned { .. }), _) => {}
            // Strangers are not remembered; this one may be a member by now.
            (Err(Refusal::Denied { .. }), _) => {}
            (Err(_), _) if matches!(*call.command, Command::Join { .. }) => {}
            // The answer names the nodes as they are now.
            (Ok(Reply::Joined { .. }), _) => prop_assert_eq!(self.replica.rows(), before),
            _ => {
                prop_assert_eq!(&first, &reply);
                prop_assert_eq!(self.replica.rows(), before, "a repeated request changed something");
            }
        }
        if let Ok(Reply::Assigned { processes, .. }) = reply {
            let leases =
                processes.iter().map(|process| LeaseRef { process: process.id, token: process.token });
            self.leases.extend(leases.map(|lease| (call.by, lease)));
        }
        Ok(())
    }

    fn as_holder(
        &mut self,
        by: Option<Who>,
        lease: Index,
        command: impl FnOnce(LeaseRef) -> Command,
    ) -> Verdict {
        let Some((holder, lease)) = recent(&self.leases, lease) else { return Ok(()) };
        self.tell(by.unwrap_or_else(|| who(&holder)), command(lease))
    }

    fn close(&mut self, by: Option<Who>, leases: &[Index], success: bool, output: u8) -> Verdict {
        let picked: Vec<(Identity, LeaseRef)> =
            leases.iter().filter_map(|lease| recent(&self.leases, *lease)).collect();
        let Some((holder, _)) = picked.first().copied() else { return Ok(()) };
        let items = picked.iter().map(|(_, lease)| Closing {
            lease: *lease,
            success,
            output: values(output),
            errors: List::new(vec![text("broken")]).unwrap(),
            attributes: List::default(),
            lines: List::default(),
            receipt: None,
        });
        let items = List::new(items.collect()).unwrap();
        self.tell(by.unwrap_or_else(|| who(&holder)), Command::Close { items })
    }

    fn command(&self, step: &Step) -> Option<(Who, Command)> {
        Some(match step {
            Step::Submit { by, count, work } => {
                let item = Submission { spec: spec(work, ""), retry_of: None };
                (*by, Command::Submit { items: List::new(vec![item; usize::from(*count)]).unwrap() })
            }
            Step::Workflow { by, nodes, edges, given, work } => {
                (*by, Command::SubmitWorkflow { spec: graph(*nodes, edges, *given, work), retry_of: None })
            }
            Step::Assign { by, max, heartbeat, memory } => {
                let heartbeat = heartbeat.map(Span::from_secs);
                (
                    *by,
                    Command::Assign(Assign {
                        max: *max,
                        heartbeat,
                        available_memory: *memory,
                        ..Assign::default()
                    }),
                )
            }
            Step::Cancel { by, process } => {
                (*by, Command::Cancel { process: pick(&self.processes, *process)? })
            }
            Step::CancelWorkflow { by, workflow } => {
                (*by, Command::CancelWorkflow { workflow: pick(&self.workflows, *workflow)? })
            }
            Step::Remove { by, process } => {
                (*by, Command::Remove { process: pick(&self.processes, *process)? })
            }
            Step::RemoveAll { by, state } => {
                (*by, Command::RemoveAll { state: State::try_from(*state).unwrap() })
            }
            Step::RemoveWorkflow { by, workflow } => {
                (*by, Command::RemoveWorkflow { workflow: pick(&self.workflows, *workflow)? })
            }
            Step::AddExecutor { executor, approved } => (1, add_executor(*executor, *approved)),
            Step::Approve { executor } => (1, Command::ApproveExecutor { name: name(*executor) }),
            Step::Reject { executor } => (1, Command::RejectExecutor { name: name(*executor) }),
            Step::RemoveExecutor { by, executor } => (*by, Command::RemoveExecutor { name: name(*executor) }),
            Step::Hardware { by, memory } => {
                let machines = memory.map(|memory| Hardware { memory, ..Hardware::default() });
                let hardware = List::new(machines.into_iter().collect()).unwrap();
                let capabilities = Capabilities { hardware, ..Capabilities::default() };
                (*by, Command::UpdateExecutor { capabilities })
            }
            Step::AddFunction { by } => {
                let (func_name, description) = (text("f"), Text::default());
                (*by, Command::AddFunction { func_name, description, arguments: List::default() })
            }
            Step::RemoveFunction { by, number } => (*by, Command::RemoveFunction { number: *number }),
            Step::Join { by, ticket, disk, executor, forged } => {
                let ticket = pick(&self.tickets, *ticket)?;
                let signer = if *forged { 9 } else { 1 };
                let ticket = SignedTicket::sign(&ticket, key(signer)).unwrap();
                (*by, Command::Join { ticket, member: town::newcomer(*by, *disk, *executor) })
            }
            Step::AddMember { by, member, role, disk } => {
                let member = town::newcomer(*member, *disk, *role == Role::Executor);
                (*by, Command::AddMember { member, role: *role })
            }
            Step::Promote { by, member } => (*by, Command::PromoteMember { name: name(*member) }),
            Step::Demote { by, member } => (*by, Command::DemoteMember { name: name(*member) }),
            Step::RemoveMember { by, member } => (*by, Command::RemoveMember { name: name(*member) }),
            Step::Leave { by } => (*by, Command::Leave),
            Step::Move { by, port } => (*by, Command::UpdateMember { addresses: town::addresses(*port) }),
            Step::Object { by, what, number, process } => {
                (*by, objects::command(*by, *what, *number, recent(&self.processes, *process)))
            }
            Step::Pause { by } => (*by, Command::Pause),
            Step::Resume { by } => (*by, Command::Resume),
            other => return self.automatic(other),
        })
    }

    fn automatic(&self, step: &Step) -> Option<(Who, Command)> {
        Some(match step {
            Step::AddCron { by, name, wait, nodes, schedule } => {
                (*by, Command::AddCron { cron: automation::cron(*name, *wait, *nodes, *schedule) })
            }
            Step::RunCron { by, cron } => (*by, Command::RunCron { cron: pick(&self.crons, *cron)? }),
            Step::RemoveCron { by, cron } => (*by, Command::RemoveCron { cron: pick(&self.crons, *cron)? }),
            Step::AddGenerator { by, name, trigger, timeout } => {
                (*by, Command::AddGenerator { generator: automation::generator(*name, *trigger, *timeout) })
            }
            Step::Pack { by, generator, args } => {
                let generator = pick(&self.generators, *generator)?;
                // No two arguments of a history are the same.
                let arg = |arg| Json::string(&format!("{}/{arg}", self.calls.len()));
                let args = List::new((0..*args).map(arg).collect()).unwrap();
                (*by, Command::Pack { generator, args })
            }
            Step::RemoveGenerator { by, generator } => {
                (*by, Command::RemoveGenerator { generator: pick(&self.generators, *generator)? })
            }
            _ => return None,
        })
    }
}

fn pick<T: Clone>(from: &[T], index: Index) -> Option<T> {
    if from.is_empty() { None } else { Some(index.get(from).clone()) }
}

/// One of the last few: old leases and processes are over, and most of what is done to them is refused.
fn recent<T: Clone>(from: &[T], index: Index) -> Option<T> {
    pick(&from[from.len().saturating_sub(6)..], index)
}

pub(crate) fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).unwrap()
}

pub(crate) fn name(executor: Who) -> colony_protocol::model::Name {
    text(&format!("e{executor}"))
}

fn values(count: u8) -> Values {
    List::new((0..count).map(|value| Json::string(&value.to_string())).collect()).unwrap()
}

fn add_executor(executor: Who, approved: bool) -> Command {
    let executor = Executor {
        id: id(executor),
        name: name(executor),
        executor_type: text("cli"),
        ..Executor::default()
    };
    Command::AddExecutor { executor, approved }
}

fn spec(work: &Work, node_name: &str) -> FunctionSpec {
    let mut spec = FunctionSpec {
        node_name: text(node_name),
        func_name: text("f"),
        priority: work.priority,
        max_wait_time: Limit(work.wait),
        max_exec_time: Limit(work.exec),
        max_retries: work.retries,
        channels: List::new(vec![text("c")]).unwrap(),
        ..FunctionSpec::default()
    };
    spec.conditions.executor_type = text("cli");
    spec.conditions.memory = work.memory;
    spec.conditions.executor_names = List::new(work.named.map(name).into_iter().collect()).unwrap();
    spec
}

/// Nodes `n0`, `n1`, ...; an edge may well close a cycle or name a node that is not there.
fn graph(nodes: u8, edges: &[(u8, u8)], given: bool, work: &Work) -> WorkflowSpec {
    let nodes = (0..nodes).map(|node| {
        let mut spec = spec(work, &format!("n{node}"));
        let mut parents: BTreeSet<String> = edges
            .iter()
            .filter(|(_, child)| *child == node)
            .map(|(parent, _)| format!("n{parent}"))
            .collect();
        if given && node == 0 {
            parents.insert("given".to_owned());
        }
        spec.conditions.dependencies = List::new(parents.iter().map(|name| text(name)).collect()).unwrap();
        spec
    });
    let given = given.then(|| GivenNode { node_name: text("given"), output: values(1) });
    WorkflowSpec {
        nodes: List::new(nodes.collect()).unwrap(),
        given: List::new(given.into_iter().collect()).unwrap(),
        ..WorkflowSpec::default()
    }
}
