//! `colony dev`: a whole development colony in this process.
//!
//! Its keys are the ones ColonyOS documents, known to everybody. Therefore it listens on this machine alone, whatever
//! is asked.

mod keys;
mod listen;

use std::{num::NonZeroUsize, path::Path, thread, time::Duration};

use colony_node::{
    consensus::{ProposeError, Timing},
    executor::{ExecutorConfig, OsExecutor},
    node::{ColonyConfig, Data, Founding, Node, NodeConfig, REPLACE_AFTER},
};
use colony_protocol::{
    bounded::Text,
    identity::Identity,
    model::{Executor, Name},
    time::Span,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::keys::Keys;
use crate::{
    app::App,
    args::DevArgs,
    context::{Context, Home},
    error::{Exit, Failure},
    hardware, output, stop,
};

/// The colony's name, and the context's.
const NAME: &str = "dev";
/// The executor of this machine.
const LOCAL: &str = "local";
/// What `colony exec` asks for.
const LOCAL_TYPE: &str = "cli";
/// How long running programs may go on after Ctrl-C: a development colony is not worth waiting for.
const EXECUTOR_GRACE: Duration = Duration::from_secs(1);

/// How often a running node is asked whether it can still write.
const LOOK: Duration = Duration::from_secs(1);

/// Runs it until Ctrl-C.
pub(super) async fn run(app: &App, args: DevArgs) -> Result<Exit, Failure> {
    let begun = app.runtime.elapsed();
    let listen = listen::addresses(&args.listen)?;
    let keys = Keys::documented()?;
    let home = app.home()?;
    let stop = stop::on_signals(&app.runtime)?;
    let config = NodeConfig {
        key: keys.server.clone(),
        data: args.data.clone().map_or(Data::Memory, Data::Directory),
        listen,
        timing: Timing::Local,
        replace_after: REPLACE_AFTER,
        colonies: vec![ColonyConfig {
            id: keys.owner.identity(),
            found: Some(founding(&keys, args.no_executor)),
            peers: Vec::new(),
        }],
    };
    let node = Node::start(config, app.runtime.clone()).await.map_err(listen::start_failure)?;
    let addresses: Vec<String> = node.addresses().iter().map(ToString::to_string).collect();
    make_context(&home, &keys, &addresses)?;
    let executor = (!args.no_executor).then(|| start_executor(app, &node, &keys, &stop));
    let took = Span::from_micros(
        u64::try_from(app.runtime.elapsed().saturating_sub(begun).as_micros()).unwrap_or(u64::MAX),
    );
    tell_ready(app, &keys, &addresses, took, &args)?;
    let failure = until_stopped(app, &node, &keys.owner.identity(), &stop).await;
    stop.cancel();
    if let Some(ended) = executor {
        ended.cancelled().await;
    }
    node.shutdown().await;
    failure.map_or(Ok(Exit::DONE), Err)
}

/// Waits for Ctrl-C, or for a store that fails: a node that cannot write serves nobody, and its operator must know.
async fn until_stopped(
    app: &App,
    node: &Node,
    colony: &Identity,
    stop: &CancellationToken,
) -> Option<Failure> {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            () = app.runtime.sleep(LOOK) => {}
        }
        if let Err(ProposeError::Storage(why)) = node.wait_ready(colony).await {
            return Some(Failure::new(format!("the colony stopped: {why}; what was acknowledged is kept")));
        }
    }
}

fn founding(keys: &Keys, no_executor: bool) -> Founding {
    let documented = Executor {
        id: keys.executor.identity(),
        name: Text::cut(NAME),
        executor_type: Text::cut(NAME),
        ..Executor::default()
    };
    let local = Executor {
        id: keys.local.identity(),
        name: Text::cut(LOCAL),
        executor_type: Text::cut(LOCAL_TYPE),
        capabilities: hardware::capabilities(),
        ..Executor::default()
    };
    let executors = if no_executor { vec![documented] } else { vec![documented, local] };
    Founding {
        owner: keys.owner.clone(),
        name: Text::cut(NAME),
        member: Text::cut("node"),
        executors,
        users: Vec::new(),
    }
}

/// Other terminals find the colony without a variable.
fn make_context(home: &Home, keys: &Keys, addresses: &[String]) -> Result<(), Failure> {
    let key = Home::key_path(NAME)?;
    let owner_key = Home::key_path("dev-owner")?;
    home.write_key(&key, &keys.executor)?;
    home.write_key(&owner_key, &keys.owner)?;
    let context = Context {
        colony: NAME.to_owned(),
        colony_id: keys.owner.identity(),
        key,
        owner_key: Some(owner_key),
        nodes: nearest(addresses),
    };
    let mut contexts = home.contexts()?;
    contexts.contexts.insert(NAME.to_owned(), context);
    contexts.current = Some(NAME.to_owned());
    Ok(home.write_contexts(&contexts)?)
}

/// The addresses worth trying from this machine. Where nobody listens TCP says so at once, and QUIC only by silence.
fn nearest(addresses: &[String]) -> Vec<String> {
    let tcp: Vec<String> = addresses.iter().filter(|address| address.contains("/tcp/")).cloned().collect();
    if tcp.is_empty() { addresses.to_vec() } else { tcp }
}

/// Starts the executor of this machine; the token says when it has ended.
fn start_executor(app: &App, node: &Node, keys: &Keys, stop: &CancellationToken) -> CancellationToken {
    let mut config = ExecutorConfig::new(name(LOCAL), name(LOCAL_TYPE), name(NAME));
    config.grace = EXECUTOR_GRACE;
    let executor = OsExecutor::new(config, node.client(keys.owner.identity(), keys.local.clone()));
    let ended = CancellationToken::new();
    let (stop, done) = (stop.clone(), ended.clone());
    app.runtime.spawn("local executor", async move {
        if let Err(error) = executor.run(stop.clone()).await {
            output::report(&Failure::new(format!("the executor {LOCAL} cannot run: {error}")), &[]);
            stop.cancel();
        }
        done.cancel();
    });
    ended
}

fn name(text: &str) -> Name {
    Text::cut(text)
}

fn tell_ready(
    app: &App,
    keys: &Keys,
    addresses: &[String],
    took: Span,
    args: &DevArgs,
) -> Result<(), Failure> {
    if !app.format().is_human() {
        let ready = json!({
            "event": "ready",
            "colony": NAME,
            "colonyid": keys.owner.identity().to_hex(),
            "http": null,
            "listen": addresses,
            "members": 1,
            "millis": took.as_micros() / 1_000,
        });
        return output::data(&ready.to_string());
    }
    output::data(&welcome(addresses, took, args))
}

fn welcome(addresses: &[String], took: Span, args: &DevArgs) -> String {
    let data = match args.data.as_deref().map(Path::display) {
        Some(directory) => format!("data in {directory}"),
        None => "data in memory (keep it: --data ./colony)".to_owned(),
    };
    let executor = if args.no_executor {
        "none (lend this machine: colony executor start --name worker --type cli)".to_owned()
    } else {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        format!("{LOCAL}, type {LOCAL_TYPE}, {cores} programs at a time")
    };
    format!(
        "colony {} - development colony, {data}\n\
         \x20 colony    {NAME}, 1 member, ready in {}\n\
         \x20 listen    {}\n\
         \x20 executor  {executor}\n\
         \x20 try       colony exec -- uname -a\n",
        env!("CARGO_PKG_VERSION"),
        output::spoken(took),
        addresses.join("\n            "),
    )
}
