//! Strangers with tickets, good ones and others, seen through the whole node.

use colony_node::client::{Client, ClientError};
use colony_protocol::{
    command::Command,
    identity::SecretKey,
    model::{
        Name,
        member::{Addresses, MemberKey, NewExecutor, NewMember, Role, StoreId},
    },
    query::Query,
    refusal::Refusal,
    reply::{Answer, Reply},
    ticket::{SignedTicket, Ticket},
    time::Span,
};

use crate::lab::{LONG, Lab, ask, close, owner, submit, take, within, work};

fn bob() -> SecretKey {
    SecretKey::derive(b"bob")
}

fn ticket(lab: &Lab) -> Ticket {
    Ticket {
        colony: owner().identity(),
        colony_name: Name::cut("lab"),
        id: [7; 16],
        role: Role::Executor,
        member_name: None,
        uses: 1,
        issued: lab.runtime.now(),
        expires: lab.runtime.now().after(Span::from_secs(600)),
        member_until: None,
        nodes: Default::default(),
    }
}

async fn join(client: &Client, ticket: SignedTicket) -> Result<Reply, ClientError> {
    let executor = NewExecutor { executor_type: Name::cut("cli"), capabilities: Default::default() };
    let member = NewMember {
        key: MemberKey::of(&bob()),
        name: Name::cut("bob"),
        addresses: Addresses::default(),
        store: StoreId::default(),
        executor: Some(executor),
    };
    within("join", client.command(&Command::Join { ticket, member })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_with_a_ticket_becomes_a_member_and_one_that_was_removed_is_refused() {
    let lab = Lab::in_memory().await;
    let client = lab.remote().with_key(bob());
    let ticket = SignedTicket::sign(&ticket(&lab), &owner()).unwrap();
    // As it is copied from one terminal to another.
    let joined = join(&client, ticket.to_string().parse().unwrap()).await.unwrap();
    assert!(matches!(joined, Reply::Joined { member, .. } if member.id == bob().identity()));
    submit(&lab.user(), work("cli")).await;
    let process = take(&client).await;
    close(&client, &process, "done").await;

    let Answer::Members(views) = within("members", lab.user().query(&Query::Members)).await.unwrap() else {
        panic!("no members");
    };
    assert!(views.iter().any(|view| &*view.member.name == "bob"));

    let remove = Command::RemoveMember { name: Name::cut("bob") };
    within("remove", lab.owner().command(&remove)).await.unwrap();
    let refused = within("assign", client.assign(ask(LONG))).await;
    assert!(matches!(refused, Err(ClientError::Refused(Refusal::Denied { .. }))), "{refused:?}");
    let again = join(&client, ticket).await;
    assert!(matches!(again, Err(ClientError::Refused(Refusal::Ticket(_)))), "{again:?}");
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_that_lets_nobody_in_leaves_no_trace_in_the_log() {
    let lab = Lab::in_memory().await;
    let client = lab.remote().with_key(bob());
    let before = lab.status().committed;
    let good = ticket(&lab);
    let expired = Ticket { expires: good.issued.before(Span::from_secs(1)), ..good.clone() };
    let used_up = Ticket { uses: 0, ..good.clone() };
    for ticket in [
        SignedTicket::sign(&good, &SecretKey::derive(b"mallory")).unwrap(),
        SignedTicket::sign(&expired, &owner()).unwrap(),
        SignedTicket::sign(&used_up, &owner()).unwrap(),
    ] {
        let refused = join(&client, ticket).await;
        assert!(matches!(refused, Err(ClientError::Refused(Refusal::Ticket(_)))), "{refused:?}");
    }
    assert_eq!(lab.status().committed, before);
    lab.stop().await;
}
