//! Orders and events of discovery, in the swarm's task.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use colony_protocol::{charter::CHARTER_MAX, identity::Identity};
use libp2p::{
    Multiaddr, PeerId, Swarm, identify,
    kad::{
        self, InboundRequest, ProgressStep, ProviderRecord, QueryId, QueryResult, QueryStats, Quorum, Record,
        store::RecordStore as _,
    },
    swarm::{
        ConnectionId, DialError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use tokio::sync::{mpsc, watch};

use super::{
    BehaviourEvent, Handle,
    address::{Scope, peer_at, scope},
    behaviour::KAD,
    judge::{Offer, Verdict, judge},
    orders::{DhtHealth, DhtMode, Finding, Known, Order},
    queries::{Aim, Next, Queries},
    shelf::{Shelf, Subject},
    table::{crowds, has_room, worth_knowing},
};
use crate::{
    net::behaviour::{self, Behaviour},
    runtime::Runtime,
};

/// Orders that wait for the swarm's task. Who orders waits while it is full.
const ORDERS: usize = 64;
/// Offers that wait for a verdict; at 300 microseconds each a second's work of a third of a core.
const OFFERS: usize = 1024;
/// Of one peer: it does not keep others waiting.
const OFFERS_PER_PEER: usize = 8;

/// The table, as libp2p keeps it.
type Table = kad::Behaviour<Shelf>;

/// The part of the swarm's task that looks after discovery.
#[derive(Debug)]
pub(in crate::net) struct Room {
    orders: mpsc::Receiver<Order>,
    offers: mpsc::Sender<Offer>,
    /// Offers under judgement, by who made them.
    judged: BTreeMap<PeerId, usize>,
    /// Where each connection leads.
    met: BTreeMap<PeerId, BTreeMap<ConnectionId, Scope>>,
    queries: Queries,
    /// Whether near addresses are as good as any.
    lab: bool,
    /// Whether anything is looked for here. The table calls whoever enters it, and whomever those know: a member that
    /// only has work to do would call every node of its colony, and so would a thousand others.
    awake: bool,
    refused: u64,
    /// How well all this works, for those who cannot wait for an answer.
    seen: watch::Sender<DhtHealth>,
    runtime: Runtime,
}

impl Room {
    /// The room, and the handle to it. `lab` says whether addresses of this machine and this site are as good as any;
    /// `awake` whether peers are remembered before the first order.
    pub(in crate::net) fn new(lab: bool, awake: bool, runtime: &Runtime) -> (Self, Handle) {
        let (order, orders) = mpsc::channel(ORDERS);
        let (offers, offered) = mpsc::channel(OFFERS);
        runtime.spawn("charter judge", judge(offered, order.downgrade(), runtime.clone()));
        let room = Self {
            orders,
            offers,
            judged: BTreeMap::new(),
            met: BTreeMap::new(),
            queries: Queries::default(),
            lab,
            awake,
            refused: 0,
            seen: watch::Sender::new(DhtHealth::default()),
            runtime: runtime.clone(),
        };
        let handle = Handle::new(order, room.seen.subscribe());
        (room, handle)
    }

    /// The next order; `None` if there will be none any more.
    pub(in crate::net) async fn next(&mut self) -> Option<Order> {
        self.orders.recv().await
    }

    /// Carries out an order.
    pub(in crate::net) fn obey(&mut self, order: Order, swarm: &mut Swarm<Behaviour>) {
        let table = &mut swarm.behaviour_mut().discovery.kad;
        self.awake |= !matches!(order, Order::Table(_) | Order::Health(_) | Order::Judged(_));
        match order {
            Order::Meet(addresses) => self.meet(addresses, swarm),
            Order::Serve(serves) => {
                let mode = if serves { kad::Mode::Server } else { kad::Mode::Client };
                if table.mode() != mode {
                    table.set_mode(Some(mode));
                }
            }
            Order::Provide(colony) => match table.start_providing(Subject::Serves(colony).key()) {
                Ok(id) => self.queries.begin(id, Aim::Provide),
                Err(error) => {
                    tracing::warn!(%error, "the network cannot be told that a colony is served here");
                }
            },
            Order::Withdraw(colony) => {
                table.stop_providing(&Subject::Serves(colony).key());
                table.remove_record(&Subject::Charter(colony).key());
            }
            Order::Publish { colony, charter, stored } => {
                let record = Record::new(Subject::Charter(colony).key(), charter);
                match table.put_record(record, Quorum::All) {
                    Ok(id) => self.queries.begin(id, Aim::Publish(Some(stored))),
                    // A newer one is here already.
                    Err(error) => tracing::debug!(%error, "a charter is not published"),
                }
            }
            Order::Find { colony, findings } => self.find(colony, findings, table),
            Order::Refresh => {
                // Fails if nobody is known.
                if let Ok(id) = table.bootstrap() {
                    self.queries.begin(id, Aim::Refresh);
                }
            }
            Order::Judged(verdict) => self.keep(*verdict, table),
            // Whoever asked may have stopped waiting.
            Order::Table(answer) => {
                let health = self.health(table);
                self.seen.send_replace(health);
                answer.send(known(table)).ok();
            }
            Order::Health(answer) => drop(answer.send(self.health(table))),
        }
    }

    /// Looks at what happened to connections and addresses.
    pub(in crate::net) fn notice(
        &mut self,
        event: &SwarmEvent<behaviour::BehaviourEvent>,
        swarm: &mut Swarm<Behaviour>,
    ) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                // A circuit says nothing about where the peer is.
                let near =
                    if endpoint.is_relayed() { Scope::Nowhere } else { scope(endpoint.get_remote_address()) };
                self.met.entry(*peer_id).or_default().insert(*connection_id, near);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, .. } => {
                if let Some(connections) = self.met.get_mut(peer_id) {
                    connections.remove(connection_id);
                    if connections.is_empty() {
                        self.met.remove(peer_id);
                    }
                }
            }
            SwarmEvent::OutgoingConnectionError {
                peer_id: Some(peer),
                error: DialError::Transport(_),
                ..
            } if !swarm.is_connected(peer) => {
                // Others must not be sent to somebody who is gone.
                swarm.behaviour_mut().discovery.kad.remove_peer(peer);
            }
            _ => {}
        }
    }

    /// Takes an event of its own protocols.
    pub(in crate::net) fn event(&mut self, event: BehaviourEvent, swarm: &mut Swarm<Behaviour>) {
        let table = &mut swarm.behaviour_mut().discovery.kad;
        match event {
            BehaviourEvent::Identify(identify::Event::Received { connection_id, peer_id, info }) => {
                self.identified(peer_id, connection_id, &info, table);
            }
            BehaviourEvent::Kad(kad::Event::InboundRequest { request }) => self.asked(request, table),
            BehaviourEvent::Kad(kad::Event::OutboundQueryProgressed { id, result, stats, step }) => {
                self.progressed(id, result, &stats, &step, table);
            }
            BehaviourEvent::Identify(_) | BehaviourEvent::Kad(_) => {}
        }
    }

    /// Dials whom it is not connected with. Those whose peer ids are not known are dialled in any case.
    fn meet(&self, addresses: Vec<Multiaddr>, swarm: &mut Swarm<Behaviour>) {
        let mut peers: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
        let mut dials = Vec::new();
        for address in addresses {
            match peer_at(&address) {
                Some(peer) => peers.entry(peer).or_default().push(address),
                None => dials.push(DialOpts::unknown_peer_id().address(address).allocate_new_port().build()),
            }
        }
        peers.remove(swarm.local_peer_id());
        dials.extend(peers.into_iter().filter(|(peer, _)| !self.met.contains_key(peer)).map(
            |(peer, addresses)| {
                DialOpts::peer_id(peer)
                    .addresses(addresses)
                    .condition(PeerCondition::DisconnectedAndNotDialing)
                    .allocate_new_port()
                    .build()
            },
        ));
        for options in dials {
            if let Err(error) = swarm.dial(options) {
                tracing::debug!(%error, "a peer cannot be dialled");
            }
        }
    }

    fn find(&mut self, colony: Identity, findings: mpsc::Sender<Finding>, table: &mut Table) {
        if !self.queries.has_room() {
            tracing::warn!("too many searches are under way; one was not begun");
            return;
        }
        let id = table.get_record(Subject::Charter(colony).key());
        self.queries.begin(id, Aim::Charter { findings: findings.clone(), found: 0 });
        let id = table.get_providers(Subject::Serves(colony).key());
        self.queries.begin(id, Aim::Servers { findings, found: Vec::new() });
    }

    /// A peer said who it is: it enters the table, stays out of it, or goes out of it.
    fn identified(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        info: &identify::Info,
        table: &mut Table,
    ) {
        if !self.awake {
            return;
        }
        let met = self.met.get(&peer).and_then(|all| all.get(&connection)).copied().unwrap_or(Scope::Nowhere);
        let addresses = worth_knowing(peer, &info.listen_addrs, met, self.lab);
        if !info.protocols.contains(&KAD) || addresses.is_empty() {
            // Over another connection it may have been met nearer.
            if !info.protocols.contains(&KAD) {
                table.remove_peer(&peer);
            }
            return;
        }
        let all = known(table);
        let before: Option<BTreeSet<&Multiaddr>> =
            all.iter().find(|(known, _)| *known == peer).map(|(_, addresses)| addresses.iter().collect());
        if before == Some(addresses.iter().collect()) {
            return;
        }
        let crowds = crowds(all.iter().map(|(peer, addresses)| (*peer, addresses.iter().collect())));
        if !has_room(&peer, &addresses, &crowds) {
            tracing::debug!(%peer, "its subnet has enough peers in the table");
            self.refuse();
            return;
        }
        // What it says now replaces what it said before: a list that only grows could be made to grow for ever.
        table.remove_peer(&peer);
        for address in addresses {
            table.add_address(&peer, address);
        }
    }

    /// A peer wants something kept. (What peers ask is answered by the behaviour.)
    fn asked(&mut self, request: InboundRequest, table: &mut Table) {
        match request {
            InboundRequest::PutRecord { source, record: Some(record), .. } => {
                self.offered(source, record, table);
            }
            InboundRequest::AddProvider { record: Some(record) } => self.serves(record, table),
            _ => {}
        }
    }

    fn offered(&mut self, from: PeerId, record: Record, table: &mut Table) {
        let Some(Subject::Charter(colony)) = Subject::of(&record.key) else { return self.refuse() };
        if record.value.len() > CHARTER_MAX {
            return self.refuse();
        }
        if table.store_mut().holds(&record.key, &record.value) {
            return;
        }
        let waiting = self.judged.entry(from).or_default();
        if *waiting >= OFFERS_PER_PEER {
            return self.refuse();
        }
        // Who brings it answers for it, whoever made it.
        let record = Record { publisher: Some(from), ..record };
        if self.offers.try_send(Offer { from, colony, record }).is_ok() {
            *waiting = waiting.saturating_add(1);
        } else {
            self.refuse();
        }
    }

    fn keep(&mut self, verdict: Verdict, table: &mut Table) {
        let Verdict { offer, is_good } = verdict;
        if let Some(waiting) = self.judged.get_mut(&offer.from) {
            *waiting = waiting.saturating_sub(1);
            if *waiting == 0 {
                self.judged.remove(&offer.from);
            }
        }
        if !is_good || table.store_mut().put(offer.record).is_err() {
            self.refuse();
        }
    }

    /// A peer says that it serves a colony. The behaviour has seen to it that it speaks for itself.
    fn serves(&mut self, mut record: ProviderRecord, table: &mut Table) {
        let Some(connections) = self.met.get(&record.provider) else { return self.refuse() };
        if !matches!(Subject::of(&record.key), Some(Subject::Serves(_))) {
            return self.refuse();
        }
        let met = connections.values().copied().filter(|met| *met != Scope::Nowhere).min();
        // Unlike in the table, circuits count: whoever looks for the colony wants to reach it by whatever way there is.
        record.addresses.retain(|address| match scope(address) {
            Scope::Nowhere => false,
            Scope::World => true,
            near => self.lab || met.is_some_and(|met| met <= near),
        });
        if table.store_mut().add_provider(record).is_err() {
            self.refuse();
        }
    }

    fn progressed(
        &mut self,
        id: QueryId,
        result: QueryResult,
        stats: &QueryStats,
        step: &ProgressStep,
        table: &mut Table,
    ) {
        let succeeded = succeeded(&result);
        match self.queries.progressed(id, result) {
            Next::Wait => {}
            Next::Finish => {
                if let Some(mut query) = table.query_mut(&id) {
                    query.finish();
                }
            }
            Next::Servers(servers) => self.locate(id, servers, table),
        }
        if step.last {
            let took = stats.duration().unwrap_or(Duration::ZERO);
            self.queries.ended(id, succeeded, took, self.runtime.elapsed());
        }
    }

    /// Says where those are who serve a colony, or begins to look for it.
    fn locate(&mut self, id: QueryId, servers: Vec<PeerId>, table: &mut Table) {
        let Some(findings) = self.queries.findings(id) else { return };
        let all = known(table);
        for peer in servers {
            if let Some((_, addresses)) = all.iter().find(|(known, _)| *known == peer) {
                // Whoever searches and is slow has enough to choose from.
                findings.try_send(Finding::Server(peer, addresses.clone())).ok();
            } else if self.queries.has_room() {
                let id = table.get_closest_peers(peer);
                self.queries.begin(id, Aim::Where { findings: findings.clone(), peer });
            }
        }
    }

    fn health(&self, table: &mut Table) -> DhtHealth {
        let buckets: Vec<usize> = table.kbuckets().map(|bucket| bucket.num_entries()).collect();
        let mode = match table.mode() {
            kad::Mode::Client => DhtMode::Client,
            kad::Mode::Server => DhtMode::Server,
        };
        DhtHealth {
            mode,
            peers_in_table: buckets.iter().sum(),
            buckets: buckets.len(),
            last_query: self.queries.last.clone(),
            providers_published: table.store_mut().own(),
            charters_kept: table.store_mut().charters(),
            refused: self.refused,
        }
    }

    const fn refuse(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }
}

/// Everybody in the table. Some hundreds at most: twenty in each distance, and the far distances are full.
fn known(table: &mut Table) -> Known {
    let mut known = Vec::new();
    for bucket in table.kbuckets() {
        known.extend(
            bucket
                .iter()
                .map(|entry| (*entry.node.key.preimage(), entry.node.value.iter().cloned().collect())),
        );
    }
    known
}

fn succeeded(result: &QueryResult) -> bool {
    match result {
        QueryResult::Bootstrap(result) => result.is_ok(),
        QueryResult::GetClosestPeers(result) => result.is_ok(),
        QueryResult::GetProviders(result) => result.is_ok(),
        QueryResult::StartProviding(result) | QueryResult::RepublishProvider(result) => result.is_ok(),
        QueryResult::GetRecord(result) => result.is_ok(),
        QueryResult::PutRecord(Err(kad::PutRecordError::QuorumFailed { success, .. })) => !success.is_empty(),
        QueryResult::PutRecord(result) | QueryResult::RepublishRecord(result) => result.is_ok(),
    }
}
