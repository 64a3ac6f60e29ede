//! From a request of another node to its answer.

use std::sync::Arc;

use colony_protocol::identity::Identity;
use colony_store::MemberId;
use futures::{FutureExt as _, future::BoxFuture};
use openraft::error::{Fatal, RaftError};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    hub::Seat,
    message::{self, MessageError},
    receiving::{self, ReceiveError},
    wire::{ADDRESS, Status, What},
};
use crate::runtime::Runtime;

/// Messages above this size are decoded on the pool: a large one takes as long as a heartbeat may.
const LARGE: usize = 64 * 1024;

/// Why a request of another node was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum ServeError {
    /// The engine has stopped.
    #[error("the engine has stopped")]
    Stopped,
    /// It was not understood.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// A snapshot could not be received.
    #[error(transparent)]
    Receive(#[from] ReceiveError),
}

impl From<RaftError<MemberId>> for ServeError {
    fn from(_: RaftError<MemberId>) -> Self {
        // These calls have no other error than that the engine is gone.
        Self::Stopped
    }
}

impl From<Fatal<MemberId>> for ServeError {
    fn from(_: Fatal<MemberId>) -> Self {
        Self::Stopped
    }
}

/// Carries out an admitted request; `bytes` is all of it, its address included.
pub(super) fn serve(
    seat: Arc<Seat>,
    from: Identity,
    what: What,
    mut bytes: Vec<u8>,
    runtime: Runtime,
) -> BoxFuture<'static, Vec<u8>> {
    async move {
        if what == What::Forward {
            bytes.drain(..ADDRESS.min(bytes.len()));
            return Status::Done.with(&seat.colleague.forwarded(from, bytes).await);
        }
        match engine(&seat, what, bytes, &runtime).await {
            Ok(answer) => Status::Done.with(&answer),
            Err(ServeError::Stopped) => Status::Stopped.with(&[]),
            Err(error) => Status::Failed.with(error.to_string().as_bytes()),
        }
    }
    .boxed()
}

async fn engine(seat: &Seat, what: What, bytes: Vec<u8>, runtime: &Runtime) -> Result<Vec<u8>, ServeError> {
    let colleague = &seat.colleague;
    match what {
        What::Append => {
            let entries =
                if bytes.len() > LARGE { elsewhere(bytes, runtime).await? } else { decode(&bytes)? };
            encode(&colleague.append(entries).await?)
        }
        What::Vote => encode(&colleague.vote(decode(&bytes)?).await?),
        What::SnapshotBegin => encode(&receiving::begin(seat, decode(&bytes)?).await?),
        What::SnapshotSlice => encode(&receiving::slice(seat, decode(&bytes)?).await?),
        What::SnapshotEnd => encode(&receiving::end(seat, decode(&bytes)?).await?),
        // Handled above.
        What::Forward => Err(MessageError::Empty.into()),
    }
}

fn decode<T: DeserializeOwned>(request: &[u8]) -> Result<T, MessageError> {
    message::decode(request.get(ADDRESS..).unwrap_or_default())
}

fn encode<T: Serialize>(answer: &T) -> Result<Vec<u8>, ServeError> {
    Ok(message::encode(answer)?)
}

/// Decodes a large message on the pool, or here if the pool is full: a coordinator that is not answered is deposed.
async fn elsewhere<T>(bytes: Vec<u8>, runtime: &Runtime) -> Result<T, MessageError>
where
    T: DeserializeOwned + Send + 'static,
{
    let shared = Arc::new(bytes);
    let work = Arc::clone(&shared);
    match runtime.compute(move || decode(&work)).await {
        Ok(decoded) => decoded,
        Err(_) => decode(&shared),
    }
}
