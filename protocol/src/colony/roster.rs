//! The roster: who is, or was, a member; found by identity, by name, by the end of its time.
//!
//! A member that is gone keeps its row, so that an old ticket does not bring it back, but gives its name free. The
//! indexes follow from the rows and change only in [`Roster::put`].

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    identity::Identity,
    model::{
        Name,
        member::{Member, Role},
    },
    time::Timestamp,
};

/// All members, gone ones included.
#[derive(Debug, Default)]
pub(super) struct Roster {
    rows: BTreeMap<Identity, Member>,
    /// Of active members.
    names: BTreeMap<Name, Identity>,
    /// Active voters.
    voters: BTreeSet<Identity>,
    /// When active members expire.
    ends: BTreeSet<(Timestamp, Identity)>,
}

impl Roster {
    pub(super) fn get(&self, id: &Identity) -> Option<&Member> {
        self.rows.get(id)
    }

    /// The active member of this name.
    pub(super) fn named(&self, name: &str) -> Option<&Member> {
        self.names.get(name).and_then(|id| self.rows.get(id))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Member> {
        self.rows.values()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether this is an active voter and there is no other.
    pub(super) fn is_last_voter(&self, id: &Identity) -> bool {
        self.voters.len() == 1 && self.voters.contains(id)
    }

    /// The next moment at which a membership ends by itself.
    pub(super) fn next_end(&self) -> Option<(Timestamp, Identity)> {
        self.ends.first().copied()
    }

    pub(super) fn put(&mut self, member: Member) {
        let id = member.id;
        if let Some(old) = self.rows.remove(&id).filter(Member::is_active) {
            self.names.remove(&old.name);
            self.voters.remove(&id);
            if let Some(until) = old.until {
                self.ends.remove(&(until, id));
            }
        }
        if member.is_active() {
            self.names.insert(member.name.clone(), id);
            self.ends.extend(member.until.map(|until| (until, id)));
            if member.role == Role::Voter {
                self.voters.insert(id);
            }
        }
        self.rows.insert(id, member);
    }
}
