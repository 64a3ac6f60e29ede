//! Answers each request with the request.

use std::{collections::BTreeSet, sync::Arc};

use colony_node::{
    consensus::Types,
    net::{Caller, Handler, Handling},
    peers::{Colleague, Deciding, Installing},
};
use colony_protocol::{identity::Identity, model::member::StoreId};
use colony_store::{MemberId, Snapshot, Vote};
use futures::FutureExt as _;
use openraft::{
    error::{Fatal, RaftError},
    raft::{AppendEntriesRequest, AppendEntriesResponse, VoteRequest, VoteResponse},
};

/// Echoes clients' requests, and has no engine.
#[derive(Debug, Default)]
pub(crate) struct Echo(pub(crate) BTreeSet<Identity>);

impl Colleague for Echo {
    fn hears(&self, from: &Identity) -> bool {
        self.0.contains(from)
    }

    fn knows(&self, identity: &Identity) -> bool {
        self.hears(identity)
    }

    fn store(&self) -> StoreId {
        StoreId::default()
    }

    fn append(&self, _: AppendEntriesRequest<Types>) -> Deciding<AppendEntriesResponse<MemberId>> {
        async { Err(RaftError::Fatal(Fatal::Stopped)) }.boxed()
    }

    fn vote(&self, _: VoteRequest<MemberId>) -> Deciding<VoteResponse<MemberId>> {
        async { Err(RaftError::Fatal(Fatal::Stopped)) }.boxed()
    }

    fn begin_snapshot(&self) -> Deciding<Box<Snapshot>> {
        async { Err(RaftError::Fatal(Fatal::Stopped)) }.boxed()
    }

    fn install_snapshot(&self, _: Vote, _: openraft::Snapshot<Types>) -> Installing {
        async { Err(Fatal::Stopped) }.boxed()
    }

    fn forwarded(&self, _: Identity, request: Vec<u8>) -> Handling {
        Box::pin(async move { request })
    }
}

impl Handler for Echo {
    fn handle(&self, _: Arc<Caller>, request: Vec<u8>) -> Handling {
        Box::pin(async move { request })
    }

    fn is_member(&self, _: &Identity) -> bool {
        true
    }

    fn overloaded(&self) -> Vec<u8> {
        Vec::new()
    }
}
