//! Bytes from the gossip network as an announcement: read, verified, checked against time and place.
#![no_main]

use colony_protocol::{announcement::SignedAnnouncement, identity::Identity, time::Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(signed) = SignedAnnouncement::from_bytes(bytes) else { return };
    // What was read is forwarded unchanged. (A longer form than ours may grow by being written again.)
    if let Ok(again) = signed.to_bytes() {
        assert!(SignedAnnouncement::from_bytes(&again).is_ok_and(|again| again == signed));
    }
    let Ok((_, announcement)) = signed.verify() else { return };
    for now in [0, 1_800_000_000_000_000, u64::MAX].map(Timestamp::from_micros) {
        if let Err(error) = announcement.check(&Identity::from_bytes([1; 32]), now) {
            assert!(!error.to_string().is_empty());
        }
    }
    assert!(!announcement.supersedes(&announcement));
});
