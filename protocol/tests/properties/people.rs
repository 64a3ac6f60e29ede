//! Who takes part: everybody has a key, because members prove who they are by it.

use std::sync::LazyLock;

use colony_protocol::identity::{Identity, SecretKey};

use crate::step::Who;

/// Nobody has a higher number.
const LAST: Who = 12;

static PEOPLE: LazyLock<Vec<(SecretKey, Identity)>> = LazyLock::new(|| {
    let keys = (0..=LAST).map(|who| SecretKey::derive(&[who]));
    keys.map(|key| (key.clone(), key.identity())).collect()
});

pub(crate) fn key(who: Who) -> &'static SecretKey {
    &PEOPLE[usize::from(who)].0
}

pub(crate) fn id(who: Who) -> Identity {
    PEOPLE[usize::from(who)].1
}

/// Whose identity this is.
pub(crate) fn who(id: &Identity) -> Who {
    let place = PEOPLE.iter().position(|(_, known)| known == id).unwrap();
    Who::try_from(place).unwrap()
}
