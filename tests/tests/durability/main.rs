//! `kill -9` at any moment loses nothing that was acknowledged (G1), ends nothing twice (G2, G3) and lets no stale write in (G4).
//!
//! `COLONY_KILL_ROUNDS` sets how often the node is killed (CI 5, by hand 50); `COLONY_KILL_SEED` when, and what is done
//! meanwhile. Everything asked and told is recorded and judged as that of a quorum is, of which a colony of one is the simplest.

use std::{net::TcpListener, sync::Arc};

use colony_node::{
    client::{Client, Remote},
    runtime::{Runtime, Tokio},
};
use colony_protocol::identity::SecretKey;
use colony_tests::{
    crowd::{Door, Mix},
    dev::Dev,
    home::Home,
    observed::clock::Moment,
    parameter::parameter,
    run::Run,
};

/// Connections into the node, shared out among the clients.
const DOORS: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_node_keeps_every_promise() {
    let rounds = parameter("COLONY_KILL_ROUNDS", 5);
    let mut run = Run::new("the only voter killed", "COLONY_KILL_SEED");
    let home = Home::new();
    let place = Place::new(&home);
    let mut dev = place.start(&home);
    let doors: Vec<Door> = (0..DOORS).map(|_| place.door(&dev)).collect();

    // Load, and the power cut in the middle of it. The node is back at once, so that what was under way is asked again with
    // the same request id: it must not be done twice.
    for _ in 0..rounds {
        let crowd = run.crowd(&doors, Mix::ALL).await;
        tokio::time::sleep(run.chance.millis(200, 1_500).to_std()).await;
        dev.assert_healthy();
        dev.kill();
        let killed = Moment::now();
        dev = place.start(&home);
        run.recovered("the node killed", killed).await;
        crowd.stop().await;
        run.look(&doors[0].client).await;
    }

    // Executors alone, until nothing is left to do: everything acknowledged is there and has ended, once.
    run.end(&doors[0].client, &doors).await;
    dev.assert_healthy();
}

/// Where the node is, the same after each restart.
struct Place {
    data: String,
    listen: String,
}

impl Place {
    fn new(home: &Home) -> Self {
        // Free a moment ago; nobody else on this machine is looking for exactly this one.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let data = home.path().join("data").display().to_string();
        Self { data, listen: format!("/ip4/127.0.0.1/tcp/{port}") }
    }

    fn start(&self, home: &Home) -> Dev {
        Dev::start(home, &["--data", &self.data, "--listen", &self.listen, "--no-executor"])
    }

    fn door(&self, dev: &Dev) -> Door {
        let runtime = Runtime::new(Tokio::new());
        let colony = dev.ready()["colonyid"].as_str().unwrap().parse().unwrap();
        let raw = Arc::new(Remote::connect(vec![self.listen.parse().unwrap()], runtime.clone()));
        Door { client: Client::new(Arc::clone(&raw) as _, colony, owner(), runtime), raw }
    }
}

/// The documented key of a development colony's owner.
fn owner() -> SecretKey {
    "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514".parse().unwrap()
}
