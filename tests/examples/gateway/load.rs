//! Closed loops: many clients that submit, take and close as fast as they are answered.

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    node::{Client, Node},
    timed::Latencies,
};

/// Connections.
const CLIENTS: [usize; 3] = [1, 8, 32];
/// How long each run lasts: what the reference's figures were made with.
const SPAN: Duration = Duration::from_secs(10);
/// Before what counts: connections are made, caches filled.
const WARM: Duration = Duration::from_secs(1);
/// Submissions that find an executor waiting.
const WAITED_FOR: usize = 500;
/// Between two of them: the node is idle again.
const REST: Duration = Duration::from_millis(10);

/// Runs so many clients for [`SPAN`]; each does `step` and notes its latencies. Gives them, kind by kind, and the rate of the first.
fn clients<const KINDS: usize>(
    url: &str,
    count: usize,
    step: fn(&mut Client, &mut [Latencies; KINDS]),
) -> (f64, [Latencies; KINDS]) {
    let begun = Instant::now();
    let threads: Vec<_> = (0..count)
        .map(|_| {
            let url = url.to_owned();
            thread::spawn(move || {
                let mut client = Client::connect(&url);
                let mut unused = std::array::from_fn(|_| Latencies::default());
                while begun.elapsed() < WARM {
                    step(&mut client, &mut unused);
                }
                let mut noted = std::array::from_fn(|_| Latencies::default());
                while begun.elapsed() < WARM + SPAN {
                    step(&mut client, &mut noted);
                }
                noted
            })
        })
        .collect();
    let mut all: [Latencies; KINDS] = std::array::from_fn(|_| Latencies::default());
    for one in threads {
        for (sum, part) in all.iter_mut().zip(one.join().unwrap()) {
            sum.extend(part);
        }
    }
    (all[0].len() as f64 / SPAN.as_secs_f64(), all)
}

/// Submissions alone.
pub(super) fn submits() {
    for count in CLIENTS {
        let node = Node::start();
        let (rate, [submit]) = clients(&node.url, count, |client, [submit]| {
            submit.time(|| client.submit());
        });
        println!("  {count} clients: {rate:.0}/s, {submit}");
    }
}

/// Submissions, assignments and closes, as many of each.
pub(super) fn cycles() {
    for count in CLIENTS {
        let node = Node::start();
        let (rate, [submit, assign, close]) = clients(&node.url, count, |client, [submit, assign, close]| {
            submit.time(|| client.submit());
            let id = assign.time(|| client.assign(10)).expect("as much is submitted as is taken");
            close.time(|| client.close(&id));
        });
        println!("  {count} executors: {rate:.0} cycles/s");
        println!("    submit {submit}\n    assign {assign}\n    close {close}");
    }
}

/// From a submission being sent to its executor, which waits, having it.
pub(super) fn assigned() {
    let node = Node::start();
    let (told, taken) = mpsc::channel();
    let url = node.url.clone();
    let executor = thread::spawn(move || {
        let mut client = Client::connect(&url);
        for _ in 0..WAITED_FOR {
            let id = client.assign(30).expect("work comes");
            if told.send(Instant::now()).is_err() {
                return;
            }
            client.close(&id);
        }
    });
    let mut client = Client::connect(&node.url);
    let mut latencies = Latencies::default();
    for _ in 0..WAITED_FOR {
        thread::sleep(REST);
        let begun = Instant::now();
        client.submit();
        latencies.push(taken.recv().unwrap().saturating_duration_since(begun));
    }
    executor.join().unwrap();
    println!("  submitted to assigned: {latencies}");
}
