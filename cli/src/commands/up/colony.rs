//! One colony of a running node: until it is served, while it is, and when this node's membership ends.
//!
//! The node replicates by itself. This tells its colony where it is reached, lends the machine if that was asked, keeps the
//! home's context up to date, and notices that the colony has sent the node away.

use std::time::Duration;

use colony_node::{client::Client, net::Multiaddr, runtime::Runtime};
use colony_protocol::{
    command::Command,
    identity::SecretKey,
    model::member::{Addresses, MemberView, StoreId},
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{
    super::executor::{self, Lending},
    Ended, Host, How,
    host::as_texts,
    ready::{Announcement, Served},
};
use crate::{
    app::{App, members},
    connect,
    context::{Chosen, Joined},
    error::{Exit, Failure},
    hint::Hint,
    nodes, output,
};

/// How often a colony is looked at. A removed node is refused everywhere at once; this only says when it learns it.
const LOOK: Duration = Duration::from_secs(2);
/// After this long without a quorum a person wants to know why nothing happens.
const PATIENCE: Duration = Duration::from_secs(4);

/// The task of one colony.
#[derive(Debug)]
pub(super) struct Lodger {
    gone: CancellationToken,
}

/// What the task works with.
#[derive(Debug)]
struct Lodging {
    app: App,
    /// The context of the colony, with its keys.
    chosen: Chosen,
    joined: Joined,
    announcement: Announcement,
    /// This node asks itself, and through itself its colony.
    client: Client,
    key: SecretKey,
    /// The disk it has.
    store: StoreId,
    /// Where the node is reached.
    addresses: watch::Receiver<Vec<Multiaddr>>,
    stop: CancellationToken,
}

impl Lodger {
    /// Starts the task.
    pub(super) fn start(
        app: &App,
        host: &Host,
        context: &str,
        joined: &Joined,
        announcement: &Announcement,
        news: mpsc::Sender<Ended>,
        stop: &CancellationToken,
    ) -> Self {
        let gone = CancellationToken::new();
        let lodging = Chosen::open(&host.home, Some(context)).map(|chosen| Lodging {
            app: app.clone(),
            chosen,
            joined: joined.clone(),
            announcement: announcement.clone(),
            client: host.node.client(joined.colony_id, host.key.clone()),
            key: host.key.clone(),
            store: host.node.store_id(),
            addresses: host.node.reached_at(),
            stop: stop.clone(),
        });
        let (done, context) = (gone.clone(), context.to_owned());
        app.runtime.spawn("lodger", async move {
            let outcome = match lodging {
                Ok(lodging) => lodging.run().await,
                Err(failure) => Err(failure),
            };
            if let Some(how) = outcome.unwrap_or_else(|failure| Some(How::Failed(failure))) {
                // Whoever listens no more has heard of another end.
                news.send(Ended { context, how }).await.ok();
            }
            done.cancel();
        });
        Self { gone }
    }

    /// Completes when the task has ended.
    pub(super) async fn ended(self) {
        self.gone.cancelled().await;
    }
}

impl Lodging {
    /// Serves until told to stop, or until this node is no member any more; then says how that came.
    async fn run(self) -> Result<Option<How>, Failure> {
        let stop = self.stop.clone();
        let members = match stop.run_until_cancelled(self.until_served()).await {
            Some(Ok(members)) => members,
            Some(Err(how)) => return Ok(Some(how)),
            None => return Ok(None),
        };
        self.refresh(&members)?;
        self.tell(&members)?;
        let Some(kind) = &self.announcement.executor else {
            return Ok(stop.run_until_cancelled(self.watch()).await);
        };
        let lending = self.lend(kind)?;
        let how = tokio::select! {
            biased;
            how = stop.run_until_cancelled(self.watch()) => how,
            () = lending.ended() => None,
        };
        match lending.end().await {
            Ok(()) => Ok(how),
            Err(_) if how.is_some() => Ok(how),
            // The executor signs with the node's key: it may be the first to learn that the node was sent away.
            Err(failure) if failure.no_right => match self.known().await {
                Err(sent_away) if sent_away.no_right => Ok(Some(How::SentAway(sent_away.what))),
                _ => Err(failure),
            },
            Err(failure) => Err(failure),
        }
    }

    /// Waits until the colony has a quorum that knows where this node is. The error says why it never will.
    async fn until_served(&self) -> Result<Vec<MemberView>, How> {
        let begun = self.runtime().elapsed();
        let mut told = false;
        loop {
            let mut refused = None;
            match self.known().await {
                Ok(Ok(members)) => return Ok(members),
                Ok(Err(how)) => return Err(how),
                Err(failure) if failure.no_right => {
                    // This node may be asked about another disk: the others know which.
                    return Err(self.told_by_others().await.unwrap_or(How::SentAway(failure.what)));
                }
                // The others are there, and this machine has to change: its clock, mostly.
                Err(failure) if failure.exit == Exit::DENIED => refused = Some(failure),
                Err(_) => {}
            }
            if !told && (refused.is_some() || self.runtime().elapsed().saturating_sub(begun) >= PATIENCE) {
                told = true;
                let waits = Failure::new("").hint(Hint::StaleStatus);
                if refused.is_none() {
                    output::note(&format!("{} waits until most of its voters are up", self.joined.colony));
                }
                output::report(refused.as_ref().unwrap_or(&waits), &self.app.flags);
            }
            if let Some(how) = self.told_by_others().await {
                return Err(how);
            }
            self.runtime().sleep(LOOK / 10).await;
        }
    }

    /// The members as the quorum knows them, after it has learned this node's addresses: a ticket made now names them.
    async fn known(&self) -> Result<Result<Vec<MemberView>, How>, Failure> {
        let known = members(&self.client).await?;
        if let Some(how) = self.told_by(&known) {
            return Ok(Err(how));
        }
        let own = known.iter().find(|view| view.member.id == self.key.identity());
        let addresses = self.addresses();
        if own.is_none_or(|view| view.member.addresses == addresses) {
            return Ok(Ok(known));
        }
        self.client.command(&Command::UpdateMember { addresses }).await?;
        members(&self.client).await.map(Ok)
    }

    /// Whether the colony knows this node by another disk than it has.
    fn told_by(&self, members: &[MemberView]) -> Option<How> {
        let own = members.iter().find(|view| view.member.id == self.key.identity())?;
        (own.member.is_active_node() && own.member.store != self.store).then_some(How::OtherDisk)
    }

    /// A node that was removed while it was away hears nothing any more; the others say why when they are asked.
    async fn told_by_others(&self) -> Option<How> {
        let addresses = self.addresses();
        let is_own = |node: &String| addresses.iter().any(|own| own.as_str() == node);
        let others: Vec<String> =
            self.chosen.context.nodes.iter().filter(|node| !is_own(node)).cloned().collect();
        if others.is_empty() {
            return None;
        }
        let id = self.joined.colony_id;
        let client = connect::client(&others, id, self.key.clone(), self.runtime()).ok()?;
        match members(&client).await {
            Ok(members) => self.told_by(&members),
            Err(failure) => failure.no_right.then_some(How::SentAway(failure.what)),
        }
    }

    /// Looks at the colony until its quorum says that this node is no member any more, and how that came. This node's own
    /// state says nothing about that: a new one has none yet.
    async fn watch(&self) -> How {
        loop {
            self.runtime().sleep(LOOK).await;
            match members(&self.client).await {
                Ok(members) => {
                    if let Err(failure) = self.refresh(&members) {
                        output::report(&failure, &[]);
                    }
                }
                Err(failure) if failure.no_right => return How::SentAway(failure.what),
                Err(_) => {}
            }
        }
    }

    fn tell(&self, members: &[MemberView]) -> Result<(), Failure> {
        let active = members.iter().filter(|view| view.member.is_active());
        let listen: Vec<String> = self.addresses().iter().map(ToString::to_string).collect();
        self.announcement.tell(
            &self.app,
            Served {
                colony: &self.joined.colony,
                id: self.joined.colony_id,
                name: &self.joined.name,
                members: active.count(),
                listen: &listen,
                owner: self.chosen.owner.is_some(),
            },
        )
    }

    /// Other commands of this home find the colony also when this node is gone.
    fn refresh(&self, members: &[MemberView]) -> Result<(), Failure> {
        nodes::refresh(&self.app, &self.chosen, members)
    }

    fn lend(&self, kind: &str) -> Result<Lending, Failure> {
        let owner = self.chosen.owner.clone().map(|owner| self.client.with_key(owner));
        executor::lend(
            self.runtime(),
            executor::Loan {
                name: self.joined.name.clone(),
                kind: kind.to_owned(),
                colony: self.joined.colony.clone(),
                client: self.client.clone(),
                owner,
                grace: None,
            },
            &self.stop,
        )
    }

    /// Where the node is reached now.
    fn addresses(&self) -> Addresses {
        as_texts(&self.addresses.borrow())
    }

    const fn runtime(&self) -> &Runtime {
        &self.app.runtime
    }
}
