//! What a colony's engine sends through: one [`PeerLink`] for each member.

use std::{fmt, sync::Arc, time::Duration};

use colony_protocol::{identity::Identity, model::member::StoreId};
use colony_store::{LogId, MemberId, MemberInfo, Vote};
use futures::{FutureExt as _, future::BoxFuture};
use openraft::{
    error::Fatal,
    raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse},
};
use serde::de::DeserializeOwned;

use super::{
    hub::{Hub, Wanted},
    message,
    outbox::{Call, CallError},
    sending,
    whereabouts::where_to,
    wire::{Address, Status, What},
};
use crate::consensus::{LinkError, Links, PeerLink, Reaching, Types};

/// Bytes of entries in one message, if there is more than one entry: on a slow line they must arrive within the time
/// the engine gives one message.
const ENTRIES: usize = 1024 * 1024;

/// The links of one colony.
pub(super) struct EngineLinks {
    pub(super) hub: Arc<Hub>,
    pub(super) colony: Identity,
}

impl fmt::Debug for EngineLinks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineLinks").field("colony", &self.colony).finish_non_exhaustive()
    }
}

impl Links for EngineLinks {
    fn to(&self, member: MemberId, info: &MemberInfo) -> Arc<dyn PeerLink> {
        let line = Line::new(Arc::clone(&self.hub), self.colony, member, info);
        Arc::new(EngineLink { line: Arc::new(line), append: Arc::default() })
    }
}

/// The way to one member of one colony.
pub(super) struct Line {
    hub: Arc<Hub>,
    colony: Identity,
    pub(super) member: MemberId,
    store: StoreId,
    /// Keeps a stream with it wanted.
    _wanted: Option<Wanted>,
}

/// A link to one member.
struct EngineLink {
    line: Arc<Line>,
    /// The append that has not been answered, also if the engine has given it up.
    append: Arc<tokio::sync::Mutex<Option<Appending>>>,
}

/// An append under way.
struct Appending {
    /// Whose entries these are, and the first and last of them.
    entries: (Vote, Option<LogId>, Option<LogId>),
    call: Call,
}

impl fmt::Debug for EngineLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineLink").field("member", &self.line.member).finish_non_exhaustive()
    }
}

impl Line {
    pub(super) fn new(hub: Arc<Hub>, colony: Identity, member: MemberId, info: &MemberInfo) -> Self {
        let wanted = where_to(info).map(|(peer, addresses)| hub.want(member.0, peer, addresses));
        Self { hub, colony, member, store: info.store, _wanted: wanted }
    }

    pub(super) fn unreachable(&self, why: impl ToString) -> LinkError {
        LinkError::Unreachable { member: self.member, why: why.to_string() }
    }

    /// Sends a request, waiting for a stream up to `within`.
    pub(super) async fn call(&self, what: What, body: &[u8], within: Duration) -> Result<Call, LinkError> {
        let session = self.hub.session_within(&self.member.0, within).await;
        let session = session.ok_or_else(|| self.unreachable("there is no connection"))?;
        let address = Address { colony: self.colony, store: self.store, what };
        let call = session.outbox.call(what.class(), address.with(body));
        call.map_err(|error| self.call_error(error))
    }

    pub(super) fn call_error(&self, error: CallError) -> LinkError {
        let member = self.member;
        match error {
            CallError::Unsent(why) => LinkError::Unreachable { member, why },
            CallError::Busy => LinkError::Busy { member },
            CallError::Broken(why) => LinkError::Broken { member, why },
        }
    }

    /// What follows the status of an answer.
    pub(super) fn opened<'a>(&self, answer: &'a [u8]) -> Result<&'a [u8], LinkError> {
        let member = self.member;
        let broken = |why: String| LinkError::Broken { member, why };
        let (status, rest) = Status::split(answer).map_err(|error| broken(error.to_string()))?;
        let text = || String::from_utf8_lossy(rest).into_owned();
        match status {
            Status::Done => Ok(rest),
            Status::Deaf => Err(LinkError::Deaf { member, why: text() }),
            Status::Forgotten => Err(LinkError::Forgotten { member }),
            Status::Busy => Err(LinkError::Busy { member }),
            Status::Stopped => Err(LinkError::Stopped { member, fatal: Box::new(Fatal::Stopped) }),
            Status::Failed => Err(broken(text())),
        }
    }

    /// The value in an answer.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        answer: Result<Vec<u8>, CallError>,
    ) -> Result<T, LinkError> {
        let answer = answer.map_err(|error| self.call_error(error))?;
        let failed =
            |error: message::MessageError| LinkError::Broken { member: self.member, why: error.to_string() };
        message::decode(self.opened(&answer)?).map_err(failed)
    }

    pub(super) fn encode<T: serde::Serialize>(&self, value: &T) -> Result<Vec<u8>, LinkError> {
        message::encode(value).map_err(|error| self.unreachable(error))
    }

    /// Gives a task its time.
    pub(super) async fn within<T>(
        &self,
        within: Duration,
        task: impl Future<Output = Result<T, LinkError>>,
    ) -> Result<T, LinkError> {
        let silent = || LinkError::Silent { member: self.member, within };
        self.hub.runtime.timeout(within, task).await.unwrap_or_else(|| Err(silent()))
    }

    /// How long a stream may take to come into being.
    pub(super) fn attempt(&self) -> Duration {
        self.hub.patience.attempt
    }
}

impl EngineLink {
    /// Sends entries, unless these very entries are on their way already: the engine asks again when an answer takes
    /// longer than it waits, and sending them again and again would never end on a slow line or with a slow disk.
    async fn append(
        &self,
        request: AppendEntriesRequest<Types>,
        within: Duration,
    ) -> Result<Vec<u8>, LinkError> {
        let line = &self.line;
        let last = request.entries.last().map(|entry| entry.log_id);
        let entries = (request.vote, request.prev_log_id, last);
        let mut under_way = self.append.lock().await;
        if let Some(before) = under_way.as_mut() {
            let answer = (&mut before.call).await;
            // An old answer is good for old entries; a heartbeat asks whether the member is there now.
            let is_same = last.is_some() && before.entries == entries;
            *under_way = None;
            if is_same && answer.is_ok() {
                return answer.map_err(|error| line.call_error(error));
            }
        }
        let count = request.entries.len();
        let body = line.encode(&request)?;
        drop(request);
        if body.len() > ENTRIES && count > 1 {
            let entries = fitting(count, body.len());
            return Err(LinkError::TooLarge { member: line.member, entries });
        }
        let call = line.call(What::Append, &body, within).await?;
        let call = &mut under_way.insert(Appending { entries, call }).call;
        let answer = call.await;
        *under_way = None;
        answer.map_err(|error| line.call_error(error))
    }
}

/// How many of so many entries fit, at least one.
fn fitting(count: usize, bytes: usize) -> u64 {
    let fitting = count.saturating_mul(ENTRIES) / bytes.max(1);
    u64::try_from(fitting.clamp(1, count.saturating_sub(1).max(1))).unwrap_or(1)
}

impl PeerLink for EngineLink {
    fn append(
        &self,
        entries: AppendEntriesRequest<Types>,
        within: Duration,
    ) -> Reaching<AppendEntriesResponse<MemberId>> {
        let link = Self { line: Arc::clone(&self.line), append: Arc::clone(&self.append) };
        async move {
            let line = Arc::clone(&link.line);
            line.within(within, async {
                let answer = link.append(entries, within).await?;
                line.read(Ok(answer))
            })
            .await
        }
        .boxed()
    }

    fn vote(&self, ballot: VoteRequest<MemberId>, within: Duration) -> Reaching<VoteResponse<MemberId>> {
        let line = Arc::clone(&self.line);
        async move {
            line.within(within, async {
                let body = line.encode(&ballot)?;
                let answer = line.call(What::Vote, &body, within).await?.await;
                line.read(answer)
            })
            .await
        }
        .boxed()
    }

    fn snapshot(
        &self,
        vote: Vote,
        snapshot: openraft::Snapshot<Types>,
    ) -> BoxFuture<'static, Result<SnapshotResponse<MemberId>, LinkError>> {
        sending::send(Arc::clone(&self.line), vote, snapshot).boxed()
    }
}
