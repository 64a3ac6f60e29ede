//! What is asked of the node, and not of a colony: in ColonyOS's words, of the server.

use std::sync::Arc;

use colony_protocol::{
    colonyos::{self, Action, Fault},
    identity::Identity,
    model::{Name, json},
    reply::Statistics,
};
use serde_json::{Value, json};

use super::{
    super::{Shared, api::Said},
    Answered,
};
use crate::service::Colony;

/// Answers it.
pub(super) async fn answer(shared: &Arc<Shared>, said: &Said) -> Answered {
    let version = env!("CARGO_PKG_VERSION");
    let value = match &said.ask.action {
        Action::Version => json!({"buildversion": version, "buildtime": "", "msgtype": "versionmsg"}),
        Action::ServerInfo => {
            json!({"buildversion": version, "buildtime": "", "backends": [backend(shared)]})
        }
        other => {
            owner(shared, &said.by)?;
            let served = shared.behind.service.served();
            match other {
                Action::Colonies => colonies(&served)?,
                Action::ServerStatistics => statistics(&served)?,
                Action::Cluster => cluster(shared, &served)?,
                _ => return Err(Fault::new(500, "this is asked of a colony, not of the node")),
            }
        }
    };
    Ok((None, value))
}

/// Whoever has the node's key owns the server.
fn owner(shared: &Shared, by: &Identity) -> Result<(), Fault> {
    if *by == shared.node {
        return Ok(());
    }
    Err(Fault::denied("Access denied, not server owner: that is the key of the node that was asked"))
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
        list.push(colonyos::colony(&colony.desk.id()?, &colony.desk.name()?));
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
