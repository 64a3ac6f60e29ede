//! Stored rows: what cannot be read is refused with its key, never guessed.

use super::*;
use crate::colony::RestoreError;

#[test]
fn a_damaged_misplaced_or_later_row_is_named() {
    let mut world = World::new();
    let p1 = RowKey::Process(world.submit(spec()).number());
    let row = world.colony.row(&p1).unwrap();
    let restore = |key, row: &[u8]| Colony::restore(id(OWNER), [(key, row.to_vec())]).map(|_| ());
    assert_eq!(restore(p1, &row), Ok(()));
    assert_eq!(restore(p1, &[]), Err(RestoreError::Empty { key: p1 }));
    assert_eq!(restore(p1, &[9, 1]), Err(RestoreError::Version { key: p1, version: 9, known: 1 }));
    let cut = &row[..row.len() - 1];
    assert!(matches!(restore(p1, cut), Err(RestoreError::Value { key, .. }) if key == p1));
    let other = RowKey::Process(2);
    assert_eq!(restore(other, &row), Err(RestoreError::Misplaced { key: other }));
    assert_eq!(restore(RowKey::ArchivedProcess(1), &row), Err(RestoreError::Key));
}

#[test]
fn a_dropped_row_is_gone() {
    let mut world = World::new();
    let number = world.submit(spec()).number();
    let held = world.assign(E2).unwrap();
    assert!(world.colony.row(&RowKey::Process(number)).is_some());
    world.close(E2, &held, true, &[]).unwrap();
    assert!(world.colony.row(&RowKey::Process(number)).is_none());
}
