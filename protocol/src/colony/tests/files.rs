//! Files, their revisions, and the snapshots that keep them.

use super::*;
use crate::{
    command::{ChangeKey, FilesCommand, LocationsCommand},
    model::{
        FileId, Filesystem, SnapshotId, SnapshotMount,
        file::{FileKey, NewFile, SnapshotKey},
        location::Location,
    },
    query::FilesQuery,
    reply::Answer,
};

/// Room for any answer here.
const ROOM: usize = 1 << 20;

fn add(world: &mut World, label: &str, name: &str, size: u64) -> FileId {
    let file = NewFile { label: text(label), name: text(name), size, ..NewFile::default() };
    match world.ok(USER, Command::Files(FilesCommand::Add { file })) {
        Reply::FileAdded(id) => id,
        other => panic!("{other:?}"),
    }
}

fn named(label: &str, name: &str) -> FileKey {
    FileKey::Named { label: text(label), name: text(name) }
}

fn sizes(world: &World, file: FileKey, latest: bool) -> Vec<u64> {
    match world.colony.files_answer(&FilesQuery::File { file, latest }, ROOM) {
        Ok(Answer::Files(files)) => files.iter().map(|file| file.file.size).collect(),
        _ => Vec::new(),
    }
}

fn snapshot(world: &mut World, name: &str, label: &str) {
    world.ok(USER, Command::Files(FilesCommand::CreateSnapshot { name: text(name), label: text(label) }));
}

fn kept(world: &World, name: &str) -> Vec<u64> {
    let query = FilesQuery::SnapshotFiles { snapshot: SnapshotKey::Name(text(name)), from: 0, limit: 100 };
    match world.colony.files_answer(&query, ROOM) {
        Ok(Answer::Files(files)) => files.iter().map(|file| file.file.size).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_adding_is_a_revision_and_the_newest_is_the_file() {
    let mut world = World::new();
    let first = add(&mut world, "/d", "a", 1);
    let second = add(&mut world, "/d", "a", 2);
    assert!(second.number() > first.number());
    assert_eq!(sizes(&world, named("/d", "a"), true), [2]);
    assert_eq!(sizes(&world, named("/d", "a"), false), [2, 1]);
    assert_eq!(sizes(&world, FileKey::Id(first), true), [1]);
    world.ok(USER, Command::Files(FilesCommand::Remove { file: FileKey::Id(second) }));
    assert_eq!(sizes(&world, named("/d", "a"), true), [1]);
}

#[test]
fn a_snapshot_keeps_what_was_there_whatever_is_added_or_removed_later() {
    let mut world = World::new();
    add(&mut world, "/d", "a", 1);
    let below = add(&mut world, "/d/sub", "b", 2);
    add(&mut world, "/dx", "c", 3);
    snapshot(&mut world, "s1", "/d");
    snapshot(&mut world, "s2", "/d");
    add(&mut world, "/d", "a", 10);
    world.ok(USER, Command::Files(FilesCommand::RemoveLabel { label: text("/d") }));
    assert_eq!(sizes(&world, named("/d", "a"), false), Vec::<u64>::new(), "no name leads to it");
    assert_eq!(kept(&world, "s1"), [1, 2]);
    assert_eq!(sizes(&world, FileKey::Id(below), true), [2], "a kept revision is there by its id");

    // The last snapshot that keeps it takes it along.
    for name in ["s1", "s2"] {
        assert_eq!(kept(&world, name), [1, 2]);
        let snapshot = SnapshotKey::Name(text(name));
        world.ok(USER, Command::Files(FilesCommand::RemoveSnapshot { snapshot }));
    }
    assert_eq!(sizes(&world, FileKey::Id(below), true), Vec::<u64>::new());
    assert_eq!(sizes(&world, named("/dx", "c"), true), [3]);
}

#[test]
fn labels_are_listed_by_what_they_begin_with_or_as_paths() {
    let mut world = World::new();
    for label in ["/a", "/a/b", "/ab", "/b"] {
        add(&mut world, label, "f", 1);
        add(&mut world, label, "f", 2);
    }
    let labels = |prefix: &str, exact| {
        let query = FilesQuery::Labels { prefix: text(prefix), exact, after: None, limit: 100 };
        match world.colony.files_answer(&query, ROOM) {
            Ok(Answer::Labels(labels)) => {
                assert!(labels.iter().all(|label| (label.revisions, label.files) == (2, 1)));
                labels.iter().map(|label| label.label.to_string()).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(labels("", false).len(), 4);
    assert_eq!(labels("/a", false), ["/a", "/a/b", "/ab"]);
    assert_eq!(labels("/a", true), ["/a", "/a/b"]);
    assert_eq!(labels("/", true).len(), 4);
    assert!(labels("/c", true).is_empty());
}

#[test]
fn hole_7_one_member_does_not_remove_anothers_files() {
    let mut world = World::new();
    let first = add(&mut world, "/d", "a", 1);
    let file = NewFile { label: text("/d"), name: text("a"), size: 2, ..NewFile::default() };
    let Reply::FileAdded(second) = world.ok(E2, Command::Files(FilesCommand::Add { file })) else {
        panic!("not added")
    };
    // What is not all of one's own stays whole.
    for (by, file) in [(E2, FileKey::Id(first)), (E2, named("/d", "a")), (USER, named("/d", "a"))] {
        let remove = Command::Files(FilesCommand::Remove { file });
        assert!(matches!(world.tell(by, remove), Err(Refusal::Denied { .. })));
    }
    for by in [E2, USER] {
        let remove = Command::Files(FilesCommand::RemoveLabel { label: text("/") });
        assert!(matches!(world.tell(by, remove), Err(Refusal::Denied { .. })));
    }
    assert_eq!(sizes(&world, named("/d", "a"), false), [2, 1]);
    // Whoever added a revision takes it away, also with the key that it has changed to; and the owner may.
    world.ok(USER, Command::ChangeKey(ChangeKey::User(id(40))));
    for (by, file) in [(USER, FileKey::Id(first)), (E3, FileKey::Id(first))] {
        let remove = Command::Files(FilesCommand::Remove { file });
        assert!(matches!(world.tell(by, remove), Err(Refusal::Denied { .. })));
    }
    world.ok(40, Command::Files(FilesCommand::Remove { file: FileKey::Id(first) }));
    world.ok(E2, Command::Files(FilesCommand::Remove { file: FileKey::Id(second) }));
    add_as(&mut world, 40, "/d", "b");
    world.ok(OWNER, Command::Files(FilesCommand::RemoveLabel { label: text("/d") }));
    assert!(sizes(&world, named("/d", "b"), false).is_empty());
}

fn add_as(world: &mut World, by: u8, label: &str, name: &str) {
    let file = NewFile { label: text(label), name: text(name), ..NewFile::default() };
    world.ok(by, Command::Files(FilesCommand::Add { file }));
}

#[test]
fn hole_7_one_member_does_not_remove_anothers_snapshots() {
    let mut world = World::new();
    add(&mut world, "/d", "a", 1);
    for name in ["s1", "s2", "s3"] {
        snapshot(&mut world, name, "/d");
    }
    let other = FilesCommand::CreateSnapshot { name: text("other"), label: text("/d") };
    world.ok(E2, Command::Files(other));
    let remove =
        |name: &str| Command::Files(FilesCommand::RemoveSnapshot { snapshot: SnapshotKey::Name(text(name)) });
    for (by, name) in [(E2, "s1"), (USER, "other"), (E3, "s1")] {
        assert!(matches!(world.tell(by, remove(name)), Err(Refusal::Denied { .. })));
    }
    // All means all of one's own.
    assert_eq!(world.ok(E2, Command::Files(FilesCommand::RemoveSnapshots)), Reply::Removed(1));
    world.ok(USER, Command::ChangeKey(ChangeKey::User(id(40))));
    assert!(matches!(world.tell(USER, remove("s1")), Err(Refusal::Denied { .. })));
    assert_eq!(world.ok(40, remove("s1")), Reply::Removed(1));
    assert_eq!(world.ok(OWNER, remove("s2")), Reply::Removed(1));
    assert_eq!(world.ok(OWNER, Command::Files(FilesCommand::RemoveSnapshots)), Reply::Removed(1));
}

#[test]
fn an_executor_removes_the_snapshot_that_its_work_says_is_not_to_be_kept() {
    let mut world = World::new();
    add(&mut world, "/d", "a", 1);
    let create = |world: &mut World, name: &str| {
        let create = FilesCommand::CreateSnapshot { name: text(name), label: text("/d") };
        match world.ok(USER, Command::Files(create)) {
            Reply::SnapshotCreated(id) => id,
            other => panic!("{other:?}"),
        }
    };
    let (passing, kept) = (create(&mut world, "passing"), create(&mut world, "kept"));
    let mounts = |keep| {
        let mount = |id: SnapshotId, keep_snapshot| SnapshotMount {
            snapshot_id: text(&id.to_hex()),
            keep_snapshot,
            ..SnapshotMount::default()
        };
        let snapshots = List::new(vec![mount(passing, false), mount(kept, keep)]).unwrap();
        FunctionSpec { fs: Filesystem { snapshots, ..Filesystem::default() }, ..spec() }
    };
    let remove =
        |snapshot| Command::Files(FilesCommand::RemoveSnapshot { snapshot: SnapshotKey::Id(snapshot) });
    // Nobody gives away what is another's.
    let items = List::new(vec![Submission { spec: mounts(false), retry_of: None }]).unwrap();
    world.ok(E3, Command::Submit { items });
    let theirs = world.assign(E2).unwrap();
    assert!(matches!(world.tell(E2, remove(passing)), Err(Refusal::Denied { .. })));
    world.close(E2, &theirs, true, &[]).unwrap();

    world.submit(mounts(true));
    assert!(matches!(world.tell(E2, remove(passing)), Err(Refusal::Denied { .. })), "not before it holds it");
    let held = world.assign(E2).unwrap();
    assert!(matches!(world.tell(E2, remove(kept)), Err(Refusal::Denied { .. })));
    assert!(matches!(world.tell(E3, remove(passing)), Err(Refusal::Denied { .. })));
    assert_eq!(world.ok(E2, remove(passing)), Reply::Removed(1));
    world.close(E2, &held, true, &[]).unwrap();
}

#[test]
fn hole_12_a_stranger_is_not_told_what_exists() {
    let mut world = World::new();
    add(&mut world, "/d", "a", 1);
    for name in ["a", "nothing"] {
        let remove = Command::Files(FilesCommand::Remove { file: named("/d", name) });
        assert!(matches!(world.tell(9, remove), Err(Refusal::Denied { .. })));
    }
    let remove = Command::Locations(LocationsCommand::Remove { name: text("nowhere") });
    assert!(matches!(world.tell(USER, remove), Err(Refusal::Denied { .. })));
}

#[test]
fn hole_13_answers_are_pages_however_much_there_is() {
    let mut world = World::new();
    for number in 0..50 {
        add(&mut world, "/d", &format!("f{number:02}"), number);
    }
    let page = |after: Option<&str>, limit, room| {
        let query = FilesQuery::Files { label: text("/d"), after: after.map(text), limit };
        match world.colony.files_answer(&query, room) {
            Ok(Answer::FileEntries(files)) => {
                files.iter().map(|file| file.latest.file.name.to_string()).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(page(None, 2, ROOM), ["f00", "f01"]);
    assert_eq!(page(Some("f01"), 2, ROOM), ["f02", "f03"]);
    assert_eq!(page(Some("f49"), 2, ROOM), Vec::<String>::new());
    assert_eq!(page(None, 1_000, 2_000).len(), 3, "bytes bound a page too");
    assert_eq!(page(None, 0, 0).len(), 1, "a page is never empty before the end");
}

#[test]
fn hole_14_names_that_would_corrupt_a_list_are_refused() {
    let mut world = World::new();
    let label = text("/d");
    let create = Command::Files(FilesCommand::CreateSnapshot { name: text("a:b"), label });
    assert!(matches!(world.tell(USER, create), Err(Refusal::Invalid { .. })));
    let location = Location { name: text("a:b"), ..Location::default() };
    let add = Command::Locations(LocationsCommand::Add { location });
    assert!(matches!(world.tell(OWNER, add), Err(Refusal::Invalid { .. })));
}

#[test]
fn a_location_is_added_once_and_removed_once() {
    let mut world = World::new();
    let location = Location { name: text("home"), ..Location::default() };
    let add = || Command::Locations(LocationsCommand::Add { location: location.clone() });
    assert!(matches!(world.tell(USER, add()), Err(Refusal::Denied { .. })));
    world.ok(OWNER, add());
    assert!(matches!(world.tell(OWNER, add()), Err(Refusal::Exists { .. })));
    assert_eq!(world.colony.locations().count(), 1);
    let remove = || Command::Locations(LocationsCommand::Remove { name: text("home") });
    world.ok(OWNER, remove());
    assert!(matches!(world.tell(OWNER, remove()), Err(Refusal::NotFound { .. })));
    world.ok(OWNER, add());
}
