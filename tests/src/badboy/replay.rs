//! Signed requests of honest members, sent again by somebody else.
//!
//! A request carries its signature with it, so whoever gets hold of its bytes can send them from any connection, to any
//! node, as often as he likes. What must come of it is nothing: a command that is known already gets the answer it had
//! and changes nothing, whatever is too old is refused. So what is counted here are answers; whether anything was
//! carried out twice, the colony's state says.

use colony_protocol::{refusal::Refusal, reply::Response, rpc};
use futures::AsyncWriteExt as _;
use libp2p::Multiaddr;

use super::{connection::Connection, dice::Dice, wire};

/// Requests sent before the answers are read: what a node lets a stranger have under way.
const WINDOW: usize = 4;
/// Requests over one connection.
const PER_CONNECTION: u64 = 500;

/// What came of replays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Requests sent.
    pub sent: u64,
    /// Refused: too old, for somebody else, seen before.
    pub refused: u64,
    /// Told the answer that the first one had.
    pub repeated: u64,
    /// Told to come back later.
    pub busy: u64,
}

impl Replayed {
    /// How many were answered at all.
    #[must_use]
    pub const fn answered(&self) -> u64 {
        self.refused + self.repeated + self.busy
    }
}

/// Sends requests picked at random from `recorded`, `count` in all, each time over connections with new keys.
///
/// # Panics
/// If nothing was recorded.
pub async fn replay(targets: &[Multiaddr], recorded: &[Vec<u8>], count: u64, seed: u64) -> Replayed {
    let mut dice = Dice::new(seed);
    let mut sum = Replayed::default();
    while sum.sent < count {
        let target = targets[dice.place(targets.len())].clone();
        let Some(mut connection) = Connection::open(&target, 1, &mut dice).await else { continue };
        let Some(mut stream) = connection.next_stream() else { continue };
        let protocol = wire::requests(true);
        if wire::propose(&mut stream, protocol).await.is_err()
            || wire::agreed(&mut stream, protocol).await.is_err()
        {
            continue;
        }
        let end = sum.sent + PER_CONNECTION.min(count - sum.sent);
        while sum.sent < end {
            let mut out = Vec::new();
            for number in 0..WINDOW as u64 {
                wire::frame(&mut out, &recorded[dice.place(recorded.len())], Some(number));
            }
            if stream.write_all(&out).await.is_err() || stream.flush().await.is_err() {
                break;
            }
            sum.sent += WINDOW as u64;
            for _ in 0..WINDOW {
                match wire::answer(&mut stream, true).await {
                    Ok(answer) => count_answer(&mut sum, &answer),
                    Err(_) => break,
                }
            }
        }
    }
    sum
}

fn count_answer(sum: &mut Replayed, answer: &[u8]) {
    match rpc::decode_outcome(answer) {
        Ok(Ok(Response::Reply(_) | Response::Answer(_))) => sum.repeated += 1,
        Ok(Err(Refusal::Busy(_) | Refusal::Unavailable(_))) => sum.busy += 1,
        Ok(Err(_)) | Err(_) => sum.refused += 1,
    }
}
