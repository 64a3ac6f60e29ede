//! Envelopes that are cut, lengthened, altered, sent elsewhere or stretched in time.

use colony_protocol::{
    bounded::{Bytes, List, Text},
    codec,
    command::{Command, Submission},
    envelope::{Body, EnvelopeError, LIFETIME_MAX, RequestId, SKEW_MAX, Signed},
    identity::{Digest, Identity, SecretKey},
    model::FunctionSpec,
    time::{Span, Timestamp},
};
use proptest::prelude::*;

use super::bytes::{COST_MAX, decode_as_everything};

const COLONY: Identity = Identity::from_bytes([1; 32]);
const NODE: Identity = Identity::from_bytes([2; 32]);
const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn key() -> SecretKey {
    SecretKey::derive(b"alice")
}

/// A request that is good at [`NOW`].
fn body() -> Body {
    let submission = Submission { spec: FunctionSpec::default(), retry_of: None };
    let command = Command::Submit { items: List::new(vec![submission]).unwrap() };
    Body {
        colony: COLONY,
        kind: Text::cut(command.kind()),
        audience: COLONY,
        request: RequestId::from_bytes([7; 16]),
        issued: NOW,
        expires: NOW.after(Span::from_secs(30)),
        grants: List::default(),
        payload: Bytes::new(command.encode().unwrap()).unwrap(),
    }
}

fn sign(body: &Body) -> Signed {
    Signed::sign(body, &key()).unwrap()
}

#[test]
fn a_good_request_is_accepted_by_any_member_and_by_the_node_it_names() {
    let (by, verified) = sign(&body()).verify().unwrap();
    assert_eq!((by, &verified), (key().identity(), &body()));
    assert_eq!(verified.check(&COLONY, &NODE, NOW), Ok(()));
    assert_eq!(Body { audience: NODE, ..body() }.check(&COLONY, &NODE, NOW), Ok(()));
}

#[test]
fn a_request_for_another_colony_or_node_is_refused() {
    let other = Identity::from_bytes([9; 32]);
    assert_eq!(body().check(&other, &NODE, NOW), Err(EnvelopeError::WrongColony));
    let redirected = Body { audience: other, ..body() };
    assert_eq!(redirected.check(&COLONY, &NODE, NOW), Err(EnvelopeError::WrongAudience));
    // A node's own id is an audience, never a colony.
    assert_eq!(Body { colony: NODE, ..body() }.check(&COLONY, &NODE, NOW), Err(EnvelopeError::WrongColony));
}

#[test]
fn a_signature_made_for_another_purpose_names_somebody_else() {
    let bytes = codec::encode(&body()).unwrap();
    // As ColonyOS signs its messages, and under other domains of ours.
    for domain in [&b""[..], b"colony/envelope/2\n", b"colony/receipt/1\n", b"colony/envelope/1"] {
        let signature = key().sign(&Digest::of(&[domain, &bytes]));
        let signed = Signed { body: Bytes::new(bytes.clone()).unwrap(), signature, foreign: None };
        let by = signed.verify().map(|(by, _)| by);
        assert_ne!(by, Ok(key().identity()), "{domain:?}");
    }
}

#[test]
fn any_changed_bit_of_a_signed_request_loses_its_signer() {
    let good = sign(&body());
    for at in 0..good.body.len() {
        let mut bytes = good.body.to_vec();
        bytes[at] ^= 1 << (at % 8);
        let changed = Signed { body: Bytes::new(bytes).unwrap(), signature: good.signature, foreign: None };
        assert_ne!(changed.verify().map(|(by, _)| by), Ok(key().identity()), "byte {at}");
    }
    for at in 0..good.signature.0.len() {
        let mut signature = good.signature;
        signature.0[at] ^= 1;
        let changed = Signed { body: good.body.clone(), signature, foreign: None };
        assert_ne!(changed.verify().map(|(by, _)| by), Ok(key().identity()), "byte {at}");
    }
}

#[test]
fn a_request_lives_in_its_window_only() {
    let window = |issued: Timestamp, life: Span| Body { issued, expires: issued.after(life), ..body() };
    let check = |body: Body| body.check(&COLONY, &NODE, NOW);
    let second = Span::from_secs(1);

    // Just in time, and a moment late.
    assert_eq!(check(window(NOW.before(second), second)), Ok(()));
    let late = window(NOW.before(Span::from_secs(2)), second);
    assert_eq!(check(late), Err(EnvelopeError::Expired { late: second, now: NOW }));

    // A sender's clock may be ahead by the skew, not by more.
    assert_eq!(check(window(NOW.after(SKEW_MAX), second)), Ok(()));
    let early = window(NOW.after(SKEW_MAX).after(second), second);
    assert!(matches!(check(early), Err(EnvelopeError::FromTheFuture { .. })));

    // Lifetimes of nothing, of less than nothing, and beyond what request ids are remembered for.
    assert_eq!(check(window(NOW, LIFETIME_MAX)), Ok(()));
    assert_eq!(check(window(NOW, LIFETIME_MAX.plus_a_microsecond())), Err(EnvelopeError::Lifetime));
    assert_eq!(check(window(NOW, Span::ZERO)), Err(EnvelopeError::Lifetime));
    assert_eq!(check(Body { expires: NOW.before(second), ..body() }), Err(EnvelopeError::Lifetime));
}

trait PlusAMicrosecond {
    fn plus_a_microsecond(self) -> Self;
}

impl PlusAMicrosecond for Span {
    fn plus_a_microsecond(self) -> Self {
        Self::from_micros(self.as_micros() + 1)
    }
}

/// Numbers at which arithmetic breaks.
fn edge() -> impl Strategy<Value = u64> {
    let now = NOW.as_micros();
    prop_oneof![
        any::<u64>(),
        Just(0),
        Just(u64::MAX),
        now - 2_000_000_000..now + 2_000_000_000,
        u64::MAX - 10..u64::MAX,
    ]
}

#[test]
fn a_longer_shorter_or_doubled_frame_is_refused() {
    let signed = sign(&body());
    let good = signed.to_bytes().unwrap();
    assert!(Signed::from_bytes(&good).is_ok());
    for tail in [&[0][..], &[0xf6], &good] {
        assert!(Signed::from_bytes(&[good.as_slice(), tail].concat()).is_err());
    }
    for len in 0..good.len() {
        assert!(Signed::from_bytes(&good[..len]).is_err(), "cut at {len}");
    }

    // The same field twice: which one was signed for, which one is acted upon?
    let mut twice = good.clone();
    assert_eq!(twice[0], 0xa2);
    twice[0] = 0xa4;
    twice.extend_from_slice(&good[1..]);
    assert!(Signed::from_bytes(&twice).is_err());
}

proptest! {
    #[test]
    fn no_times_make_the_window_panic_or_open(issued in edge(), expires in edge(), now in edge()) {
        let (issued, expires, now) =
            (Timestamp::from_micros(issued), Timestamp::from_micros(expires), Timestamp::from_micros(now));
        let body = Body { issued, expires, ..body() };
        let verdict = body.check(&COLONY, &NODE, now);
        match verdict {
            Ok(()) => {
                prop_assert!(issued < expires && now <= expires && issued <= now.after(SKEW_MAX));
                prop_assert!(expires.since(issued) <= LIFETIME_MAX);
            }
            // The message is made of the same numbers.
            Err(error) => prop_assert_ne!(error.to_string(), ""),
        }
    }

    #[test]
    fn altered_frames_never_panic_and_never_keep_the_signer(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..8),
    ) {
        let good = sign(&body());
        let mut bytes = good.to_bytes().unwrap();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at.max(1)),
            }
        }
        prop_assert!(decode_as_everything(&bytes) <= COST_MAX);
        if let Ok(signed) = Signed::from_bytes(&bytes)
            && let Ok((by, body)) = signed.verify()
            && by == key().identity()
        {
            // Another way to write the same frame is no other request.
            prop_assert_eq!(&signed.body, &good.body);
            prop_assert_eq!(body, good.body_from_log().unwrap());
        }
    }
}
