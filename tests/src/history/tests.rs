//! Each promise, broken on purpose.

use std::sync::Arc;

use colony_protocol::{
    bounded::Text,
    envelope::RequestId,
    model::{FunctionSpec, Lease},
    time::Timestamp,
};

use super::*;

const EXECUTOR: Identity = Identity::from_bytes([2; 32]);

fn id(number: u64) -> ProcessId {
    ProcessId::make(&Identity::NOBODY, &EXECUTOR, &RequestId::from_bytes([1; 16]), number)
}

fn process(number: u64, state: State, token: u64) -> Process {
    let lease = Lease {
        holder: EXECUTOR,
        token,
        term: 1,
        granted_at: Timestamp::ZERO,
        heartbeat: None,
        renew_by: None,
        hard_deadline: None,
    };
    Process {
        id: id(number),
        spec: Arc::new(FunctionSpec::default()),
        initiator: EXECUTOR,
        initiator_name: Text::cut("test"),
        state,
        assigned_to: None,
        executor_name: Text::cut(""),
        lease: (state == State::Running).then_some(lease),
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

fn attempt(token: u64, verdict: Verdict) -> Attempt {
    Attempt { token, success: true, output: format!("by {token}"), verdict }
}

fn ended_by(attempt: &Attempt) -> Process {
    Process { output: attempt.values(), ..process(1, State::Success, attempt.token) }
}

#[track_caller]
fn assert_broken(history: &History, promise: &str) {
    assert!(history.broken().iter().any(|line| line.contains(promise)), "{:?}", history.broken());
}

#[test]
fn an_honest_life_breaks_nothing() {
    let mut history = History::default();
    history.submitted(&[id(1)]);
    history.granted(EXECUTOR, &process(1, State::Running, 1));
    history.seen(&process(1, State::Running, 1));
    // The first holder was silent too long; the second one's close got no answer, but was carried out.
    history.granted(EXECUTOR, &process(1, State::Running, 2));
    history.closed(id(1), attempt(1, Verdict::Refused));
    history.closed(id(1), attempt(2, Verdict::Unknown));
    history.seen(&ended_by(&attempt(2, Verdict::Unknown)));
    assert_eq!(history.broken(), [""; 0]);
}

#[test]
fn a_lost_submit_is_noticed() {
    let mut history = History::default();
    history.submitted(&[id(1)]);
    history.missing(&id(2));
    assert_eq!(history.broken(), [""; 0]);
    history.missing(&id(1));
    assert_broken(&history, "not there");
}

#[test]
fn a_token_granted_twice_is_noticed() {
    let mut history = History::default();
    history.granted(EXECUTOR, &process(1, State::Running, 1));
    history.granted(EXECUTOR, &process(1, State::Running, 1));
    assert_broken(&history, "granted twice");
}

#[test]
fn a_stale_close_that_is_accepted_is_noticed() {
    let mut history = History::default();
    history.granted(EXECUTOR, &process(1, State::Running, 1));
    history.granted(EXECUTOR, &process(1, State::Running, 2));
    history.closed(id(1), attempt(1, Verdict::Acknowledged));
    assert_broken(&history, "stale token");
}

#[test]
fn a_second_accepted_close_is_noticed() {
    let mut history = History::default();
    history.closed(id(1), attempt(1, Verdict::Acknowledged));
    history.closed(id(1), attempt(1, Verdict::Acknowledged));
    assert_broken(&history, "closed with token 1 and with 1");
}

#[test]
fn a_forgotten_close_is_noticed() {
    let mut history = History::default();
    history.closed(id(1), attempt(1, Verdict::Acknowledged));
    history.seen(&process(1, State::Waiting, 1));
    assert_broken(&history, "but waiting");
}

#[test]
fn a_refused_result_that_was_applied_is_noticed() {
    let mut history = History::default();
    history.closed(id(1), attempt(1, Verdict::Refused));
    history.seen(&ended_by(&attempt(1, Verdict::Refused)));
    assert_broken(&history, "nobody could have made it");
}

#[test]
fn a_terminal_state_that_changes_is_noticed() {
    let mut history = History::default();
    history.closed(id(1), attempt(1, Verdict::Unknown));
    history.closed(id(1), attempt(2, Verdict::Unknown));
    history.seen(&ended_by(&attempt(1, Verdict::Unknown)));
    history.seen(&ended_by(&attempt(2, Verdict::Unknown)));
    assert_broken(&history, "was (");
}

#[test]
fn a_grant_after_the_end_is_noticed() {
    let mut history = History::default();
    history.granted(EXECUTOR, &process(1, State::Running, 1));
    history.closed(id(1), attempt(1, Verdict::Acknowledged));
    history.granted(EXECUTOR, &process(1, State::Running, 2));
    assert_broken(&history, "after its close");
}
