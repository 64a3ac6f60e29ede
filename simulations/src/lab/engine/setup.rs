//! The first moment of a run: nodes where they are, founded colonies, everybody about to wake.

use std::{collections::BTreeMap, sync::Arc};

use colony_protocol::{
    bounded::Text,
    colony::{Call, Colony, Outbox},
    command::Command,
    envelope::RequestId,
    identity::{Digest, Identity},
    model::{Executor as Row, User},
    time::{Span, Timestamp},
    timing::Timing,
};

use super::{
    Event, START, World,
    calls::Requests,
    election::Voter,
    executor::Exec,
    lookup::Table,
    measure::Measure,
    mesh::Mesh,
    node::{Behind, Node},
    office::Office,
    submitter::Stream,
    terrain,
};
use crate::{
    agenda::Agenda,
    chance::Chance,
    lab::{
        amounts::WHOLE,
        dice,
        scenario::{Class, Nodes, Patience, check, sweep::Plan},
    },
};

/// Voters this near to each other are patient as in one building: a round trip in microseconds.
const NEAR: u64 = 5_000;
/// All wake within this time: nobody starts a cluster in one moment.
const WAKING: u64 = 5_000_000;
/// Points of a time series where a scenario says nothing.
const POINTS: u64 = 240;

impl World {
    /// A world before anything has happened.
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        let seed = plan.seed;
        let whole = plan.scenario.stop.after.0.saturating_add(plan.scenario.stop.drain.0 / 4);
        let every = plan.scenario.record.every.map_or(whole / POINTS, |every| every.0).max(1_000);
        let mut world = Self {
            seed,
            agenda: Agenda::new(Timestamp::ZERO),
            chance: Chance::new(seed),
            exponentials: terrain::exponentials(),
            nodes: Vec::new(),
            lives: Vec::new(),
            relays: Vec::new(),
            execs: Vec::new(),
            offices: Vec::new(),
            streams: Vec::new(),
            requests: Requests::default(),
            table: Table::default(),
            measure: Measure::default(),
            moved: BTreeMap::new(),
            sides: 0,
            sample_every: every,
            plan,
        };
        world.place_nodes();
        world.found_colonies();
        world
    }

    /// Wakes everybody.
    pub(super) fn begin(&mut self) {
        let plan = Arc::clone(&self.plan);
        for exec in 0..self.execs.len() as u32 {
            let Some(node) = self.exec(exec).and_then(|exec| self.node(exec.node)) else { continue };
            let (group, role) = (usize::from(node.group), node.role);
            let Some(nodes) = plan.scenario.nodes.get(group) else { continue };
            match &nodes.contacts {
                Some(contacts) => self.plan_contacts(exec, role, check::count(nodes), contacts, group),
                None => {
                    let delay = self.chance.below(WAKING);
                    self.plan(delay, Event::Ask(exec, 0));
                }
            }
        }
        for node in 0..self.nodes.len() as u32 {
            let role = self.node(node).map_or(0, |node| node.role);
            self.plan_churn(node, role);
        }
        for stream in 0..self.streams.len() as u32 {
            let from = self.stream_from(stream);
            self.plan(from, Event::Submit(stream));
        }
        self.plan_timeline();
        self.plan(0, Event::Sample);
    }

    fn place_nodes(&mut self) {
        let plan = Arc::clone(&self.plan);
        let mut keys = Vec::new();
        for (group, nodes) in plan.scenario.nodes.iter().enumerate() {
            let colonies = match (nodes.colony, nodes.class) {
                (Some(colony), _) => colony..colony + 1,
                (None, Class::Relay) => 0..1,
                (None, _) => 0..plan.scenario.colonies,
            };
            for colony in colonies {
                for role in 0..check::count(nodes) {
                    let node = self.make(group, nodes, colony, role);
                    let number = self.nodes.len() as u32;
                    if node.behind == Behind::Open
                        && matches!(node.class, Class::Voter | Class::Relay | Class::Observer)
                    {
                        keys.push((dice::hash(self.seed, u64::from(number), 0x7AB1E), number));
                    }
                    if node.class == Class::Relay {
                        self.relays.push(number);
                    }
                    self.nodes.push(node);
                    self.lives.push(0);
                    self.table.exec_at.push(None);
                }
            }
        }
        self.table.serve_all(keys);
    }

    fn make(&mut self, group: usize, nodes: &Nodes, colony: u16, role: u32) -> Node {
        let matrix = &self.plan.files.matrix;
        let region = if nodes.regions.is_empty() {
            let sum: u64 = matrix.weights.iter().map(|weight| u64::from(*weight)).sum();
            let mut lot = self.chance.below(sum);
            let place = matrix.weights.iter().position(|weight| match lot.checked_sub(u64::from(*weight)) {
                None => true,
                Some(rest) => {
                    lot = rest;
                    false
                }
            });
            place.unwrap_or_default() as u8
        } else {
            let name = nodes.regions.get(role as usize % nodes.regions.len());
            name.and_then(|name| matrix.place(name)).unwrap_or_default()
        };
        let nat = nodes.nat;
        let lot = self.chance.below(u64::from(WHOLE)) as u32;
        let behind = if lot < nat.cone.0 {
            Behind::Cone
        } else if lot < nat.cone.0 + nat.symmetric.0 {
            Behind::Symmetric
        } else if lot < nat.cone.0 + nat.symmetric.0 + nat.blocked.0 {
            Behind::Blocked
        } else {
            Behind::Open
        };
        Node {
            class: nodes.class,
            group: group as u16,
            colony,
            region,
            behind,
            side: 0,
            up: true,
            contact: true,
            offset: dice::around(&mut self.chance, nodes.clock.offset.0),
            drift_ppb: dice::around(&mut self.chance, u64::from(nodes.clock.drift_ppm) * 1_000),
            up_rate: u32::try_from(nodes.up.0).unwrap_or(u32::MAX),
            down_rate: u32::try_from(nodes.down.0).unwrap_or(u32::MAX),
            role,
            sent: [0; 5],
            received: 0,
        }
    }

    fn found_colonies(&mut self) {
        let plan = Arc::clone(&self.plan);
        for colony in 0..plan.scenario.colonies {
            let of = |class: Class| {
                let all = self.nodes.iter().enumerate();
                let own = all.filter(move |(_, node)| node.class == class && node.colony == colony);
                own.map(|(place, _)| place as u32).collect::<Vec<u32>>()
            };
            let (voters, executors, submitters) =
                (of(Class::Voter), of(Class::Executor), of(Class::Submitter));
            let mut listeners = voters.clone();
            listeners.extend(&executors);
            listeners.extend(of(Class::Observer));
            let timing = self.timing(&voters);
            let owner = identity(self.seed, "owner", u64::from(colony));
            let mut commands = vec![Command::Found { name: Text::cut("simulated") }];
            let mut clients = Vec::new();
            // Without submitters of its own a colony is given work from where its voters are.
            let from = if submitters.is_empty() { &voters } else { &submitters };
            for node in from {
                let id = identity(self.seed, "submitter", u64::from(*node));
                let name = Text::cut(&format!("submitter-{node}"));
                commands.push(Command::AddUser { user: User { id, name, ..User::default() } });
                clients.push((*node, id));
            }
            for node in executors {
                commands.push(self.add_executor(node));
            }
            let mut core = Colony::new(owner);
            apply_all(&mut core, owner, commands, &mut self.chance);
            let mesh = {
                let mesh = &plan.scenario.mesh;
                Mesh::new(listeners, mesh.topology, mesh.degree, &plan.files.edges, &mut self.chance)
            };
            let voters = voters.into_iter().map(Voter::new).collect();
            self.offices.push(Office::new(core, timing, voters, mesh));
            for (place, work) in plan.scenario.work.iter().enumerate() {
                if work.colony.is_none_or(|named| named == colony) {
                    self.streams.push(Stream::new(place, colony, work, clients.clone()));
                }
            }
        }
    }

    fn add_executor(&mut self, node: u32) -> Command {
        let group = self.node(node).map_or(0, |node| usize::from(node.group));
        let plan = Arc::clone(&self.plan);
        let nodes = plan.scenario.nodes.get(group);
        let executor_type = nodes.map_or("", |nodes| nodes.executor_type.as_str());
        let number = match self.table.types.iter().position(|known| known == executor_type) {
            Some(number) => number,
            None => {
                self.table.types.push(executor_type.to_owned());
                self.table.types.len() - 1
            }
        };
        let id = identity(self.seed, "executor", u64::from(node));
        let exec = self.execs.len() as u32;
        self.execs.push(Exec::new(node, id, number as u16, nodes.map_or(1, |nodes| nodes.parallel)));
        self.table.execs.insert(id, exec);
        if let Some(at) = self.table.exec_at.get_mut(node as usize) {
            *at = Some(exec);
        }
        let name = Text::cut(&format!("executor-{node}"));
        let executor = Row { id, name, executor_type: Text::cut(executor_type), ..Row::default() };
        Command::AddExecutor { executor, approved: true }
    }

    fn timing(&self, voters: &[u32]) -> Timing {
        match self.plan.scenario.network.timing {
            Patience::Local => Timing::Local,
            Patience::Internet => Timing::Internet,
            Patience::Auto => {
                let regions: Vec<u8> =
                    voters.iter().filter_map(|voter| self.node(*voter)).map(|node| node.region).collect();
                let matrix = &self.plan.files.matrix;
                let far = regions
                    .iter()
                    .flat_map(|from| regions.iter().map(move |to| 2 * matrix.one_way(*from, *to)))
                    .max();
                if far.is_none_or(|far| far <= NEAR) { Timing::Local } else { Timing::Internet }
            }
        }
    }
}

/// Some identity: a hash, as real ones are, without the cost of a key.
fn identity(seed: u64, role: &str, number: u64) -> Identity {
    Identity::from_bytes(Digest::of(&[role.as_bytes(), &seed.to_be_bytes(), &number.to_be_bytes()]).0)
}

fn apply_all(core: &mut Colony, owner: Identity, commands: Vec<Command>, chance: &mut Chance) {
    let at = Timestamp::from_micros(START);
    let mut out = Outbox::default();
    core.begin(at, &[], &mut out);
    for command in commands {
        let request = RequestId::from_bytes(chance.bytes());
        let expires = at.after(Span::from_secs(1));
        let call = Call { by: owner, term: 1, request, expires, command: Arc::new(command) };
        // Whatever is refused here is missed at once: nobody could work.
        drop(core.apply(&call, &mut out));
        out.changes.clear();
        out.events.clear();
    }
}
