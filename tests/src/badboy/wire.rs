//! Agreeing on a protocol, frames of requests, and answers to them - without keeping to any of it.

use std::io;

use colony_protocol::{
    reply::Response,
    rpc::{self, RPC_PROTOCOL, STREAM_PROTOCOL},
};
use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use libp2p::core::muxing::SubstreamBox;

use super::dice::Dice;

/// What a node speaks beside requests.
pub(super) const KADEMLIA: &str = "/colony/kad/1";
/// See [`KADEMLIA`].
pub(super) const GOSSIP: [&str; 2] = ["/meshsub/1.1.0", "/meshsub/1.2.0"];
/// All that a stranger might try.
const PROTOCOLS: [&str; 9] = [
    STREAM_PROTOCOL,
    RPC_PROTOCOL,
    KADEMLIA,
    GOSSIP[0],
    "/colony/peer/1",
    "/ipfs/id/1.0.0",
    "/ipfs/ping/1.0.0",
    "/libp2p/circuit/relay/0.2.0/hop",
    "/colony/evil/1",
];

/// Any protocol.
pub(super) fn any_protocol(dice: &mut Dice) -> &'static str {
    dice.one_of(&PROTOCOLS)
}

/// What proposes a protocol, as multistream-select wants it, without waiting for consent.
pub(super) fn agreement(protocol: &str) -> Vec<u8> {
    let mut out = b"\x13/multistream/1.0.0\n".to_vec();
    out.push(u8::try_from(protocol.len() + 1).unwrap());
    out.extend(protocol.as_bytes());
    out.push(b'\n');
    out
}

/// Proposes a protocol and says nothing more.
pub(super) async fn propose(stream: &mut SubstreamBox, protocol: &str) -> io::Result<()> {
    stream.write_all(&agreement(protocol)).await?;
    stream.flush().await
}

/// Reads the node's consent.
pub(super) async fn agreed(stream: &mut SubstreamBox, protocol: &str) -> io::Result<()> {
    let expected = agreement(protocol);
    let mut said = vec![0; expected.len()];
    stream.read_exact(&mut said).await?;
    if said == expected { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// The protocol of requests in either form.
pub(super) const fn requests(numbered: bool) -> &'static str {
    if numbered { STREAM_PROTOCOL } else { RPC_PROTOCOL }
}

/// The length of a request, and its number on a stream that carries many.
pub(super) fn header(out: &mut Vec<u8>, len: u32, number: Option<u64>) {
    out.extend(len.to_be_bytes());
    if let Some(number) = number {
        out.extend(number.to_be_bytes());
    }
}

/// A whole request.
pub(super) fn frame(out: &mut Vec<u8>, body: &[u8], number: Option<u64>) {
    header(out, u32::try_from(body.len()).unwrap(), number);
    out.extend(body);
}

/// Reads one answer.
pub(super) async fn answer(stream: &mut SubstreamBox, numbered: bool) -> io::Result<Vec<u8>> {
    let mut head = vec![0; if numbered { 12 } else { 4 }];
    stream.read_exact(&mut head).await?;
    let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]);
    let mut body = vec![0; usize::try_from(len).unwrap()];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

/// Whether an answer says that something was done or told.
pub(super) fn is_yes(answer: &[u8]) -> bool {
    matches!(rpc::decode_outcome(answer), Ok(Ok(Response::Reply(_) | Response::Answer(_))))
}
