//! Public keys that were read before: to unpack a point of the curve takes longer than all else there is to a member's row,
//! and the same few keys come with every one of them.
//!
//! Each thread remembers some, in places of fixed number, so nobody can make it grow; two keys of one place take turns. What
//! may never happen: an answer for a key that is not the one asked about.

use std::cell::RefCell;

use super::{Identity, IdentityError, PUBLIC_KEY_LEN};

/// More keys than most colonies have; a thread's places take 17 KiB.
const PLACES: usize = 256;

/// A key in its compressed form, and who signs with it.
type Known = ([u8; PUBLIC_KEY_LEN], Identity);

thread_local! {
    static KNOWN: RefCell<Vec<Option<Known>>> = RefCell::new(vec![None; PLACES]);
}

/// Who signs with a key: remembered, or found out by `unpack`, which also says whether it is a point at all.
pub(super) fn identity(
    sec1: &[u8],
    unpack: impl FnOnce() -> Result<Identity, IdentityError>,
) -> Result<Identity, IdentityError> {
    let Ok(key) = <&[u8; PUBLIC_KEY_LEN]>::try_from(sec1) else { return unpack() };
    // The end of the x coordinate is as good as random.
    let place = usize::from(key[PUBLIC_KEY_LEN - 1]) % PLACES;
    let known = KNOWN.with_borrow(|known| known.get(place).copied().flatten());
    if let Some((_, identity)) = known.filter(|(other, _)| other == key) {
        return Ok(identity);
    }
    let identity = unpack()?;
    KNOWN.with_borrow_mut(|known| {
        if let Some(known) = known.get_mut(place) {
            *known = Some((*key, identity));
        }
    });
    Ok(identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(x: u8, end: u8) -> [u8; PUBLIC_KEY_LEN] {
        let mut key = [x; PUBLIC_KEY_LEN];
        key[PUBLIC_KEY_LEN - 1] = end;
        key
    }

    #[test]
    fn a_key_is_unpacked_once_and_never_taken_for_another_of_its_place() {
        let (one, other) = (Identity::from_bytes([1; 32]), Identity::from_bytes([2; 32]));
        assert_eq!(identity(&key(2, 7), || Ok(one)), Ok(one));
        assert_eq!(identity(&key(2, 7), || Err(IdentityError::PublicKey)), Ok(one));
        // Of the same place.
        assert_eq!(identity(&key(3, 7), || Ok(other)), Ok(other));
        assert_eq!(identity(&key(2, 7), || Ok(one)), Ok(one));
    }

    #[test]
    fn what_is_no_key_is_not_remembered() {
        for bytes in [&[5; PUBLIC_KEY_LEN][..], b"short", &[4; 65]] {
            for _ in 0..2 {
                let refused = identity(bytes, || Err(IdentityError::PublicKey));
                assert_eq!(refused, Err(IdentityError::PublicKey));
            }
        }
    }
}
