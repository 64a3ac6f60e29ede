//! Whose word about the colony strangers shall believe.

use super::{
    joining::{Town, key, who},
    *,
};
use crate::charter::{Delegation, SignedDelegation};

fn delegation(sequence: u64, speakers: &[&str]) -> Command {
    let speakers = List::new(speakers.iter().map(|name| who(name)).collect()).unwrap();
    let delegation = Delegation { colony: who("owner"), sequence, issued: Timestamp::ZERO, speakers };
    Command::Delegate { delegation: SignedDelegation::sign(&delegation, &key("owner")).unwrap() }
}

fn sequence(town: &Town) -> Option<u64> {
    let signed = town.world.colony.delegation()?;
    Some(signed.verify().unwrap().sequence)
}

#[test]
fn the_owners_latest_word_counts() {
    let mut town = Town::new();
    assert_eq!(sequence(&town), None);
    town.ok("owner", delegation(1, &["n1"]));
    town.ok("owner", delegation(2, &["n1", "n2"]));
    assert_eq!(town.world.events(), [Event::Members, Event::Members]);
    // Told twice is told once; an earlier one, or another one of the same number, comes too late.
    town.ok("owner", delegation(2, &["n1", "n2"]));
    for late in [delegation(1, &["n1"]), delegation(2, &["n1"])] {
        assert!(matches!(town.tell("owner", late), Err(Refusal::Exists { .. })));
    }
    assert_eq!(sequence(&town), Some(2));
    assert_eq!(town.world.events(), []);
}

#[test]
fn only_the_owner_names_speakers_and_only_with_its_signature() {
    let mut town = Town::new();
    assert!(matches!(town.tell("n1", delegation(1, &["n1"])), Err(Refusal::Denied { .. })));
    let speakers = List::new(vec![who("n1")]).unwrap();
    let own = Delegation { colony: who("owner"), sequence: 1, issued: Timestamp::ZERO, speakers };
    let forged = SignedDelegation::sign(&own, &key("n1")).unwrap();
    let other = SignedDelegation::sign(&Delegation { colony: who("n1"), ..own }, &key("n1")).unwrap();
    for delegation in [forged, other] {
        let refused = town.tell("owner", Command::Delegate { delegation });
        assert!(matches!(refused, Err(Refusal::Invalid { .. })));
    }
    assert_eq!(sequence(&town), None);
}

#[test]
fn a_delegation_comes_back_from_its_row() {
    let mut town = Town::new();
    town.ok("owner", delegation(3, &["n1"]));
    let key = RowKey::Delegation;
    assert_eq!(RowKey::from_bytes(&key.to_bytes()), Some(key));
    assert!(key.is_live());
    let row = town.world.colony.row(&key).unwrap();
    let restored = Colony::restore(who("owner"), [(key, row)]).unwrap();
    assert_eq!(restored.delegation(), town.world.colony.delegation());
}
