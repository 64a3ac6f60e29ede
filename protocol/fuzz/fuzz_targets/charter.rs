//! What a stranger hands out as a colony's charter: read, verified, checked against time and place.
#![no_main]

use colony_protocol::{
    charter::{Charter, Delegation, SignedCharter},
    codec,
    identity::Identity,
    time::Timestamp,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(signed) = SignedCharter::from_bytes(bytes) {
        // What was read is passed on unchanged. (A longer form than ours may grow by being written again.)
        if let Ok(again) = signed.to_bytes() {
            assert!(SignedCharter::from_bytes(&again).is_ok_and(|again| again == signed));
        }
        match signed.verify() {
            Ok(proven) => assert!(!proven.supersedes(&proven)),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    // What only an owner or a voter can sign still may not hurt.
    drop(codec::decode::<Delegation>(bytes));
    let Ok(charter) = codec::decode::<Charter>(bytes) else { return };
    for now in [0, 1_800_000_000_000_000, u64::MAX].map(Timestamp::from_micros) {
        for colony in [charter.colony, Identity::NOBODY] {
            if let Err(error) = charter.check(&colony, now) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
});
