//! Joining without a replica: as an executor, which lends this machine at once, or as a user.

use colony_node::executor::{ExecutorConfig, OsExecutor};
use colony_protocol::{
    bounded::Text,
    identity::SecretKey,
    model::{
        Name,
        member::{Addresses, MemberKey, NewExecutor, NewMember, Role, StoreId},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    super::user::too_long,
    Invitation,
    asking::{self, Welcome},
};
use crate::{
    app::App,
    args::JoinArgs,
    connect,
    context::{Chosen, Context, Home},
    error::{Exit, Failure},
    hardware, nodes, output,
    presence::Presence,
};

/// The type of an executor unless another was asked for: what `colony exec` asks for.
const TYPE: &str = "cli";

/// Joins; an executor then takes work until Ctrl-C.
pub(super) async fn join(
    app: &App,
    invitation: &Invitation,
    args: &JoinArgs,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    let ticket = &invitation.ticket;
    let home = app.home()?;
    let names = asking::names(invitation, args.name.as_deref())?;
    let kind: Name = Text::new(args.up.executor.as_deref().unwrap_or(TYPE)).map_err(too_long)?;
    let ask: Vec<String> = ticket.nodes.iter().map(ToString::to_string).collect();
    let client =
        connect::client(&ask, ticket.colony, SecretKey::derive(&app.runtime.random::<32>()), &app.runtime)?;
    let mut key_path = Home::node_key_path()?;
    let asked = asking::ask(invitation, &names, |name| {
        key_path = Home::key_path(&key_name(ticket.role, &ticket.colony_name, name))?;
        let key = home.key_or_new(&key_path, || SecretKey::derive(&app.runtime.random::<32>()))?;
        let member = new_member(&key, name, ticket.role, &kind);
        Ok((client.with_key(key), member))
    });
    let welcome = match stop.run_until_cancelled(asked).await {
        Some(welcome) => welcome?,
        None => return Err(Failure::new("interrupted").exit(Exit::INTERRUPTED)),
    };
    let context = Context {
        colony: ticket.colony_name.to_string(),
        colony_id: ticket.colony,
        key: key_path,
        owner_key: None,
        nodes: reached(&welcome, ask),
    };
    let name = home.context_name(&ticket.colony_name, &ticket.colony)?;
    home.choose_context(&name, context.clone())?;
    let me = welcome.member.name;
    output::note(&format!("{me} is {} of {}; commands now use {name}", ticket.role, ticket.colony_name));
    if ticket.role != Role::Executor {
        return Ok(Exit::DONE);
    }
    let chosen = Chosen::open(&home, Some(&name))?;
    let presence = Presence::start(app, &chosen, home.key(&context.key)?, &args.up.place.listen).await?;
    let lent = lend(&presence, me, kind, ticket.colony_name.clone(), stop).await;
    presence.end().await;
    lent
}

fn new_member(key: &SecretKey, name: &Name, role: Role, kind: &Name) -> NewMember {
    let executor = (role == Role::Executor)
        .then(|| NewExecutor { executor_type: kind.clone(), capabilities: hardware::capabilities() });
    NewMember {
        key: MemberKey::of(key),
        name: name.clone(),
        addresses: Addresses::default(),
        store: StoreId::default(),
        executor,
    }
}

/// Where the colony is reached from now on; the ticket's own addresses if it told none.
fn reached(welcome: &Welcome, ticket: Vec<String>) -> Vec<String> {
    let told: Vec<String> = welcome
        .nodes
        .iter()
        .flat_map(|node| nodes::nearest(node.addresses.iter().map(ToString::to_string).collect()))
        .collect();
    if told.is_empty() { ticket } else { told }
}

/// The key's file: where `colony executor start --name` looks for it, or beside it.
fn key_name(role: Role, colony: &Name, name: &Name) -> String {
    let plain = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '-' })
            .collect()
    };
    match role {
        Role::Executor => format!("executor-{}", plain(name)),
        _ => format!("{}-{}", plain(colony), plain(name)),
    }
}

async fn lend(
    presence: &Presence,
    name: Name,
    kind: Name,
    colony: Name,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    let config = ExecutorConfig::new(name.clone(), kind.clone(), colony.clone());
    output::note(&format!(
        "{name} takes work of type {kind} for {colony}: {} at a time; Ctrl-C stops it, and \
         `colony executor start --name {name} --type {kind}` starts it again",
        config.parallel
    ));
    let hints = presence.hints(name, kind).await;
    let executor = OsExecutor::new(config, presence.client()).with_hints(hints);
    executor.run(stop).await.map_err(|error| Failure::caused(&error))?;
    Ok(Exit::DONE)
}
