//! Bytes from the network as a signed request: read, verified, checked against time and place.
#![no_main]

use colony_protocol::{envelope::Signed, identity::Identity, time::Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(signed) = Signed::from_bytes(bytes) else { return };
    // What was read is written and read again unchanged: evidence must survive being passed on.
    let again = signed.to_bytes().and_then(|bytes| Signed::from_bytes(&bytes));
    assert!(again.is_ok_and(|again| again == signed));

    let colony = Identity::from_bytes([1; 32]);
    let node = Identity::from_bytes([2; 32]);
    for body in [signed.body_from_log(), signed.verify().map(|(_, body)| body)].into_iter().flatten() {
        for now in [0, 1_800_000_000_000_000, u64::MAX].map(Timestamp::from_micros) {
            if let Err(error) = body.check(&colony, &node, now) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
});
