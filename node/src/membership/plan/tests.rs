//! Each kind of step, and each reason not to take one.

use colony_protocol::{
    identity::Identity,
    model::{Name, member::StoreId},
};

use super::*;

/// How long a voter may be gone in these tests.
pub(super) const REPLACE_AFTER: Duration = Duration::from_secs(60);

/// A node called by a number.
pub(super) fn id(number: u8) -> MemberId {
    MemberId(Identity::from_bytes([number; 32]))
}

pub(super) fn info(number: u8, disk: u8) -> MemberInfo {
    MemberInfo {
        name: Name::cut(&format!("node-{number}")),
        store: StoreId::from_bytes([disk; 16]),
        ..MemberInfo::default()
    }
}

/// A colony to plan for. Node 1 coordinates; disks are called like their nodes.
struct Case {
    wanted: BTreeMap<MemberId, Wanted>,
    seats: Seats,
    health: BTreeMap<MemberId, Health>,
    me: MemberId,
}

impl Case {
    /// Members who all want to vote, replicate and are healthy; the first ones do vote.
    fn new(voters: &[u8], learners: &[u8]) -> Self {
        let all = || voters.iter().chain(learners);
        let wanted = |number: &u8| Wanted {
            info: info(*number, *number),
            votes: true,
            since: Timestamp::from_micros(u64::from(*number)),
        };
        let healthy = Health { alive: true, since: Duration::ZERO, lag: Some(0) };
        Self {
            wanted: all().map(|number| (id(*number), wanted(number))).collect(),
            seats: Seats {
                voters: vec![set(voters)],
                nodes: all().map(|number| (id(*number), info(*number, *number))).collect(),
                settled: true,
            },
            health: all().map(|number| (id(*number), healthy)).collect(),
            me: id(1),
        }
    }

    fn removed(mut self, number: u8) -> Self {
        self.wanted.remove(&id(number));
        self
    }

    fn demoted(mut self, number: u8) -> Self {
        self.wanted.get_mut(&id(number)).unwrap().votes = false;
        self
    }

    fn on_disk(mut self, number: u8, disk: u8) -> Self {
        self.wanted.get_mut(&id(number)).unwrap().info.store = StoreId::from_bytes([disk; 16]);
        self
    }

    fn gone(mut self, number: u8, since: Duration) -> Self {
        self.health.insert(id(number), Health { alive: false, since, lag: Some(0) });
        self
    }

    fn behind(mut self, number: u8, lag: Option<u64>) -> Self {
        self.health.get_mut(&id(number)).unwrap().lag = lag;
        self
    }

    fn plan(&self) -> Option<Step> {
        plan(&self.wanted, &self.seats, &self.health, Rules { me: self.me, replace_after: REPLACE_AFTER })
    }
}

fn set(numbers: &[u8]) -> BTreeSet<MemberId> {
    numbers.iter().map(|number| id(*number)).collect()
}

fn seat(voters: &[u8], why: Seating) -> Option<Step> {
    Some(Step::Seat { voters: set(voters), why })
}

#[test]
fn a_colony_as_it_should_be_is_left_alone() {
    for voters in [&[1][..], &[1, 2, 3], &[1, 2, 3, 4, 5]] {
        assert_eq!(Case::new(voters, &[]).plan(), None);
    }
}

#[test]
fn a_second_voter_waits_and_a_third_seats_both() {
    assert_eq!(Case::new(&[1], &[2]).plan(), None);
    assert_eq!(Case::new(&[1], &[2, 3]).plan(), seat(&[1, 2, 3], Seating::Grow));
    assert_eq!(Case::new(&[1, 2, 3], &[4]).plan(), None);
    assert_eq!(Case::new(&[1, 2, 3], &[4, 5]).plan(), seat(&[1, 2, 3, 4, 5], Seating::Grow));
    assert_eq!(Case::new(&[1, 2, 3, 4, 5], &[6, 7]).plan(), None);
    // Growth goes through every odd number.
    assert_eq!(Case::new(&[1], &[2, 3, 4, 5]).plan(), seat(&[1, 2, 3], Seating::Grow));
}

#[test]
fn one_learner_makes_an_even_number_odd() {
    assert_eq!(Case::new(&[1, 2], &[3]).plan(), seat(&[1, 2, 3], Seating::Grow));
    assert_eq!(Case::new(&[1, 2, 3, 4], &[5]).plan(), seat(&[1, 2, 3, 4, 5], Seating::Grow));
}

#[test]
fn who_is_behind_absent_or_an_observer_gets_no_vote() {
    assert_eq!(Case::new(&[1], &[2, 3]).behind(2, Some(LAG_MAX + 1)).plan(), None);
    assert_eq!(Case::new(&[1], &[2, 3]).behind(2, None).plan(), None);
    assert_eq!(Case::new(&[1], &[2, 3]).gone(3, Duration::ZERO).plan(), None);
    assert_eq!(Case::new(&[1], &[2, 3]).demoted(3).plan(), None);
    let four = Case::new(&[1], &[2, 3, 4]).behind(2, Some(LAG_MAX + 1));
    assert_eq!(four.plan(), seat(&[1, 3, 4], Seating::Grow));
}

#[test]
fn a_new_member_is_taken_in_as_learner_even_if_it_is_not_connected_yet() {
    let mut case = Case::new(&[1], &[2]);
    case.seats.nodes.remove(&id(2));
    case.health.remove(&id(2));
    assert_eq!(case.plan(), Some(Step::Add { node: id(2), info: info(2, 2) }));
}

#[test]
fn a_learner_that_is_no_member_is_dropped() {
    let why = Leaving::NoMember;
    assert_eq!(Case::new(&[1], &[2]).removed(2).plan(), Some(Step::Drop { node: id(2), why }));
}

#[test]
fn a_removed_voter_first_loses_its_vote_and_is_then_dropped() {
    let case = Case::new(&[1, 2, 3], &[]).removed(2);
    let unseat = Seating::Unseat(id(2), Leaving::NoMember);
    assert_eq!(case.plan(), seat(&[1, 3], unseat));
    // A learner that may vote takes the seat in the same step.
    let case = Case::new(&[1, 2, 3], &[4]).removed(2);
    assert_eq!(case.plan(), seat(&[1, 3, 4], unseat));
    let case = Case::new(&[1, 3], &[2]).removed(2);
    assert_eq!(case.plan(), Some(Step::Drop { node: id(2), why: Leaving::NoMember }));
}

#[test]
fn a_demoted_voter_stays_a_learner() {
    let case = Case::new(&[1, 2, 3], &[]).demoted(2);
    assert_eq!(case.plan(), seat(&[1, 3], Seating::Unseat(id(2), Leaving::Demoted)));
    assert_eq!(Case::new(&[1, 3], &[2]).demoted(2).plan(), None);
}

#[test]
fn a_wiped_disk_loses_vote_and_place_before_it_is_taken_in_again() {
    let case = Case::new(&[1, 2, 3], &[]).on_disk(2, 9);
    assert_eq!(case.plan(), seat(&[1, 3], Seating::Unseat(id(2), Leaving::OtherDisk)));
    let mut case = Case::new(&[1, 3], &[2]).on_disk(2, 9);
    assert_eq!(case.plan(), Some(Step::Drop { node: id(2), why: Leaving::OtherDisk }));
    case.seats.nodes.remove(&id(2));
    assert_eq!(case.plan(), Some(Step::Add { node: id(2), info: info(2, 9) }));
}

#[test]
fn who_is_gone_loses_its_vote_before_who_is_there_and_the_coordinator_comes_last() {
    let all = Case::new(&[1, 2, 3, 4, 5], &[]).removed(1).removed(2).removed(3).gone(3, Duration::ZERO);
    let why = Leaving::NoMember;
    assert_eq!(all.plan(), seat(&[1, 2, 4, 5], Seating::Unseat(id(3), why)));
    let two = Case::new(&[1, 2, 4, 5], &[]).removed(1).removed(2);
    assert_eq!(two.plan(), seat(&[1, 4, 5], Seating::Unseat(id(2), why)));
    let one = Case::new(&[1, 4, 5], &[]).removed(1);
    assert_eq!(one.plan(), seat(&[4, 5], Seating::Unseat(id(1), why)));
}

#[test]
fn the_last_voter_keeps_its_vote_until_somebody_can_take_it() {
    assert_eq!(Case::new(&[1], &[]).demoted(1).plan(), None);
    assert_eq!(Case::new(&[1], &[2]).demoted(1).behind(2, None).plan(), None);
    let case = Case::new(&[1], &[2]).demoted(1);
    assert_eq!(case.plan(), seat(&[2], Seating::Unseat(id(1), Leaving::Demoted)));
}

#[test]
fn no_vote_is_taken_that_the_others_need() {
    // Two would be left, and one of them is not there.
    let case = Case::new(&[1, 2, 3], &[]).removed(2).gone(3, Duration::ZERO);
    assert_eq!(case.plan(), None);
    // A learner that can take the seat changes that.
    let case = Case::new(&[1, 2, 3], &[4]).removed(2).gone(3, Duration::ZERO);
    assert_eq!(case.plan(), seat(&[1, 3, 4], Seating::Unseat(id(2), Leaving::NoMember)));
    // One who is there but far behind could not commit either.
    let case = Case::new(&[1, 2, 3], &[]).removed(2).behind(3, Some(LAG_MAX + 1));
    assert_eq!(case.plan(), None);
}

#[test]
fn a_voter_gone_for_too_long_is_replaced_if_somebody_can_take_its_seat() {
    let early = REPLACE_AFTER.saturating_sub(Duration::from_millis(1));
    assert_eq!(Case::new(&[1, 2, 3], &[4]).gone(3, early).plan(), None);
    let case = Case::new(&[1, 2, 3], &[4]).gone(3, REPLACE_AFTER);
    assert_eq!(case.plan(), seat(&[1, 2, 4], Seating::Replace(id(3))));
    assert_eq!(Case::new(&[1, 2, 3], &[4]).gone(3, REPLACE_AFTER).demoted(4).plan(), None);
    assert_eq!(Case::new(&[1, 2, 3], &[]).gone(3, REPLACE_AFTER).plan(), None);
    // Replacing comes before growing, and one at a time.
    let case = Case::new(&[1, 2, 3, 4, 5], &[6, 7]).gone(3, REPLACE_AFTER).gone(4, REPLACE_AFTER);
    assert_eq!(case.plan(), seat(&[1, 2, 4, 5, 6], Seating::Replace(id(3))));
}

#[test]
fn of_an_even_number_one_that_is_gone_is_dropped() {
    let case = Case::new(&[1, 2, 3, 4], &[]).gone(4, REPLACE_AFTER);
    assert_eq!(case.plan(), seat(&[1, 2, 3], Seating::Replace(id(4))));
}

#[test]
fn changed_addresses_and_names_are_passed_on() {
    let mut case = Case::new(&[1, 2, 3], &[]);
    let renamed = MemberInfo { name: Name::cut("other"), ..info(2, 2) };
    case.wanted.get_mut(&id(2)).unwrap().info = renamed.clone();
    assert_eq!(case.plan(), Some(Step::Inform { node: id(2), info: renamed }));
}

#[test]
fn nothing_is_begun_while_a_change_is_under_way_or_without_a_majority() {
    let mut case = Case::new(&[1], &[2, 3]);
    case.seats.settled = false;
    assert_eq!(case.plan(), None);
    let gone = Duration::from_secs(3_600);
    assert_eq!(Case::new(&[1, 2, 3], &[4]).removed(4).gone(2, gone).gone(3, gone).plan(), None);
}

#[test]
fn a_change_left_half_done_is_completed_first() {
    let mut case = Case::new(&[1, 2, 3], &[4]).removed(4).removed(2);
    case.seats.voters = vec![set(&[1, 2, 3]), set(&[1, 3])];
    assert_eq!(case.plan(), Some(Step::Complete { voters: set(&[1, 3]) }));
    // Both sets must be able to agree.
    assert_eq!(case.gone(3, Duration::ZERO).plan(), None);
}

#[test]
fn a_coordinator_without_a_vote_does_nothing_more() {
    assert_eq!(Case::new(&[2, 3], &[1]).removed(1).plan(), None);
}
