//! Word of a colony among swarms: what spreads, what does not, and who is listened to.

use std::sync::{Arc, Mutex};

use colony_node::{
    announcements::{Electorate, Hearing, Office},
    net::{
        NetLimits, Network, PeerId,
        gossip::{Ear, Seat, Verdict},
    },
    runtime::Runtime,
};
use colony_protocol::{
    announcement::{Announcement, SignedAnnouncement},
    bounded::List,
    identity::{Identity, SecretKey},
    time::{Span, Timestamp},
};

use crate::support::{PATIENCE, TCP, runtime, start};

const COLONY: Identity = Identity::from_bytes([7; 32]);

/// Accepts everything and remembers it.
#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<Vec<u8>>>);

impl Ear for Recorder {
    fn hear(&self, _from: PeerId, message: &[u8]) -> Verdict {
        self.0.lock().unwrap().push(message.to_vec());
        Verdict::Accept
    }
}

impl Recorder {
    fn heard(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().clone()
    }
}

/// One voter.
#[derive(Debug)]
struct Voter(Identity);

impl Electorate for Voter {
    fn office(&self, who: &Identity) -> Office {
        if *who == self.0 { Office::Voter } else { Office::Stranger }
    }

    fn term(&self) -> Option<u64> {
        Some(1)
    }
}

fn voter() -> SecretKey {
    SecretKey::derive(b"voter")
}

fn word(key: &SecretKey, sequence: u64, issued: Timestamp) -> Vec<u8> {
    let pause = Span::from_millis(100);
    let announcement =
        Announcement { colony: COLONY, term: 1, sequence, issued, pause, waiting: List::default() };
    SignedAnnouncement::sign(&announcement, key).unwrap().to_bytes().unwrap()
}

/// A swarm that listens.
async fn swarm(runtime: &Runtime) -> Network {
    start(&[TCP], NetLimits::default(), runtime).await.unwrap().0
}

/// Lets the first know the second as a possible neighbour.
async fn introduce(one: &Network, other: &Network) {
    one.gossip().introduce(COLONY, vec![(other.peer(), other.addresses())]).await;
}

async fn join(network: &Network, ear: &Arc<impl Ear>) -> Seat {
    network.gossip().join(COLONY, Arc::clone(ear) as Arc<dyn Ear>).await
}

/// Waits until a swarm has so many mesh peers.
async fn meshed(network: &Network, peers: usize) {
    for _ in 0..1_000 {
        if network.gossip().neighbourhood(COLONY).await.mesh >= peers {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no mesh of {peers}: {:?}", network.gossip().neighbourhood(COLONY).await);
}

/// Says a word again and again, numbered, until it is heard: a mesh may just be in the making.
async fn heard_of(from: &Network, ear: &Recorder, key: &SecretKey, first: u64, runtime: &Runtime) -> u64 {
    let begun = runtime.elapsed();
    for sequence in first.. {
        let message = word(key, sequence, runtime.now());
        from.gossip().publish(COLONY, message.clone()).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        if ear.heard().contains(&message) {
            return sequence;
        }
        assert!(runtime.elapsed() - begun < PATIENCE, "a genuine word was never heard");
    }
    unreachable!()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_and_old_words_are_not_passed_on_and_genuine_ones_are() {
    let runtime = runtime();
    let (speaker, middle, end) = (swarm(&runtime).await, swarm(&runtime).await, swarm(&runtime).await);
    let judge = Arc::new(Hearing::new(COLONY, Arc::new(Voter(voter().identity())), runtime.clone()));
    let (deaf, ear) = (Arc::new(Recorder::default()), Arc::new(Recorder::default()));
    let _seats = (join(&speaker, &deaf).await, join(&middle, &judge).await, join(&end, &ear).await);
    // A chain: what reaches the end went through the middle.
    introduce(&speaker, &middle).await;
    introduce(&end, &middle).await;
    meshed(&middle, 2).await;
    let sequence = heard_of(&speaker, &ear, &voter(), 1, &runtime).await;

    // One forged word costs trust, but the next genuine one is heard: everybody may be deceived once.
    let forged = word(&SecretKey::derive(b"stranger"), 1_000, runtime.now());
    speaker.gossip().publish(COLONY, forged.clone()).await;
    let old = word(&voter(), sequence, runtime.now());
    speaker.gossip().publish(COLONY, old.clone()).await;
    let late = word(&voter(), 1_001, runtime.now().before(Span::from_secs(3_600)));
    speaker.gossip().publish(COLONY, late.clone()).await;
    let sequence = heard_of(&speaker, &ear, &voter(), sequence + 1, &runtime).await;
    let heard = ear.heard();
    assert!(![forged, old, late].iter().any(|message| heard.contains(message)));

    // Whoever goes on is not listened to any more.
    for number in 0..3 {
        let forged = word(&SecretKey::derive(b"stranger"), 2_000 + number, runtime.now());
        speaker.gossip().publish(COLONY, forged).await;
    }
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let genuine = word(&voter(), sequence + 1, runtime.now());
    speaker.gossip().publish(COLONY, genuine.clone()).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(!ear.heard().contains(&genuine), "a forger was listened to");
    assert!(runtime.shutdown(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_keeps_only_the_topics_it_takes_part_in() {
    let runtime = runtime();
    let (many, one) = (swarm(&runtime).await, swarm(&runtime).await);
    let (flood, ear) = (Arc::new(Recorder::default()), Arc::new(Recorder::default()));
    let mut seats = Vec::new();
    for number in 0..300_u16 {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&number.to_le_bytes());
        seats.push(many.gossip().join(Identity::from_bytes(bytes), Arc::clone(&flood) as _).await);
        if number == 100 {
            seats.push(join(&many, &flood).await);
        }
    }
    seats.push(join(&one, &ear).await);
    introduce(&one, &many).await;
    meshed(&one, 1).await;
    heard_of(&many, &ear, &voter(), 1, &runtime).await;
    let mut first = [0; 32];
    first[0] = 1;
    let unknown = one.gossip().neighbourhood(Identity::from_bytes(first)).await;
    assert_eq!((unknown.listening, unknown.mesh), (0, 0));
    // Beyond the most it takes part in, it does not even say so.
    assert!(many.gossip().neighbourhood(COLONY).await.mesh == 1);
    assert!(runtime.shutdown(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_gives_up_the_seat_leaves_the_topic() {
    let runtime = runtime();
    let (speaker, listener) = (swarm(&runtime).await, swarm(&runtime).await);
    let ear = Arc::new(Recorder::default());
    let (_stays, goes) = (join(&speaker, &ear).await, join(&listener, &ear).await);
    introduce(&listener, &speaker).await;
    meshed(&speaker, 1).await;
    drop(goes);
    for _ in 0..1_000 {
        if speaker.gossip().neighbourhood(COLONY).await.listening == 0 {
            assert!(runtime.shutdown(PATIENCE).await);
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("still listening");
}
