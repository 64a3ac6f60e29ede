//! What can happen, and what each rule of the queue makes of it.

use crate::{
    promise::Promise,
    state::{
        Ask, Bounds, Call, Copy, EXECUTORS, Entry, Executor, PROCESSES, Process, Proposed, Stage, State,
        TOKENS, Told, small,
    },
};

/// One thing that happens; executors by number.
///
/// A request is sent when it arrives: what it says is settled by what its sender knows, which changes only by its answer.
/// So nothing is lost by not telling the two moments apart, and many states are saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// An executor's request reaches the coordinator.
    Ask(u8, Ask),
    /// An executor sends a request, and waits no longer before it arrives anywhere.
    Strand(u8, Ask),
    /// A copy of a request reaches the coordinator: of the one that an executor waits for, or of the late one.
    Again(u8, Copy),
    /// A request for work reaches the coordinator before, who does not know that it is none.
    Mislead(u8),
    /// The entry is final, and applied.
    Commit,
    /// An answer reaches the executor.
    Answer(u8),
    /// An executor waits no longer.
    GiveUp(u8),
    /// An executor dies and comes back knowing nothing.
    Crash(u8),
    /// So much time passes that who was quiet before has lost its lease.
    Tick,
    /// Another node coordinates. The entry under way is in its log, or lost.
    Depose { keeps_entry: bool },
    /// The coordinator before learns of it.
    Learn,
}

/// A rule that can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Fencing,
    FreshTokens,
    AnswerAfterCommit,
    OfficeBeforeGrant,
    RememberRequests,
    LeasesAtFailover,
}

impl Rule {
    /// All of them, with the promise that needs each.
    pub(crate) const ALL: [(Self, Promise); 6] = [
        (Self::Fencing, Promise::StaleRefused),
        (Self::FreshTokens, Promise::OneHolder),
        (Self::AnswerAfterCommit, Promise::AnswerStays),
        (Self::OfficeBeforeGrant, Promise::OneHolder),
        (Self::RememberRequests, Promise::OneAnswer),
        (Self::LeasesAtFailover, Promise::HeardKeeps),
    ];
}

impl State {
    /// What can happen next.
    pub(crate) fn steps(&self, bounds: &Bounds, steps: &mut Vec<Step>) {
        let calls = self.executors.iter().filter(|executor| executor.call.is_some()).count();
        for (number, executor) in (0_u8..).zip(&self.executors) {
            if executor.call.is_none() && calls < bounds.calls {
                for ask in executor.asks() {
                    if self.proposed.is_none() {
                        steps.push(Step::Ask(number, ask));
                    }
                    if bounds.late > 0 && executor.late.is_none() {
                        steps.push(Step::Strand(number, ask));
                    }
                }
                if self.deposed.is_some() && executor.holds == [0; PROCESSES] {
                    steps.push(Step::Mislead(number));
                }
            }
            let copies = [(Copy::Awaited, executor.call), (Copy::Late, executor.late)];
            if self.proposed.is_none() {
                let there = copies.into_iter().filter(|(_, call)| call.is_some());
                steps.extend(there.map(|(copy, _)| Step::Again(number, copy)));
            }
            if executor.call.is_some() {
                steps.push(Step::GiveUp(number));
            }
            if executor.answer.is_some() {
                steps.push(Step::Answer(number));
            }
            steps.push(Step::Crash(number));
        }
        self.steps_of_the_colony(steps);
    }

    fn steps_of_the_colony(&self, steps: &mut Vec<Step>) {
        if self.proposed.is_some() {
            steps.extend([Step::Commit, Step::Depose { keeps_entry: true }]);
        } else {
            steps.push(Step::Tick);
        }
        steps.push(Step::Depose { keeps_entry: false });
        if self.deposed.is_some() {
            steps.push(Step::Learn);
        }
    }

    /// Lets it happen.
    pub(crate) fn take(&mut self, step: Step, broken: Option<Rule>, bounds: &Bounds) {
        match step {
            Step::Ask(by, ask) => {
                self.executors[usize::from(by)].call = Some(Call { ask, outcome: None });
                self.deliver(by, Copy::Awaited, broken);
            }
            Step::Strand(by, ask) => self.becomes_late(by, Call { ask, outcome: None }, broken),
            Step::Again(by, copy) => self.deliver(by, copy, broken),
            Step::Mislead(by) => self.mislead(by, broken),
            Step::Commit => self.commit(broken),
            Step::Answer(to) => self.answer(to, broken),
            Step::GiveUp(by) => self.give_up(by, broken),
            Step::Crash(by) => {
                self.give_up(by, broken);
                self.executors[usize::from(by)].holds = [0; PROCESSES];
            }
            Step::Tick => self.tick(),
            Step::Depose { keeps_entry } => {
                self.deposed = Some(self.waiting());
                self.proposed = self.proposed.filter(|_| keeps_entry);
                if let Some(proposed) = &mut self.proposed {
                    proposed.is_inherited = true;
                }
                // It cannot know who was heard: everybody begins anew.
                self.quiet = [broken == Some(Rule::LeasesAtFailover); PROCESSES];
            }
            Step::Learn => self.deposed = None,
        }
        self.lose_late(bounds.late);
    }

    /// Of late copies the network keeps so many.
    fn lose_late(&mut self, most: usize) {
        let mut kept = 0;
        for place in 0..EXECUTORS {
            if self.executors[place].late.is_none() {
                continue;
            }
            kept += 1;
            if kept > most {
                self.executors[place].late = None;
                let gone = small(place);
                if let Some(Proposed { entry: Entry::Ask(of, copy @ Copy::Late, _), .. }) = &mut self.proposed
                    && *of == gone
                {
                    *copy = Copy::Gone;
                }
            }
        }
    }

    fn deliver(&mut self, by: u8, copy: Copy, broken: Option<Rule>) {
        let waiting = self.waiting();
        let executor = &mut self.executors[usize::from(by)];
        let call = if copy == Copy::Late { executor.late } else { executor.call };
        let Some(call) = call else { return };
        if let Some(told) = call.outcome.filter(|_| broken != Some(Rule::RememberRequests)) {
            if copy == Copy::Awaited {
                executor.answer = Some(told);
            }
            return;
        }
        // Who finds no work waits for some, or asks again.
        if call.ask == Ask::Assign && waiting == [None; PROCESSES] {
            if copy == Copy::Awaited {
                executor.call = None;
            }
            return;
        }
        self.proposed = Some(Proposed { entry: Entry::Ask(by, copy, call.ask), is_inherited: false });
        if broken == Some(Rule::AnswerAfterCommit) && copy == Copy::Awaited {
            let mut early = self.processes;
            let told = apply(&mut early, by, call.ask, None);
            self.tell(by, told);
        }
    }

    /// Only who holds the office may answer; what the other proposes, nobody makes final.
    fn mislead(&mut self, by: u8, broken: Option<Rule>) {
        let Some(believed) = &mut self.deposed else { return };
        if broken == Some(Rule::OfficeBeforeGrant)
            && let Some((process, token)) =
                (0_u8..).zip(believed).find_map(|(process, token)| Some((process, token.take()?)))
        {
            let executor = &mut self.executors[usize::from(by)];
            executor.call = Some(Call { ask: Ask::Assign, outcome: None });
            executor.answer = Some(Told::Granted(process, token + 1));
        }
    }

    fn commit(&mut self, broken: Option<Rule>) {
        let Some(Proposed { entry, .. }) = self.proposed.take() else { return };
        match entry {
            Entry::Expire(over) => {
                for (process, _) in self.processes.iter_mut().zip(over).filter(|(_, over)| *over) {
                    process.stage = Stage::Waiting;
                }
            }
            Entry::Ask(by, copy, ask) => {
                let before = self.processes;
                let told = apply(&mut self.processes, by, ask, broken);
                self.judge(before, ask, told);
                let Some(told) = told else { return };
                let executor = &mut self.executors[usize::from(by)];
                let call = match copy {
                    Copy::Awaited => executor.call.as_mut(),
                    Copy::Late => executor.late.as_mut(),
                    Copy::Gone => None,
                };
                let Some(call) = call else { return };
                let known = call.outcome.replace(told);
                if known.is_some_and(|known| known != told) {
                    self.broken = Some(Promise::OneAnswer);
                }
                if copy == Copy::Awaited {
                    self.tell(by, Some(told));
                }
                self.forget_late(by, broken);
            }
        }
    }

    /// What an applied request means for who watches, which nobody in the model does.
    fn judge(&mut self, before: [Process; PROCESSES], ask: Ask, told: Option<Told>) {
        match (ask, told) {
            (Ask::Close(process, token), Some(Told::Done)) => {
                let place = usize::from(process);
                if matches!(before[place].stage, Stage::Ended(_)) {
                    self.broken = Some(Promise::OneResult);
                } else if before[place].token != token {
                    self.broken = Some(Promise::StaleRefused);
                }
            }
            (Ask::Renew(process, _), Some(Told::Live)) | (Ask::Assign, Some(Told::Granted(process, _))) => {
                let place = usize::from(process);
                self.quiet[place] = false;
                self.kept[place] = true;
            }
            _ => {}
        }
        let ended =
            before.iter().zip(&self.processes).filter(|(old, _)| matches!(old.stage, Stage::Ended(_)));
        if ended.into_iter().any(|(old, new)| old != new) {
            self.broken = Some(Promise::AnswerStays);
        }
    }

    fn tell(&mut self, to: u8, told: Option<Told>) {
        self.executors[usize::from(to)].answer = told;
    }

    fn answer(&mut self, to: u8, broken: Option<Rule>) {
        let executor = &mut self.executors[usize::from(to)];
        let (Some(told), Some(call)) = (executor.answer.take(), executor.call.take()) else { return };
        match (call.ask, told) {
            (_, Told::Granted(process, token)) => executor.holds[usize::from(process)] = token,
            (Ask::Renew(process, _), Told::Lost) | (Ask::Close(process, _), Told::Stale) => {
                executor.holds[usize::from(process)] = 0;
            }
            (Ask::Close(process, _), Told::Done) => {
                executor.holds[usize::from(process)] = 0;
                if self.processes[usize::from(process)].stage != Stage::Ended(to) {
                    self.broken = Some(Promise::AnswerStays);
                }
            }
            _ => {}
        }
        self.becomes_late(to, call, broken);
    }

    fn give_up(&mut self, by: u8, broken: Option<Rule>) {
        let executor = &mut self.executors[usize::from(by)];
        executor.answer = None;
        if let Some(call) = executor.call.take() {
            self.becomes_late(by, call, broken);
        }
    }

    /// A copy of a request may still be on its way; the network keeps one for each executor.
    fn becomes_late(&mut self, by: u8, call: Call, broken: Option<Rule>) {
        if let Some(Proposed { entry: Entry::Ask(of, copy, _), .. }) = &mut self.proposed
            && *of == by
        {
            *copy = if *copy == Copy::Awaited { Copy::Late } else { Copy::Gone };
        }
        self.executors[usize::from(by)].late = Some(call);
        self.forget_late(by, broken);
    }

    /// What is remembered changes nothing when it comes again.
    fn forget_late(&mut self, by: u8, broken: Option<Rule>) {
        let late = &mut self.executors[usize::from(by)].late;
        if broken != Some(Rule::RememberRequests) {
            *late = late.filter(|call| call.outcome.is_none());
        }
    }

    /// Whoever was not heard since time passed the last time loses its lease, by an entry of the log.
    fn tick(&mut self) {
        let mut over = [false; PROCESSES];
        for (place, over) in over.iter_mut().enumerate() {
            let Process { stage: Stage::Running(_), token } = self.processes[place] else { continue };
            *over = self.quiet[place] && token < TOKENS;
            if *over && self.kept[place] {
                self.broken = Some(Promise::HeardKeeps);
            }
            self.quiet[place] = true;
        }
        self.kept = [false; PROCESSES];
        if over.contains(&true) {
            self.proposed = Some(Proposed { entry: Entry::Expire(over), is_inherited: false });
        }
    }

    /// What waits, with the tokens used so far.
    pub(crate) fn waiting(&self) -> [Option<u8>; PROCESSES] {
        self.processes.map(|process| (process.stage == Stage::Waiting).then_some(process.token))
    }
}

impl Executor {
    /// What it may ask: for work if it has none, else about what it believes to have.
    fn asks(&self) -> Vec<Ask> {
        let held = (0_u8..).zip(self.holds).filter(|(_, token)| *token > 0);
        let about =
            held.flat_map(|(process, token)| [Ask::Renew(process, token), Ask::Close(process, token)]);
        let about: Vec<Ask> = about.collect();
        if about.is_empty() { vec![Ask::Assign] } else { about }
    }
}

/// The rules of the queue: what a request does, and what it is told; an ask that finds no work is told nothing.
fn apply(processes: &mut [Process; PROCESSES], by: u8, ask: Ask, broken: Option<Rule>) -> Option<Told> {
    match ask {
        Ask::Assign => {
            let place = processes.iter().position(|process| process.stage == Stage::Waiting)?;
            let process = &mut processes[place];
            let is_used = broken == Some(Rule::FreshTokens) && process.token > 0;
            process.token += u8::from(!is_used);
            process.stage = Stage::Running(by);
            Some(Told::Granted(u8::try_from(place).ok()?, process.token))
        }
        Ask::Renew(number, token) => {
            let process = processes[usize::from(number)];
            let is_live = process.stage == Stage::Running(by) && process.token == token;
            Some(if is_live { Told::Live } else { Told::Lost })
        }
        Ask::Close(number, token) => {
            let process = &mut processes[usize::from(number)];
            let is_current = process.token == token || broken == Some(Rule::Fencing);
            if matches!(process.stage, Stage::Running(_)) && is_current {
                process.stage = Stage::Ended(by);
                Some(Told::Done)
            } else {
                Some(Told::Stale)
            }
        }
    }
}
