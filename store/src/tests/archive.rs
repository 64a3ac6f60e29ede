//! Reading finished work: before it is on disk, while it gets there, and afterwards.

use std::{ops::ControlFlow, sync::Arc};

use colony_protocol::{
    command::Command,
    envelope::RequestId,
    model::{Process, ProcessId, State},
};

use super::support::{Driver, colony, executor, open_with_thread, owner, submit_workflow};
use crate::{ColonyView, Disk};

fn newest_first(view: &ColonyView, before: Option<u64>, limit: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    let visit = |process: Process| {
        numbers.push(process.id.number());
        if numbers.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    view.archived_processes(before, visit).unwrap();
    numbers
}

fn messages(lines: &[colony_protocol::model::StoredLogLine]) -> Vec<&str> {
    lines.iter().map(|line| line.message.as_str()).collect()
}

#[tokio::test]
async fn a_page_goes_on_where_the_last_one_ended_wherever_the_rows_are() {
    let store = open_with_thread(Disk::Memory);
    let mut driver = Driver::open(&store).await;
    driver.found().await;
    for round in 0..3 {
        for _ in 0..4 {
            driver.run_one().await;
        }
        if round < 2 {
            // The first eight are on disk, of the last four some are not.
            driver.store.view.flush().await.unwrap();
        }
    }
    let view = driver.store.view.clone();
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = newest_first(&view, before, 5);
        let Some(last) = page.last() else { break };
        before = Some(*last);
        seen.extend(page);
    }
    assert_eq!(seen, (1..=12).rev().collect::<Vec<_>>());
    assert_eq!(newest_first(&view, Some(1), 5), Vec::<u64>::new());
    assert_eq!(newest_first(&view, Some(0), 5), Vec::<u64>::new());
}

#[tokio::test]
async fn what_was_applied_is_seen_at_once_and_in_one_place() {
    let store = open_with_thread(Disk::Memory);
    let mut driver = Driver::open(&store).await;
    driver.found().await;
    let view = driver.store.view.clone();
    for _ in 0..40 {
        let number = driver.run_one().await;
        // Closed, so it is no longer live; its cut is made by log time, so it may be anywhere between memory and disk.
        assert!(view.colony().unwrap().live_process(number).is_none());
        assert_eq!(view.archived_process(number).unwrap().unwrap().state, State::Success);
        assert_eq!(messages(&view.log_lines(number, 0, 10).unwrap()), ["one", "two", "three"]);
        let pages = newest_first(&view, None, usize::MAX);
        assert_eq!(pages, (1..=number).rev().collect::<Vec<_>>());
    }
    view.flush().await.unwrap();
    assert!(driver.store.view.archived_process(40).unwrap().is_some());
    assert!(driver.store.view.archived_process(41).unwrap().is_none());
}

#[tokio::test]
async fn a_page_of_processes_is_one_look_at_the_disk_wherever_its_cursor_is() {
    let store = open_with_thread(Disk::Memory);
    let mut driver = Driver::open(&store).await;
    driver.found().await;
    for _ in 0..60 {
        driver.run_one().await;
    }
    let view = driver.store.view.clone();
    view.flush().await.unwrap();
    for before in [None, Some(41), Some(21)] {
        let reads = store.reads();
        assert_eq!(newest_first(&view, before, 20).len(), 20);
        assert_eq!(store.reads(), reads + 1);
    }
    // Some of these are on disk, some are not, and one is not there.
    let fresh = driver.run_one().await;
    let reads = store.reads();
    let found = view.archived_among(&[fresh, 3, 999, 17]).unwrap();
    assert_eq!(found.keys().copied().collect::<Vec<_>>(), [3, 17, fresh]);
    assert_eq!(store.reads(), reads + 1);
    driver.tell(&owner(), Command::Remove { process: found[&17].id }).await;
    assert_eq!(view.archived_among(&[17, 3]).unwrap().keys().copied().collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn readers_beside_the_writer_never_miss_a_process() {
    let store = open_with_thread(Disk::Memory);
    let mut driver = Driver::open(&store).await;
    driver.found().await;
    let view = driver.store.view.clone();
    let done = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let finished = done.clone();
    let reader = std::thread::Builder::new();
    #[expect(clippy::disallowed_methods, reason = "the point is a reader on another thread")]
    let reader = reader
        .spawn(move || {
            let mut looks = 0_u64;
            loop {
                let known = finished.load(std::sync::atomic::Ordering::SeqCst);
                if known == u64::MAX {
                    return looks;
                }
                let seen = newest_first(&view, Some(known + 1), usize::MAX);
                assert_eq!(seen, (1..=known).rev().collect::<Vec<_>>());
                if known > 0 {
                    assert_eq!(view.latest_log_lines(known, 2).unwrap().len(), 2);
                }
                looks += 1;
            }
        })
        .unwrap();
    for _ in 0..150 {
        let number = driver.run_one().await;
        done.store(number, std::sync::atomic::Ordering::SeqCst);
    }
    done.store(u64::MAX, std::sync::atomic::Ordering::SeqCst);
    assert!(reader.join().unwrap() > 0);
}

#[tokio::test]
async fn log_lines_are_read_from_a_line_on_or_from_the_end() {
    let store = open_with_thread(Disk::Memory);
    let mut driver = Driver::open(&store).await;
    driver.found().await;
    let number = driver.run_one().await;
    for _flushed in 0..2 {
        let view = &driver.store.view;
        assert_eq!(messages(&view.log_lines(number, 1, 10).unwrap()), ["two", "three"]);
        assert_eq!(messages(&view.log_lines(number, 0, 2).unwrap()), ["one", "two"]);
        assert_eq!(messages(&view.latest_log_lines(number, 2).unwrap()), ["two", "three"]);
        assert!(view.log_lines(number, 9, 10).unwrap().is_empty());
        assert!(view.latest_log_lines(number, 0).unwrap().is_empty());
        assert!(view.log_lines(number + 1, 0, 10).unwrap().is_empty());
        view.flush().await.unwrap();
    }
}

#[tokio::test]
async fn what_is_forgotten_is_gone_at_once_and_for_good() {
    for flush_before in [false, true] {
        let store = open_with_thread(Disk::Memory);
        let mut driver = Driver::open(&store).await;
        driver.found().await;
        let (one, two) = (driver.run_one().await, driver.run_one().await);
        let view = driver.store.view.clone();
        if flush_before {
            view.flush().await.unwrap();
        }

        // One process, with its log.
        let id = view.archived_process(one).unwrap().unwrap().id;
        driver.tell(&owner(), Command::Remove { process: id }).await;
        for _flushed in 0..2 {
            assert!(view.archived_process(one).unwrap().is_none());
            assert!(view.log_lines(one, 0, 9).unwrap().is_empty());
            assert_eq!(newest_first(&view, None, 9), [two]);
            view.flush().await.unwrap();
        }

        // All of a state; one that ends in it afterwards stays.
        driver.tell(&owner(), Command::RemoveAll { state: State::Success }).await;
        let three = driver.run_one().await;
        for _flushed in 0..2 {
            assert!(view.log_lines(two, 0, 9).unwrap().is_empty());
            assert_eq!(newest_first(&view, None, 9), [three]);
            assert_eq!(view.log_lines(three, 0, 9).unwrap().len(), 3);
            view.flush().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_forgotten_workflow_takes_its_processes_along() {
    for flush_before in [false, true] {
        let store = open_with_thread(Disk::Memory);
        let mut driver = Driver::open(&store).await;
        driver.found().await;
        let alone = driver.run_one().await;
        driver.tell(&owner(), submit_workflow(&["a", "b"])).await;
        driver.finish_assigned(&executor()).await;
        driver.finish_assigned(&executor()).await;
        let view = driver.store.view.clone();
        if flush_before {
            view.flush().await.unwrap();
        }
        let workflow = view.archived_workflow(1).unwrap().unwrap();
        assert_eq!(workflow.state, State::Success);
        assert_eq!(newest_first(&view, None, 9), [alone + 2, alone + 1, alone]);

        driver.tell(&owner(), Command::RemoveWorkflow { workflow: workflow.id }).await;
        for _flushed in 0..2 {
            assert!(view.archived_workflow(1).unwrap().is_none());
            assert_eq!(newest_first(&view, None, 9), [alone]);
            assert!(view.log_lines(alone + 1, 0, 9).unwrap().is_empty());
            let mut workflows = 0;
            view.archived_workflows(None, |_| {
                workflows += 1;
                ControlFlow::Continue(())
            })
            .unwrap();
            assert_eq!(workflows, 0);
            view.flush().await.unwrap();
        }
    }
}

#[tokio::test]
async fn events_are_told_after_the_entry_that_caused_them() {
    let store = open_with_thread(Disk::Memory);
    let mut driver = Driver::open(&store).await;
    driver.found().await;
    driver.told.lock().unwrap().clear();
    let number = driver.run_one().await;
    let told = driver.told.lock().unwrap();
    let states: Vec<State> = told
        .iter()
        .filter_map(|event| match event {
            colony_protocol::colony::Event::Process { process, state } if process.number() == number => {
                Some(*state)
            }
            _ => None,
        })
        .collect();
    assert_eq!(states.last(), Some(&State::Success));
}

#[tokio::test]
async fn only_its_owner_forgets_what_is_in_the_archive_and_only_by_its_own_id() {
    let store = open_with_thread(Disk::Memory);
    let mut driver = Driver::open(&store).await;
    driver.found().await;
    let view = driver.store.view.clone();
    for on_disk in [false, true] {
        // The core takes the wish for any number it gave out: whose the row is, only the archive knows.
        let number = driver.run_one().await;
        if on_disk {
            view.flush().await.unwrap();
        }
        let process = view.archived_process(number).unwrap().unwrap().id;
        driver.tell(&executor(), Command::Remove { process }).await;
        assert!(view.archived_process(number).unwrap().is_some(), "another's");

        // An id of one's own that carries the number of somebody's process.
        let forged = ProcessId::make(&colony(), &owner().identity(), &RequestId::from_bytes([9; 16]), number);
        assert_ne!(forged, process);
        driver.tell(&owner(), Command::Remove { process: forged }).await;
        assert!(view.archived_process(number).unwrap().is_some(), "another id");

        driver.tell(&owner(), Command::Remove { process }).await;
        assert!(view.archived_process(number).unwrap().is_none());
        view.flush().await.unwrap();
        assert!(view.archived_process(number).unwrap().is_none());
    }
}
