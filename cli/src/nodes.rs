//! The nodes a context knows: refreshed whenever a colony tells who its nodes are.
//!
//! A context with several nodes outlives any of them: what one does not answer another does.

use colony_protocol::{identity::Identity, model::member::MemberView};

use crate::{app::App, context::Chosen, error::Failure};

/// Most addresses a context keeps. They are tried in turn, so more would only make "nobody is there" slower to learn.
const NODES_MAX: usize = 16;

/// Addresses of a colony's nodes; those of `first`, who is nearest, before others.
pub(crate) fn addresses(members: &[MemberView], first: Option<Identity>) -> Vec<String> {
    let mut nodes: Vec<&MemberView> = members.iter().filter(|view| view.member.is_active_node()).collect();
    nodes.sort_by_key(|view| Some(view.member.id) != first);
    let mut addresses: Vec<String> = nodes
        .into_iter()
        .flat_map(|view| nearest(view.member.addresses.iter().map(ToString::to_string).collect()))
        .collect();
    addresses.truncate(NODES_MAX);
    addresses
}

/// The addresses worth trying. Where nobody listens TCP says so at once, and QUIC only by silence.
pub(crate) fn nearest(addresses: Vec<String>) -> Vec<String> {
    let tcp: Vec<String> = addresses.iter().filter(|address| address.contains("/tcp/")).cloned().collect();
    if tcp.is_empty() { addresses } else { tcp }
}

/// Writes a colony's nodes into the context that was used, if they are others than it has.
pub(crate) fn refresh(app: &App, chosen: &Chosen, members: &[MemberView]) -> Result<(), Failure> {
    let home = app.home()?;
    let mut contexts = home.contexts()?;
    let Some(context) = contexts.contexts.get_mut(&chosen.name) else { return Ok(()) };
    let first = home.key(&crate::context::Home::node_key_path()?).ok().map(|key| key.identity());
    let nodes = addresses(members, first);
    if nodes.is_empty() || context.nodes == nodes || context.colony_id != chosen.context.colony_id {
        return Ok(());
    }
    context.nodes = nodes;
    Ok(home.write_contexts(&contexts)?)
}
