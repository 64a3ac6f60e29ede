//! The doctor's questions to a real node: what it tells of itself, and whose clock is wrong.

use std::{sync::Arc, time::Duration};

use colony_node::{
    client::{Client, Remote},
    doctor::{Health, inquiry, machine},
    runtime::{Busy, Job, Platform, Runtime, Task, Tokio},
};
use colony_protocol::time::{Span, Timestamp};

use crate::lab::{Lab, owner, user, within};

/// A machine whose clock is an hour off, one way or the other.
#[derive(Debug)]
struct Off {
    machine: Tokio,
    ahead: bool,
}

impl Platform for Off {
    fn now(&self) -> Timestamp {
        let hour = Span::from_secs(3_600);
        if self.ahead { self.machine.now().after(hour) } else { self.machine.now().before(hour) }
    }

    fn elapsed(&self) -> Duration {
        self.machine.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Task {
        self.machine.sleep(duration)
    }

    fn spawn(&self, name: &'static str, task: Task) {
        self.machine.spawn(name, task);
    }

    fn offload(&self, job: Job) -> Result<(), Busy> {
        self.machine.offload(job)
    }

    fn thread(&self, name: &'static str, job: Job) {
        self.machine.thread(name, job);
    }

    fn random(&self, buffer: &mut [u8]) {
        self.machine.random(buffer);
    }

    fn shutdown(&self) -> Task {
        self.machine.shutdown()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_tells_where_it_listens_and_who_is_connected() {
    let lab = Lab::in_memory().await;
    let told = within("asking", inquiry::ask("node", &lab.remote())).await;
    let vitals = told.vitals.unwrap();
    assert_eq!((vitals.node, vitals.version.as_str()), (lab.node.identity(), env!("CARGO_PKG_VERSION")));
    let listening: Vec<String> = vitals.listening.iter().map(ToString::to_string).collect();
    assert_eq!(listening, lab.node.addresses().iter().map(ToString::to_string).collect::<Vec<_>>());
    // Who asks is connected.
    assert_eq!(vitals.peers.len(), 1);
    assert_eq!(machine::clock(&[told.clock.unwrap()], 1).health, Health::Ok);
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_an_hour_off_is_found_out_by_the_very_refusal() {
    let lab = Lab::in_memory().await;
    for (ahead, word) in [(true, "an hour ahead of node's"), (false, "an hour behind node's")] {
        let runtime = Runtime::new(Off { machine: Tokio::new(), ahead });
        let remote = Remote::connect(lab.node.addresses(), runtime.clone());
        let client = Client::new(Arc::new(remote), owner().identity(), user(), runtime.clone());
        let told = within("asking", inquiry::ask("node", &client)).await;
        assert!(told.vitals.is_err(), "{told:?}");
        let check = machine::clock(&[told.clock.expect("the refusal tells the time")], 1);
        assert_eq!(check.health, Health::Fail);
        assert!(check.finding.contains(word), "{check:?}");
        drop(client);
        runtime.shutdown(Duration::from_secs(1)).await;
    }
    lab.stop().await;
}
