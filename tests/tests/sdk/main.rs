//! The clients that people have, unmodified, against the shipped binary; and what no client would send.
//!
//! `.ci/run` installs the Python client; where it is not installed its tests say so and check nothing. `COLONY_PYTHON`
//! names another interpreter that has it.

mod failover;
mod guides;
mod large;
mod mutations;
mod page;
mod plain;
mod python;
mod rust;
mod slow;
mod together;
mod watching;

use colony_protocol::identity::SecretKey;
use colony_tests::{dev::Dev, home::Home};

/// ColonyOS's documented development keys.
const SERVER: &str = "fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d";
const OWNER: &str = "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514";
const EXECUTOR: &str = "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05";

fn key(text: &str) -> SecretKey {
    text.parse().unwrap()
}

/// A development colony with its door open, and where that is.
fn dev(home: &Home) -> (Dev, String) {
    let dev = Dev::start(home, &["--http", "127.0.0.1:0", "--no-executor"]);
    let url = dev.ready()["http"].as_str().unwrap().to_owned();
    (dev, url)
}
