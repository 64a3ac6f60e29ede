//! Asking one node how it is doing, and comparing clocks with it.

use std::time::Duration;

use colony_protocol::{query::Query, refusal::Refusal, reply::Answer, time::Timestamp, vitals::Vitals};

use super::facts::Clock;
use crate::client::{Client, ClientError};

/// How long a node may take to say how it is: whoever takes longer is no help, and others wait for the diagnosis.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one node told.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// How it is doing, or why it did not say.
    pub vitals: Result<Box<Vitals>, String>,
    /// Its clock, if that could be found out.
    pub clock: Option<Clock>,
}

/// Asks the node that `client` leads to.
///
/// A node refuses whoever's clock is too far off, but says what its own clock is: so a clock that is wrong is found to
/// be so by the very refusal.
pub async fn ask(name: &str, client: &Client) -> Told {
    let first = ask_once(name, client).await;
    if first.vitals.is_err() {
        return first;
    }
    // The first question paid for the connection; the second tells the time.
    let second = ask_once(name, client).await;
    if second.vitals.is_ok() { second } else { first }
}

async fn ask_once(name: &str, client: &Client) -> Told {
    let runtime = client.runtime();
    let (begun, sent) = (runtime.elapsed(), runtime.now());
    let answer = runtime.timeout(PATIENCE, client.query_stale(&Query::Vitals)).await;
    let took = runtime.elapsed().saturating_sub(begun);
    let clock = |theirs| Some(compare(name, sent, took, theirs));
    match answer {
        Some(Ok(Answer::Vitals(vitals))) => Told { clock: clock(vitals.time), vitals: Ok(vitals) },
        Some(Ok(_)) => Told { vitals: Err(ClientError::Unexpected("to vitals").to_string()), clock: None },
        Some(Err(ClientError::Refused(Refusal::Clock { why, now }))) => {
            Told { vitals: Err(why.to_string()), clock: clock(now) }
        }
        Some(Err(error)) => Told { vitals: Err(error.to_string()), clock: None },
        None => Told { vitals: Err(format!("no answer within {PATIENCE:?}")), clock: None },
    }
}

/// Their clock was read somewhere between question and answer; half-way is the best guess.
fn compare(name: &str, sent: Timestamp, took: Duration, theirs: Timestamp) -> Clock {
    let doubt = took.as_secs_f64() / 2.0;
    let ahead = theirs.since(sent).as_secs_f64() - sent.since(theirs).as_secs_f64() - doubt;
    Clock { name: name.to_owned(), ahead, doubt }
}

#[cfg(test)]
mod tests {
    use colony_protocol::time::Span;

    use super::*;

    #[test]
    fn half_of_what_the_question_took_is_held_against_nobody() {
        let sent = Timestamp::from_micros(10_000_000_000);
        let at = |theirs| compare("b", sent, Duration::from_secs(2), theirs);
        assert_eq!(at(sent.after(Span::from_secs(1))).ahead, 0.0);
        assert_eq!(at(sent.after(Span::from_secs(3_601))).ahead, 3_600.0);
        assert_eq!(at(sent.before(Span::from_secs(3_599))).ahead, -3_600.0);
        assert_eq!(at(sent).doubt, 1.0);
    }
}
