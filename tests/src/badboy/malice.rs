//! What can be done to a node on one stream.

use std::io;

use colony_protocol::rpc::{REQUEST_MAX, RPC_PROTOCOL, STREAM_PROTOCOL};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::muxing::SubstreamBox;

/// Well-formed frames in one go on a stream.
const BURST: u64 = 16;

/// A seeded source of everything random here (splitmix64).
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub(super) const fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.roll().to_le_bytes()[0]).collect()
    }

    /// Fewer than `end` bytes.
    pub(super) fn some_bytes(&mut self, end: u64) -> Vec<u8> {
        let len = usize::try_from(self.below(end)).unwrap();
        self.bytes(len)
    }
}

/// One way to misbehave on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malice {
    /// Random bytes instead of agreeing on a protocol.
    NoAgreement,
    /// A protocol nobody has.
    UnknownProtocol,
    /// Nothing at all, then the end.
    Silence,
    /// Random bytes where a header should be.
    Noise,
    /// A length above every limit.
    TooLong,
    /// A right header and not all of its body.
    HalfBody,
    /// Not all of a header.
    HalfHeader,
    /// Frames without content, and with random content.
    Nonsense,
    /// Frames of CBOR that unpacks into much more than it weighs.
    Bombs,
    /// Many frames whose answers nobody reads.
    DeafEar,
}

impl Malice {
    const ALL: [Self; 10] = [
        Self::NoAgreement,
        Self::UnknownProtocol,
        Self::Silence,
        Self::Noise,
        Self::TooLong,
        Self::HalfBody,
        Self::HalfHeader,
        Self::Nonsense,
        Self::Bombs,
        Self::DeafEar,
    ];

    pub(super) fn draw(dice: &mut Dice) -> Self {
        Self::ALL[usize::try_from(dice.below(10)).unwrap()]
    }

    /// Does it. Gives the frames sent and the answers that came.
    pub(super) async fn inflict(self, mut stream: SubstreamBox, dice: &mut Dice) -> (u64, u64) {
        let numbered = dice.below(2) == 0;
        let bytes = self.bytes(numbered, dice);
        let frames = if self.is_burst() && numbered { BURST } else { 1 };
        let mut answers = 0;
        // A node that closes the stream in the middle is in its right.
        if stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok() {
            if self == Self::Nonsense && agreed(&mut stream, numbered).await.is_ok() {
                answers =
                    read_answers(&mut stream, numbered, frames).await.unwrap_or_else(|(count, _)| count);
            }
            if dice.below(2) == 0 {
                stream.close().await.ok();
            }
        }
        (frames, answers)
    }

    const fn is_burst(self) -> bool {
        matches!(self, Self::Nonsense | Self::Bombs | Self::DeafEar)
    }

    fn bytes(self, numbered: bool, dice: &mut Dice) -> Vec<u8> {
        let mut out = match self {
            Self::NoAgreement => return dice.some_bytes(2000),
            Self::UnknownProtocol => return agreement("/colony/evil/1"),
            _ => agreement(if numbered { STREAM_PROTOCOL } else { RPC_PROTOCOL }),
        };
        let number = numbered.then(|| dice.below(4));
        match self {
            Self::NoAgreement | Self::UnknownProtocol | Self::Silence => {}
            Self::Noise => out.extend(dice.some_bytes(4096)),
            Self::TooLong => {
                let lengths = [u32::MAX, u32::MAX / 2, u32::try_from(REQUEST_MAX).unwrap() + 1];
                header(&mut out, lengths[usize::try_from(dice.below(3)).unwrap()], number);
                out.extend(dice.some_bytes(64));
            }
            Self::HalfBody => {
                let body = dice.some_bytes(4096);
                let more = u32::try_from(body.len() as u64 + 1 + dice.below(900_000)).unwrap();
                header(&mut out, more, number);
                out.extend(body);
            }
            Self::HalfHeader => {
                let mut whole = Vec::new();
                header(&mut whole, 100, number);
                let part = usize::try_from(1 + dice.below(whole.len() as u64 - 1)).unwrap();
                out.extend(&whole[..part]);
            }
            Self::Nonsense | Self::Bombs | Self::DeafEar => {
                for _ in 0..if numbered { BURST } else { 1 } {
                    let body = if self == Self::Bombs { bomb(dice) } else { dice.some_bytes(2000) };
                    // The same few numbers again and again: a node must not mind.
                    let number = numbered.then(|| dice.below(4));
                    header(&mut out, u32::try_from(body.len()).unwrap(), number);
                    out.extend(body);
                }
            }
        }
        out
    }
}

/// Proposes a protocol as multistream-select wants it, without waiting for consent.
fn agreement(protocol: &str) -> Vec<u8> {
    let mut out = b"\x13/multistream/1.0.0\n".to_vec();
    out.push(u8::try_from(protocol.len() + 1).unwrap());
    out.extend(protocol.as_bytes());
    out.push(b'\n');
    out
}

/// Reads the node's consent.
async fn agreed(stream: &mut SubstreamBox, numbered: bool) -> io::Result<()> {
    let expected = agreement(if numbered { STREAM_PROTOCOL } else { RPC_PROTOCOL });
    let mut said = vec![0; expected.len()];
    stream.read_exact(&mut said).await?;
    if said == expected { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// Reads answers; gives how many, also when the stream ends early.
async fn read_answers(
    stream: &mut SubstreamBox,
    numbered: bool,
    frames: u64,
) -> Result<u64, (u64, io::Error)> {
    for count in 0..frames {
        let mut head = vec![0; if numbered { 12 } else { 4 }];
        stream.read_exact(&mut head).await.map_err(|error| (count, error))?;
        let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
        let mut body = vec![0; usize::try_from(len).unwrap()];
        stream.read_exact(&mut body).await.map_err(|error| (count, error))?;
    }
    Ok(frames)
}

fn header(out: &mut Vec<u8>, len: u32, number: Option<u64>) {
    out.extend(len.to_be_bytes());
    if let Some(number) = number {
        out.extend(number.to_be_bytes());
    }
}

/// CBOR that is small and claims to be large, or unpacks into much.
fn bomb(dice: &mut Dice) -> Vec<u8> {
    match dice.below(6) {
        // Nested arrays, and maps in maps.
        0 => vec![0x81; 20_000],
        1 => vec![0xa1; 20_000],
        // An array, a text and a byte string that claim 2^32 and more elements.
        2 => vec![0x9b, 0, 0, 0, 1, 0, 0, 0, 0],
        3 => vec![0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        // A signed envelope whose body claims to be a list of nulls.
        4 => {
            let mut out = b"\xa2\x64body\x9a\x00\x00\x80\x00".to_vec();
            out.resize(out.len() + 0x8000, 0xf6);
            out
        }
        // An envelope with a signature that fits nothing.
        _ => {
            let mut out = b"\xa2\x64body\x58\x20".to_vec();
            out.extend(dice.bytes(32));
            out.extend(b"\x69signature\x58\x41");
            out.extend(dice.bytes(65));
            out
        }
    }
}
