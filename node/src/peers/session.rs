//! A stream in use, as everybody but its own task sees it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use colony_protocol::{identity::Identity, model::member::Path};
use libp2p::swarm::ConnectionId;
use tokio_util::sync::CancellationToken;

use super::{PathInfo, outbox::Outbox};

/// A stream with another node.
#[derive(Debug)]
pub(super) struct Session {
    /// Who is at the other end.
    pub(super) peer: Identity,
    /// Which run of the peer's node it is.
    pub(super) run: u64,
    /// The connection that carries it.
    pub(super) connection: ConnectionId,
    /// What waits to be sent.
    pub(super) outbox: Arc<Outbox>,
    /// Set when it must end.
    pub(super) end: CancellationToken,
    path: Path,
    since: Duration,
    /// When the peer was last heard, in microseconds.
    heard: AtomicU64,
    /// The last round trip in microseconds; 0 if none has been measured.
    rtt: AtomicU64,
    /// Whether the peer owes a sign of life for too long.
    silent: AtomicBool,
    /// Set when another has taken its place, and it only ends what it has begun.
    retired: AtomicBool,
}

impl Session {
    /// A stream that begins `now`.
    pub(super) fn new(
        peer: Identity,
        run: u64,
        connection: ConnectionId,
        path: Path,
        now: Duration,
        closing: &CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            peer,
            run,
            connection,
            outbox: Arc::default(),
            end: closing.child_token(),
            path,
            since: now,
            heard: AtomicU64::new(micros(now)),
            rtt: AtomicU64::new(0),
            silent: AtomicBool::new(false),
            retired: AtomicBool::new(false),
        })
    }

    /// Whether the peer is there, as far as is known.
    pub(super) fn is_alive(&self) -> bool {
        !self.silent.load(Ordering::Relaxed) && !self.end.is_cancelled()
    }

    /// Whether it goes through a relay, so that any other way is better.
    pub(super) fn is_relayed(&self) -> bool {
        self.path == Path::Relayed
    }

    /// Another takes its place: a lost one ends at once, and one that only was the worse way ends what it has begun.
    pub(super) fn replaced_by(&self, other: &Self) {
        if self.is_alive() && self.is_relayed() && !other.is_relayed() {
            self.retired.store(true, Ordering::Relaxed);
        } else {
            self.end.cancel();
        }
    }

    /// Whether another has taken its place.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    /// When the peer was last heard.
    pub(super) fn heard(&self) -> Duration {
        Duration::from_micros(self.heard.load(Ordering::Relaxed))
    }

    /// The peer was heard now.
    pub(super) fn hear(&self, now: Duration) {
        self.heard.store(micros(now), Ordering::Relaxed);
    }

    /// A round trip was measured.
    pub(super) fn measured(&self, rtt: Duration) {
        self.rtt.store(micros(rtt).max(1), Ordering::Relaxed);
    }

    /// Says whether the peer is silent; tells whether that is new.
    pub(super) fn set_silent(&self, silent: bool) -> bool {
        self.silent.swap(silent, Ordering::Relaxed) != silent
    }

    /// How the peer is reached.
    pub(super) fn path(&self) -> PathInfo {
        let rtt = self.rtt.load(Ordering::Relaxed);
        PathInfo {
            path: self.path,
            rtt: (rtt > 0).then(|| Duration::from_micros(rtt)),
            since: self.since,
            heard: self.heard(),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
