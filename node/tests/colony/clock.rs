//! A clock that is an hour off: everything signed by it is refused, in words that name the clock.

use std::{sync::Arc, time::Duration};

use colony_node::{
    client::{Client, ClientError, Remote},
    runtime::{Busy, Job, Platform, Runtime, Task, Tokio},
};
use colony_protocol::{
    command::Command,
    model::{
        Name,
        member::{Addresses, MemberKey, NewMember, Role, StoreId},
    },
    ticket::{SignedTicket, Ticket},
    time::{Span, Timestamp},
};

use crate::lab::{Lab, owner, user, within};

const HOUR: Span = Span::from_secs(3_600);

/// The machine it runs on, but for what the clock on the wall says.
#[derive(Debug)]
struct Off {
    machine: Tokio,
    now: fn(Timestamp) -> Timestamp,
}

impl Platform for Off {
    fn now(&self) -> Timestamp {
        (self.now)(self.machine.now())
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

const fn ahead(now: Timestamp) -> Timestamp {
    now.after(HOUR)
}

const fn behind(now: Timestamp) -> Timestamp {
    now.before(HOUR)
}

/// A member whose clock is off.
fn member(lab: &Lab, now: fn(Timestamp) -> Timestamp) -> Client {
    let runtime = Runtime::new(Off { machine: Tokio::new(), now });
    let remote = Remote::connect(lab.node.addresses(), runtime.clone());
    Client::new(Arc::new(remote), owner().identity(), user(), runtime)
}

fn words(refused: Result<impl std::fmt::Debug, ClientError>) -> String {
    match refused {
        Err(ClientError::Refused(refusal)) => refusal.to_string(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_a_clock_an_hour_off_are_refused_and_the_clock_is_named() {
    let lab = Lab::in_memory().await;
    let early = words(within("ahead", member(&lab, ahead).command(&Command::Pause)).await);
    assert!(early.contains("in the future; this machine's clock"), "{early}");
    let late = words(within("behind", member(&lab, behind).command(&Command::Pause)).await);
    assert!(late.contains("clock right?; this machine's clock"), "{late}");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tickets_of_a_clock_an_hour_off_are_refused_and_say_what_to_do() {
    let lab = Lab::in_memory().await;
    let ticket = |issued: Timestamp| Ticket {
        colony: owner().identity(),
        colony_name: Name::cut("lab"),
        id: [7; 16],
        role: Role::User,
        member_name: None,
        uses: 1,
        issued,
        expires: issued.after(Span::from_secs(600)),
        member_until: None,
        nodes: Default::default(),
    };
    let now = lab.runtime.now();
    for (ticket, expected) in
        [(ticket(ahead(now)), "set the clock where it was made"), (ticket(behind(now)), "the ticket expired")]
    {
        let bob = colony_protocol::identity::SecretKey::derive(b"bob");
        let join = Command::Join {
            ticket: SignedTicket::sign(&ticket, &owner()).unwrap(),
            member: NewMember {
                key: MemberKey::of(&bob),
                name: Name::cut("bob"),
                addresses: Addresses::default(),
                store: StoreId::default(),
                executor: None,
            },
        };
        let refused = words(within("join", lab.remote().with_key(bob).command(&join)).await);
        assert!(refused.contains(expected), "{refused}");
    }
    lab.stop().await;
}
