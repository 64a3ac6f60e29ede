//! What becomes of members: other addresses, other roles, and the end of a membership with all that hangs on it.

use super::{
    joining::{Town, new, on_disk, who, with_executor},
    *,
};
use crate::{
    model::{
        ExecutorState,
        member::{Addresses, MemberState, Role},
    },
    ticket::Ticket,
};

fn addresses(text_of: &str) -> Addresses {
    List::new(vec![text(text_of)]).unwrap()
}

fn assign() -> Command {
    Command::Assign(Assign { max: 1, ..Default::default() })
}

/// A town where the executor `bob` runs a process of the user `ann`, whose memberships end at `until`.
fn at_work(until: Option<Timestamp>) -> (Town, Process) {
    let mut town = Town::new();
    let ticket = Ticket { member_until: until, ..town.ticket(Role::Executor) };
    town.join(&ticket, with_executor(new("bob"))).unwrap();
    let ticket = Ticket { member_until: until, ..town.ticket(Role::User) };
    town.join(&ticket, new("ann")).unwrap();
    let items = List::new(vec![Submission { spec: spec(), retry_of: None }]).unwrap();
    town.ok("ann", Command::Submit { items });
    let Reply::Assigned { mut processes, .. } = town.ok("bob", assign()) else { panic!("no answer") };
    town.world.events();
    (town, processes.pop().unwrap())
}

/// Nothing is left of `bob` and `ann` but their rows.
fn both_are_gone(town: &mut Town, held: &Process, state: MemberState) {
    assert_eq!((town.state("bob"), town.state("ann")), (state, state));
    assert_eq!(town.world.colony.executor(&who("bob")).unwrap().state, ExecutorState::Unregistered);
    assert_eq!(town.world.colony.users().count(), 0);
    let back = town.world.process(held.id);
    assert_eq!((back.state, back.retries, back.lease), (State::Waiting, 0, None));
    assert!(town.world.events().iter().any(|event| matches!(event, Event::Ready { .. })));
    for name in ["bob", "ann"] {
        let items = List::new(vec![Submission { spec: spec(), retry_of: None }]).unwrap();
        let close = Command::Close { items: List::new(vec![closing(held, true)]).unwrap() };
        for command in [Command::Submit { items }, close, assign(), Command::Leave] {
            let refused = town.tell(name, command);
            assert!(matches!(&refused, Err(Refusal::Denied { .. })), "{refused:?}");
        }
        assert!(town.world.colony.may_read(&who(name)).is_err());
    }
}

#[test]
fn who_is_removed_loses_all_it_was() {
    let (mut town, held) = at_work(None);
    for name in ["bob", "ann"] {
        assert!(matches!(
            town.tell("n1", Command::RemoveMember { name: text(name) }),
            Err(Refusal::Denied { .. })
        ));
        town.ok("owner", Command::RemoveMember { name: text(name) });
    }
    both_are_gone(&mut town, &held, MemberState::Removed);
    assert!(matches!(
        town.tell("owner", Command::RemoveMember { name: text("bob") }),
        Err(Refusal::NotFound { .. })
    ));
}

#[test]
fn who_leaves_takes_all_it_was_along() {
    let (mut town, held) = at_work(None);
    for name in ["bob", "ann"] {
        town.ok(name, Command::Leave);
    }
    both_are_gone(&mut town, &held, MemberState::Left);
    assert!(matches!(town.tell("mallory", Command::Leave), Err(Refusal::Denied { .. })));
}

#[test]
fn whose_time_is_over_is_gone_at_that_moment() {
    let end = Timestamp::from_micros(1_500_000_000);
    let (mut town, held) = at_work(Some(end));
    assert_eq!(town.world.colony.next_deadline(), Some(end));
    town.world.wait(499);
    assert_eq!(town.state("bob"), MemberState::Active);
    town.world.wait(1);
    both_are_gone(&mut town, &held, MemberState::Expired);
    let bob = town.world.colony.member_by_id(&who("bob")).unwrap();
    assert_eq!((bob.until, bob.ended_at), (Some(end), Some(end)));

    // A new ticket renews it.
    let ticket = town.ticket(Role::Executor);
    town.join(&ticket, with_executor(new("bob"))).unwrap();
    assert!(matches!(town.ok("bob", assign()), Reply::Assigned { processes, .. } if processes.len() == 1));
}

#[test]
fn a_membership_ends_with_the_executor_or_user_it_was_for() {
    let (mut town, _) = at_work(None);
    town.ok("bob", Command::RemoveExecutor { name: text("bob") });
    town.ok("owner", Command::RemoveUser { name: text("ann") });
    assert_eq!((town.state("bob"), town.state("ann")), (MemberState::Left, MemberState::Removed));
}

#[test]
fn the_owner_promotes_and_demotes_nodes() {
    let (mut town, _) = at_work(None);
    let promote = |name: &str| Command::PromoteMember { name: text(name) };
    let demote = |name: &str| Command::DemoteMember { name: text(name) };
    for by in ["n1", "bob", "ann", "mallory"] {
        assert!(matches!(town.tell(by, promote("n1")), Err(Refusal::Denied { .. })));
        assert!(matches!(town.tell(by, demote("n1")), Err(Refusal::Denied { .. })));
    }
    town.ok("owner", demote("n1"));
    assert_eq!(town.role("n1"), Role::Observer);
    assert_eq!(town.world.events(), [Event::Members]);
    town.ok("owner", demote("n1"));
    assert_eq!(town.world.events(), []);
    town.ok("owner", promote("n1"));
    assert_eq!(town.role("n1"), Role::Voter);
    assert!(matches!(town.tell("owner", promote("bob")), Err(Refusal::Invalid { .. })));
    assert!(matches!(town.tell("owner", promote("zoe")), Err(Refusal::NotFound { .. })));
}

#[test]
fn the_last_voter_stays() {
    let mut town = Town::new();
    let voter = |name: &str| Refusal::LastVoter { name: text(name) };
    town.ok("owner", Command::RemoveMember { name: text("n2") });
    assert_eq!(town.tell("owner", Command::DemoteMember { name: text("n1") }), Err(voter("n1")));
    assert_eq!(town.tell("owner", Command::RemoveMember { name: text("n1") }), Err(voter("n1")));
    assert_eq!(town.tell("n1", Command::Leave), Err(voter("n1")));
    let ticket = town.ticket(Role::Observer);
    assert_eq!(town.join(&ticket, on_disk(2, new("n1"))), Err(voter("n1")));
    assert!(voter("n1").to_string().contains("colony members promote"));

    // Neither does its time run out.
    let until = town.now().after(Span::from_secs(60));
    let ticket = Ticket { member_until: Some(until), ..town.ticket(Role::Voter) };
    town.join(&ticket, new("n3")).unwrap();
    town.ok("n1", Command::Leave);
    town.world.wait(100);
    assert_eq!(
        (town.state("n3"), town.world.colony.next_deadline()),
        (MemberState::Active, Some(ticket.expires.after(Span::from_micros(1))))
    );
    assert_eq!(town.world.colony.member_by_id(&who("n3")).unwrap().until, None);
}

#[test]
fn a_member_says_where_it_is_reached() {
    let (mut town, _) = at_work(None);
    let update = |text: &str| Command::UpdateMember { addresses: addresses(text) };
    town.ok("n1", update("/ip4/198.51.100.1/tcp/9/p2p/n1"));
    let row = town.world.colony.member_by_id(&who("n1")).unwrap();
    assert_eq!(row.addresses, addresses("/ip4/198.51.100.1/tcp/9/p2p/n1"));
    assert_eq!(town.world.events(), [Event::Members]);
    town.ok("n1", update("/ip4/198.51.100.1/tcp/9/p2p/n1"));
    assert_eq!(town.world.events(), [], "nothing changed");
    assert!(matches!(town.tell("n1", update("nowhere")), Err(Refusal::Invalid { .. })));
    // Whoever keeps no replica is reached through relays too.
    let ticket = town.ticket(Role::User);
    town.join(&ticket, new("joe")).unwrap();
    town.ok("joe", update("/ip4/198.51.100.2/tcp/9/p2p/joe"));
    for by in ["owner", "mallory"] {
        assert!(
            matches!(town.tell(by, update("/ip4/1.2.3.4/tcp/9/p2p/x")), Err(Refusal::Denied { .. })),
            "{by}"
        );
    }
}

#[test]
fn members_and_used_tickets_come_back_from_their_rows() {
    let end = Timestamp::from_micros(1_500_000_000);
    let (mut town, _) = at_work(Some(end));
    let ticket = Ticket { uses: 2, ..town.ticket(Role::User) };
    town.join(&ticket, new("joe")).unwrap();
    town.ok("owner", Command::RemoveMember { name: text("n2") });
    let colony = &town.world.colony;
    let mut keys = vec![RowKey::Meta];
    keys.extend(colony.members().map(|member| RowKey::Member(member.id)));
    keys.extend(colony.executors().map(|executor| RowKey::Executor(executor.id)));
    keys.extend(colony.users().map(|user| RowKey::User(user.id)));
    keys.extend(colony.live_processes().map(|process| RowKey::Process(process.number())));
    keys.extend((1..=3).map(|ticket| RowKey::Ticket([ticket; 16])));
    for key in &keys {
        assert_eq!(RowKey::from_bytes(&key.to_bytes()), Some(*key));
        assert!(key.is_live());
    }
    let rows: Vec<(RowKey, Vec<u8>)> = keys.iter().map(|key| (*key, colony.row(key).unwrap())).collect();
    let restored = Colony::restore(colony.id(), rows.clone()).unwrap();
    for (key, row) in rows {
        assert_eq!(restored.row(&key), Some(row));
    }
    assert_eq!(restored.next_deadline(), Some(end));

    // The restored one decides alike: who is the last voter, which names are taken, what is used up.
    town.world.colony = restored;
    assert!(matches!(town.tell("n1", Command::Leave), Err(Refusal::LastVoter { .. })));
    town.join(&ticket, on_disk(3, new("ann"))).unwrap();
    assert!(matches!(town.join(&ticket, new("zoe")), Err(Refusal::Ticket(_))));
    town.world.wait(500);
    assert_eq!(town.state("bob"), MemberState::Expired);
}
