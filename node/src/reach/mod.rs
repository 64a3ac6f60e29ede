//! Being reachable, whatever stands between this node and the others.
//!
//! The network's room of reach knows the facts and carries out orders. Here is decided what to order: [`Supervisor`] is
//! the decision, a pure function of what is seen and of time, and [`supervise`] is the task around it, which only waits
//! for news. It asserts each minute that the places at relays are still there, makes them again when they are not, lets a
//! direct connection take the place of one through a relay, and doubts everything at once when this machine slept or
//! moved.
//!
//! What may never happen: a node that is reached through relays and has lost its places without trying again; a relay
//! asked again and again without pause.

mod supervisor;
mod telling;
mod told;

use std::time::Duration;

use libp2p::{Multiaddr, PeerId};
use tokio::sync::watch;

pub use supervisor::{Candidate, Look, Plan, Rules, Supervisor};
pub(crate) use telling::{keep_told, texts};
pub use told::told;

use crate::{net::reach::Handle, runtime::Runtime};

/// Between two looks at least: what happens together is looked at together.
const PAUSE: Duration = Duration::from_millis(20);
/// How often those who know relays are asked, while one is missing; otherwise it waits for the next assertion.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Knows nodes that may relay.
pub trait Relays: Send + Sync + 'static {
    /// Nodes that may be used as relays, the preferred first.
    fn known(&self) -> Vec<Candidate>;
}

impl Relays for Vec<Candidate> {
    fn known(&self) -> Vec<Candidate> {
        self.clone()
    }
}

/// Keeps a swarm reachable until it is gone, and shows what to tell others of its addresses.
pub async fn supervise(
    me: PeerId,
    handle: Handle,
    relays: impl Relays,
    addresses: watch::Sender<Vec<Multiaddr>>,
    runtime: Runtime,
) {
    let mut supervisor = Supervisor::new(Rules { seed: u64::from_be_bytes(runtime.random()) });
    let mut sights = handle.sight();
    // A node is among the nodes of its colonies, and no relay for itself.
    let others = || {
        let mut known = relays.known();
        known.retain(|candidate| candidate.peer != me);
        known
    };
    let (mut known, mut asked) = (others(), runtime.elapsed());
    loop {
        let now = runtime.elapsed();
        if now.saturating_sub(asked) >= ASK_AGAIN {
            (known, asked) = (others(), now);
        }
        let plan = {
            let sight = sights.borrow_and_update();
            let told = told(&sight, me);
            addresses.send_if_modified(|known| {
                let is_new = *known != told;
                *known = told;
                is_new
            });
            supervisor.look(&Look { now, wall: runtime.now(), sight: &sight, known: &known })
        };
        for order in plan.orders {
            tracing::debug!(?order, "reach");
            if !handle.order(order).await {
                return;
            }
        }
        let longest = if plan.is_short { ASK_AGAIN } else { Duration::MAX };
        let wait = plan.again.saturating_sub(now).min(longest);
        runtime.sleep(PAUSE).await;
        tokio::select! {
            biased;
            news = sights.changed() => if news.is_err() { return },
            () = runtime.sleep(wait) => {}
        }
    }
}
