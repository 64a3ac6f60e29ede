//! A colony of one, killed under a crowd: what the crowd and the checker themselves are measured by.

use std::{net::TcpListener, sync::Arc, time::Duration};

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
};

use crate::{run::Run, seed};

/// The documented key of a development colony's owner.
fn owner() -> SecretKey {
    "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514".parse().unwrap()
}

fn start(home: &Home, listen: &str) -> Dev {
    let data = home.path().join("data").display().to_string();
    Dev::start(home, &["--data", &data, "--listen", listen, "--no-executor"])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_colony_of_one_that_is_killed_tells_no_lies() {
    let kills = parameter("COLONY_QUORUM_KILLS", 6).div_ceil(3);
    let mut run = Run::new("one voter", seed());
    let home = Home::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = format!("/ip4/127.0.0.1/tcp/{port}");
    let mut dev = start(&home, &listen);
    let colony = dev.ready()["colonyid"].as_str().unwrap().parse().unwrap();
    let runtime = Runtime::new(Tokio::new());
    let door = || {
        let raw = Arc::new(Remote::connect(vec![listen.parse().unwrap()], runtime.clone()));
        let client = Client::new(Arc::clone(&raw) as _, colony, owner(), runtime.clone());
        Door { client, raw }
    };
    let doors: Vec<Door> = (0..3).map(|_| door()).collect();

    let crowd = run.crowd(&doors, Mix::ALL).await;
    for _ in 0..kills {
        tokio::time::sleep(run.chance.millis(300, 1_500).to_std()).await;
        dev.kill();
        let killed = Moment::now();
        dev = start(&home, &listen);
        run.recovered("kill of the only voter", killed).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    crowd.stop().await;
    run.end(&doors[0].client, &doors).await;
    dev.assert_healthy();
}
