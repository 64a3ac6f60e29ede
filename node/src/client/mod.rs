//! What a member uses to talk to a colony: it signs, sends, retries and decodes.
//!
//! [`Client`] is cheap to clone and works over any [`Transport`]: a libp2p connection, or a direct call within the
//! process. A request that got no answer is sent again with the same request id, to another node where one is known, so
//! it is never carried out twice.

mod channels;
mod local;
mod remote;
#[cfg(test)]
mod tests;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use colony_protocol::{
    bounded::{Bytes, List, Text},
    command::{AddChild, Assign, Closing, Command, LeaseRef, Release, Submission},
    envelope::{Body, EnvelopeError, RequestId, Signed},
    identity::{Identity, SecretKey},
    model::{
        Attribute, LogLine, Process, ProcessId, State, Values, WorkflowId, WorkflowSpec, member::MemberKey,
    },
    query::{self, Query, Selector},
    refusal::Refusal,
    reply::{Answer, LeaseStatus, Reply, Response},
    rpc,
    time::{Span, Timestamp},
};

use crate::{net::Multiaddr, runtime::Runtime};

pub(crate) use channels::whole;
pub use local::Local;
pub use remote::{Mode, Remote};

/// An answer under way.
pub type Answering = Pin<Box<dyn Future<Output = Result<Vec<u8>, TransportError>> + Send>>;

/// Carries the bytes of a signed request to the colony and brings back the bytes of the outcome.
pub trait Transport: Send + Sync + std::fmt::Debug + 'static {
    /// Sends one request; resolves within `timeout`.
    fn call(&self, request: Vec<u8>, timeout: Duration) -> Answering;

    /// How many nodes there are to ask.
    fn nodes(&self) -> usize {
        1
    }

    /// Where more nodes of the colony are.
    fn learn(&self, _addresses: Vec<Multiaddr>) {}
}

/// Why no answer came.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No node could be reached.
    #[error("cannot reach the colony: {0}")]
    Unreachable(String),
    /// A node was reached, but no answer came in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// The connection broke before the answer.
    #[error("the connection broke: {0}")]
    Broken(String),
}

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No answer came.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The colony refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The request could not be signed or encoded.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// The answer is not one to this question.
    #[error("the node answered something else than asked: {0}")]
    Unexpected(&'static str),
}

/// How long a request is valid beyond the time it may wait for work: room for retries across a failover.
const LIFETIME: Span = Span::from_secs(30);
/// How long one attempt waits for an answer beyond the time the request itself may wait.
const ATTEMPT: Duration = Duration::from_secs(10);
/// The same for the first attempt where there is another node to ask; doubled for each further one, so that a colony
/// that is only slow is not asked ever more often.
const STALL: Duration = Duration::from_secs(2);
/// How long a call is tried again after it failed first: an election, or the restart of a node.
const PATIENCE: Duration = Duration::from_secs(15);
/// Pause before the second attempt; doubled for each further one.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
/// The longest such pause.
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);

/// Which of two failures of one call says more: a refusal more than silence, silence more than absence. Of equals the
/// later, so that what is told of a colony without a coordinator does not depend on how fast the machines are.
fn telling(before: Option<ClientError>, now: ClientError) -> ClientError {
    let weight = |failure: &ClientError| match failure {
        ClientError::Transport(TransportError::Unreachable(_)) => 0,
        ClientError::Transport(_) => 1,
        _ => 2,
    };
    match before {
        Some(before) if weight(&before) > weight(&now) => before,
        _ => now,
    }
}

/// A member's connection to one colony.
#[derive(Clone, Debug)]
pub struct Client {
    /// Where bytes go.
    transport: Arc<dyn Transport>,
    /// Who signs.
    key: SecretKey,
    /// The colony asked.
    colony: Identity,
    /// The word for a question: answered as of now, or as the node that got it knows.
    question: &'static str,
    /// Time and randomness.
    runtime: Runtime,
}

impl Client {
    /// A client of `colony` that signs with `key`.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, colony: Identity, key: SecretKey, runtime: Runtime) -> Self {
        Self { transport, key, colony, question: query::KIND, runtime }
    }

    /// The same connection for another member.
    #[must_use]
    pub fn with_key(&self, key: SecretKey) -> Self {
        Self { key, ..self.clone() }
    }

    /// The same connection, whose questions are answered by whichever node gets them, from its own state. It may be
    /// behind, and answers also while the colony has no quorum.
    #[must_use]
    pub fn stale(&self) -> Self {
        Self { question: query::STALE_KIND, ..self.clone() }
    }

    /// Who this client signs as.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.key.identity()
    }

    /// The public half of the key it signs with.
    #[must_use]
    pub fn member_key(&self) -> MemberKey {
        MemberKey::of(&self.key)
    }

    /// The colony it talks to.
    #[must_use]
    pub const fn colony(&self) -> Identity {
        self.colony
    }

    /// The runtime it was made with.
    #[must_use]
    pub const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// [`ClientError`]; after [`ClientError::Transport`] the command may or may not have been applied.
    pub async fn command(&self, command: &Command) -> Result<Reply, ClientError> {
        let wait = if let Command::Assign(assign) = command { assign.wait } else { Span::ZERO };
        let payload = command.encode().map_err(EnvelopeError::from)?;
        match self.call(command.kind(), payload, wait).await? {
            Response::Reply(reply) => Ok(reply),
            Response::Answer(_) => Err(ClientError::Unexpected("an answer to a command")),
        }
    }

    /// Asks a question.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn query(&self, query: &Query) -> Result<Answer, ClientError> {
        self.ask(self.question, query).await
    }

    /// Asks the node at the other end what it knows now. It may be behind, and it may answer when nobody coordinates.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn query_stale(&self, query: &Query) -> Result<Answer, ClientError> {
        self.ask(query::STALE_KIND, query).await
    }

    async fn ask(&self, kind: &str, query: &Query) -> Result<Answer, ClientError> {
        let wait = query.wait();
        let payload = query.encode().map_err(EnvelopeError::from)?;
        match self.call(kind, payload, wait).await? {
            Response::Answer(answer) => Ok(answer),
            Response::Reply(_) => Err(ClientError::Unexpected("a reply to a question")),
        }
    }

    async fn call(&self, kind: &str, payload: Vec<u8>, wait: Span) -> Result<Response, ClientError> {
        let (signed, expires) = self.sign(kind, payload, wait)?;
        let wait = wait.to_std();
        let (mut pause, mut stall) = (RETRY_PAUSE, STALL);
        // Time spent since it failed first, and the failure that says most.
        let (mut spent, mut loudest): (Option<Duration>, Option<ClientError>) = (None, None);
        loop {
            let begun = self.runtime.elapsed();
            let patience = if self.transport.nodes() > 1 { stall.min(ATTEMPT) } else { ATTEMPT };
            // After its expiry the colony refuses the request; an answer cannot come later either.
            let left = expires.since(self.runtime.now()).to_std();
            let attempt = wait.saturating_add(patience).min(left);
            let failure = match self.transport.call(signed.clone(), attempt).await {
                Ok(bytes) => match rpc::decode_outcome(&bytes).map_err(EnvelopeError::from)? {
                    Err(refusal) if self.may_differ_elsewhere(&refusal) => ClientError::Refused(refusal),
                    // It was good when it was sent: somebody held it until it was not.
                    Err(Refusal::Envelope(_) | Refusal::Clock { .. }) if expires <= self.runtime.now() => {
                        TransportError::TimedOut(attempt).into()
                    }
                    outcome => return Ok(outcome?),
                },
                // Nobody listens: trying again at once does not help, and a person waits. But a node that was
                // there a moment ago is probably starting again.
                Err(error @ TransportError::Unreachable(_)) if spent.is_none() => return Err(error.into()),
                Err(error) => ClientError::Transport(error),
            };
            let failure = telling(loudest.take(), failure);
            let took = self.runtime.elapsed().saturating_sub(begun);
            // A long poll that was held for a while had found somebody.
            let before = if took > PATIENCE { Duration::ZERO } else { spent.unwrap_or_default() + took };
            let left = expires.since(self.runtime.now()).to_std();
            if before >= PATIENCE || left <= pause {
                return Err(failure);
            }
            (spent, loudest) = (Some(before + pause), Some(failure));
            self.runtime.sleep(self.jitter(pause)).await;
            pause = pause.saturating_mul(2).min(RETRY_PAUSE_MAX);
            stall = stall.saturating_mul(2);
        }
    }

    /// Whether another node, or the same a little later, may say something else.
    fn may_differ_elsewhere(&self, refusal: &Refusal) -> bool {
        match refusal {
            Refusal::Unavailable(_) | Refusal::Busy(_) => true,
            // This disk has failed, or this node was sent away: the colony's other nodes go on.
            Refusal::Storage(_) => self.transport.nodes() > 1,
            Refusal::Denied { by, .. } => *by != self.identity() && self.transport.nodes() > 1,
            _ => false,
        }
    }

    /// Says where more nodes of the colony are.
    pub fn learn(&self, addresses: Vec<Multiaddr>) {
        self.transport.learn(addresses);
    }

    /// Between half of a pause and all of it, so that those who failed together do not come back together.
    fn jitter(&self, pause: Duration) -> Duration {
        let [random] = self.runtime.random();
        pause.saturating_sub(pause.saturating_mul(u32::from(random)) / 512)
    }

    /// The signed request, and when it expires.
    fn sign(&self, kind: &str, payload: Vec<u8>, wait: Span) -> Result<(Vec<u8>, Timestamp), EnvelopeError> {
        let issued = self.runtime.now();
        let expires = issued.after(wait).after(LIFETIME);
        let body = Body {
            colony: self.colony,
            kind: Text::cut(kind),
            audience: self.colony,
            request: RequestId::from_bytes(self.runtime.random()),
            issued,
            expires,
            grants: List::default(),
            payload: Bytes::new(payload).map_err(|_| EnvelopeError::TooLarge)?,
        };
        Ok((Signed::sign(&body, &self.key)?.to_bytes()?, expires))
    }

    /// Queues work: all items or none.
    ///
    /// # Errors
    /// [`ClientError`]; [`Refusal::Invalid`] names the item and field.
    pub async fn submit(&self, items: Vec<Submission>) -> Result<Vec<ProcessId>, ClientError> {
        let items = bounded("items", items)?;
        match self.command(&Command::Submit { items }).await? {
            Reply::Submitted(ids) => Ok(ids),
            _ => Err(ClientError::Unexpected("to submit")),
        }
    }

    /// Queues a graph of work: all of it or none.
    ///
    /// # Errors
    /// [`ClientError`]; [`Refusal::Invalid`] names the node and field.
    pub async fn submit_workflow(
        &self,
        spec: WorkflowSpec,
        retry_of: Option<WorkflowId>,
    ) -> Result<(WorkflowId, Vec<ProcessId>), ClientError> {
        match self.command(&Command::SubmitWorkflow { spec, retry_of }).await? {
            Reply::WorkflowSubmitted { workflow, processes } => Ok((workflow, processes)),
            _ => Err(ClientError::Unexpected("to submit-workflow")),
        }
    }

    /// Adds a child below a running process.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn add_child(&self, child: AddChild) -> Result<ProcessId, ClientError> {
        match self.command(&Command::AddChild(child)).await? {
            Reply::ChildAdded(id) => Ok(id),
            _ => Err(ClientError::Unexpected("to add-child")),
        }
    }

    /// Asks for work; an empty list means there was none in time.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn assign(&self, ask: Assign) -> Result<Vec<Process>, ClientError> {
        match self.command(&Command::Assign(ask)).await? {
            Reply::Assigned { processes, .. } => Ok(processes),
            _ => Err(ClientError::Unexpected("to assign")),
        }
    }

    /// Says that the caller still works on these.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn renew(&self, leases: Vec<LeaseRef>) -> Result<Vec<LeaseStatus>, ClientError> {
        let leases = bounded("leases", leases)?;
        match self.command(&Command::Renew { leases }).await? {
            Reply::Renewed(statuses) => Ok(statuses),
            _ => Err(ClientError::Unexpected("to renew")),
        }
    }

    /// Ends processes the caller is running; each item has its own outcome.
    ///
    /// # Errors
    /// [`ClientError`] if the request as a whole failed.
    pub async fn close(&self, items: Vec<Closing>) -> Result<Vec<Result<(), Refusal>>, ClientError> {
        let items = bounded("items", items)?;
        match self.command(&Command::Close { items }).await? {
            Reply::Closed(outcomes) => Ok(outcomes),
            _ => Err(ClientError::Unexpected("to close")),
        }
    }

    /// Gives processes the caller holds back to the queue; each item has its own outcome.
    ///
    /// # Errors
    /// [`ClientError`] if the request as a whole failed.
    pub async fn release(&self, items: Vec<Release>) -> Result<Vec<Result<(), Refusal>>, ClientError> {
        let items = bounded("items", items)?;
        match self.command(&Command::Release { items }).await? {
            Reply::Closed(outcomes) => Ok(outcomes),
            _ => Err(ClientError::Unexpected("to release")),
        }
    }

    /// Sets intermediate output.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn set_output(&self, lease: LeaseRef, output: Values) -> Result<(), ClientError> {
        self.command(&Command::SetOutput { lease, output }).await.map(drop)
    }

    /// Adds an attribute.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn add_attribute(&self, lease: LeaseRef, attribute: Attribute) -> Result<(), ClientError> {
        self.command(&Command::AddAttribute { lease, attribute }).await.map(drop)
    }

    /// Adds lines to the log.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn add_log(&self, lease: LeaseRef, lines: Vec<LogLine>) -> Result<(), ClientError> {
        let lines = bounded("lines", lines)?;
        self.command(&Command::AddLog { lease, lines }).await.map(drop)
    }

    /// One process.
    ///
    /// # Errors
    /// [`ClientError`]; [`Refusal::NotFound`] if there is none.
    pub async fn process(&self, selector: Selector) -> Result<Process, ClientError> {
        match self.query(&Query::Process(selector)).await? {
            Answer::Process(process) => Ok(*process),
            _ => Err(ClientError::Unexpected("to process")),
        }
    }

    /// Waits, over as many watches as it takes, until a process is in a terminal state.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn wait(&self, selector: Selector) -> Result<Process, ClientError> {
        let mut state: Option<State> = None;
        loop {
            let watch = Query::Watch {
                process: selector.clone(),
                // Lines are not wanted here: the end of the log is never reached.
                from: u64::MAX,
                state,
                wait: Span::from_secs(30),
            };
            let Answer::Watch { process, .. } = self.query(&watch).await? else {
                return Err(ClientError::Unexpected("to watch"));
            };
            if process.state.is_terminal() {
                return Ok(*process);
            }
            state = Some(process.state);
        }
    }
}

fn bounded<T, const N: usize>(field: &str, items: Vec<T>) -> Result<List<T, N>, ClientError> {
    List::new(items).map_err(|error| Refusal::invalid(field, error.to_string()).into())
}
