//! Random members, failures and coordinators that crash half-way: whatever happens, each step is safe, and once the
//! disturbance ends the steps end too, with everybody where they belong.

use proptest::prelude::*;

use super::{
    tests::{REPLACE_AFTER, id, info},
    *,
};

/// Nodes of the world.
const NODES: u8 = 8;
/// Steps within which any mess must be tidied up: each node is unseated, dropped, taken in, informed and seated at
/// most twice.
const STEPS_MAX: usize = 10 * NODES as usize;

/// Something that happens to a colony.
#[derive(Debug, Clone, Copy)]
enum Happening {
    /// A ticket is used, from whatever disk the node has.
    Join { node: u8, votes: bool },
    /// The owner sends a member away.
    Remove(u8),
    /// The owner gives or takes a role.
    Promote(u8, bool),
    /// A disk is lost; the node is dead until it joins again.
    Wipe(u8),
    /// A node gets another address.
    Move(u8),
    /// A node stops.
    Kill(u8),
    /// It comes back, with or without having caught up.
    Revive(u8, bool),
    /// All nodes that are there catch up.
    CatchUp,
    /// Whoever is gone has been so for long.
    TimePasses,
    /// The coordinator takes one step, and may crash between the two halves of a change of voters.
    Step { crash: bool },
}

fn happening() -> impl Strategy<Value = Happening> {
    let node = 0..NODES;
    prop_oneof![
        3 => (node.clone(), any::<bool>()).prop_map(|(node, votes)| Happening::Join { node, votes }),
        1 => node.clone().prop_map(Happening::Remove),
        1 => (node.clone(), any::<bool>()).prop_map(|(node, votes)| Happening::Promote(node, votes)),
        1 => node.clone().prop_map(Happening::Wipe),
        1 => node.clone().prop_map(Happening::Move),
        2 => node.clone().prop_map(Happening::Kill),
        3 => (node, any::<bool>()).prop_map(|(node, level)| Happening::Revive(node, level)),
        2 => Just(Happening::CatchUp),
        1 => Just(Happening::TimePasses),
        8 => proptest::bool::weighted(0.2).prop_map(|crash| Happening::Step { crash }),
    ]
}

/// A colony whose engine does what it is told.
#[derive(Debug)]
struct World {
    wanted: BTreeMap<MemberId, Wanted>,
    seats: Seats,
    health: BTreeMap<MemberId, Health>,
    /// The disk each node has now.
    disks: BTreeMap<MemberId, u8>,
    coordinator: Option<MemberId>,
}

impl World {
    /// One node, alone.
    fn new() -> Self {
        let mut world = Self {
            wanted: BTreeMap::new(),
            seats: Seats {
                voters: vec![BTreeSet::from([id(0)])],
                nodes: BTreeMap::from([(id(0), info(0, 0))]),
                settled: true,
            },
            health: BTreeMap::new(),
            disks: (0..NODES).map(|node| (id(node), node)).collect(),
            coordinator: Some(id(0)),
        };
        world.join(0, true);
        world.health.insert(id(0), Health { alive: true, since: Duration::ZERO, lag: Some(0) });
        world
    }

    fn join(&mut self, node: u8, votes: bool) {
        let disk = self.disks[&id(node)];
        let since = Timestamp::from_micros(self.wanted.len() as u64);
        self.wanted.entry(id(node)).or_insert_with(|| Wanted { info: info(node, disk), votes, since });
        self.wanted.get_mut(&id(node)).unwrap().info = info(node, disk);
        self.health.entry(id(node)).or_insert(Health { alive: true, since: Duration::ZERO, lag: None });
    }

    /// The rules refuse to let the last voter go.
    fn is_last_voter(&self, node: u8) -> bool {
        self.wanted.iter().all(|(other, wanted)| !wanted.votes || *other == id(node))
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Join { node, votes } => self.join(node, votes),
            Happening::Remove(node) => {
                if !self.is_last_voter(node) {
                    self.wanted.remove(&id(node));
                }
            }
            Happening::Promote(node, votes) => {
                let may = votes || !self.is_last_voter(node);
                if let Some(wanted) = self.wanted.get_mut(&id(node))
                    && may
                {
                    wanted.votes = votes;
                }
            }
            Happening::Wipe(node) => {
                *self.disks.get_mut(&id(node)).unwrap() += NODES;
                self.happen(Happening::Kill(node));
            }
            Happening::Move(node) => {
                if let Some(wanted) = self.wanted.get_mut(&id(node)) {
                    wanted.info.name = colony_protocol::model::Name::cut("moved");
                }
            }
            Happening::Kill(node) => {
                if let Some(health) = self.health.get_mut(&id(node)) {
                    *health = Health { alive: false, since: Duration::ZERO, ..*health };
                }
            }
            Happening::Revive(node, level) => {
                let lag = if level { Some(0) } else { Some(1_000_000) };
                self.health.insert(id(node), Health { alive: true, since: Duration::ZERO, lag });
            }
            Happening::CatchUp => {
                self.health.values_mut().filter(|health| health.alive).for_each(|health| {
                    health.lag = Some(0);
                });
            }
            Happening::TimePasses => {
                self.health.values_mut().for_each(|health| health.since += REPLACE_AFTER);
            }
            Happening::Step { crash } => {
                self.step(crash);
            }
        }
        self.blind();
        self.elect();
    }

    /// Whoever has another disk than its seat names is not answered for.
    fn blind(&mut self) {
        for (node, known) in &self.seats.nodes {
            if *known.store.as_bytes() != [self.disks[node]; 16]
                && let Some(health) = self.health.get_mut(node)
            {
                health.alive = false;
            }
        }
    }

    fn has(&self, voters: &BTreeSet<MemberId>, holds: impl Fn(&Health) -> bool) -> bool {
        let count = voters.iter().filter(|voter| self.health.get(voter).is_some_and(&holds)).count();
        count > voters.len() / 2
    }

    /// A coordinator needs the vote of a majority of each set and to be there itself.
    fn elect(&mut self) {
        let alive = |node: &MemberId| self.health.get(node).is_some_and(|health| health.alive);
        let votes = |node: &MemberId| self.seats.voters.iter().any(|voters| voters.contains(node));
        let working = self.seats.voters.iter().all(|voters| self.has(voters, |health| health.alive));
        self.coordinator = self.coordinator.filter(|node| working && alive(node) && votes(node));
        if self.coordinator.is_none() && working {
            let level = |node: &&MemberId| self.health[*node].lag == Some(0);
            let mut able = self.seats.voters.iter().flatten().filter(|node| alive(node));
            let best = able.clone().find(level).or_else(|| able.next());
            self.coordinator = best.copied();
        }
        if let Some(coordinator) = self.coordinator
            && let Some(health) = self.health.get_mut(&coordinator)
        {
            health.lag = Some(0);
        }
    }

    /// Plans one step, checks that it is safe, and carries it out.
    fn step(&mut self, crash: bool) -> Option<Step> {
        let me = self.coordinator?;
        let rules = Rules { me, replace_after: REPLACE_AFTER };
        let step = plan(&self.wanted, &self.seats, &self.health, rules)?;
        match &step {
            Step::Complete { voters } => {
                assert_eq!(self.seats.voters.last(), Some(voters));
                self.seats.voters = vec![voters.clone()];
            }
            Step::Seat { voters, why } => self.seat(voters, *why, crash),
            Step::Drop { node, .. } => {
                assert!(self.seats.voters.iter().all(|voters| !voters.contains(node)));
                self.seats.nodes.remove(node).expect("only who is there is dropped");
            }
            Step::Add { node, info } => {
                assert!(self.seats.nodes.insert(*node, info.clone()).is_none());
                let health = self.health.get_mut(node).unwrap();
                health.lag = None;
            }
            Step::Inform { node, info } => {
                let known = self.seats.nodes.insert(*node, info.clone()).unwrap();
                assert_eq!(known.store, info.store, "another disk was renamed into a replica");
            }
        }
        Some(step)
    }

    fn seat(&mut self, voters: &BTreeSet<MemberId>, why: Seating, crash: bool) {
        let [old] = self.seats.voters.as_slice() else { panic!("two changes at once") };
        assert!(!voters.is_empty() && voters.len() <= SEATS_MAX, "{voters:?}");
        assert_ne!(old, voters);
        for new in voters.difference(old) {
            let (wanted, health) = (&self.wanted[new], &self.health[new]);
            assert!(wanted.votes, "somebody votes who shall not");
            assert_eq!(wanted.info.store, self.seats.nodes[new].store, "a disk votes under another's name");
            assert!(health.alive && health.lag.is_some_and(|lag| lag <= LAG_MAX), "a voter that lags");
        }
        let healthy = |health: &Health| health.alive && health.lag.is_some_and(|lag| lag <= LAG_MAX);
        assert!(self.has(voters, healthy), "the majority was lost");
        assert!(old.difference(voters).count() <= 1, "more than one vote was taken");
        if why == Seating::Grow {
            assert!(voters.len() % 2 == 1 && old.is_subset(voters));
        }
        if crash {
            self.seats.voters = vec![old.clone(), voters.clone()];
            let coordinator = self.coordinator.take().unwrap();
            self.health.get_mut(&coordinator).unwrap().alive = false;
        } else {
            self.seats.voters = vec![voters.clone()];
        }
    }

    /// Ends every disturbance: all come back on the disk they were admitted with, and catch up.
    fn heal(&mut self) {
        let nodes: BTreeSet<MemberId> = self.wanted.keys().chain(self.seats.nodes.keys()).copied().collect();
        for node in nodes {
            if let Some(wanted) = self.wanted.get_mut(&node) {
                wanted.info.store =
                    colony_protocol::model::member::StoreId::from_bytes([self.disks[&node]; 16]);
            }
            self.health.insert(node, Health { alive: true, since: Duration::ZERO, lag: Some(0) });
        }
        self.blind();
        self.elect();
    }

    /// Carries out steps until there are none.
    fn settle(&mut self) -> usize {
        for steps in 0..STEPS_MAX {
            if self.step(false).is_none() {
                return steps;
            }
            self.heal();
        }
        panic!("no end of steps: {self:?}");
    }

    fn assert_tidy(&self) {
        let [voters] = self.seats.voters.as_slice() else { panic!("half done: {self:?}") };
        let seated: BTreeSet<_> = self.seats.nodes.keys().collect();
        assert_eq!(seated, self.wanted.keys().collect(), "{self:?}");
        for (node, wanted) in &self.wanted {
            assert_eq!(self.seats.nodes[node], wanted.info);
        }
        let may_vote = self.wanted.values().filter(|wanted| wanted.votes).count();
        assert!(voters.iter().all(|voter| self.wanted[voter].votes));
        // Even numbers are left only where nobody could fill the gap.
        let most = may_vote.min(SEATS_MAX);
        let odd = if most % 2 == 1 { most } else { most - 1 };
        assert!((odd..=most).contains(&voters.len()), "{} of {may_vote} vote", voters.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn any_mess_is_tidied_up_safely(happenings in prop::collection::vec(happening(), 0..80)) {
        let mut world = World::new();
        for happening in happenings {
            world.happen(happening);
        }
        world.heal();
        // Disks of a majority may be lost for ever: then nobody can coordinate, and nothing may happen.
        if world.coordinator.is_some() {
            world.settle();
            world.assert_tidy();
        }
    }
}
