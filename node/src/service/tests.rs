//! Who waits for whom before anything is known of a request.

use std::{
    pin::pin,
    sync::{Mutex, MutexGuard},
};

use colony_protocol::time::Timestamp;
use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};

use super::*;
use crate::{
    net::{PeerId, Subnet},
    runtime::{Busy, Job, Platform, Task, Tokio},
};

/// A machine whose processor pool does nothing by itself.
#[derive(Debug)]
struct Still {
    machine: Tokio,
    jobs: Arc<Jobs>,
}

#[derive(Default)]
struct Jobs(Mutex<Vec<Job>>);

impl Jobs {
    fn waiting(&self) -> MutexGuard<'_, Vec<Job>> {
        self.0.lock().unwrap()
    }
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Jobs")
    }
}

impl Platform for Still {
    fn now(&self) -> Timestamp {
        self.machine.now()
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
        self.jobs.waiting().push(job);
        Ok(())
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

#[tokio::test]
async fn a_members_request_waits_behind_one_of_a_stranger_and_not_behind_all() {
    const MANY: usize = 100;
    let jobs = Arc::new(Jobs::default());
    let runtime = Runtime::new(Still { machine: Tokio::new(), jobs: Arc::clone(&jobs) });
    let service = Service::new(Identity::NOBODY, runtime);
    let stranger = Caller::stranger(PeerId::random(), Subnet::Near);
    let answer = |_| service.answer(Arc::clone(&stranger), vec![0; 9]);
    let mut strangers: FuturesUnordered<_> = (0..MANY).map(answer).collect();
    assert!(strangers.next().now_or_never().is_none());
    assert_eq!(jobs.waiting().len(), STRANGERS_CHECKED);

    let mut member = pin!(service.answer(Caller::insider(PeerId::random()), vec![0; 9]));
    assert!(member.as_mut().now_or_never().is_none());
    assert_eq!(jobs.waiting().len(), STRANGERS_CHECKED + 1);

    // Everybody has a turn in the end.
    let mut answered = 0;
    while answered < MANY {
        let due = std::mem::take(&mut *jobs.waiting());
        assert!(due.len() <= STRANGERS_CHECKED + 1 && !due.is_empty());
        due.into_iter().for_each(|job| job());
        // A task that does much at once is made to wait; this one begins anew.
        tokio::task::yield_now().await;
        while strangers.next().now_or_never().flatten().is_some() {
            answered += 1;
        }
    }
    assert!(member.now_or_never().is_some());
}
