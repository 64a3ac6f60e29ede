//! One message: from the bytes of a request to the text of its reply.

use std::{net::SocketAddr, sync::Arc};

use axum::body::Bytes;
use colony_protocol::{
    colonyos::{self, Action, Ask, Fault, Place, Rpc},
    identity::{Identity, Signature},
};

use super::{Shared, carry, meter};
use crate::runtime::Busy;

/// A message that was read, and whose signer is known.
#[derive(Debug)]
pub(super) struct Said {
    /// As it came.
    pub(super) rpc: Rpc,
    /// Who signed it; nobody if it needs no signature.
    pub(super) by: Identity,
    /// The signature.
    pub(super) signature: Signature,
    /// From where.
    pub(super) from: Option<SocketAddr>,
    /// What it asks.
    pub(super) ask: Ask,
}

/// Answers one message.
pub(super) async fn answer(
    shared: &Arc<Shared>,
    from: Option<SocketAddr>,
    body: Bytes,
) -> Result<String, Fault> {
    let runtime = &shared.behind.runtime;
    let begun = runtime.elapsed();
    let reader = Arc::clone(shared);
    let said = runtime.compute(move || read(&reader, &body, from, open)).await.map_err(busy)??;
    let class = meter::class(&said.rpc.kind);
    let answered = carry::out(shared, &said).await;
    shared.meter.count(class, runtime.elapsed().saturating_sub(begun), answered.is_err());
    let (kind, value) = answered?;
    Ok(colonyos::reply(kind.unwrap_or(said.rpc.kind.as_str()), &value))
}

/// Reads a message and finds out who signed it. `open` makes an ask of it, once that is known.
pub(super) fn read<T>(
    shared: &Shared,
    body: &[u8],
    from: Option<SocketAddr>,
    open: impl FnOnce(Rpc, Identity, Signature, Option<SocketAddr>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let rpc = Rpc::parse(body)?;
    let (by, signature) = if rpc.is_open() {
        (Identity::NOBODY, Signature([0; colony_protocol::identity::SIGNATURE_LEN]))
    } else {
        let signature = rpc.signature()?;
        let by = match from {
            Some(connection) => shared.signers.recover(connection, &signature, &rpc.digest()),
            None => signature.recover(&rpc.digest()),
        };
        (by.map_err(|error| Fault::denied(format!("Failed verify signature: {error}")))?, signature)
    };
    open(rpc, by, signature, from)
}

fn open(rpc: Rpc, by: Identity, signature: Signature, from: Option<SocketAddr>) -> Result<Said, Fault> {
    let ask = match rpc.kind.as_str() {
        "" => {
            return Err(Fault::denied(
                "the request names no payloadtype: it must be that of the message in it",
            ));
        }
        // Its message is not even looked at.
        "getserverinfomsg" => {
            Ask { place: Place::Server, action: Action::ServerInfo, executor: Default::default() }
        }
        kind => colonyos::read(kind, &rpc.message()?)?,
    };
    Ok(Said { rpc, by, signature, from, ask })
}

/// There is no processor to look at it.
pub(super) fn busy(busy: Busy) -> Fault {
    Fault::new(503, busy.to_string())
}
