//! The way in: tickets, keys that ask again, wiped disks, and those who were sent away.

use super::*;
use crate::{
    identity::SecretKey,
    model::{
        ExecutorState,
        member::{MemberKey, MemberState, NewExecutor, NewMember, Role, StoreId},
    },
    ticket::{SignedTicket, Ticket},
};

/// A colony whose owner can sign, with the voters `n1` and `n2`.
pub(super) struct Town {
    pub(super) world: World,
    tickets: u8,
}

pub(super) fn key(name: &str) -> SecretKey {
    SecretKey::derive(name.as_bytes())
}

pub(super) fn who(name: &str) -> Identity {
    key(name).identity()
}

/// A key named after its member, on disk 1.
pub(super) fn new(name: &str) -> NewMember {
    NewMember {
        key: MemberKey::of(&key(name)),
        name: text(name),
        addresses: List::new(vec![text(&format!("/ip4/192.0.2.1/tcp/1/p2p/{name}"))]).unwrap(),
        store: StoreId::from_bytes([1; 16]),
        executor: None,
    }
}

pub(super) fn on_disk(disk: u8, member: NewMember) -> NewMember {
    NewMember { store: StoreId::from_bytes([disk; 16]), ..member }
}

pub(super) fn with_executor(member: NewMember) -> NewMember {
    let executor = NewExecutor { executor_type: text("cli"), capabilities: Default::default() };
    NewMember { executor: Some(executor), ..member }
}

pub(super) fn sign(ticket: &Ticket) -> SignedTicket {
    SignedTicket::sign(ticket, &key("owner")).unwrap()
}

impl Town {
    pub(super) fn new() -> Self {
        let owner = who("owner");
        let mut world = World {
            colony: Colony::new(owner),
            now: 1_000,
            requests: 0,
            out: Outbox::default(),
            archive: BTreeMap::new(),
        };
        world.wait(0);
        let mut town = Self { world, tickets: 0 };
        town.ok("owner", Command::Found { name: text("dev") });
        for voter in ["n1", "n2"] {
            town.ok("owner", Command::AddMember { member: new(voter), role: Role::Voter });
        }
        town.world.events();
        town
    }

    /// A ticket of its own for one use, good for an hour.
    pub(super) fn ticket(&mut self, role: Role) -> Ticket {
        self.tickets += 1;
        Ticket {
            colony: who("owner"),
            colony_name: text("dev"),
            id: [self.tickets; 16],
            role,
            member_name: None,
            uses: 1,
            issued: self.now(),
            expires: self.now().after(Span::from_secs(3_600)),
            member_until: None,
            nodes: List::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.world.colony.now()
    }

    pub(super) fn tell(&mut self, by: &str, command: Command) -> Result<Reply, Refusal> {
        let call = Call { by: who(by), ..self.world.call(0, command) };
        self.world.apply(&call)
    }

    pub(super) fn ok(&mut self, by: &str, command: Command) -> Reply {
        self.tell(by, command).unwrap()
    }

    /// Joins as the coordinator would let it: what is not proposed is refused alike.
    pub(super) fn join(&mut self, ticket: &Ticket, member: NewMember) -> Result<Reply, Refusal> {
        self.join_with(&sign(ticket), member)
    }

    pub(super) fn join_with(&mut self, ticket: &SignedTicket, member: NewMember) -> Result<Reply, Refusal> {
        let by = member.key.identity();
        let looked = self.world.colony.may_join(&by, ticket, &member, self.now());
        let call = self.world.call(0, Command::Join { ticket: ticket.clone(), member });
        let expires = self.now().after(Span::from_secs(60));
        let answer = self.world.apply(&Call { by, expires, ..call });
        assert_eq!(looked.err(), answer.clone().err());
        answer
    }

    pub(super) fn state(&self, name: &str) -> MemberState {
        self.world.colony.member_by_id(&who(name)).unwrap().state
    }

    pub(super) fn role(&self, name: &str) -> Role {
        self.world.colony.member_by_id(&who(name)).unwrap().role
    }
}

/// The text of a ticket's refusal.
fn ticket_refused(answer: Result<Reply, Refusal>) -> String {
    match answer {
        Err(Refusal::Ticket(why)) => why.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_ticket_makes_its_bearer_what_it_says_and_tells_it_the_nodes() {
    for (role, member) in [
        (Role::Voter, new("bob")),
        (Role::Observer, new("bob")),
        (Role::Executor, with_executor(new("bob"))),
        (Role::User, new("bob")),
    ] {
        let mut town = Town::new();
        let ticket = town.ticket(role);
        let Ok(Reply::Joined { member: row, nodes }) = town.join(&ticket, member.clone()) else {
            panic!("{role} did not join");
        };
        assert_eq!((row.role, row.state, row.id), (role, MemberState::Active, who("bob")));
        assert_eq!((&row.addresses, row.store, row.joined_at), (&member.addresses, member.store, town.now()));
        let mut names: Vec<&str> = nodes.iter().map(|node| &*node.name).collect();
        names.sort_unstable();
        assert_eq!(names, ["n1", "n2"]);
        assert!(town.world.events().contains(&Event::Members));

        // Everybody reads; only executors take work, and only they and users submit.
        assert_eq!(town.world.colony.may_read(&who("bob")), Ok(()));
        let items = List::new(vec![Submission { spec: spec(), retry_of: None }]).unwrap();
        let submits = town.tell("bob", Command::Submit { items }).is_ok();
        assert_eq!(submits, !role.is_node(), "{role}");
        let takes = town.tell("bob", Command::Assign(Assign { max: 1, ..Default::default() })).is_ok();
        assert_eq!(takes, role == Role::Executor, "{role}");
    }
}

#[test]
fn a_node_may_lend_its_machine_too_but_a_user_takes_no_work() {
    let mut town = Town::new();
    let ticket = town.ticket(Role::Observer);
    town.join(&ticket, with_executor(new("bob"))).unwrap();
    let state = |town: &Town| town.world.colony.executor(&who("bob")).unwrap().state;
    assert_eq!(state(&town), ExecutorState::Approved);
    town.ok("owner", Command::RemoveExecutor { name: text("bob") });
    assert_eq!((state(&town), town.state("bob")), (ExecutorState::Unregistered, MemberState::Active));

    let ticket = town.ticket(Role::User);
    assert!(matches!(town.join(&ticket, with_executor(new("eve"))), Err(Refusal::Invalid { .. })));
    let ticket = town.ticket(Role::Executor);
    assert!(matches!(town.join(&ticket, new("eve")), Err(Refusal::Invalid { .. })));
}

#[test]
fn forged_expired_early_and_foreign_tickets_let_nobody_in() {
    let mut town = Town::new();
    let good = town.ticket(Role::Voter);
    let forged = SignedTicket::sign(&good, &key("mallory")).unwrap();
    assert!(ticket_refused(town.join_with(&forged, new("bob"))).contains("forged"));

    let foreign = Ticket { colony: who("mallory"), colony_name: text("elsewhere"), ..good.clone() };
    let foreign = SignedTicket::sign(&foreign, &key("mallory")).unwrap();
    assert!(ticket_refused(town.join_with(&foreign, new("bob"))).contains("another colony, `elsewhere`"));

    let early = Ticket { issued: town.now().after(Span::from_secs(120)), ..good.clone() };
    assert!(ticket_refused(town.join(&early, new("bob"))).contains("in the future"));
    let over = Ticket { member_until: Some(town.now()), ..good.clone() };
    assert!(ticket_refused(town.join(&over, new("bob"))).contains("over"));

    town.world.wait(3_601);
    assert!(ticket_refused(town.join(&good, new("bob"))).contains("expired"));
    assert_eq!(town.world.colony.member_by_id(&who("bob")), None);
}

#[test]
fn a_ticket_is_used_as_often_as_it_says_whoever_uses_it() {
    let mut town = Town::new();
    let ticket = Ticket { uses: 2, ..town.ticket(Role::User) };
    town.join(&ticket, new("bob")).unwrap();
    town.join(&ticket, new("eve")).unwrap();
    assert!(ticket_refused(town.join(&ticket, new("joe"))).contains("used up: it was for 2"));
    let none = Ticket { uses: 0, ..town.ticket(Role::User) };
    assert!(ticket_refused(town.join(&none, new("joe"))).contains("used up"));
}

#[test]
fn a_used_ticket_is_remembered_until_it_expires_and_not_longer() {
    let mut town = Town::new();
    let ticket = town.ticket(Role::User);
    town.join(&ticket, new("bob")).unwrap();
    let row = RowKey::Ticket(ticket.id);
    let forgotten_at = ticket.expires.after(Span::from_micros(1));
    assert_eq!(town.world.colony.next_deadline(), Some(forgotten_at));

    // At its last moment it still counts, so it is still known to be used up.
    town.world.colony.begin(ticket.expires, &[], &mut town.world.out);
    assert!(town.world.colony.row(&row).is_some());
    assert!(ticket_refused(town.join(&ticket, new("eve"))).contains("used up"));
    let mut out = Outbox::default();
    town.world.colony.begin(forgotten_at, &[], &mut out);
    assert!(out.changes.contains(&Change::Touched(row)));
    assert_eq!((town.world.colony.row(&row), town.world.colony.next_deadline()), (None, None));
    assert!(ticket_refused(town.join(&ticket, new("eve"))).contains("expired"));
}

#[test]
fn a_key_that_asks_again_gets_the_same_answer_and_uses_nothing() {
    let mut town = Town::new();
    let ticket = Ticket { uses: 2, ..town.ticket(Role::Observer) };
    let first = town.join(&ticket, new("bob"));
    assert_eq!(town.join(&ticket, new("bob")), first);
    // Also when the ticket is long over: its first answer may have been lost.
    town.world.wait(4_000);
    assert_eq!(town.join(&ticket, new("bob")), first);

    let ticket = Ticket { uses: 2, ..town.ticket(Role::User) };
    town.join(&ticket, new("eve")).unwrap();
    town.join(&ticket, new("eve")).unwrap();
    town.join(&ticket, new("joe")).unwrap();
}

#[test]
fn a_repeated_request_gives_its_first_answer_and_none_to_who_was_removed_since() {
    let mut town = Town::new();
    let ticket = town.ticket(Role::Observer);
    let call = town.world.call(0, Command::Join { ticket: sign(&ticket), member: new("bob") });
    let call = Call { by: who("bob"), ..call };
    let first = town.world.apply(&call);
    assert!(matches!(first, Ok(Reply::Joined { .. })));
    assert!(town.world.colony.remembers(&who("bob"), &call.request));
    assert_eq!(town.world.apply(&call), first);
    town.ok("owner", Command::RemoveMember { name: text("bob") });
    assert!(matches!(town.world.apply(&call), Err(Refusal::Denied { .. })));
}

#[test]
fn a_wiped_disk_needs_a_ticket_that_counts_and_is_then_another_disk() {
    let mut town = Town::new();
    let ticket = town.ticket(Role::Voter);
    town.join(&ticket, new("bob")).unwrap();
    let moved = NewMember {
        addresses: List::new(vec![text("/ip4/198.51.100.7/tcp/2/p2p/bob")]).unwrap(),
        ..on_disk(2, new("bob"))
    };
    assert!(ticket_refused(town.join(&ticket, moved.clone())).contains("used up"));
    let joined_at = town.now();
    town.world.wait(10);
    let ticket = town.ticket(Role::Voter);
    let Ok(Reply::Joined { member, .. }) = town.join(&ticket, moved.clone()) else { panic!("not joined") };
    assert_eq!((member.store, &member.addresses), (moved.store, &moved.addresses));
    assert_eq!((member.state, member.joined_at), (MemberState::Active, joined_at));
    assert!(town.world.events().contains(&Event::Members));
    // The old disk is the foreign one now.
    assert!(ticket_refused(town.join(&ticket, new("bob"))).contains("used up"));
}

#[test]
fn a_ticket_of_another_role_changes_the_role_with_the_disk() {
    let mut town = Town::new();
    let ticket = town.ticket(Role::Executor);
    town.join(&ticket, with_executor(new("bob"))).unwrap();
    let ticket = town.ticket(Role::User);
    town.join(&ticket, on_disk(2, new("bob"))).unwrap();
    assert_eq!(town.role("bob"), Role::User);
    assert_eq!(town.world.colony.executor(&who("bob")).unwrap().state, ExecutorState::Unregistered);
    assert_eq!(town.world.colony.users().count(), 1);
}

#[test]
fn names_are_unique_among_active_members_and_a_ticket_may_fix_one() {
    let mut town = Town::new();
    let ticket = Ticket { uses: 9, ..town.ticket(Role::Observer) };
    let named = |name: &str, key: &str| NewMember { name: text(name), ..new(key) };
    assert!(matches!(town.join(&ticket, named("n1", "bob")), Err(Refusal::Exists { .. })));
    for bad in ["", "a:b", "a\0"] {
        assert!(matches!(town.join(&ticket, named(bad, "bob")), Err(Refusal::Invalid { .. })));
    }
    town.join(&ticket, named("bob", "bob")).unwrap();
    town.ok("owner", Command::RemoveMember { name: text("bob") });
    town.join(&ticket, named("bob", "eve")).unwrap();

    let fixed = Ticket { member_name: Some(text("joe")), ..town.ticket(Role::Observer) };
    assert!(ticket_refused(town.join(&fixed, new("ann"))).contains("--name joe"));
    town.join(&fixed, named("joe", "ann")).unwrap();

    // Executors and users share their names with those that the owner added by hand.
    let executor = Executor { id: id(7), name: text("e7"), executor_type: text("cli"), ..Default::default() };
    town.ok("owner", Command::AddExecutor { executor, approved: true });
    let ticket = town.ticket(Role::Executor);
    assert!(matches!(town.join(&ticket, with_executor(named("e7", "e8"))), Err(Refusal::Exists { .. })));
}

#[test]
fn who_was_removed_needs_a_ticket_made_after_that() {
    let mut town = Town::new();
    let old = Ticket { uses: 9, ..town.ticket(Role::Observer) };
    town.join(&old, new("bob")).unwrap();
    town.join(&old, new("eve")).unwrap();
    town.world.wait(1);
    town.ok("owner", Command::RemoveMember { name: text("bob") });
    assert!(ticket_refused(town.join(&old, new("bob"))).contains("removed after the ticket was made"));
    assert!(ticket_refused(town.join(&old, on_disk(2, new("bob")))).contains("removed after"));
    town.world.wait(1);
    let ticket = town.ticket(Role::Observer);
    town.join(&ticket, new("bob")).unwrap();
    assert_eq!(town.state("bob"), MemberState::Active);

    // Who left by itself may come back with any ticket that counts.
    town.ok("eve", Command::Leave);
    town.join(&old, new("eve")).unwrap();
}

#[test]
fn a_key_joins_for_itself_and_only_a_founded_colony_has_members() {
    let mut town = Town::new();
    let ticket = sign(&town.ticket(Role::Voter));
    let member = new("bob");
    let stolen = town.tell("mallory", Command::Join { ticket: ticket.clone(), member: member.clone() });
    assert!(matches!(stolen, Err(Refusal::Denied { .. })));
    let empty = Colony::new(who("owner"));
    let early = empty.may_join(&who("bob"), &ticket, &member, town.now());
    assert!(matches!(early, Err(Refusal::NotFound { .. })));
}

#[test]
fn the_owner_adds_members_without_a_ticket() {
    let mut town = Town::new();
    let add = |member, role| Command::AddMember { member, role };
    assert!(matches!(town.tell("n1", add(new("bob"), Role::Voter)), Err(Refusal::Denied { .. })));
    let nobody = NewMember { key: MemberKey::NOBODY, ..new("bob") };
    assert!(matches!(town.tell("owner", add(nobody, Role::Voter)), Err(Refusal::Invalid { .. })));
    let first = town.ok("owner", add(new("bob"), Role::Observer));
    assert_eq!(town.ok("owner", add(new("bob"), Role::Observer)), first);
    assert!(matches!(town.tell("owner", add(new("bob"), Role::Voter)), Err(Refusal::Exists { .. })));
    // Its own word brings back whom it removed.
    town.ok("owner", Command::RemoveMember { name: text("bob") });
    town.ok("owner", add(on_disk(2, new("bob")), Role::Voter));
    assert_eq!((town.state("bob"), town.role("bob")), (MemberState::Active, Role::Voter));
}

#[test]
fn addresses_name_their_peer() {
    let mut town = Town::new();
    let ticket = town.ticket(Role::Observer);
    let addresses = List::new(vec![text("/ip4/192.0.2.1/tcp/1")]).unwrap();
    let bad = NewMember { addresses, ..new("bob") };
    assert!(matches!(town.join(&ticket, bad), Err(Refusal::Invalid { .. })));
}
