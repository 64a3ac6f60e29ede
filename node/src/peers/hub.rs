//! Who is there: the colonies of this node, the other nodes it knows, and the one stream with each of them.
//!
//! Both ends of a pair may open a stream, also at the same moment; exactly one must stay. Whoever opens one says hello
//! first and uses it when the other has said hello too. Who is said hello to agrees, with one exception: it has said
//! hello itself on a stream of its own and has the smaller peer id. Nobody opens a stream while it has one that works,
//! unless that goes through a relay and the new one does not; so a new one means that the old one is lost to the other
//! end or the worse way, and takes its place.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use colony_protocol::{identity::Identity, model::member::Path};
use libp2p::{Multiaddr, PeerId};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Colleague,
    connector::Connector,
    patience::Patience,
    receiving::Receiving,
    session::Session,
    twin::{self, Claim, Rival},
    wire::{Address, Status},
};
use crate::{
    net::{Census, dial::Dialer, quota::Quota, reach},
    runtime::Runtime,
};

/// Streams on which one peer may be about to say hello: one, and one that has been given up at the other end.
const HELLOS_PER_PEER: usize = 2;
/// The same for all peers.
const HELLOS: usize = 256;

/// Everything the tasks of this room share.
pub(super) struct Hub {
    pub(super) me: PeerId,
    pub(super) identity: Identity,
    /// Which run of this node this is.
    pub(super) run: u64,
    pub(super) patience: Patience,
    pub(super) runtime: Runtime,
    pub(super) dialer: Dialer,
    /// Set when everything must end.
    pub(super) closing: CancellationToken,
    /// Streams on which hello is about to be said.
    pub(super) hellos: Arc<Quota>,
    /// The connections of the network below.
    pub(super) network: OnceLock<reach::Handle>,
    /// Who is told of processes that use another's key.
    pub(super) census: OnceLock<Census>,
    colonies: Mutex<BTreeMap<Identity, Arc<Seat>>>,
    nodes: Mutex<BTreeMap<Identity, Node>>,
    reachable: watch::Sender<Arc<BTreeSet<Identity>>>,
    wishes: AtomicU64,
    /// Who knows another process with this node's key.
    second: watch::Sender<Option<Identity>>,
}

/// What becomes of a hello that a peer has said on a stream it opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theirs {
    /// The stream is in use from now on.
    Installed,
    /// Ours goes first.
    Later,
    /// Another run of its node may be alive.
    Unclear,
    /// Another run of its node is alive. Says whether that is news.
    Second { is_news: bool },
}

/// A colony of this node.
pub(super) struct Seat {
    pub(super) colleague: Arc<dyn Colleague>,
    /// The snapshot that is coming in.
    pub(super) receiving: tokio::sync::Mutex<Option<Receiving>>,
}

/// Another node.
struct Node {
    /// The stream in use.
    session: watch::Sender<Option<Arc<Session>>>,
    /// Where it may be reached; `None` if nobody wants to.
    addresses: watch::Sender<Option<Vec<Multiaddr>>>,
    /// Who wants to reach it, and where they know it to be.
    wishes: BTreeMap<Wish, Vec<Multiaddr>>,
    /// Another run that wanted to take this one's place.
    rival: Option<Rival>,
    /// Ends our own hello on a stream we opened, if we have said it and wait.
    hello: Option<CancellationToken>,
    /// Whether a task sees to it that there is a stream.
    is_attended: bool,
}

/// Who wants to reach a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    /// A colony, for as long as the node is a member.
    Colony(Identity),
    /// A link or a request, for as long as it exists.
    Passing(u64),
}

/// A passing wish to reach a node, until dropped.
pub(crate) struct Wanted {
    hub: Arc<Hub>,
    node: Identity,
    wish: Wish,
}

impl Hub {
    pub(super) fn new(
        me: PeerId,
        identity: Identity,
        patience: Patience,
        dialer: Dialer,
        runtime: Runtime,
    ) -> Arc<Self> {
        Arc::new(Self {
            me,
            identity,
            run: u64::from_le_bytes(runtime.random()) >> 1,
            patience,
            runtime,
            dialer,
            closing: CancellationToken::new(),
            hellos: Quota::new(HELLOS_PER_PEER, HELLOS),
            network: OnceLock::new(),
            census: OnceLock::new(),
            colonies: Mutex::default(),
            nodes: Mutex::default(),
            reachable: watch::Sender::new(Arc::default()),
            wishes: AtomicU64::new(0),
            second: watch::Sender::new(None),
        })
    }

    pub(super) fn serve(&self, colony: Identity, colleague: Arc<dyn Colleague>) {
        let seat = Seat { colleague, receiving: tokio::sync::Mutex::default() };
        lock(&self.colonies).insert(colony, Arc::new(seat));
    }

    pub(super) fn forget(self: &Arc<Self>, colony: &Identity) {
        lock(&self.colonies).remove(colony);
        self.keep(*colony, BTreeMap::new());
    }

    /// Lets go of all colonies. They hold this in turn, so whoever forgets to would keep them for ever.
    pub(super) fn forget_all(&self) {
        lock(&self.colonies).clear();
    }

    /// The colony a request is for, if its sender is heard there; otherwise the answer that it is not.
    pub(super) fn admit(&self, from: &Identity, address: &Address) -> Result<Arc<Seat>, Vec<u8>> {
        let deaf = |why: &str| Status::Deaf.with(why.as_bytes());
        let seat = lock(&self.colonies).get(&address.colony).cloned();
        let seat = seat.ok_or_else(|| deaf("it does not take part in the colony"))?;
        if !seat.colleague.hears(from) {
            return Err(deaf("this node is no voter or learner to it"));
        }
        if seat.colleague.store() != address.store {
            return Err(Status::Forgotten.with(&[]));
        }
        Ok(seat)
    }

    /// Whether an identity is a member of any colony.
    pub(super) fn knows(&self, identity: &Identity) -> bool {
        let seats: Vec<_> = lock(&self.colonies).values().cloned().collect();
        seats.iter().any(|seat| seat.colleague.knows(identity))
    }

    /// Whether any colony hears a node.
    pub(super) fn hears(&self, node: &Identity) -> bool {
        let seats: Vec<_> = lock(&self.colonies).values().cloned().collect();
        seats.iter().any(|seat| seat.colleague.hears(node))
    }

    /// A colony wants to reach these nodes and no others.
    pub(super) fn keep(
        self: &Arc<Self>,
        colony: Identity,
        wanted: BTreeMap<Identity, (PeerId, Vec<Multiaddr>)>,
    ) {
        let wish = Wish::Colony(colony);
        let mut nodes = lock(&self.nodes);
        let unwanted: Vec<Identity> = nodes
            .iter()
            .filter(|(id, node)| node.wishes.contains_key(&wish) && !wanted.contains_key(id))
            .map(|(id, _)| *id)
            .collect();
        for id in unwanted {
            drop_wish(&mut nodes, &id, wish);
        }
        for (id, (peer, addresses)) in wanted {
            self.want_in(&mut nodes, id, peer, wish, addresses);
        }
    }

    /// Wants to reach a node until the result is dropped.
    pub(super) fn want(self: &Arc<Self>, node: Identity, peer: PeerId, addresses: Vec<Multiaddr>) -> Wanted {
        let wish = Wish::Passing(self.wishes.fetch_add(1, Ordering::Relaxed));
        self.want_in(&mut lock(&self.nodes), node, peer, wish, addresses);
        Wanted { hub: Arc::clone(self), node, wish }
    }

    fn want_in(
        self: &Arc<Self>,
        nodes: &mut BTreeMap<Identity, Node>,
        id: Identity,
        peer: PeerId,
        wish: Wish,
        addresses: Vec<Multiaddr>,
    ) {
        if id == self.identity || self.closing.is_cancelled() {
            return;
        }
        let node = nodes.entry(id).or_insert_with(Node::new);
        node.wishes.insert(wish, addresses);
        node.gather();
        if !node.is_attended {
            node.is_attended = true;
            let connector = Connector::new(
                Arc::clone(self),
                id,
                peer,
                node.session.subscribe(),
                node.addresses.subscribe(),
            );
            self.runtime.spawn("peer connector", connector.run());
        }
    }

    /// Whether the task that attends to a node may end: nobody wants to reach it any more.
    pub(super) fn leave(&self, id: &Identity) -> bool {
        let mut nodes = lock(&self.nodes);
        let Some(node) = nodes.get_mut(id) else { return true };
        if !node.wishes.is_empty() && !self.closing.is_cancelled() {
            return false;
        }
        node.is_attended = false;
        tidy(&mut nodes, id);
        true
    }

    /// The stream with a node, if it works.
    pub(super) fn session(&self, id: &Identity) -> Option<Arc<Session>> {
        let session = lock(&self.nodes).get(id)?.session.borrow().clone();
        session.filter(|session| session.is_alive())
    }

    /// The stream with a node, waiting for it up to `within`. Somebody must want to reach it.
    pub(super) async fn session_within(&self, id: &Identity, within: Duration) -> Option<Arc<Session>> {
        let mut sessions = lock(&self.nodes).get(id)?.session.subscribe();
        let found = sessions.wait_for(|session| session.as_ref().is_some_and(|session| session.is_alive()));
        self.runtime.timeout(within, found).await?.ok()?.clone()
    }

    /// We are about to say hello on a stream we opened, which goes this way. `None` if there is one already that is as
    /// good; else something that is cancelled when the other's hello has won.
    pub(super) fn begin_hello(&self, id: &Identity, path: Path) -> Option<CancellationToken> {
        let mut nodes = lock(&self.nodes);
        let node = nodes.get_mut(id)?;
        if node.is_served_as_well_as(path) || node.hello.is_some() || self.closing.is_cancelled() {
            return None;
        }
        let hello = self.closing.child_token();
        node.hello = Some(hello.clone());
        Some(hello)
    }

    /// Our hello has led to nothing.
    pub(super) fn end_hello(&self, id: &Identity) {
        if let Some(node) = lock(&self.nodes).get_mut(id) {
            node.hello = None;
        }
    }

    /// Both have said hello on a stream we opened. Says whether it is in use from now on.
    pub(super) fn install_own(&self, hello: &CancellationToken, session: &Arc<Session>) -> bool {
        let mut nodes = lock(&self.nodes);
        let Some(node) = nodes.get_mut(&session.peer) else { return false };
        if hello.is_cancelled() {
            return false;
        }
        node.hello = None;
        self.install(&mut nodes, session);
        true
    }

    /// A peer has said hello on a stream it opened.
    pub(super) fn install_theirs(&self, peer: &PeerId, session: &Arc<Session>) -> Theirs {
        let mut nodes = lock(&self.nodes);
        let node = nodes.entry(session.peer).or_insert_with(Node::new);
        if self.closing.is_cancelled() || (node.hello.is_some() && self.me < *peer) {
            tidy(&mut nodes, &session.peer);
            return Theirs::Later;
        }
        let current = node.session.borrow().as_ref().filter(|current| current.is_alive()).cloned();
        let heard = current.as_ref().map(|current| (current.run, current.heard()));
        let (now, settle) = (self.runtime.elapsed(), self.patience.silence / 2);
        match twin::judge(heard, &mut node.rival, session.run, now, settle) {
            Claim::Unclear => return Theirs::Unclear,
            Claim::Second { is_news } => {
                if let (Some(census), Some(current)) = (self.census.get(), current) {
                    census.beside(current.connection, session.connection);
                }
                return Theirs::Second { is_news };
            }
            Claim::Good => {}
        }
        if let Some(hello) = node.hello.take() {
            hello.cancel();
        }
        self.install(&mut nodes, session);
        Theirs::Installed
    }

    /// A peer says that another process with this node's key is alive.
    pub(super) fn found_second(&self, by: &Identity) {
        tracing::error!(
            seen_by = %by.to_hex(),
            "another process uses this node's key and takes part already: a home was copied, and both copies run; this \
             one is not heard"
        );
        self.second.send_replace(Some(*by));
    }

    pub(super) fn second(&self) -> watch::Receiver<Option<Identity>> {
        self.second.subscribe()
    }

    fn install(&self, nodes: &mut BTreeMap<Identity, Node>, session: &Arc<Session>) {
        if let Some(node) = nodes.get_mut(&session.peer)
            && let Some(old) = node.session.send_replace(Some(Arc::clone(session)))
        {
            old.replaced_by(session);
        }
        self.tell(nodes);
    }

    /// A stream has ended.
    pub(super) fn ended(&self, session: &Arc<Session>) {
        let mut nodes = lock(&self.nodes);
        if let Some(node) = nodes.get(&session.peer) {
            node.session.send_if_modified(|used| {
                let is_used = used.as_ref().is_some_and(|used| Arc::ptr_eq(used, session));
                if is_used {
                    *used = None;
                }
                is_used
            });
        }
        tidy(&mut nodes, &session.peer);
        self.tell(&nodes);
    }

    /// A peer has fallen silent, or is heard again.
    pub(super) fn changed(&self, session: &Arc<Session>) {
        let nodes = lock(&self.nodes);
        if let Some(node) = nodes.get(&session.peer) {
            node.session.send_modify(|_| ());
        }
        self.tell(&nodes);
    }

    pub(super) fn reachable(&self) -> watch::Receiver<Arc<BTreeSet<Identity>>> {
        self.reachable.subscribe()
    }

    fn tell(&self, nodes: &BTreeMap<Identity, Node>) {
        let now: BTreeSet<Identity> =
            nodes.iter().filter(|(_, node)| node.is_served()).map(|(id, _)| *id).collect();
        self.reachable.send_if_modified(|known| {
            let is_new = **known != now;
            if is_new {
                *known = Arc::new(now);
            }
            is_new
        });
    }
}

impl Node {
    fn new() -> Self {
        Self {
            session: watch::Sender::new(None),
            addresses: watch::Sender::new(None),
            wishes: BTreeMap::new(),
            rival: None,
            hello: None,
            is_attended: false,
        }
    }

    /// Whether there is a stream that works.
    fn is_served(&self) -> bool {
        self.session.borrow().as_ref().is_some_and(|session| session.is_alive())
    }

    /// Whether there is a stream that works and goes a way that is as good.
    fn is_served_as_well_as(&self, path: Path) -> bool {
        let is_as_good = |session: &Arc<Session>| !session.is_relayed() || path == Path::Relayed;
        self.session.borrow().as_ref().is_some_and(|session| session.is_alive() && is_as_good(session))
    }

    /// Tells whoever dials all addresses that are known.
    fn gather(&self) {
        let mut all = Vec::new();
        for address in self.wishes.values().flatten() {
            if !all.contains(address) {
                all.push(address.clone());
            }
        }
        let all = (!self.wishes.is_empty()).then_some(all);
        self.addresses.send_if_modified(|known| {
            let is_new = *known != all;
            if is_new {
                *known = all;
            }
            is_new
        });
    }
}

impl fmt::Debug for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wanted").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        drop_wish(&mut lock(&self.hub.nodes), &self.node, self.wish);
    }
}

fn drop_wish(nodes: &mut BTreeMap<Identity, Node>, id: &Identity, wish: Wish) {
    if let Some(node) = nodes.get_mut(id) {
        node.wishes.remove(&wish);
        node.gather();
    }
    tidy(nodes, id);
}

/// Forgets a node that nobody wants to reach and that has no stream.
fn tidy(nodes: &mut BTreeMap<Identity, Node>, id: &Identity) {
    let is_idle = |node: &Node| {
        node.wishes.is_empty() && !node.is_attended && node.hello.is_none() && node.session.borrow().is_none()
    };
    if nodes.get(id).is_some_and(is_idle) {
        nodes.remove(id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
