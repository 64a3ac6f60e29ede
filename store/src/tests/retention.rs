//! What the policy names leaves the archive when it is old enough; nothing else does.

use colony_protocol::{
    command::Command,
    model::{Policy, State},
    query::PAGE_MAX,
    reply::Reply,
    time::Span,
};

use super::support::{Driver, executor, open_with_thread, owner, submit, submit_workflow, text};
use crate::Disk;

/// A minute: the shortest time that anything is kept.
const KEPT: Span = Span::from_secs(60);

impl Driver {
    /// Lets time pass until the whole archive was gone through, and puts it on disk.
    async fn pass(&mut self, seconds: u64) {
        self.wait(Span::from_secs(seconds));
        for _ in 0..3 {
            self.wait(Span::from_secs(1));
            let entry = self.entry(Vec::new());
            self.commit(entry).await.unwrap();
        }
        self.store.view.flush().await.unwrap();
    }

    async fn cancelled(&mut self) -> u64 {
        let Reply::Submitted(ids) = self.tell(&owner(), submit(1)).await else { panic!("not submitted") };
        self.tell(&owner(), Command::Cancel { process: ids[0] }).await;
        ids[0].number()
    }

    fn state(&self, number: u64) -> Option<State> {
        self.store.view.archived_process(number).unwrap().map(|process| process.state)
    }

    fn lines(&self, number: u64) -> usize {
        self.store.view.log_lines(number, 0, usize::from(PAGE_MAX)).unwrap().len()
    }
}

async fn driver() -> Driver {
    let store = open_with_thread(Disk::Memory);
    let mut driver = Driver::open(&store).await;
    driver.found().await;
    driver
}

#[tokio::test]
async fn only_what_the_policy_names_and_only_when_it_is_old_enough_is_forgotten() {
    let mut driver = driver().await;
    let old = driver.run_one().await;
    let cancelled = driver.cancelled().await;
    driver.tell(&owner(), submit_workflow(&["a"])).await;
    driver.finish_assigned(&executor()).await;
    let Reply::Submitted(waiting) = driver.tell(&owner(), submit(1)).await else { panic!("not submitted") };
    driver.pass(40).await;
    let policy = Policy { success: Some(KEPT), ..Policy::default() };
    driver.tell(&owner(), Command::SetPolicy { policy }).await;
    driver.pass(1).await;
    assert_eq!(driver.state(old), Some(State::Success), "not old enough");

    // A round later.
    driver.pass(600).await;
    assert_eq!((driver.state(old), driver.lines(old)), (None, 0));
    assert_eq!(driver.state(cancelled), Some(State::Cancelled));
    assert!(driver.store.view.archived_workflow(1).unwrap().is_none());
    let of_workflow = cancelled + 1;
    assert_eq!(driver.state(of_workflow), None);
    assert!(driver.store.view.colony().unwrap().live_process(waiting[0].number()).is_some());
}

#[tokio::test]
async fn logs_go_before_the_processes_they_are_of_if_the_policy_says_so() {
    let mut driver = driver().await;
    let number = driver.run_one().await;
    let policy = Policy { logs: Some(KEPT), ..Policy::default() };
    driver.tell(&owner(), Command::SetPolicy { policy }).await;
    driver.pass(700).await;
    assert_eq!((driver.state(number), driver.lines(number)), (Some(State::Success), 0));
}

#[tokio::test]
async fn without_a_policy_everything_stays_and_nothing_is_due() {
    let mut driver = driver().await;
    let number = driver.run_one().await;
    let policy = Policy { success: Some(KEPT), ..Policy::default() };
    driver.tell(&owner(), Command::SetPolicy { policy }).await;
    driver.tell(&owner(), Command::SetPolicy { policy: Policy::default() }).await;
    driver.pass(10_000).await;
    assert_eq!(driver.state(number), Some(State::Success));
    assert_eq!(driver.store.view.colony().unwrap().next_deadline(), None);
}

#[tokio::test]
async fn lines_of_all_logs_are_read_newest_process_first_and_go_on_where_they_ended() {
    let mut driver = driver().await;
    driver.run_one().await;
    driver.store.view.flush().await.unwrap();
    driver.run_one().await;
    let line = colony_protocol::model::LogLine { stream: Default::default(), message: text("of no process") };
    let lines = colony_protocol::bounded::List::new(vec![line]).unwrap();
    driver.tell(&executor(), Command::AddExecutorLog { lines }).await;
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let mut page = Vec::new();
        let visit = |process, line: colony_protocol::model::StoredLogLine| {
            page.push((process, line.line));
            if page.len() < 2 {
                std::ops::ControlFlow::Continue(())
            } else {
                std::ops::ControlFlow::Break(())
            }
        };
        driver.store.view.log_lines_before(before, visit).unwrap();
        let Some(last) = page.last() else { break };
        before = Some(*last);
        seen.extend(page);
    }
    assert_eq!(seen, [(2, 2), (2, 1), (2, 0), (1, 2), (1, 1), (1, 0), (0, 0)]);
}
