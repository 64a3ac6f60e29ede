//! Malformed frames, from one seed: noise, lies about lengths, CBOR that unfolds, and requests that are almost right.

use colony_protocol::{
    bounded::{Bytes, List, Text},
    envelope::{Body, RequestId, Signed},
    identity::{Identity, SecretKey},
    query::Query,
    time::{Span, Timestamp},
};
use colony_simulations::chance::Chance;

/// Makes malformed frames.
pub(crate) struct Frames {
    chance: Chance,
    colony: Identity,
    stranger: SecretKey,
}

/// Bytes for one stream, as they are written to it.
pub(crate) struct Malformed {
    /// Whether it goes to the protocol with numbered frames.
    pub(crate) numbered: bool,
    /// The bytes, length in front or not.
    pub(crate) bytes: Vec<u8>,
    /// Whether our side is closed after them.
    pub(crate) closes: bool,
}

impl Frames {
    pub(crate) fn new(seed: u64, colony: Identity) -> Self {
        Self { chance: Chance::new(seed), colony, stranger: SecretKey::derive(b"a stranger") }
    }

    pub(crate) fn next(&mut self) -> Malformed {
        let numbered = self.chance.below(2) == 0;
        let mut bytes = match self.chance.below(8) {
            0 => self.noise(4096),
            1 => self.announced(u32::MAX, numbered),
            2 => {
                let announced = u32::try_from(self.chance.below(900_000)).unwrap();
                self.announced(announced, numbered)
            }
            3 => self.framed(&vec![0x81; 20_000], numbered),
            4 => {
                // A map that says it has 2^63 entries, an array of 2^32, a text of 2^40 bytes.
                let heads: [&[u8]; 3] = [
                    &[0xBB, 0x7F, 255, 255, 255, 255, 255, 255, 255],
                    &[0x9A, 255, 255, 255, 255],
                    &[0x7B, 0, 0, 1, 0, 0, 0, 0, 0],
                ];
                let head = heads[usize::try_from(self.chance.below(3)).unwrap()].to_vec();
                self.framed(&head, numbered)
            }
            5 => {
                let body = self.noise(600);
                let signed = Signed {
                    signature: self.stranger.sign(&colony_protocol::identity::Digest::of(&[&body])),
                    body: Bytes::new(body).unwrap(),
                };
                self.framed(&signed.to_bytes().unwrap(), numbered)
            }
            6 => {
                let request = self.almost_right();
                self.framed(&request, numbered)
            }
            _ => {
                let mut request = self.almost_right();
                let bit =
                    usize::try_from(self.chance.below(u64::try_from(request.len() * 8).unwrap())).unwrap();
                request[bit / 8] ^= 1 << (bit % 8);
                self.framed(&request, numbered)
            }
        };
        // Some are cut off anywhere.
        if self.chance.below(5) == 0 {
            let keep = self.chance.below(u64::try_from(bytes.len()).unwrap() + 1);
            bytes.truncate(usize::try_from(keep).unwrap());
        }
        Malformed { numbered, bytes, closes: self.chance.below(4) != 0 }
    }

    /// A signed request of a stranger, wrong in one way.
    fn almost_right(&mut self) -> Vec<u8> {
        // Long ago, so that not even the time is right; the window is, so that the check must read that far.
        let issued = Timestamp::from_micros(self.chance.below(1 << 60));
        let mut body = Body {
            colony: self.colony,
            kind: Text::cut("query"),
            audience: self.colony,
            request: RequestId::from_bytes([7; 16]),
            issued,
            expires: issued.after(Span::from_secs(30)),
            grants: List::default(),
            payload: Bytes::new(Query::Status.encode().unwrap()).unwrap(),
        };
        match self.chance.below(5) {
            0 => body.colony = Identity::from_bytes([9; 32]),
            1 => body.kind = Text::cut("submit"),
            2 => body.payload = Bytes::new(self.noise(1000)).unwrap(),
            3 => body.expires = Timestamp::from_micros(u64::MAX),
            _ => body.audience = Identity::NOBODY,
        }
        Signed::sign(&body, &self.stranger).unwrap().to_bytes().unwrap()
    }

    /// A frame that announces more than it holds.
    fn announced(&mut self, length: u32, numbered: bool) -> Vec<u8> {
        let mut bytes = length.to_be_bytes().to_vec();
        if numbered {
            bytes.extend_from_slice(&self.chance.number().to_be_bytes());
        }
        bytes.extend(self.noise(64));
        bytes
    }

    fn framed(&mut self, inner: &[u8], numbered: bool) -> Vec<u8> {
        let mut bytes = u32::try_from(inner.len()).unwrap().to_be_bytes().to_vec();
        if numbered {
            bytes.extend_from_slice(&self.chance.number().to_be_bytes());
        }
        bytes.extend_from_slice(inner);
        bytes
    }

    fn noise(&mut self, max: u64) -> Vec<u8> {
        let length = self.chance.below(max);
        (0..length).map(|_| self.chance.number().to_le_bytes()[0]).collect()
    }
}
