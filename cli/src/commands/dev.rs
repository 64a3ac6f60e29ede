//! `colony dev`: a whole development colony in this process, of one node or several.
//!
//! Its keys are the ones ColonyOS documents, known to everybody. Therefore it listens on this machine alone, whatever
//! is asked.

mod keys;
mod listen;
mod seats;

use std::{net::SocketAddr, num::NonZeroUsize, path::Path, thread, time::Duration};

use colony_node::{
    consensus::ProposeError,
    gateway::{Gateway, GatewayConfig},
    runtime::Runtime,
};
use colony_protocol::{bounded::Text, model::Executor, time::Span};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::keys::Keys;
use super::{
    cluster::{Cluster, Plan},
    executor::{Lending, Loan, lend},
};
use crate::{
    app::App,
    args::DevArgs,
    context::{Context, DEV, Home},
    error::{Exit, Failure},
    hardware,
    hint::Hint,
    nodes, output, stop,
};

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
    let keys = Keys::documented()?;
    let seats = seats::all(&args, &keys, &app.runtime)?;
    let http = listen::http(&args)?;
    let home = app.home()?;
    let stop = stop::on_signals(&app.runtime)?;
    let plan = Plan {
        name: Text::cut(DEV),
        owner: keys.owner.clone(),
        executors: executors(&keys, args.no_executor),
        seats,
    };
    let starting = Cluster::start(&plan, &app.runtime, listen::start_failure);
    let Some(cluster) = stop.run_until_cancelled(starting).await else { return Ok(Exit::INTERRUPTED) };
    let cluster = cluster?;
    let addresses: Vec<String> = cluster.addresses().iter().map(ToString::to_string).collect();
    let gateway = match open_gateway(&cluster, http).await {
        Ok(gateway) => gateway,
        Err(failure) => {
            cluster.shutdown().await;
            return Err(failure);
        }
    };
    let url = gateway.as_ref().map(Gateway::url);
    make_context(&home, &keys, &addresses)?;
    let executor =
        if args.no_executor { None } else { Some(start_executor(&app.runtime, &cluster, &keys, &stop)?) };
    let took = Span::from_micros(
        u64::try_from(app.runtime.elapsed().saturating_sub(begun).as_micros()).unwrap_or(u64::MAX),
    );
    let places = Places { listen: &addresses, http: url.as_deref() };
    tell_ready(app, &keys, places, took, &args)?;
    let failure = tokio::select! {
        biased;
        failure = until_stopped(app, &cluster, &stop) => failure,
        () = ended(executor.as_ref()) => None,
    };
    stop.cancel();
    let lent = match executor {
        Some(executor) => executor.end().await,
        None => Ok(()),
    };
    if let Some(gateway) = gateway {
        gateway.close().await;
    }
    cluster.shutdown().await;
    failure.map_or(lent, Err).map(|()| Exit::DONE)
}

/// Where the colony is reached.
#[derive(Debug, Clone, Copy)]
struct Places<'a> {
    /// By its own members.
    listen: &'a [String],
    /// By ColonyOS's clients.
    http: Option<&'a str>,
}

/// Opens the door for ColonyOS's clients at the first node, whose key owns a ColonyOS server as documented.
async fn open_gateway(cluster: &Cluster, http: Option<SocketAddr>) -> Result<Option<Gateway>, Failure> {
    let (Some(address), Some(first)) = (http, cluster.members.first()) else { return Ok(None) };
    let opened = first.node.open_gateway(GatewayConfig { address, tls: None, memory: None }).await;
    opened.map(Some).map_err(|error| Failure::caused(&error).hint(Hint::DevOnAnyPort))
}

/// Completes when the executor, if there is one, has ended.
async fn ended(executor: Option<&Lending>) {
    match executor {
        Some(executor) => executor.ended().await,
        None => std::future::pending().await,
    }
}

/// Waits for Ctrl-C, or for a store that fails: a node that cannot write serves nobody, and its operator must know.
async fn until_stopped(app: &App, cluster: &Cluster, stop: &CancellationToken) -> Option<Failure> {
    loop {
        for member in &cluster.members {
            let ready = stop.run_until_cancelled(member.node.wait_ready(&cluster.colony)).await?;
            if let Err(ProposeError::Storage(why)) = ready {
                let what = format!("the colony stopped: {why}; what was acknowledged is kept");
                return Some(Failure::new(what));
            }
        }
        stop.run_until_cancelled(app.runtime.sleep(LOOK)).await?;
    }
}

fn executors(keys: &Keys, no_executor: bool) -> Vec<Executor> {
    let documented = Executor {
        id: keys.executor.identity(),
        name: Text::cut(DEV),
        // Where this machine takes no work, what ColonyOS's documentation has it take; else nothing that this machine would.
        executor_type: Text::cut(if no_executor { LOCAL_TYPE } else { DEV }),
        ..Executor::default()
    };
    let local = Executor {
        id: keys.local.identity(),
        name: Text::cut(LOCAL),
        executor_type: Text::cut(LOCAL_TYPE),
        capabilities: hardware::capabilities(),
        ..Executor::default()
    };
    if no_executor { vec![documented] } else { vec![documented, local] }
}

/// Other terminals find the colony without a variable.
fn make_context(home: &Home, keys: &Keys, addresses: &[String]) -> Result<(), Failure> {
    let key = Home::key_path(DEV)?;
    let owner_key = Home::key_path("dev-owner")?;
    home.write_key(&key, &keys.executor)?;
    home.write_key(&owner_key, &keys.owner)?;
    let context = Context {
        colony: DEV.to_owned(),
        colony_id: keys.owner.identity(),
        key,
        owner_key: Some(owner_key),
        nodes: nodes::nearest(addresses.to_vec()),
    };
    let mut contexts = home.contexts()?;
    contexts.contexts.insert(DEV.to_owned(), context);
    contexts.current = Some(DEV.to_owned());
    Ok(home.write_contexts(&contexts)?)
}

/// Starts the executor of this machine.
fn start_executor(
    runtime: &Runtime,
    cluster: &Cluster,
    keys: &Keys,
    stop: &CancellationToken,
) -> Result<Lending, Failure> {
    let loan = Loan {
        name: LOCAL.to_owned(),
        kind: LOCAL_TYPE.to_owned(),
        colony: DEV.to_owned(),
        client: cluster.client(keys.local.clone())?,
        owner: None,
        grace: Some(EXECUTOR_GRACE),
    };
    lend(runtime, loan, stop)
}

fn tell_ready(app: &App, keys: &Keys, places: Places<'_>, took: Span, args: &DevArgs) -> Result<(), Failure> {
    if !app.format().is_human() {
        let ready = json!({
            "event": "ready",
            "colony": DEV,
            "colonyid": keys.owner.identity().to_hex(),
            "http": places.http,
            "listen": places.listen,
            "members": usize::from(args.nodes),
            "millis": took.as_micros() / 1_000,
        });
        return output::data(&ready.to_string());
    }
    output::data(&welcome(places, took, args))
}

fn welcome(places: Places<'_>, took: Span, args: &DevArgs) -> String {
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
    let http = places.http.unwrap_or("none (serve ColonyOS's clients: --http 127.0.0.1:50080)");
    let members = match usize::from(args.nodes) {
        1 => "1 member".to_owned(),
        many => format!("{many} members, any {} of them may fail", (many - 1) / 2),
    };
    format!(
        "colony {} - development colony, {data}\n\
         \x20 colony    {DEV}, {members}, ready in {}\n\
         \x20 listen    {}\n\
         \x20 http      {http}\n\
         \x20 executor  {executor}\n\
         \x20 try       colony exec -- uname -a\n",
        env!("CARGO_PKG_VERSION"),
        output::spoken(took),
        places.listen.join("\n            "),
    )
}
