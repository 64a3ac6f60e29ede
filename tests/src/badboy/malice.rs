//! What can be done to a node on one stream.

use std::{io, time::Duration};

use colony_protocol::rpc::REQUEST_MAX;
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::muxing::SubstreamBox;

use super::{Damage, dice::Dice, forged::Forger, others, wire};

/// Well-formed frames in one go on a stream.
const BURST: u64 = 16;
/// Between two bytes of one who is slow on purpose.
const DRIP: Duration = Duration::from_millis(10);
/// Bytes that one who is slow says or reads before he goes.
const DRIPS: usize = 10;

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
    /// A byte at a time.
    SlowWriter,
    /// Answers read a byte at a time.
    SlowReader,
    /// Frames without content, and with random content.
    Nonsense,
    /// Frames of CBOR that unpacks into much more than it weighs.
    Bombs,
    /// Requests that are almost right.
    Forged,
    /// Tickets that nobody made.
    Joins,
    /// Many frames whose answers nobody reads.
    DeafEar,
    /// Topics without end.
    Subscriptions,
    /// Gossip that is too large, or signed by nobody.
    HugeGossip,
    /// Records that are lies.
    Poison,
}

impl Malice {
    const ALL: [Self; 17] = [
        Self::NoAgreement,
        Self::UnknownProtocol,
        Self::Silence,
        Self::Noise,
        Self::TooLong,
        Self::HalfBody,
        Self::HalfHeader,
        Self::SlowWriter,
        Self::SlowReader,
        Self::Nonsense,
        Self::Bombs,
        Self::Forged,
        Self::Joins,
        Self::DeafEar,
        Self::Subscriptions,
        Self::HugeGossip,
        Self::Poison,
    ];

    pub(super) fn draw(dice: &mut Dice) -> Self {
        dice.one_of(&Self::ALL)
    }

    /// Does it.
    pub(super) async fn inflict(self, mut stream: SubstreamBox, forger: &Forger, dice: &mut Dice) -> Damage {
        let numbered = dice.below(2) == 0;
        let bytes = self.bytes(numbered, forger, dice);
        let frames = if self.is_burst() && numbered { BURST } else { 1 };
        let mut damage = Damage { frames, ..Damage::default() };
        // A node that closes the stream in the middle is in its right.
        if self == Self::SlowWriter {
            drip(&mut stream, &bytes).await.ok();
            return damage;
        }
        if stream.write_all(&bytes).await.is_err() || stream.flush().await.is_err() {
            return damage;
        }
        if self.listens() && wire::agreed(&mut stream, wire::requests(numbered)).await.is_ok() {
            for _ in 0..frames {
                let Ok(answer) = wire::answer(&mut stream, numbered).await else { break };
                damage.answers += 1;
                damage.accepted += u64::from(wire::is_yes(&answer));
            }
        }
        if self == Self::SlowReader {
            sip(&mut stream).await.ok();
        }
        if dice.below(2) == 0 {
            stream.close().await.ok();
        }
        damage
    }

    const fn is_burst(self) -> bool {
        matches!(
            self,
            Self::Nonsense | Self::Bombs | Self::Forged | Self::Joins | Self::DeafEar | Self::SlowReader
        )
    }

    /// Whether it waits for the answers.
    const fn listens(self) -> bool {
        matches!(self, Self::Nonsense | Self::Forged | Self::Joins)
    }

    fn bytes(self, numbered: bool, forger: &Forger, dice: &mut Dice) -> Vec<u8> {
        let mut out = match self {
            Self::NoAgreement => return dice.some_bytes(2000),
            Self::UnknownProtocol => return wire::agreement("/colony/evil/1"),
            Self::Subscriptions | Self::HugeGossip => wire::agreement(dice.one_of(&wire::GOSSIP)),
            Self::Poison => wire::agreement(wire::KADEMLIA),
            _ => wire::agreement(wire::requests(numbered)),
        };
        let number = numbered.then(|| dice.below(4));
        match self {
            Self::NoAgreement | Self::UnknownProtocol | Self::Silence => {}
            Self::Noise => out.extend(dice.some_bytes(4096)),
            Self::TooLong => {
                let lengths = [u32::MAX, u32::MAX / 2, u32::try_from(REQUEST_MAX).unwrap() + 1];
                wire::header(&mut out, dice.one_of(&lengths), number);
                out.extend(dice.some_bytes(64));
            }
            Self::HalfBody | Self::SlowWriter => {
                let body = dice.some_bytes(4096);
                let more = u32::try_from(body.len() as u64 + 1 + dice.below(900_000)).unwrap();
                wire::header(&mut out, more, number);
                out.extend(body);
            }
            Self::HalfHeader => {
                let mut whole = Vec::new();
                wire::header(&mut whole, 100, number);
                let part = 1 + dice.place(whole.len() - 1);
                out.extend(&whole[..part]);
            }
            Self::Subscriptions => out.extend(others::subscriptions(dice)),
            Self::HugeGossip => out.extend(others::huge_gossip(dice)),
            Self::Poison => out.extend(others::poison(forger.colony().as_bytes(), dice)),
            burst => {
                for _ in 0..if numbered { BURST } else { 1 } {
                    let body = match burst {
                        Self::Bombs => bomb(dice),
                        Self::Forged | Self::SlowReader => forger.request(dice),
                        Self::Joins => forger.join(dice),
                        _ => dice.some_bytes(2000),
                    };
                    // The same few numbers again and again: a node must not mind.
                    wire::frame(&mut out, &body, numbered.then(|| dice.below(4)));
                }
            }
        }
        out
    }
}

/// Says the beginning at once and then a byte at a time.
async fn drip(stream: &mut SubstreamBox, bytes: &[u8]) -> io::Result<()> {
    let (head, rest) = bytes.split_at(bytes.len().min(60));
    stream.write_all(head).await?;
    for byte in rest.iter().take(DRIPS) {
        stream.write_all(&[*byte]).await?;
        stream.flush().await?;
        tokio::time::sleep(DRIP).await;
    }
    Ok(())
}

/// Reads a byte at a time.
async fn sip(stream: &mut SubstreamBox) -> io::Result<()> {
    for _ in 0..DRIPS {
        stream.read_exact(&mut [0]).await?;
        tokio::time::sleep(DRIP).await;
    }
    Ok(())
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
