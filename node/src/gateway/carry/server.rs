//! What is asked of the node, and not of a colony: in ColonyOS's words, of the server.

use std::sync::Arc;

use colony_protocol::{
    colonyos::{self, Action, Fault, Then},
    command::{ChangeKey, Command},
    identity::Identity,
    model::{Name, json},
    reply::Statistics,
};
use serde_json::{Value, json};

use super::{
    super::{Kept, Memory, Shared, api::Said},
    Answered, Errand,
};
use crate::{node::RemoveError, service::Colony};

/// Most colonies of a node that may be made through the door: each has an election, a log and tasks of its own.
const COLONIES_MAX: usize = 128;

/// Answers it.
pub(super) async fn answer(shared: &Arc<Shared>, said: &Said) -> Answered {
    let version = env!("CARGO_PKG_VERSION");
    let value = match &said.ask.action {
        Action::Version => json!({"buildversion": version, "buildtime": "", "msgtype": "versionmsg"}),
        Action::ServerInfo => {
            json!({"buildversion": version, "buildtime": "", "backends": [backend(shared)]})
        }
        other => {
            let served = shared.behind.service.served();
            owner(shared, &served, &said.by)?;
            match other {
                Action::Change { commands, then } => hand_over(shared, said, served, commands, then).await?,
                Action::AddColony { name, owner } => add(shared, said, name, *owner).await?,
                Action::RemoveColony(name) => {
                    // Nobody may hold on to what is forgotten.
                    drop(served);
                    remove(shared, said, name).await?
                }
                Action::Colonies => colonies(&served)?,
                Action::ServerStatistics => statistics(&served)?,
                Action::Cluster => cluster(shared, &served)?,
                _ => return Err(Fault::new(500, "this is asked of a colony, not of the node")),
            }
        }
    };
    Ok((None, value))
}

/// Whoever has the node's key owns the server, until it gives that to somebody else.
fn owner(shared: &Shared, served: &[Colony], by: &Identity) -> Result<(), Fault> {
    let owns = |colony: &Colony| colony.desk.server_owner().is_ok_and(|owner| owner == *by);
    if served.iter().any(owns) || (served.is_empty() && *by == shared.node) {
        return Ok(());
    }
    Err(Fault::denied("Access denied, not server owner: that is the key of the node that was asked"))
}

/// Makes a colony of this one node, whose owner has its key elsewhere.
async fn add(shared: &Arc<Shared>, said: &Said, name: &Name, owner: Identity) -> Result<Value, Fault> {
    once(shared, said)?;
    let memory = shared.memory.lock().await;
    let served = shared.behind.service.served();
    if served.iter().any(|colony| colony.desk.name().is_ok_and(|known| known == *name)) {
        return Err(Fault::bad(format!("A Colony with name {name} already exists")));
    }
    if served.len() >= COLONIES_MAX {
        return Err(Fault::new(429, format!("this node keeps {COLONIES_MAX} colonies, as many as it may")));
    }
    let made = shared.behind.book.found_for(name.clone(), owner, said.by).await;
    let id = made.map_err(|error| Fault::bad(error.to_string()))?;
    remember(memory.as_ref(), &Kept::Made { id, name: name.clone() })?;
    Ok(colonyos::colony(&owner, name))
}

/// Forgets a colony that only this node keeps, with all that is in it.
async fn remove(shared: &Arc<Shared>, said: &Said, name: &Name) -> Result<Value, Fault> {
    once(shared, said)?;
    let memory = shared.memory.lock().await;
    let served = shared.behind.service.served();
    let found = served.iter().find(|colony| colony.desk.name().is_ok_and(|known| known == *name));
    let id = match found {
        Some(colony) => colony.desk.id()?,
        None => return Err(Fault::bad(format!("Colony with name {name} not found"))),
    };
    drop(served);
    match shared.behind.book.remove(&id).await {
        Ok(()) => {}
        Err(RemoveError::Unknown) => return Err(Fault::bad(format!("Colony with name {name} not found"))),
        Err(shared @ RemoveError::Shared) => return Err(Fault::new(409, shared.to_string())),
        Err(failed @ RemoveError::Forget(_)) => return Err(Fault::new(500, failed.to_string())),
    }
    remember(memory.as_ref(), &Kept::Forgotten(id))?;
    Ok(json!({}))
}

fn remember(memory: Option<&Memory>, kept: &Kept) -> Result<(), Fault> {
    let Some(memory) = memory else { return Ok(()) };
    memory
        .keep(kept)
        .map_err(|why| Fault::new(500, format!("it is done, but the next start will not know: {why}")))
}

/// Refuses what was recorded elsewhere.
fn once(shared: &Shared, said: &Said) -> Result<(), Fault> {
    let Some(from) = said.from else { return Ok(()) };
    shared.replays.note(said.rpc.digest(), from.ip(), shared.behind.runtime.elapsed())
}

/// Gives the server to somebody else. Each colony keeps whose it is for itself.
async fn hand_over(
    shared: &Arc<Shared>,
    said: &Said,
    served: Vec<Colony>,
    commands: &[Command],
    then: &Then,
) -> Result<Value, Fault> {
    let here = |command: &Command| match command {
        Command::ChangeKey(ChangeKey::Server { owner, .. }) => {
            Command::ChangeKey(ChangeKey::Server { node: shared.node, owner: *owner })
        }
        other => other.clone(),
    };
    let commands: Vec<Command> = commands.iter().map(here).collect();
    let mut value = Err(Fault::new(503, "this node serves no colony now"));
    for colony in served {
        let name = colony.desk.name()?;
        value = Ok(Errand { shared, said, colony, name }.change(&commands, then).await?);
    }
    value
}

fn backend(shared: &Shared) -> Value {
    let mut backend =
        json!({"type": "http", "port": shared.address.port(), "host": shared.address.ip().to_string()});
    if shared.secure {
        backend["tls"] = Value::from(true);
    }
    backend
}

fn colonies(served: &[Colony]) -> Result<Value, Fault> {
    let mut list = Vec::new();
    for colony in served {
        list.push(colonyos::colony(&colony.desk.owner_id()?, &colony.desk.name()?));
    }
    Ok(Value::from(list))
}

fn statistics(served: &[Colony]) -> Result<Value, Fault> {
    let mut sum = Statistics::default();
    for colony in served {
        let one = colony.desk.statistics()?;
        sum.executors = sum.executors.saturating_add(one.executors);
        sum.active_executors = sum.active_executors.saturating_add(one.active_executors);
        sum.unregistered_executors = sum.unregistered_executors.saturating_add(one.unregistered_executors);
        for (all, own) in sum.processes.iter_mut().zip(one.processes) {
            *all = all.saturating_add(own);
        }
        for (all, own) in sum.workflows.iter_mut().zip(one.workflows) {
            *all = all.saturating_add(own);
        }
    }
    let mut shown = json::statistics(&sum);
    shown["colonies"] = Value::from(served.len());
    Ok(shown)
}

/// The nodes of all colonies here. Ports of other nodes' doors are not known: they are taken to be as ours.
fn cluster(shared: &Shared, served: &[Colony]) -> Result<Value, Fault> {
    let mut nodes: Vec<(Identity, Value)> = Vec::new();
    let mut leader = Value::Null;
    for colony in served {
        let status = colony.desk.status()?;
        for member in colony.desk.members()? {
            let member = member.member;
            if !member.is_active_node() {
                continue;
            }
            let address = member.addresses.first().map(|address| address.as_str()).unwrap_or_default();
            let shown = node(shared, &member.name, address);
            if status.coordinator == Some(member.id) && leader.is_null() {
                leader = shown.clone();
            }
            if !nodes.iter().any(|(id, _)| *id == member.id) {
                nodes.push((member.id, shown));
            }
        }
    }
    let nodes: Vec<Value> = nodes.into_iter().map(|(_, node)| node).collect();
    Ok(json!({"nodes": nodes, "leader": leader}))
}

/// `/ip4/192.0.2.1/tcp/50081` has the host in its second place and the port in its fourth.
fn node(shared: &Shared, name: &Name, address: &str) -> Value {
    let parts: Vec<&str> = address.split('/').skip(1).collect();
    let port = parts.get(3).and_then(|port| port.parse::<u16>().ok()).unwrap_or_default();
    json!({
        "name": name.as_str(),
        "host": parts.get(1).copied().unwrap_or_default(),
        "port": port,
        "peerport": port,
        "relayport": port,
        "apiport": shared.address.port(),
    })
}
