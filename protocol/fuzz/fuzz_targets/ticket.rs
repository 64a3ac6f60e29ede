//! What a stranger shows to be let in: as a word a person pasted, and as bytes in a request.
#![no_main]

use colony_protocol::{
    bounded::Bytes,
    codec,
    identity::{Identity, Signature},
    ticket::{SignedTicket, Ticket},
    time::Timestamp,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let word = std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<SignedTicket>().ok());
    let unsigned = Bytes::new(bytes).ok().map(|bytes| SignedTicket { bytes, signature: Signature([1; 65]) });
    let framed = codec::decode::<SignedTicket>(bytes).ok();
    for signed in [word, unsigned, framed].into_iter().flatten() {
        // What was read is written and read again unchanged.
        assert_eq!(signed.to_string().parse(), Ok(signed.clone()));
        if let Err(error) = signed.verify() {
            assert!(!error.to_string().is_empty());
        }
    }
    // What only the owner can sign still may not hurt.
    let Ok(ticket) = codec::decode::<Ticket>(bytes) else { return };
    for now in [0, 1_800_000_000_000_000, u64::MAX].map(Timestamp::from_micros) {
        for colony in [ticket.colony, Identity::NOBODY] {
            if let Err(error) = ticket.check(&colony, now) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
});
