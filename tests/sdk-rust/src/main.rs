//! Every call of the crate `colonyos` 1.0.5, as its users write them.
//!
//! `sdk-rust suite URL` goes through all of them against a development colony of one node. `sdk-rust cycles URL COLONY
//! PRVKEY COUNT` submits, takes and closes that much work, one after the other, and says each one's id when it is closed.

mod members;
mod objects;
mod work;

use colonyos::{core::Executor, crypto, rpc::RPCError};

/// ColonyOS's documented development keys.
const SERVER: &str = "fcc79953d8a751bf41db661592dc34d30004b1a651ffa0725b03ac227641499d";
const OWNER: &str = "ba949fa134981372d6da62b6a56f336ab4d843b22c02a4257dcf7d0d73097514";
const USER: &str = "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05";
const DEV: &str = "dev";

/// Insists that a call was refused, and with these words.
fn refused<T: std::fmt::Debug>(outcome: Result<T, RPCError>, words: &str) {
    let error = outcome.expect_err("it was not refused");
    assert!(error.to_string().contains(words), "`{error}` does not say `{words}`");
}

/// An approved executor of a colony, and its key.
async fn executor(colony: &str, name: &str, kind: &str, owner: &str) -> String {
    let key = crypto::gen_prvkey();
    let executor = Executor::new(name, &crypto::gen_id(&key), kind, colony);
    let added = colonyos::add_executor(&executor, owner).await.unwrap();
    assert_eq!((added.executorid, added.state), (executor.executorid, colonyos::core::PENDING));
    colonyos::approve_executor(colony, name, owner).await.unwrap();
    key
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["suite", url] => {
            colonyos::set_server_url(&format!("{url}/api"));
            members::colonies().await;
            let key = members::executors().await;
            work::processes(&key).await;
            work::workflows(&key).await;
            work::logs_and_functions(&key).await;
            objects::channels(&key).await;
            objects::blueprints(&key).await;
            println!("all calls worked");
        }
        ["cycles", url, colony, key, count] => {
            colonyos::set_server_url(&format!("{url}/api"));
            work::cycles(colony, key, count.parse().unwrap()).await;
        }
        _ => panic!("sdk-rust suite URL | cycles URL COLONY PRVKEY COUNT"),
    }
}
