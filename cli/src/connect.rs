//! From a context's addresses to a client. Nothing is sent before the first question.

use std::sync::Arc;

use colony_node::{
    client::{Client, Remote},
    net::Multiaddr,
    runtime::Runtime,
};
use colony_protocol::identity::{Identity, SecretKey};

use crate::{error::Failure, hint::Hint};

/// A client of a colony, over a connection of its own.
pub(crate) fn client(
    nodes: &[String],
    colony: Identity,
    key: SecretKey,
    runtime: &Runtime,
) -> Result<Client, Failure> {
    let addresses = nodes.iter().map(|text| address(text)).collect::<Result<Vec<_>, _>>()?;
    Ok(over(addresses, colony, key, runtime))
}

/// The same, to addresses that are known to be sound.
pub(crate) fn over(addresses: Vec<Multiaddr>, colony: Identity, key: SecretKey, runtime: &Runtime) -> Client {
    Client::new(Arc::new(Remote::connect(addresses, runtime.clone())), colony, key, runtime.clone())
}

/// An address of a context.
pub(crate) fn address(text: &str) -> Result<Multiaddr, Failure> {
    text.parse().map_err(|error| {
        Failure::usage(format!("the context names a node at {text}, which is no address: {error}"))
            .hint(Hint::ShowContext)
    })
}
