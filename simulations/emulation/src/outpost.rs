//! An executor that reaches its colony through a relay, and in no other way.
//!
//! Its host reaches one other: the relay, a node of the colony. It knows one node, a replica that nobody can dial and that
//! holds a place at that relay. So whatever it asks goes over a circuit, and it hears nothing while the relay is away or has
//! forgotten the place. Nothing being broken it works again in time (`works`).

use std::time::Duration;

use colony_node::{client::Client, executor::NoopExecutor, runtime::Runtime};
use libp2p::multiaddr::Protocol;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    colony::{Colony, RELAY, Stuck},
    visitor::{AGAIN, Visitor},
};

/// How long work may take that waits for it, nothing being broken.
const WORKS: Duration = Duration::from_secs(10);
/// The same before anything was broken: the place at the relay is taken once it is known who relays.
const BEGINS: Duration = Duration::from_secs(60);

/// The executor.
#[derive(Debug)]
pub struct Outpost(Visitor);

impl Outpost {
    /// Comes, if the colony has a node that is met through a relay, and does its first work.
    ///
    /// # Errors
    /// [`Stuck`], if it cannot.
    pub async fn start(colony: &mut Colony, owner: &Client) -> Result<Option<Self>, Stuck> {
        let Some(hidden) = colony.seats.iter().find(|seat| seat.is_hidden).and_then(|seat| seat.peer())
        else {
            return Ok(None);
        };
        let relay = colony.seats[RELAY].listens();
        let way = relay.clone().with(Protocol::P2pCircuit).with(Protocol::P2p(hidden));
        let machine = colony.client_machine();
        for (number, seat) in colony.seats.iter().enumerate() {
            if number != RELAY {
                colony.network.wall(machine.address(), seat.address);
            }
        }
        let visitor = Visitor::arrive(machine, owner, "outpost", vec![relay], vec![way]).await?;
        let runtime = visitor.machine.runtime();
        runtime.spawn("outpost", work(visitor.client(), runtime.clone(), visitor.stop.clone()));
        let refused = |why: String| Stuck::Refused { what: "manning an outpost", why };
        visitor.does_work(BEGINS).await.map_err(refused)?;
        colony.trace.note(format_args!("the outpost works"));
        Ok(Some(Self(visitor)))
    }

    /// Nothing being broken, it works.
    pub async fn works(&self, colony: &Colony, broken: &mut Vec<String>) {
        let begun = Instant::now();
        match self.0.does_work(WORKS).await {
            Ok(()) => colony.trace.note(format_args!("the outpost works after {:?}", begun.elapsed())),
            Err(why) => broken.push(format!("relay: the outpost does not work: {why}")),
        }
    }

    /// Goes.
    pub async fn stop(self) {
        self.0.leave().await;
    }
}

/// Asks and works; begins anew when a call fails.
async fn work(client: Client, runtime: Runtime, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if NoopExecutor::new(client.clone(), 1).run(stop.clone()).await.is_err() {
            runtime.sleep(AGAIN).await;
        }
    }
}
