//! Whether this node's disk is the one the colony let in.
//!
//! A node whose disk was wiped, or swapped for an older copy, has forgotten how it voted. Under its old name it could
//! elect a second coordinator or lose what it confirmed. The colony knows each node's disk by an id, and messages of
//! the quorum name the disk they are for, so such a node is never heard as the one that it was. Here it learns so
//! and says what helps, instead of waiting for messages that will not come.

use colony_protocol::{
    colony::Colony,
    identity::Identity,
    model::{
        Name,
        member::{Member, Role, StoreId},
    },
};

/// The colony let this node in on another disk, or not at all any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotLetIn {
    /// The disk is another.
    #[error(
        "this node's data is not what the colony knows it by: its disk was wiped or replaced ({known} is now {found}); \
         it has forgotten how it voted and must come in anew: ask the colony's owner for a ticket (`colony invite \
         --role {} --name {name}`) and run `colony join TICKET`", role.word()
    )]
    OtherDisk {
        /// What it is called.
        name: Name,
        /// What it is a member as.
        role: Role,
        /// The disk that was let in.
        known: StoreId,
        /// The disk that is there.
        found: StoreId,
    },
    /// It is no node of the colony any more.
    #[error(
        "this node is no member of the colony any more ({why}); to come back, ask the colony's owner for a ticket and \
         run `colony join TICKET`"
    )]
    NoMember {
        /// What ended it.
        why: &'static str,
    },
}

/// Checks what this node's own state says of its disk; the others have the last word, since the state may be that of a
/// replay that was cut short. A state without members says nothing: it is yet to be filled. Nor
/// does one in which this node is no member any more: it may have been let in again since, or its vote may still be
/// needed to take its vote away.
///
/// # Errors
/// [`NotLetIn::OtherDisk`].
pub fn check_disk(colony: &Colony, me: &Identity, store: StoreId) -> Result<(), NotLetIn> {
    let member = colony.member_by_id(me).filter(|member| member.is_active_node());
    member.map_or(Ok(()), |member| check_row(member, store))
}

/// Checks a node's row against its disk.
///
/// # Errors
/// [`NotLetIn`].
pub fn check_row(member: &Member, store: StoreId) -> Result<(), NotLetIn> {
    if !member.is_active_node() {
        return Err(NotLetIn::NoMember { why: member.state.word() });
    }
    if member.store != store {
        let Member { name, role, store: known, .. } = member;
        return Err(NotLetIn::OtherDisk { name: name.clone(), role: *role, known: *known, found: store });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use colony_protocol::{
        identity::SecretKey,
        model::member::{Addresses, MemberKey, MemberState},
        time::Timestamp,
    };

    use super::*;

    const DISK: StoreId = StoreId::from_bytes([1; 16]);

    fn row() -> Member {
        let key = MemberKey::of(&SecretKey::derive(b"node"));
        Member {
            key,
            id: key.identity(),
            name: Name::cut("node"),
            role: Role::Voter,
            state: MemberState::Active,
            addresses: Addresses::default(),
            store: DISK,
            joined_at: Timestamp::ZERO,
            until: None,
            ended_at: None,
        }
    }

    #[test]
    fn only_the_disk_that_was_let_in_may_take_part() {
        assert_eq!(check_row(&row(), DISK), Ok(()));
        let wiped = check_row(&row(), StoreId::from_bytes([2; 16])).unwrap_err();
        assert!(matches!(wiped, NotLetIn::OtherDisk { .. }));
        for help in ["`colony invite --role voter --name node`", "`colony join TICKET`"] {
            assert!(wiped.to_string().contains(help), "{wiped}");
        }
    }

    #[test]
    fn who_was_sent_away_is_told_so() {
        let removed = check_row(&Member { state: MemberState::Removed, ..row() }, DISK).unwrap_err();
        assert_eq!(removed, NotLetIn::NoMember { why: "removed" });
    }

    #[test]
    fn a_state_that_is_yet_to_be_filled_says_nothing() {
        let colony = Colony::new(SecretKey::derive(b"owner").identity());
        assert_eq!(check_disk(&colony, &row().id, DISK), Ok(()));
    }
}
