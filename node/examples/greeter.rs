//! An executor of one's own: it takes work of one type, and greets whoever it is asked to greet.
//!
//! ```text
//! greeter ADDRESS COLONYID PRVKEY
//! ```
#![expect(clippy::print_stdout, reason = "a program, not a part of the node")]

use std::{error::Error, sync::Arc};

use colony_node::{
    client::{Client, Remote},
    runtime::{Runtime, Tokio},
};
use colony_protocol::{
    bounded::{Json, List},
    command::{Assign, Closing, LeaseRef},
    model::Process,
    time::Span,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, colony, key] = arguments.as_slice() else {
        return Err("greeter ADDRESS COLONYID PRVKEY".into());
    };
    let runtime = Runtime::new(Tokio::new());
    // Addresses of some members: it learns of the others, and goes on with them when one is lost.
    let remote = Remote::connect(vec![address.parse()?], runtime.clone());
    let client = Client::new(Arc::new(remote), colony.parse()?, key.parse()?, runtime);
    println!("greeter takes work");
    loop {
        // Waits for work, and promises to be heard while it holds some: when it dies, another executor gets it.
        let wait = Span::from_secs(60);
        let ask = Assign { max: 1, wait, heartbeat: Some(wait), ..Assign::default() };
        for process in client.assign(ask).await? {
            println!("greeting for p{}", process.number());
            // Whether it still held the process, the colony says. If it did not, somebody else has it.
            let _ = client.close(vec![greet(&process)?]).await?;
        }
    }
}

/// What the process asks for.
fn greet(process: &Process) -> Result<Closing, Box<dyn Error>> {
    let whom = process.spec.args.first().map(Json::to_value);
    let whom = whom.as_ref().and_then(|whom| whom.as_str()).unwrap_or("nobody");
    Ok(Closing {
        lease: LeaseRef { process: process.id, token: process.token },
        success: true,
        output: List::new(vec![Json::string(&format!("hello {whom}"))])?,
        errors: Default::default(),
        attributes: Default::default(),
        lines: Default::default(),
        receipt: None,
    })
}
