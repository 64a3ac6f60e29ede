//! Joining without a replica: as an executor, which lends this machine at once, or as a user.

use std::path::PathBuf;

use colony_node::{
    client::Client,
    endpoint::{Endpoint, EndpointConfig},
    executor::{ExecutorConfig, OsExecutor},
};
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
    presence::{self, Presence},
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
    let told: Vec<String> = ticket.nodes.iter().map(ToString::to_string).collect();
    let applicant = Applicant { app, home: &home, invitation, names: &names, kind: &kind };
    let (welcome, key_path) = match stop.run_until_cancelled(applicant.ask(args, &told)).await {
        Some(welcome) => welcome?,
        None => return Err(Failure::new("interrupted").exit(Exit::INTERRUPTED)),
    };
    let context = Context {
        colony: ticket.colony_name.to_string(),
        colony_id: ticket.colony,
        key: key_path,
        owner_key: None,
        nodes: reached(&welcome, told),
    };
    let name = home.context_name(&ticket.colony_name, &ticket.colony)?;
    home.choose_context(&name, context.clone())?;
    let me = welcome.member.name;
    output::note(&format!("{me} is {} of {}; commands now use {name}", ticket.role, ticket.colony_name));
    if ticket.role != Role::Executor {
        return Ok(Exit::DONE);
    }
    let chosen = Chosen::open(&home, Some(&name))?;
    let presence = Presence::start(app, &chosen, home.key(&context.key)?, &args.up.place).await?;
    let lent = lend(&presence, me, kind, ticket.colony_name.clone(), stop).await;
    presence.end().await;
    lent
}

/// Who wants to be let in.
struct Applicant<'a> {
    app: &'a App,
    home: &'a Home,
    invitation: &'a Invitation,
    names: &'a [Name],
    kind: &'a Name,
}

impl Applicant<'_> {
    /// Asks where the ticket says; if nobody is there any more, where the network says that the colony is now. Gives the
    /// path of the new member's key, too.
    async fn ask(&self, args: &JoinArgs, told: &[String]) -> Result<(Welcome, PathBuf), Failure> {
        let (app, ticket) = (self.app, &self.invitation.ticket);
        let client = connect::client(told, ticket.colony, self.made_up_key(), &app.runtime)?;
        let failure = match self.ask_by(&client).await {
            Err(failure) if matches!(failure.exit, Exit::UNREACHABLE | Exit::TIMED_OUT) => failure,
            outcome => return outcome,
        };
        let others = presence::discovery(app, &args.up.place, Vec::new())?;
        if others.bootstrap.is_empty() && others.memory.as_ref().is_none_or(|path| !path.exists()) {
            // Nobody else is known who could be asked.
            return Err(failure);
        }
        let config = EndpointConfig { key: self.made_up_key(), listen: Vec::new(), discovery: others };
        let started = Endpoint::start(config, app.runtime.clone()).await;
        let endpoint = started.map_err(|error| Failure::caused(&error))?;
        let outcome = match endpoint.find(&ticket.colony).await {
            Ok(_) => {
                let colony = &ticket.colony_name;
                output::note(&format!("nobody is where the ticket says; {colony} was found elsewhere"));
                self.ask_by(&endpoint.client(ticket.colony, self.made_up_key())).await
            }
            Err(why) => Err(Failure { what: format!("{}; {why}", failure.what), ..failure }),
        };
        endpoint.shutdown().await;
        outcome
    }

    async fn ask_by(&self, client: &Client) -> Result<(Welcome, PathBuf), Failure> {
        let ticket = &self.invitation.ticket;
        let mut path = Home::node_key_path()?;
        let welcome = asking::ask(self.invitation, self.names, |name| {
            path = Home::key_path(&key_name(ticket.role, &ticket.colony_name, name))?;
            let key = self.home.key_or_new(&path, || self.made_up_key())?;
            let member = new_member(&key, name, ticket.role, self.kind);
            Ok((client.with_key(key), member))
        });
        Ok((welcome.await?, path))
    }

    fn made_up_key(&self) -> SecretKey {
        SecretKey::derive(&self.app.runtime.random::<32>())
    }
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
