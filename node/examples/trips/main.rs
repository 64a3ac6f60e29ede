//! How many round trips a second there are between two places: bare libp2p request-response, our two protocols for
//! requests, and the stream between nodes; over TCP and QUIC, one at a time and many at once, all in one run.
//!
//! ```text
//! cargo run --release -p colony-node --example trips -- [SECONDS]
//! ```
//!
//! Both ends are this process, on the loopback interface. What counts are the ratios to the bare protocol. A stream
//! carries many requests, so it is not compared with what it is made of, but with what it replaces.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::panic,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "measures by the real clock and prints"
)]

mod bare;
mod echo;
mod peers;
mod requests;

use std::time::{Duration, Instant};

use colony_node::{client::Mode, net::Multiaddr};

/// A request and its outcome, about as large as a small submission.
const BYTES: usize = 300;
/// Requests under way.
const AT_ONCE: [usize; 2] = [1, 64];

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1).map_or(3, |text| text.parse().unwrap());
    let span = Duration::from_secs(seconds);
    println!(
        "{BYTES} bytes each way, {seconds} s each; round trips a second, and beside bare request-response"
    );
    for (name, listen) in [("TCP", "/ip4/127.0.0.1/tcp/0"), ("QUIC", "/ip4/127.0.0.1/udp/0/quic-v1")] {
        let listen: Multiaddr = listen.parse().unwrap();
        for at_once in AT_ONCE {
            let bare = bare::measure(&listen, at_once, span).await;
            println!("{name}, {at_once} at once: bare {bare:.0}");
            for (what, rate) in [
                ("a substream for each", requests::measure(&listen, Mode::PerRequest, at_once, span).await),
                ("one stream", requests::measure(&listen, Mode::Stream, at_once, span).await),
                ("the stream between nodes", peers::measure(&listen, at_once, span).await),
            ] {
                println!("  {what}: {rate:.0}, {:.2} of bare", rate / bare);
            }
        }
    }
}

/// How often `ask` is answered in a second, while so many ask.
async fn rate<F>(at_once: usize, span: Duration, ask: impl Fn() -> F + Clone + Send + 'static) -> f64
where
    F: Future<Output = ()> + Send,
{
    // Connections are made and buffers have their size after this.
    for _ in 0..50 {
        ask().await;
    }
    let start = Instant::now();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let ask = ask.clone();
        asking.spawn(async move {
            let mut count = 0_u64;
            while start.elapsed() < span {
                ask().await;
                count += 1;
            }
            count
        });
    }
    let mut sum = 0;
    while let Some(count) = asking.join_next().await {
        sum += count.unwrap();
    }
    sum as f64 / start.elapsed().as_secs_f64()
}
