//! What there is: the processes as the log has them, the coordinator's memory, the executors, and what is on its way.

use crate::promise::Promise;

/// Executors.
pub(crate) const EXECUTORS: usize = 3;
/// Processes.
pub(crate) const PROCESSES: usize = 2;
/// How often a process is given out at most.
pub(crate) const TOKENS: u8 = 2;

/// How much may be under way at one time; each of these multiplies the states. Executors crash and coordinators change as
/// often as they like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Executors that wait for an answer.
    pub(crate) calls: usize,
    /// Late copies of requests in the network.
    pub(crate) late: usize,
}

impl Bounds {
    /// `COLONY_CALLS` and `COLONY_LATE` set others than those of each commit.
    pub(crate) fn chosen() -> Self {
        let number = |name: &str, usual: usize| {
            std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
        };
        Self { calls: number("COLONY_CALLS", 2), late: number("COLONY_LATE", 1) }
    }
}

/// Where a process is, and with which executor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    #[default]
    Waiting,
    Running(u8),
    Ended(u8),
}

/// A process, as the applied log has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) stage: Stage,
    pub(crate) token: u8,
}

/// What an executor asks; processes by number, with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Ask {
    Assign,
    Renew(u8, u8),
    Close(u8, u8),
}

/// What it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Told {
    Granted(u8, u8),
    Live,
    Lost,
    Done,
    Stale,
}

/// A request, and what the colony remembers of it once it is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) ask: Ask,
    pub(crate) outcome: Option<Told>,
}

/// An executor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Executor {
    /// Under which token it believes to hold each process; none is 0.
    pub(crate) holds: [u8; PROCESSES],
    /// What it waits for.
    pub(crate) call: Option<Call>,
    /// On its way to it.
    pub(crate) answer: Option<Told>,
    /// On its way to the coordinator, though nobody waits for it any more.
    pub(crate) late: Option<Call>,
}

/// Which of an executor's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Copy {
    /// The one it waits for.
    Awaited,
    /// The one that is late.
    Late,
    /// One of which the network has no copy any more.
    Gone,
}

/// What an entry of the log would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Entry {
    Ask(u8, Copy, Ask),
    /// These leases are over.
    Expire([bool; PROCESSES]),
}

/// An entry that is not final yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Proposed {
    pub(crate) entry: Entry,
    /// A coordinator before this one has proposed it.
    pub(crate) is_inherited: bool,
}

/// Everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) processes: [Process; PROCESSES],
    pub(crate) executors: [Executor; EXECUTORS],
    pub(crate) proposed: Option<Proposed>,
    /// In the coordinator's memory: whose holder was not heard since time last passed.
    pub(crate) quiet: [bool; PROCESSES],
    /// What the coordinator before believes to be waiting, with the token that each was given out with last; until it
    /// learns that it is none.
    pub(crate) deposed: Option<[Option<u8>; PROCESSES]>,
    /// Whose holder was told, since time last passed, that it has the lease. Nobody in the model knows this.
    pub(crate) kept: [bool; PROCESSES],
    /// What no longer holds.
    pub(crate) broken: Option<Promise>,
}

impl State {
    /// The same state, with executors in an order that follows from what they do: they differ in nothing else.
    pub(crate) fn canonical(self) -> Self {
        let mut order: [usize; EXECUTORS] = std::array::from_fn(|place| place);
        let key = |place: usize| {
            let executor = &self.executors[place];
            let number = small(place);
            let stages = self.processes.map(|process| match process.stage {
                Stage::Running(holder) if holder == number => 1,
                Stage::Ended(holder) if holder == number => 2,
                _ => 0_u8,
            });
            let proposes = match self.proposed {
                Some(Proposed { entry: Entry::Ask(by, ..), .. }) => by == number,
                _ => false,
            };
            (stages, proposes, *executor)
        };
        order.sort_unstable_by_key(|place| key(*place));
        let renamed =
            |number: u8| small(order.iter().position(|old| *old == usize::from(number)).unwrap_or_default());
        let rename = |process: Process| {
            let stage = match process.stage {
                Stage::Waiting => Stage::Waiting,
                Stage::Running(holder) => Stage::Running(renamed(holder)),
                Stage::Ended(holder) => Stage::Ended(renamed(holder)),
            };
            Process { stage, ..process }
        };
        let proposed = self.proposed.map(|proposed| match proposed.entry {
            Entry::Ask(by, copy, ask) => Proposed { entry: Entry::Ask(renamed(by), copy, ask), ..proposed },
            Entry::Expire(_) => proposed,
        });
        // Of what does not run nobody asks whether its holder was heard.
        let runs = self.processes.map(|process| matches!(process.stage, Stage::Running(_)));
        let of_runs = |flags: [bool; PROCESSES]| std::array::from_fn(|place| flags[place] && runs[place]);
        Self {
            quiet: of_runs(self.quiet),
            kept: of_runs(self.kept),
            processes: self.processes.map(rename),
            executors: order.map(|place| self.executors[place]),
            proposed,
            ..self
        }
    }
}

/// The number of something of which there are few.
pub(crate) fn small(place: usize) -> u8 {
    u8::try_from(place).unwrap_or(u8::MAX)
}
