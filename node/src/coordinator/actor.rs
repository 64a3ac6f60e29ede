//! The task that puts a colony's commands in order.
//!
//! Each turn it folds what waits into one entry and proposes it; while up to [`UNDER_WAY_MAX`] entries are on their way
//! it sleeps. It alone knows who waits for work ([`Waiters`]) and which processes are promised to an ask that is under
//! way, so nobody else decides about assignment. What it promises it reads from applied state; whether the promise
//! holds is decided when the entry is applied.
//!
//! What may never happen: somebody refused by a state that is not the colony's any more. A coordinator that was deposed
//! and does not know it yet would turn away whom its successor has let in, so a refusal that no entry carries is told only
//! after a quorum has confirmed the coordinator.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use colony_protocol::{
    bounded::Text,
    colony::Colony,
    command::{Assign, BATCH_MAX, WAIT_MAX},
    identity::Identity,
    model::Name,
    refusal::Refusal,
    reply::Reply,
    time::Timestamp,
};
use colony_store::{ColonyView, Outcomes};
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use tokio::sync::watch;

use super::{
    Shared,
    draft::{Draft, Hunter, Party},
    events::Ready,
    inbox::{Answer, Class, Order, Unanswered},
    waiters::{Ticket, Waiter, Waiters},
};
use crate::{
    consensus::{Consensus, ProposeError, Standing},
    runtime::Runtime,
};

/// How long the entry under way may take to become final when the node stops.
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// Entries on their way at once. What arrives while one is being written makes the next, so entries grow with the load;
/// a second one under way was measured to halve them, and each costs the disk the same.
const UNDER_WAY_MAX: usize = 1;
/// How often all who wait are looked at although nothing says that it would help: a net below the wake-ups, and the
/// time after which a caller that went away is forgotten.
const LOOK_AGAIN: Duration = Duration::from_secs(3);
/// How long who was heard may stay unrecorded when nothing else enters the log: it bounds how stale an idle executor's
/// "last heard" is, at the price of one entry in this time.
const HEARD_DELAY: Duration = Duration::from_secs(15);
/// Between two entries that only let time pass. A deadline is met this precisely.
const TICK: Duration = Duration::from_millis(1);
/// Refusals that wait for a quorum's word. They share its rounds; whoever comes when so many wait is told to come later.
const DOUBTS_MAX: usize = 256;
/// Before time is let pass again after an entry failed: a full disk or a missing coordinator stays so for a while.
const TICK_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Asleep with nothing to wait for; any command wakes the task before.
const IDLE: Duration = Duration::from_secs(3600);
/// How often in a row an ask may come back from the log with nothing and be tried again at once. More means that
/// look-ahead and rules disagree; then it waits for the next event like everybody else.
const RACES_MAX: u8 = 3;

/// An entry that was applied, or was not.
struct Done {
    parties: Vec<Party>,
    result: Result<Outcomes, ProposeError>,
}

/// The task's state.
pub(super) struct Actor {
    /// Where commands and events come from.
    shared: Arc<Shared>,
    /// Applied state.
    view: ColonyView,
    /// Where entries go.
    consensus: Consensus,
    /// Whether this node coordinates.
    standing: watch::Receiver<Standing>,
    /// The term this task works in, while its node coordinates.
    office: Option<u64>,
    /// Time.
    runtime: Runtime,
    /// Executors that wait for work.
    waiters: Waiters,
    /// For which of them work may be ready.
    ready: Ready,
    /// Processes promised to asks under way.
    reserved: BTreeSet<u64>,
    /// Entries under way.
    under_way: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Refusals that are told once a quorum has confirmed this coordinator.
    doubts: FuturesUnordered<BoxFuture<'static, ()>>,
    /// The moment of the last entry.
    last_at: Timestamp,
    /// The next deadline in applied state.
    next_deadline: Option<Timestamp>,
    /// The term in which the holders of all leases were given a fresh start.
    greeted: Option<u64>,
    /// Before this moment no entry is made only to let time pass.
    no_tick_before: Duration,
    /// When all who wait were last looked at.
    looked: Duration,
    /// When an entry last carried who was heard.
    recorded: Duration,
}

impl Actor {
    pub(super) fn new(shared: Arc<Shared>, view: ColonyView, consensus: Consensus, runtime: Runtime) -> Self {
        let now = runtime.elapsed();
        let standing = consensus.standing();
        Self {
            shared,
            view,
            consensus,
            standing,
            office: None,
            runtime,
            waiters: Waiters::default(),
            ready: Ready::default(),
            reserved: BTreeSet::new(),
            under_way: FuturesUnordered::new(),
            doubts: FuturesUnordered::new(),
            last_at: Timestamp::ZERO,
            next_deadline: None,
            greeted: None,
            no_tick_before: now,
            looked: now,
            recorded: now,
        }
    }

    /// Runs until the node stops.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            self.look_at_office();
            self.end_waits();
            while self.office.is_some()
                && self.under_way.len() < UNDER_WAY_MAX
                && let Some(draft) = self.draft()
            {
                self.propose(draft);
            }
            let free = self.under_way.len() < UNDER_WAY_MAX;
            let pause = self.pause();
            tokio::select! {
                biased;
                Some(done) = self.under_way.next() => self.settle(done),
                Some(()) = self.doubts.next() => {}
                changed = self.standing.changed() => if changed.is_err() { break },
                () = shared.inbox.arrival(), if free => {}
                () = shared.events.readiness(), if free => {}
                () = shared.stop.cancelled() => break,
                () = self.runtime.sleep(pause) => {}
            }
        }
        self.stop().await;
    }

    /// Takes the office up or lays it down.
    fn look_at_office(&mut self) {
        let office = {
            let standing = self.standing.borrow_and_update();
            standing.leads.then_some(standing.term)
        };
        if office != self.office {
            self.let_go();
            self.office = office;
            // Who was heard in another term stands in its log, or is greeted with all holders in this one.
            drop(self.shared.heard.take());
        }
        if self.office.is_none() {
            self.shared.inbox.turn_away(&Unanswered::Moved);
        }
    }

    /// Hands everything back to those who brought it. What is in an entry under way may become final all the same.
    fn let_go(&mut self) {
        // Whoever waits for an entry, or for a refusal, learns from its end that nobody answers.
        self.under_way.clear();
        self.doubts.clear();
        self.reserved.clear();
        self.ready = Ready::default();
        self.next_deadline = self.view.colony().ok().and_then(|colony| colony.next_deadline());
        for waiter in self.waiters.drain() {
            waiter.order.caller.answer(Err(Unanswered::Moved));
        }
    }

    /// Lets the entry under way finish if it can, and hands back the rest.
    async fn stop(mut self) {
        self.shared.inbox.close();
        let runtime = self.runtime.clone();
        let finish = async {
            while let Some(done) = self.under_way.next().await {
                self.settle(done);
            }
        };
        // Without a quorum it never finishes.
        runtime.timeout(STOP_PATIENCE, finish).await;
        self.let_go();
    }

    /// How long to sleep if nothing happens.
    fn pause(&self) -> Duration {
        let now = self.runtime.elapsed();
        let mut pause = IDLE;
        if let Some(end) = self.waiters.next_end() {
            pause = pause.min(end.saturating_sub(now));
            pause = pause.min((self.looked + LOOK_AGAIN).saturating_sub(now));
        }
        if self.under_way.is_empty() && self.office.is_some() {
            let mut tick = IDLE;
            if let Some(deadline) = self.next_deadline {
                tick = tick.min(deadline.since(self.runtime.now()).to_std());
            }
            if !self.shared.heard.is_empty() {
                tick = tick.min((self.recorded + HEARD_DELAY).saturating_sub(now));
            }
            pause = pause.min(tick.max(self.no_tick_before.saturating_sub(now)));
        }
        pause.max(TICK)
    }

    /// Answers those whose wait is over.
    fn end_waits(&mut self) {
        let now = self.runtime.elapsed();
        if self.waiters.next_end().is_none_or(|end| end > now) {
            return;
        }
        let paused = self.view.colony().is_ok_and(|colony| colony.is_paused());
        while let Some(waiter) = self.waiters.pop_over(now) {
            waiter.order.caller.answer(nothing(paused));
        }
    }

    /// Makes the next entry, if there is a reason for one.
    fn draft(&mut self) -> Option<Draft> {
        let elapsed = self.runtime.elapsed();
        self.ready.merge(self.shared.events.take_ready());
        if elapsed.saturating_sub(self.looked) >= LOOK_AGAIN {
            self.looked = elapsed;
            self.waiters.drop_gone();
            self.ready.add_all();
        }
        let view = self.view.clone();
        match view.colony() {
            Ok(colony) => {
                let draft = self.fill(&colony, elapsed);
                self.shared.board.post(&self.reserved);
                draft
            }
            Err(failure) => {
                // A state that cannot be trusted is never acted upon, and will not become better.
                let refusal = Refusal::Storage(Text::cut(&failure.to_string()));
                self.shared.inbox.turn_away(&refusal.into());
                None
            }
        }
    }

    fn fill(&mut self, colony: &Colony, elapsed: Duration) -> Option<Draft> {
        let mut draft = Draft::default();
        self.take(Class::Holder, colony, &mut draft);
        self.wake(colony, &mut draft);
        self.take_asks(colony, elapsed, &mut draft);
        self.take(Class::Submit, colony, &mut draft);

        let now = self.runtime.now().max(self.last_at).max(colony.now());
        self.next_deadline = colony.next_deadline();
        if draft.is_empty() && !self.must_tick(now, elapsed) {
            return None;
        }
        self.last_at = now;
        self.recorded = elapsed;
        draft.batch.at = now;
        draft.batch.heard = self.heard(colony);
        Some(draft)
    }

    /// True if time must pass in the log although nobody asked for anything.
    fn must_tick(&self, now: Timestamp, elapsed: Duration) -> bool {
        if !self.under_way.is_empty() || elapsed < self.no_tick_before {
            // An entry under way carries time itself; when it is applied the next deadline is known.
            return false;
        }
        let due = self.next_deadline.is_some_and(|deadline| deadline <= now);
        let unrecorded = !self.shared.heard.is_empty() && self.recorded + HEARD_DELAY <= elapsed;
        due || unrecorded
    }

    /// Who counts as heard in the next entry.
    fn heard(&mut self, colony: &Colony) -> Vec<Identity> {
        let mut heard = self.shared.heard.take();
        if self.greeted != self.office {
            // Whom the last coordinator heard is not known, and while there was none nobody could be heard: every
            // holder gets a fresh start, or an election would cost the work of all.
            self.greeted = self.office;
            heard.extend(
                colony.live_processes().filter_map(|process| process.lease.map(|lease| lease.holder)),
            );
        }
        heard.into_iter().filter(|by| colony.executor(by).is_some()).collect()
    }

    /// Takes commands that need no look-ahead.
    fn take(&mut self, class: Class, colony: &Colony, draft: &mut Draft) {
        while let Some(order) = self.shared.inbox.take(class, draft.room()) {
            match self.may_ask(colony, &order) {
                Ok(()) => draft.add(order),
                Err(refusal) => self.refuse(order, refusal),
            }
        }
    }

    /// Refuses without an entry, once it is sure that what was looked at is the colony's state.
    fn refuse(&self, order: Order, refusal: Refusal) {
        if self.doubts.len() >= DOUBTS_MAX {
            let why = Text::cut("many are being refused at once");
            return order.caller.answer(Err(Refusal::Busy(why).into()));
        }
        let consensus = self.consensus.clone();
        self.doubts.push(Box::pin(async move {
            let answer = match consensus.linearize().await {
                Ok(()) => refusal.into(),
                Err(storage @ ProposeError::Storage(_)) => Unanswered::Refused(storage.into()),
                // Its successor may know better.
                Err(ProposeError::NotCoordinator { .. } | ProposeError::Stopped) => Unanswered::Moved,
            };
            order.caller.answer(Err(answer));
        }));
    }

    /// Takes asks for work: with a match into the entry, without into the waiting room.
    fn take_asks(&mut self, colony: &Colony, elapsed: Duration, draft: &mut Draft) {
        while let Some(order) = self.shared.inbox.take(Class::Assign, draft.room()) {
            let by = order.item.by;
            let Some(ask) = &order.ask else { continue };
            let wait = ask.wait.min(WAIT_MAX).to_std().saturating_sub(order.waited);
            let wait = wait.min(order.expires.since(self.runtime.now()).to_std());
            let found = self.candidates(colony, &by, ask);
            let executor = colony.executor(&by);
            match (found, executor) {
                (Err(refusal), _) => self.refuse(order, refusal),
                // Who is no executor is told so by the rules.
                (Ok(_), None) => draft.add(order),
                (Ok(found), Some(executor)) => {
                    let until = elapsed.saturating_add(wait);
                    let waiter =
                        Waiter { order, executor_type: executor.executor_type.clone(), until, races: 0 };
                    if !found.is_empty() || colony.remembers(&by, &waiter.order.request) {
                        self.hunt(waiter, None, found, draft);
                    } else if wait.is_zero() {
                        self.shared.heard.add(by);
                        waiter.order.caller.answer(nothing(colony.is_paused()));
                    } else {
                        self.shared.heard.add(by);
                        self.waiters.park(waiter, None);
                    }
                }
            }
        }
    }

    /// Looks again for those who wait for work that may be ready, in the order they came.
    fn wake(&mut self, colony: &Colony, draft: &mut Draft) {
        let ready = std::mem::take(&mut self.ready);
        let types: Vec<Name> = if ready.all {
            self.waiters.types().cloned().collect()
        } else {
            ready.types.into_iter().collect()
        };
        for executor_type in types {
            if !self.wake_type(&executor_type, colony, draft) {
                // No room for more: the rest is looked at for the next entry.
                self.ready.add(&executor_type);
            }
        }
    }

    /// Says whether all of the type were looked at.
    fn wake_type(&mut self, executor_type: &Name, colony: &Colony, draft: &mut Draft) -> bool {
        let mut last: Ticket = 0;
        while let Some(ticket) = self.waiters.next_of_type(executor_type, last) {
            last = ticket;
            let Some(waiter) = self.waiters.get(ticket) else { continue };
            if waiter.order.caller.is_gone() {
                self.waiters.remove(ticket);
                continue;
            }
            if draft.room() < waiter.order.item.signed.bytes().len() {
                return false;
            }
            let Some(ask) = &waiter.order.ask else { continue };
            let found = self.candidates(colony, &waiter.order.item.by, ask);
            match found {
                Ok(found) if found.is_empty() => {}
                Ok(found) => {
                    if let Some(waiter) = self.waiters.remove(ticket) {
                        self.hunt(waiter, Some(ticket), found, draft);
                    }
                }
                Err(refusal) => {
                    if let Some(waiter) = self.waiters.remove(ticket) {
                        self.refuse(waiter.order, refusal);
                    }
                }
            }
        }
        true
    }

    /// Who may put a command into the log at all; everything finer is decided by the rules. It keeps strangers, who can
    /// sign as many requests as they like, off the disk: they need a ticket that lets them in.
    fn may_ask(&self, colony: &Colony, order: &Order) -> Result<(), Refusal> {
        let by = &order.item.by;
        if *by == colony.id() {
            return Ok(());
        }
        match &order.joining {
            Some(joining) => colony.may_join(by, &joining.ticket, &joining.member, self.runtime.now()),
            None => colony.may_read(by),
        }
    }

    fn candidates(&self, colony: &Colony, by: &Identity, ask: &Assign) -> Result<Vec<u64>, Refusal> {
        colony.candidates(by, ask, &self.reserved, usize::from(ask.max).min(BATCH_MAX))
    }

    /// Puts an ask into the entry and keeps what it found from the others until the entry is applied.
    fn hunt(&mut self, waiter: Waiter, ticket: Option<Ticket>, reserved: Vec<u64>, draft: &mut Draft) {
        self.reserved.extend(&reserved);
        draft.add_hunter(Hunter { waiter, ticket, reserved });
    }

    fn propose(&mut self, draft: Draft) {
        let Draft { batch, parties, .. } = draft;
        let proposing = self.consensus.propose(batch);
        self.under_way.push(Box::pin(async move { Done { parties, result: proposing.await } }));
    }

    /// Answers those whose commands were applied, or were not.
    fn settle(&mut self, done: Done) {
        match done.result {
            Ok(Outcomes(outcomes)) => {
                let mut outcomes = outcomes.into_iter();
                for party in done.parties {
                    let answer = outcomes.next().unwrap_or_else(|| Err(lost()));
                    self.conclude(party, answer.map_err(Into::into));
                }
            }
            Err(error) => {
                self.no_tick_before = self.runtime.elapsed() + TICK_AFTER_FAILURE;
                let why = match error {
                    storage @ ProposeError::Storage(_) => Unanswered::Refused(storage.into()),
                    // Somebody else may put it in order.
                    ProposeError::NotCoordinator { .. } | ProposeError::Stopped => Unanswered::Moved,
                };
                for party in done.parties {
                    self.conclude(party, Err(why.clone()));
                }
            }
        }
        self.next_deadline = self.view.colony().ok().and_then(|colony| colony.next_deadline());
    }

    fn conclude(&mut self, party: Party, answer: Answer) {
        match party {
            Party::Caller(caller) => caller.answer(answer),
            Party::Hunter(hunter) => self.conclude_hunt(*hunter, answer),
        }
    }

    /// Releases what the ask had found, and answers it or lets it wait on.
    fn conclude_hunt(&mut self, hunter: Hunter, answer: Answer) {
        let Hunter { mut waiter, ticket, reserved } = hunter;
        for number in &reserved {
            self.reserved.remove(number);
        }
        let got: &[_] = match &answer {
            Ok(Reply::Assigned { processes, .. }) => processes,
            _ => &[],
        };
        if reserved.iter().any(|number| got.iter().all(|process| process.number() != *number)) {
            // Others were told that it is taken.
            self.ready.add(&waiter.executor_type);
        }
        let empty_handed = got.is_empty() && matches!(answer, Ok(Reply::Assigned { .. }));
        if !empty_handed || waiter.until <= self.runtime.elapsed() {
            waiter.order.caller.answer(answer);
            return;
        }
        waiter.races = waiter.races.saturating_add(1);
        if waiter.races <= RACES_MAX {
            // What became ready while it was under way woke others, not this one.
            self.ready.add(&waiter.executor_type);
        }
        self.waiters.park(waiter, ticket);
    }
}

impl Drop for Actor {
    /// However the task ends, nobody waits for it any more.
    fn drop(&mut self) {
        self.shared.inbox.close();
        self.shared.stopped.cancel();
    }
}

/// The answer to an ask that found nothing.
fn nothing(paused: bool) -> Answer {
    Ok(Reply::Assigned { processes: Vec::new(), paused })
}

/// The answer where there should have been one.
fn lost() -> Refusal {
    Refusal::Unavailable(Text::cut("the entry gave no answer for this request"))
}
