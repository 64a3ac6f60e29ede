//! The beginning of a stream: both ends say hello. See [`super::hub`] for who may use which stream.

use std::sync::Arc;

use colony_protocol::{identity::Identity, model::member::Path};
use futures::{
    AsyncReadExt as _,
    io::{ReadHalf, WriteHalf},
};
use libp2p::{PeerId, Stream, swarm::ConnectionId};
use tokio_util::sync::CancellationToken;

use super::{
    hub::{Hub, Theirs},
    session::Session,
    talk::Talk,
    twin::SECOND,
    wire::{FRAME_MAX, HEAD, Head, Kind},
};
use crate::net::{
    budget::Budget,
    dial::{Door, PeerStream},
    frame::{FrameError, Header, Parser, Reader, Writer},
    identity_of,
};

/// Memory for frames on their way into messages: the one that is being read, and those that came with it.
const FRAMES: usize = 8 * (HEAD + FRAME_MAX);

/// The two halves of a stream, framed.
pub(super) struct Framed {
    pub(super) reader: Reader<ReadHalf<Stream>>,
    pub(super) writer: Writer<WriteHalf<Stream>>,
}

impl Framed {
    fn new(stream: Stream, hub: &Hub) -> Self {
        let (read, write) = stream.split();
        let parser = Parser::new(Header::Numbered, FRAME_MAX, Budget::new(FRAMES));
        Self {
            reader: Reader::new(read, parser, hub.runtime.clone()),
            writer: Writer::new(write, FRAME_MAX, hub.runtime.clone()),
        }
    }

    /// Says hello as this run of the node.
    async fn say_hello(&mut self, run: u64) -> Result<(), FrameError> {
        self.writer.push_parts(run, &[&Head::plain(Kind::Hello).bytes()])?;
        while !self.writer.is_idle() {
            self.writer.progress().await?;
        }
        Ok(())
    }

    /// Hears which run of its node the other end is.
    async fn hear_hello(&mut self) -> Result<u64, String> {
        let frame = self.reader.next().await.map_err(|error| error.to_string())?;
        let frame = frame.ok_or("the stream was refused")?;
        let bytes = frame.bytes.ok_or("the stream was refused")?;
        match Head::split(&bytes) {
            Ok((Head { kind: Kind::Hello, .. }, _)) => Ok(frame.number),
            _ => Err("it did not say hello".to_owned()),
        }
    }
}

/// Says hello on a stream we opened over a connection of its own, and uses it if the other end agrees. Whoever calls
/// bounds the time.
pub(super) async fn say(hub: &Arc<Hub>, node: Identity, stream: PeerStream) -> Result<(), String> {
    let closing = Closing { hub, connection: Some(stream.connection) };
    let is_used = say_on(hub, node, stream).await?;
    if is_used {
        closing.keep();
    }
    Ok(())
}

/// Says hello on a stream we opened. Says whether it is in use.
async fn say_on(hub: &Arc<Hub>, node: Identity, stream: PeerStream) -> Result<bool, String> {
    let PeerStream { connection, path, stream, .. } = stream;
    let Some(hello) = hub.begin_hello(&node, path) else { return Ok(false) };
    let said = Said { hub, node, hello };
    let mut framed = Framed::new(stream, hub);
    let agreed = said.hello.run_until_cancelled(async {
        framed.say_hello(hub.run).await.map_err(|error| error.to_string())?;
        framed.hear_hello().await
    });
    let run = agreed.await.unwrap_or_else(|| Err("the other end's stream was first".to_owned()))?;
    if run == SECOND {
        hub.found_second(&node);
        return Err("it knows another process with this node's key".to_owned());
    }
    let session = Session::new(node, run, connection, path, hub.runtime.elapsed(), &hub.closing);
    let is_used = hub.install_own(&said.hello, &session);
    if is_used {
        hub.runtime.spawn("peer stream", Talk::new(Arc::clone(hub), session, framed).run());
    }
    Ok(is_used)
}

/// Our hello, until it is answered or given up.
struct Said<'a> {
    hub: &'a Arc<Hub>,
    node: Identity,
    hello: CancellationToken,
}

impl Drop for Said<'_> {
    fn drop(&mut self) {
        self.hub.end_hello(&self.node);
    }
}

/// Closes a connection that came to nothing.
struct Closing<'a> {
    hub: &'a Arc<Hub>,
    connection: Option<ConnectionId>,
}

impl Closing<'_> {
    fn keep(mut self) {
        self.connection = None;
    }
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection {
            let dialer = self.hub.dialer.clone();
            self.hub.runtime.spawn("peer farewell", async move { dialer.close(connection).await });
        }
    }
}

/// Answers the hello of others.
pub(super) struct Porter(pub(super) Arc<Hub>);

impl Door for Porter {
    fn arrive(&self, stream: PeerStream) {
        let hub = &self.0;
        // Strangers get no buffer: the stream is dropped here.
        let Some(node) = identity_of(&stream.peer).filter(|node| hub.hears(node)) else {
            tracing::debug!(peer = %stream.peer, "a stranger opened a stream of nodes");
            return;
        };
        let Some(ticket) = hub.hellos.admit(stream.peer) else { return };
        let closing = hub.closing.clone();
        let hub = Arc::clone(hub);
        let runtime = hub.runtime.clone();
        runtime.spawn("peer hello", async move {
            let limit = hub.patience.attempt;
            let answered = hub.runtime.timeout(limit, answer(&hub, node, stream));
            if let Some(Some(Err(why))) = closing.run_until_cancelled(answered).await {
                tracing::debug!(node = %node.to_hex(), %why, "a stream was not agreed on");
            }
            drop(ticket);
        });
    }

    fn better(&self, peer: PeerId, connection: ConnectionId, path: Path) {
        let hub = &self.0;
        let Some(node) = identity_of(&peer) else { return };
        if hub.session(&node).is_some_and(|session| session.is_relayed()) {
            let (hub, closing) = (Arc::clone(hub), hub.closing.clone());
            let runtime = hub.runtime.clone();
            runtime.spawn("peer improvement", async move {
                closing.run_until_cancelled(improve(&hub, peer, node, connection, path)).await;
            });
        }
    }

    fn knows(&self, peer: &PeerId) -> bool {
        identity_of(peer).is_some_and(|node| self.0.knows(&node))
    }
}

/// Says hello over a connection that is a better way than the stream in use. The other end may do the same over the same
/// connection, so it stays whatever comes of this.
async fn improve(hub: &Arc<Hub>, peer: PeerId, node: Identity, connection: ConnectionId, path: Path) {
    let attempt = async {
        let stream = hub.dialer.open(peer, connection, path).await?;
        say_on(hub, node, stream).await
    };
    let done = hub.runtime.timeout(hub.patience.attempt, attempt).await;
    if let Err(why) = done.unwrap_or_else(|| Err("no answer in time".to_owned())) {
        tracing::debug!(node = %node.to_hex(), %why, "a stream did not leave its relay");
    }
}

/// Hears the hello of a peer on a stream it opened, and says hello if we agree.
async fn answer(hub: &Arc<Hub>, node: Identity, stream: PeerStream) -> Result<(), String> {
    let PeerStream { peer, connection, path, stream } = stream;
    let mut framed = Framed::new(stream, hub);
    let run = framed.hear_hello().await?;
    let session = Session::new(node, run, connection, path, hub.runtime.elapsed(), &hub.closing);
    match hub.install_theirs(&peer, &session) {
        Theirs::Installed => {
            // The hello is the first frame of the stream's own task: nothing goes out before it.
            session.outbox.plain(Kind::Hello, hub.run);
            hub.runtime.spawn("peer stream", Talk::new(Arc::clone(hub), session, framed).run());
            Ok(())
        }
        Theirs::Later => Err("our own stream was first".to_owned()),
        Theirs::Unclear => Err("another run of that node may be alive".to_owned()),
        Theirs::Second { is_news } => {
            if is_news {
                tracing::error!(
                    node = %node.to_hex(),
                    ?path,
                    "two processes use the key of one member: a home was copied, and both copies run; the second is \
                     not let in"
                );
            }
            framed.say_hello(SECOND).await.map_err(|error| error.to_string())
        }
    }
}
