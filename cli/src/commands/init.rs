//! `colony init`: founds a colony in this home, so that `colony up` only has to serve it.
//!
//! Makes the owner's key, a user's key for everyday commands, the node's key and the node's store with the colony in
//! it, whose quorum is this node alone. Nothing listens yet. Every step finds what an earlier, interrupted run has
//! made, so running it again completes it.

use std::env;

use colony_node::node::{ColonyConfig, Data, Founding, LOG_KEPT, Node, NodeConfig, REPLACE_AFTER};
use colony_protocol::{
    bounded::Text,
    identity::SecretKey,
    model::{Name, User},
};
use serde_json::json;

use super::{up, user::too_long};
use crate::{
    app::App,
    args::{InitArgs, RoleWord},
    context::{Context, Home, Joined},
    error::{Exit, Failure},
    hint::Hint,
    names, output,
    place::{self, Place},
};

/// The user's name where the system tells none.
const NOBODY_KNOWN: &str = "operator";

/// What the colony is made of.
struct Plan {
    home: Home,
    /// The name of its context.
    context: String,
    owner: SecretKey,
    user: SecretKey,
    /// What this node is called.
    node: Name,
    name: Name,
}

/// Founds it.
pub(super) async fn run(app: &App, args: InitArgs) -> Result<Exit, Failure> {
    let plan = plan(app, &args)?;
    let places = found(app, &args, &plan).await?;
    remember(&plan)?;
    tell(app, &plan, &places)?;
    Ok(Exit::DONE)
}

fn plan(app: &App, args: &InitArgs) -> Result<Plan, Failure> {
    let home = app.home()?;
    if let Some(joined) = home.node()?.colonies.values().find(|joined| joined.colony == args.name) {
        let what = format!("this home's node is a member of {} already, as {}", joined.colony, joined.name);
        return Err(Failure::usage(what).hint(Hint::Up));
    }
    let new = || SecretKey::derive(&app.runtime.random::<32>());
    let owner = home.key_or_new(&Home::key_path(&format!("{}-owner", args.name))?, new)?;
    let user = home.key_or_new(&Home::key_path(&args.name)?, new)?;
    let context = home.context_name(&args.name, &owner.identity())?;
    let node = args.node_name.clone().unwrap_or_else(names::of_this_host);
    Ok(Plan {
        home,
        context,
        owner,
        user,
        node: Text::new(node).map_err(too_long)?,
        name: Text::new(args.name.as_str()).map_err(too_long)?,
    })
}

/// Makes the store with the colony in it.
async fn found(app: &App, args: &InitArgs, plan: &Plan) -> Result<Vec<Place>, Failure> {
    let mut file = plan.home.node()?;
    let key =
        plan.home.key_or_new(&Home::node_key_path()?, || SecretKey::derive(&app.runtime.random::<32>()))?;
    let places = place::settle(&args.place.listen, &file.listen, &app.runtime)?;
    file.listen = places.iter().map(ToString::to_string).collect();
    file.timing = args.place.timing.unwrap_or(file.timing);
    // Looked at now, so that what is wrong with it is said here and not at the first start.
    up::secure(&args.place, &mut file, &places)?;
    let login = env::var("USER").ok().filter(|name| !name.is_empty());
    let founding = Founding {
        owner: plan.owner.clone(),
        name: plan.name.clone(),
        member: plan.node.clone(),
        executors: Vec::new(),
        users: vec![User {
            id: plan.user.identity(),
            name: Text::cut(login.as_deref().unwrap_or(NOBODY_KNOWN)),
            ..User::default()
        }],
    };
    let config = NodeConfig {
        key,
        data: Data::Directory(plan.home.data()),
        listen: Vec::new(),
        relay: false,
        tls: None,
        timing: file.timing.into(),
        replace_after: REPLACE_AFTER,
        log_kept: LOG_KEPT,
        bootstrap: Vec::new(),
        lab: false,
        colonies: vec![ColonyConfig { id: plan.owner.identity(), found: Some(founding), peers: Vec::new() }],
    };
    let node = Node::start(config, app.runtime.clone()).await;
    let node = node.map_err(|error| up::start_failure(error, &plan.home, &file))?;
    node.shutdown().await;
    plan.home.write_node(&file)?;
    Ok(places)
}

fn remember(plan: &Plan) -> Result<(), Failure> {
    let mut file = plan.home.node()?;
    let joined = Joined {
        colony: plan.name.to_string(),
        colony_id: plan.owner.identity(),
        name: plan.node.to_string(),
        role: RoleWord::Voter,
        lost: false,
        leaving: false,
        peers: Vec::new(),
    };
    file.colonies.insert(plan.context.clone(), joined);
    plan.home.write_node(&file)?;
    let context = Context {
        colony: plan.name.to_string(),
        colony_id: plan.owner.identity(),
        key: Home::key_path(&plan.name)?,
        owner_key: Some(Home::key_path(&format!("{}-owner", plan.name))?),
        // The node writes them when it is up and knows them.
        nodes: Vec::new(),
    };
    Ok(plan.home.choose_context(&plan.context, context)?)
}

fn tell(app: &App, plan: &Plan, places: &[Place]) -> Result<(), Failure> {
    let listen: Vec<String> = places.iter().map(ToString::to_string).collect();
    let owner_key = plan.home.path().join(Home::key_path(&format!("{}-owner", plan.name))?);
    if !app.format().is_human() {
        let made = json!({
            "event": "founded",
            "colony": plan.name.as_str(),
            "colonyid": plan.owner.identity().to_hex(),
            "name": plan.node.as_str(),
            "ownerkey": owner_key,
            "listen": listen,
        });
        return output::data(&made.to_string());
    }
    output::data(&format!(
        "{} is founded; its first node is {}\n\
         \x20 owner key {} (whoever has it decides who belongs to the colony: keep a copy)\n\
         \x20 listens   {}\n\
         \x20 next      {}\n\
         \x20 then      {} (prints a ticket for another machine: colony join TICKET)\n",
        plan.name,
        plan.node,
        owner_key.display(),
        listen.join(" "),
        Hint::Up.command(&app.flags),
        Hint::Invite { role: "voter", name: None }.command(&app.flags),
    ))
}
