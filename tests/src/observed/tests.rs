//! Every lie a broken colony could tell is told once, and must be found.

use std::sync::Arc;

use colony_protocol::{
    bounded::Text,
    envelope::RequestId,
    model::{FunctionSpec, Lease, State, Values},
    reply::LeaseStatus,
};

use super::{
    act::{Ending, Told, output, tagged},
    *,
};

const USER: Identity = Identity::from_bytes([1; 32]);
const ALICE: Identity = Identity::from_bytes([2; 32]);
const BOB: Identity = Identity::from_bytes([3; 32]);

fn id(number: u64) -> ProcessId {
    ProcessId::make(&Identity::NOBODY, &USER, &RequestId::from_bytes([1; 16]), number)
}

fn at(ms: i64) -> Moment {
    Moment(ms * 1_000_000)
}

/// A process as the colony shows it.
fn process(number: u64, state: State, token: u64) -> Process {
    Process {
        id: id(number),
        spec: Arc::new(tagged(FunctionSpec::default(), &format!("tag {number}"))),
        initiator: USER,
        initiator_name: Text::cut("test"),
        state,
        assigned_to: None,
        executor_name: Text::cut(""),
        lease: None,
        token,
        retries: 0,
        submitted_at: Timestamp::ZERO,
        started_at: None,
        ended_at: None,
        wait_deadline: None,
        priority_time: 0,
        workflow: None,
        waits_for_parents: false,
        parents: Default::default(),
        children: Default::default(),
        input: Values::default(),
        output: Values::default(),
        errors: Default::default(),
        attributes: Default::default(),
        log_lines: 0,
        retry_of: None,
    }
}

fn held(by: Identity, token: u64, term: u64, at_second: u64) -> Process {
    let lease = Lease {
        holder: by,
        token,
        term,
        granted_at: Timestamp::ZERO.after(Span::from_secs(at_second)),
        heartbeat: Some(Span::from_secs(1)),
        renew_by: None,
        hard_deadline: None,
    };
    Process { lease: Some(lease), assigned_to: Some(by), ..process(1, State::Running, token) }
}

fn ended(token: u64, mark: u64) -> Process {
    Process { output: output(mark), ..process(1, State::Success, token) }
}

/// A run in which each call is over before the next one begins.
#[derive(Default)]
struct Run {
    observed: Observed,
    ms: i64,
}

impl Run {
    /// One process was submitted.
    fn new() -> Self {
        let mut run = Self::default();
        let (begin, end) = run.tick();
        run.observed.submitted(USER, begin, end, &[(id(1), "tag 1".to_owned())]);
        run
    }

    fn tick(&mut self) -> (Moment, Moment) {
        self.ms += 10;
        (at(self.ms), at(self.ms + 5))
    }

    fn granted(&mut self, by: Identity, token: u64, term: u64) {
        self.granted_at(by, token, term, token * 10);
    }

    fn granted_at(&mut self, by: Identity, token: u64, term: u64, second: u64) {
        let (begin, end) = self.tick();
        self.observed.granted(by, begin, end, &held(by, token, term, second));
    }

    fn closed(&mut self, by: Identity, token: u64, mark: u64, told: Told) {
        let ending = Ending { state: State::Success, mark };
        self.acted(by, Act::Close { token, ending, told }, told != Told::Nothing);
    }

    fn acted(&mut self, by: Identity, act: Act, is_answered: bool) {
        let (begin, end) = self.tick();
        self.observed.acted(id(1), Seen { by, begin, end: is_answered.then_some(end), act });
    }

    fn read(&mut self, process: &Process) {
        let (begin, end) = self.tick();
        self.observed.read(USER, begin, end, process);
    }

    fn end(&mut self, processes: &[Process]) {
        let (begin, end) = self.tick();
        self.observed.end(USER, begin, end, processes);
    }

    #[track_caller]
    fn assert_honest(&self) {
        assert_eq!(self.observed.broken(), [""; 0]);
        assert_eq!(self.observed.verdict().illegal, [""; 0]);
    }

    /// The checker finds no explanation.
    #[track_caller]
    fn assert_illegal(&self) {
        let verdict = self.observed.verdict();
        assert_eq!(verdict.illegal.len(), 1, "{verdict:#?}");
        assert!(verdict.unknown.is_empty());
    }

    /// A promise is broken, in these words.
    #[track_caller]
    fn assert_broken(&self, words: &str) {
        let broken = self.observed.broken();
        assert!(broken.iter().any(|line| line.contains(words)), "{broken:#?}");
    }
}

#[test]
fn an_honest_life_is_explained() {
    let mut run = Run::new();
    run.read(&process(1, State::Waiting, 0));
    run.granted(ALICE, 1, 4);
    run.acted(ALICE, Act::Renew { token: 1, status: LeaseStatus::Live(None) }, true);
    run.read(&held(ALICE, 1, 4, 10));
    // Silent too long: Bob has it in a new term, and Alice's late result is fenced off.
    run.granted(BOB, 2, 5);
    run.closed(ALICE, 1, 7, Told::Stale { current: 2 });
    // Bob's result got no answer; the second try of another result finds out.
    run.closed(BOB, 2, 8, Told::Nothing);
    run.closed(BOB, 2, 9, Told::Over);
    run.read(&ended(2, 8));
    run.end(&[ended(2, 8)]);
    run.assert_honest();
}

#[test]
fn an_unanswered_close_may_also_not_have_happened() {
    let mut run = Run::new();
    run.granted(ALICE, 1, 1);
    run.closed(ALICE, 1, 7, Told::Nothing);
    run.granted(BOB, 2, 1);
    run.closed(BOB, 2, 8, Told::Done);
    run.end(&[ended(2, 8)]);
    run.assert_honest();
}

#[test]
fn an_unanswered_submit_may_have_been_carried_out_once() {
    let mut run = Run::default();
    run.observed.maybe_submitted(USER, at(1), ["tag 1".to_owned()]);
    run.granted(ALICE, 1, 1);
    run.closed(ALICE, 1, 7, Told::Done);
    run.end(&[ended(1, 7)]);
    run.assert_honest();

    // A second process of the same item.
    let second = Process { id: id(2), ..ended(1, 7) };
    run.end(&[ended(1, 7), second]);
    run.assert_broken("queued twice");
}

#[test]
fn work_that_nobody_submitted_is_noticed() {
    let mut run = Run::new();
    run.read(&process(2, State::Waiting, 0));
    run.assert_broken("nobody submitted");
    run.assert_illegal();
}

#[test]
fn a_lost_acknowledged_submit_is_noticed() {
    let mut run = Run::new();
    run.end(&[]);
    run.assert_broken("acknowledged, but not there");

    let mut run = Run::new();
    let (begin, end) = run.tick();
    run.observed.read_nothing(USER, begin, end, id(1));
    run.assert_illegal();
}

#[test]
fn an_accepted_stale_close_is_noticed() {
    let mut run = Run::new();
    run.granted(ALICE, 1, 1);
    run.granted(BOB, 2, 1);
    run.closed(ALICE, 1, 7, Told::Done);
    run.assert_illegal();
}

#[test]
fn a_close_accepted_from_somebody_who_was_told_the_lease_is_lost_is_noticed() {
    let mut run = Run::new();
    run.granted(ALICE, 1, 1);
    run.acted(ALICE, Act::Renew { token: 1, status: LeaseStatus::Lost }, true);
    run.closed(ALICE, 1, 7, Told::Done);
    run.assert_illegal();
}

#[test]
fn a_doubled_result_is_noticed() {
    let mut run = Run::new();
    run.granted(ALICE, 1, 1);
    run.closed(ALICE, 1, 7, Told::Done);
    run.closed(ALICE, 1, 8, Told::Done);
    run.assert_illegal();
    run.assert_broken("ended 2 times");
}

#[test]
fn a_refusal_of_what_was_carried_out_is_noticed() {
    // The answer to a repeated request must be the first one, not what a second request would get.
    let mut run = Run::new();
    run.granted(ALICE, 1, 1);
    run.closed(ALICE, 1, 7, Told::Over);
    run.read(&ended(1, 7));
    run.assert_illegal();
    run.end(&[ended(1, 7)]);
    run.assert_broken("but it can only be []");
}

#[test]
fn two_holders_of_one_token_are_noticed() {
    let mut run = Run::new();
    run.granted(ALICE, 1, 1);
    run.granted(BOB, 1, 1);
    run.assert_illegal();
    run.assert_broken("was granted to");
}

#[test]
fn a_token_that_does_not_grow_is_noticed() {
    let mut run = Run::new();
    run.granted(ALICE, 2, 1);
    run.granted(BOB, 1, 1);
    run.assert_illegal();
}

#[test]
fn a_read_that_goes_back_in_time_is_noticed() {
    let mut run = Run::new();
    run.granted(ALICE, 1, 1);
    run.closed(ALICE, 1, 7, Told::Done);
    run.read(&held(ALICE, 1, 1, 10));
    run.assert_illegal();
}

#[test]
fn a_stale_read_may_be_old_but_not_invented() {
    let mut run = Run::new();
    run.granted(ALICE, 1, 1);
    run.closed(ALICE, 1, 7, Told::Done);
    run.ms += 10;
    run.observed.stale_read(USER, at(run.ms), &held(ALICE, 1, 1, 10));
    run.assert_honest();
    run.observed.stale_read(USER, at(run.ms), &held(BOB, 1, 1, 10));
    run.assert_illegal();
}

#[test]
fn a_grant_after_the_end_is_noticed() {
    let mut run = Run::new();
    run.granted(ALICE, 1, 1);
    run.closed(ALICE, 1, 7, Told::Done);
    run.granted(BOB, 2, 1);
    run.assert_illegal();
}

#[test]
fn a_term_that_goes_back_is_noticed() {
    let mut run = Run::new();
    run.granted(ALICE, 1, 5);
    run.granted(BOB, 2, 4);
    run.assert_illegal();
    run.assert_broken("a lease of term 4 after one of 5");
}

#[test]
fn a_deposed_coordinator_is_noticed_whatever_process_it_gives_away() {
    let mut run = Run::new();
    run.granted(ALICE, 1, 5);
    let (begin, end) = run.tick();
    run.observed.submitted(USER, begin, end, &[(id(2), "tag 2".to_owned())]);
    let (begin, end) = run.tick();
    let other = Process {
        id: id(2),
        spec: Arc::new(tagged(FunctionSpec::default(), "tag 2")),
        ..held(BOB, 1, 4, 10)
    };
    run.observed.granted(BOB, begin, end, &other);
    assert_eq!(run.observed.verdict().illegal, [""; 0]);
    run.assert_broken("a lease of term 4 after one of 5");
}

#[test]
fn a_lease_that_is_cut_short_is_noticed_unless_it_was_given_back() {
    let mut run = Run::new();
    run.granted_at(ALICE, 1, 1, 100);
    run.granted_at(BOB, 2, 1, 100);
    run.assert_broken("cut short");

    let mut run = Run::new();
    run.granted_at(ALICE, 1, 1, 100);
    run.acted(ALICE, Act::Release { token: 1, told: Told::Done }, true);
    run.granted_at(BOB, 2, 1, 100);
    run.assert_honest();
}

#[test]
fn a_skipped_token_needs_an_assign_without_an_answer() {
    let mut run = Run::new();
    run.granted(ALICE, 2, 1);
    run.assert_broken("granted to nobody");
    run.observed.maybe_granted(1);
    run.assert_honest();
}

#[test]
fn a_cancelled_process_is_not_given_a_result() {
    let mut run = Run::new();
    run.granted(ALICE, 1, 1);
    run.acted(USER, Act::Cancel { told: Told::Done }, true);
    run.closed(ALICE, 1, 7, Told::Over);
    run.end(&[process(1, State::Cancelled, 1)]);
    run.assert_honest();
    run.closed(ALICE, 1, 8, Told::Done);
    run.assert_illegal();
}

#[test]
fn what_one_side_was_told_during_a_time_is_found() {
    let mut run = Run::new();
    let from = at(run.ms + 6);
    run.granted(ALICE, 1, 1);
    run.closed(ALICE, 1, 7, Told::Nothing);
    let to = at(run.ms + 100);
    assert_eq!(run.observed.answered(&BTreeSet::from([BOB]), from, to), [""; 0]);
    assert_eq!(run.observed.answered(&BTreeSet::from([ALICE]), from, to).len(), 1);
}

#[test]
fn many_processes_are_checked_in_little_time() {
    let mut observed = Observed::default();
    for number in 0..2_000 {
        let moment = |place: i64| at(i64::try_from(number).unwrap() + place * 3);
        observed.submitted(USER, moment(0), moment(1), &[(id(number), format!("tag {number}"))]);
        let process = Process {
            id: id(number),
            spec: Arc::new(tagged(FunctionSpec::default(), &format!("tag {number}"))),
            ..held(ALICE, 1, 1, number)
        };
        observed.granted(ALICE, moment(2), moment(3), &process);
        let ending = Ending { state: State::Success, mark: number + 1 };
        let act = Act::Close { token: 1, ending, told: Told::Done };
        observed.acted(id(number), Seen { by: ALICE, begin: moment(4), end: Some(moment(5)), act });
    }
    let verdict = observed.verdict();
    assert_eq!((verdict.illegal, verdict.unknown), (Vec::new(), Vec::new()));
    assert_eq!((verdict.processes, verdict.calls), (2_000, 6_000));
}
