//! The fuzzers start from good messages of each kind. They were written by an earlier build, so they are also the
//! promise that what an old member sends is still read.

use std::{fs, path::Path};

use colony_protocol::{
    announcement::SignedAnnouncement, charter::SignedCharter, command::Command, envelope::Signed,
    model::json, query::Query, rpc, ticket::SignedTicket,
};

/// Asserts that every seed of a target is read by `read`.
fn all_read(target: &str, read: impl Fn(&[u8]) -> bool) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seeds = 0;
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        assert!(read(&fs::read(&path).unwrap()), "{} is not read any more", path.display());
        seeds += 1;
    }
    assert!(seeds > 0, "no seeds in {}", directory.display());
}

#[test]
fn messages_of_an_earlier_build_are_still_read() {
    all_read("envelope", |bytes| Signed::from_bytes(bytes).is_ok_and(|signed| signed.verify().is_ok()));
    all_read("request", |bytes| Command::decode(bytes).is_ok() || Query::decode(bytes).is_ok());
    all_read("announcement", |bytes| {
        SignedAnnouncement::from_bytes(bytes).is_ok_and(|signed| signed.verify().is_ok())
    });
    all_read("ticket", |bytes| {
        let word = std::str::from_utf8(bytes).unwrap();
        word.parse::<SignedTicket>().is_ok_and(|signed| signed.verify().is_ok())
    });
    all_read("charter", |bytes| SignedCharter::from_bytes(bytes).is_ok_and(|signed| signed.verify().is_ok()));
    all_read("outcome", |bytes| rpc::decode_outcome(bytes).is_ok());
    all_read("spec_json", |bytes| {
        let text = std::str::from_utf8(bytes).unwrap();
        json::parse_submission(text).is_ok() || json::parse_executor(text).is_ok()
    });
}
