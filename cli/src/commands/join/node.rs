//! Joining as a node: it keeps a replica from now on, and votes if it came as a voter.

use colony_protocol::{
    bounded::Text,
    model::{
        Name,
        member::{MemberKey, NewExecutor, NewMember},
    },
};
use tokio_util::sync::CancellationToken;

use super::{
    super::{
        up::{self, Doors, Host},
        user::too_long,
    },
    Invitation,
    asking::{self, Welcome},
};
use crate::{
    app::App,
    args::JoinArgs,
    connect,
    context::{Context, Home, Joined},
    error::{Exit, Failure},
    hardware,
    hint::Hint,
    nodes, output,
};

/// Joins, and runs the node until Ctrl-C.
pub(super) async fn join(
    app: &App,
    invitation: &Invitation,
    args: &JoinArgs,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    let begun = app.runtime.elapsed();
    let before = name_before(&app.home()?, invitation)?;
    let names = asking::names(invitation, args.name.as_deref().or(before.as_deref()))?;
    let anew = Some(invitation.ticket.colony);
    let mut host = Host::start(app, &args.up, Doors::Open, anew).await?;
    let asked = stop.run_until_cancelled(ask(app, &host, invitation, args, &names)).await;
    let welcome = match asked {
        Some(Ok(welcome)) => welcome,
        Some(Err(failure)) => {
            host.node.shutdown().await;
            return Err(failure);
        }
        None => {
            host.node.shutdown().await;
            return Err(Failure::new("interrupted").exit(Exit::INTERRUPTED));
        }
    };
    let joined = remember(&mut host, invitation, &welcome)?;
    if let Err(error) = host.node.open_colony(&up::config(&joined)?).await {
        let failure = Failure::caused(&error);
        host.node.shutdown().await;
        return Err(failure);
    }
    up::serve(app, host, &args.up, "colony join", begun, stop).await
}

/// A disk that was wiped may come back, under the name it had; one that remembers has nothing to join.
fn name_before(home: &Home, invitation: &Invitation) -> Result<Option<String>, Failure> {
    let file = home.node()?;
    let colony = &invitation.ticket.colony;
    let joined = file.colonies.values().find(|joined| joined.colony_id == *colony);
    match joined {
        Some(joined) if up::has_data(home) && !joined.lost => Err(Failure::usage(format!(
            "this home's node is a member of {} already, as {}",
            joined.colony, joined.name
        ))
        .hint(Hint::Up)),
        joined => Ok(joined.map(|joined| joined.name.clone())),
    }
}

/// Asks where the ticket says; if nobody is there any more, where the network says that the colony is now.
async fn ask(
    app: &App,
    host: &Host,
    invitation: &Invitation,
    args: &JoinArgs,
    names: &[Name],
) -> Result<Welcome, Failure> {
    let ticket = &invitation.ticket;
    let own = format!("/p2p/{}", host.node.peer_id());
    // Who was a member before may stand in the ticket, and would ask itself.
    let others = ticket.nodes.iter().filter(|node| !node.ends_with(&own));
    let told: Vec<String> = others.map(ToString::to_string).collect();
    let failure = match ask_at(app, host, invitation, args, names, &told).await {
        Err(failure) if matches!(failure.exit, Exit::UNREACHABLE | Exit::TIMED_OUT) => failure,
        outcome => return outcome,
    };
    let Some(discovery) = host.node.discovery() else { return Err(failure) };
    match discovery.find(ticket.colony).await {
        Ok(found) => {
            output::note(&format!(
                "nobody is where the ticket says; {} was found elsewhere",
                ticket.colony_name
            ));
            // Only those that the colony's own word names: a ticket shown to anybody else would be theirs to use.
            let nodes = found.nodes.iter().flat_map(|node| &node.addresses);
            let found: Vec<String> =
                nodes.map(ToString::to_string).filter(|node| !node.ends_with(&own)).collect();
            ask_at(app, host, invitation, args, names, &found).await
        }
        Err(why) => Err(Failure { what: format!("{}; {why}", failure.what), ..failure }),
    }
}

async fn ask_at(
    app: &App,
    host: &Host,
    invitation: &Invitation,
    args: &JoinArgs,
    names: &[Name],
    nodes: &[String],
) -> Result<Welcome, Failure> {
    let client = connect::client(nodes, invitation.ticket.colony, host.key.clone(), &app.runtime)?;
    let executor = match &args.up.executor {
        Some(kind) => Some(NewExecutor {
            executor_type: Text::new(kind.as_str()).map_err(too_long)?,
            capabilities: hardware::capabilities(),
        }),
        None => None,
    };
    let member = |name: &Name| NewMember {
        key: MemberKey::of(&host.key),
        name: name.clone(),
        addresses: host.addresses(),
        store: host.node.store_id(),
        executor: executor.clone(),
    };
    asking::ask(invitation, names, |name| Ok((client.clone(), member(name)))).await
}

/// Writes down what the next `colony up` must know.
fn remember(host: &mut Host, invitation: &Invitation, welcome: &Welcome) -> Result<Joined, Failure> {
    let ticket = &invitation.ticket;
    let name = host.home.context_name(&ticket.colony_name, &ticket.colony)?;
    let joined = Joined {
        colony: ticket.colony_name.to_string(),
        colony_id: ticket.colony,
        name: welcome.member.name.to_string(),
        role: welcome.member.role.into(),
        lost: false,
        leaving: false,
        peers: welcome.nodes.iter().map(up::peer).collect(),
    };
    let all = std::iter::once(&welcome.member).chain(&welcome.nodes);
    let known = host.home.contexts()?.contexts.get(&name).cloned();
    let context = Context {
        colony: ticket.colony_name.to_string(),
        colony_id: ticket.colony,
        key: Home::node_key_path()?,
        owner_key: known.and_then(|known| known.owner_key),
        nodes: all
            .flat_map(|node| nodes::nearest(node.addresses.iter().map(ToString::to_string).collect()))
            .collect(),
    };
    host.file.colonies.insert(name.clone(), joined.clone());
    host.home.write_node(&host.file)?;
    host.home.choose_context(&name, context)?;
    Ok(joined)
}
