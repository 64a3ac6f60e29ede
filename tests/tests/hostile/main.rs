//! Nothing an unknown peer sends makes a node panic, grow, or stop serving others (G7).
//!
//! `COLONY_HOSTILE_FRAMES` sets how many malformed frames are thrown; `COLONY_HOSTILE_SEED` which ones.

mod attacker;
mod frames;

use std::{
    io::Write as _,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use attacker::{Attacker, tcp_address};
use colony_tests::{dev::Dev, home::Home, parameter::parameter};
use frames::Frames;

/// Memory may rise once, as buffers and pools fill; this much is room for that, and far less than what the frames would be if
/// they were kept.
const GROWTH_MAX: u64 = 48 * 1024 * 1024;
/// What a good client may wait for a whole command while the attack goes on.
const SERVED_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_frames_neither_end_nor_swell_a_node_nor_lock_others_out() {
    let count = parameter("COLONY_HOSTILE_FRAMES", 10_000);
    let seed = parameter("COLONY_HOSTILE_SEED", 1);
    println!("replay: COLONY_HOSTILE_SEED={seed} COLONY_HOSTILE_FRAMES={count}");
    let home = Home::new();
    let mut dev = Dev::start(&home, &[]);
    let colony = dev.ready()["colonyid"].as_str().unwrap().parse().unwrap();
    let mut attacker = Attacker::new(&dev.listen()).await;
    let mut frames = Frames::new(seed, colony);

    // A tenth of the frames first: pools and buffers have their size then.
    attacker.throw(&mut frames, count / 10).await;
    dev.assert_healthy();
    let before = dev.resident();

    // The rest, while a good client works all the time.
    let good = thread::spawn(move || serve_a_good_client(home));
    attacker.throw(&mut frames, count - count / 10).await;
    attacker.done();
    let (home, slowest, served) = good.join().unwrap();
    println!("a good client was served {served} times meanwhile, the slowest in {slowest:?}");
    assert!(slowest < SERVED_WITHIN, "a good client waited {slowest:?}");

    dev.assert_healthy();
    let grown = dev.resident().saturating_sub(before);
    println!("{} frames, {} connections, memory +{} KiB", count, attacker.connections(), grown / 1024);
    assert!(grown < GROWTH_MAX, "memory grew by {grown} bytes");
    drop(home.run(["exec", "--", "true"]).ok());
}

/// Runs commands until the attack is over; gives the slowest one.
fn serve_a_good_client(home: Home) -> (Home, Duration, u64) {
    let (mut slowest, mut served) = (Duration::ZERO, 0);
    while served == 0 || !attacker::is_over() {
        let started = Instant::now();
        assert_eq!(home.run(["exec", "--", "echo", "served"]).ok().stdout, "served\n");
        slowest = slowest.max(started.elapsed());
        served += 1;
    }
    (home, slowest, served)
}

#[test]
fn bytes_that_are_not_even_libp2p_change_nothing() {
    let home = Home::new();
    let mut dev = Dev::start(&home, &[]);
    let address = tcp_address(&dev.listen());

    // Garbage, half a handshake, and silence, each on many connections held open at once.
    let mut held = Vec::new();
    for round in 0..60_u8 {
        let mut stream = TcpStream::connect(address).unwrap();
        let bytes: &[u8] = match round % 3 {
            0 => &[round; 512],
            1 => b"\x13/multistream/1.0.0\n\x07/noise\n",
            _ => &[],
        };
        // The node may already have closed it: that is its right.
        drop(stream.write_all(bytes));
        held.push(stream);
    }
    assert_eq!(home.run(["exec", "--", "echo", "served"]).ok().stdout, "served\n");
    drop(held);
    dev.assert_healthy();
}
