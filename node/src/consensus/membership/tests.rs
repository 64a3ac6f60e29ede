//! Three engines that call each other directly: what the engine does with each change, on which the plan relies.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use colony_protocol::{
    identity::SecretKey,
    model::{
        Name,
        member::{MemberKey, StoreId},
    },
};
use colony_store::{Disk, Options, Store};
use openraft::{
    Vote,
    raft::{AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse},
};

use super::*;
use crate::{
    consensus::{LOG_KEPT, LinkError, Links, PeerLink, Reaching, Setup, Timing, Types},
    runtime::{Runtime, Tokio},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Engines by member, as far as they run, and the disks they run on.
#[derive(Debug, Clone, Default)]
struct Wires(Arc<Mutex<BTreeMap<MemberId, (StoreId, Consensus)>>>);

impl Wires {
    /// The engine of a member, if it is on the disk that is meant. One on another disk would confess to have lost
    /// what it confirmed, at which the coordinator's engine gives up.
    fn get(&self, member: MemberId, disk: StoreId) -> Result<openraft::Raft<Types>, LinkError> {
        let engines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match engines.get(&member) {
            Some((found, consensus)) if *found == disk => Ok(consensus.raft().clone()),
            Some(_) => Err(LinkError::Forgotten { member }),
            None => Err(LinkError::Unreachable { member, why: "not running".to_owned() }),
        }
    }
}

impl Links for Wires {
    fn to(&self, member: MemberId, info: &MemberInfo) -> Arc<dyn PeerLink> {
        Arc::new(Wire { wires: self.clone(), member, disk: info.store })
    }
}

/// A wire to one of them.
#[derive(Debug)]
struct Wire {
    wires: Wires,
    member: MemberId,
    disk: StoreId,
}

impl Wire {
    fn broken(&self) -> LinkError {
        LinkError::Broken { member: self.member, why: "it ended".to_owned() }
    }
}

impl PeerLink for Wire {
    fn append(
        &self,
        entries: AppendEntriesRequest<Types>,
        _within: Duration,
    ) -> Reaching<AppendEntriesResponse<MemberId>> {
        let (engine, broken) = (self.wires.get(self.member, self.disk), self.broken());
        Box::pin(async move { engine?.append_entries(entries).await.map_err(|_| broken) })
    }

    fn vote(&self, ballot: VoteRequest<MemberId>, _within: Duration) -> Reaching<VoteResponse<MemberId>> {
        let (engine, broken) = (self.wires.get(self.member, self.disk), self.broken());
        Box::pin(async move { engine?.vote(ballot).await.map_err(|_| broken) })
    }

    fn snapshot(
        &self,
        _vote: Vote<MemberId>,
        _snapshot: openraft::Snapshot<Types>,
    ) -> Reaching<SnapshotResponse<MemberId>> {
        let broken = self.broken();
        Box::pin(async move { Err(broken) })
    }
}

/// Engines on disks in memory; the first founds the group.
struct Lab {
    wires: Wires,
    /// All of them: these tests are about changes, not about connections.
    reachable: watch::Sender<Arc<BTreeSet<Identity>>>,
    runtime: Runtime,
}

fn key(name: &str) -> SecretKey {
    SecretKey::derive(name.as_bytes())
}

fn id(name: &str) -> MemberId {
    MemberId(key(name).identity())
}

fn info(name: &str) -> MemberInfo {
    let disk = name.as_bytes().first().copied().unwrap_or_default();
    MemberInfo {
        name: Name::cut(name),
        key: MemberKey::of(&key(name)),
        store: StoreId::from_bytes([disk; 16]),
        ..MemberInfo::default()
    }
}

fn set(names: &[&str]) -> BTreeSet<MemberId> {
    names.iter().map(|name| id(name)).collect()
}

impl Lab {
    async fn new(names: &[&str]) -> Self {
        let all: BTreeSet<_> = names.iter().map(|name| key(name).identity()).collect();
        let (reachable, _) = watch::channel(Arc::new(all));
        let lab = Self { wires: Wires::default(), reachable, runtime: Runtime::new(Tokio::new()) };
        for (number, name) in names.iter().enumerate() {
            lab.start(name, info(name).store, number == 0).await;
        }
        lab.engine("a").elected().await.unwrap();
        lab
    }

    async fn start(&self, name: &str, disk: StoreId, founds: bool) {
        let (store, writer) = Store::open(Disk::Memory, Options::default(), disk).unwrap();
        self.runtime.thread("store", move || writer.run());
        let parts = store.open_colony(key("owner").identity(), Arc::new(|_: &[_]| {})).await.unwrap();
        let setup = Setup {
            me: key(name).identity(),
            store: disk,
            found: founds.then(|| info(name)),
            links: Arc::new(self.wires.clone()),
            reachable: self.reachable.subscribe(),
            timing: Timing::Local,
            log_kept: LOG_KEPT,
        };
        let consensus = Consensus::start(setup, parts.log, parts.machine, self.runtime.clone());
        let consensus = consensus.await.unwrap();
        self.wires.0.lock().unwrap().insert(id(name), (disk, consensus));
    }

    fn engine(&self, name: &str) -> Consensus {
        self.wires.0.lock().unwrap()[&id(name)].1.clone()
    }

    /// Completes when an engine sees what is wanted.
    async fn sees(&self, name: &str, what: &str, wanted: impl Fn(&Roles) -> bool + Send + 'static) {
        let mut roles = self.engine(name).roles();
        let seen = self.runtime.timeout(PATIENCE, roles.wait_for(|roles| wanted(roles))).await;
        assert!(seen.is_some(), "{name} never saw {what}");
    }

    /// Three voters, coordinated by `a`.
    async fn of_three() -> Self {
        let lab = Self::new(&["a", "b", "c"]).await;
        let coordinator = lab.engine("a");
        for name in ["b", "c"] {
            coordinator.add_learner(id(name), info(name)).await.unwrap();
        }
        coordinator.set_voters(set(&["a", "b", "c"]), Unseated::Stays).await.unwrap();
        lab
    }
}

fn voters(roles: &Roles) -> Vec<BTreeSet<MemberId>> {
    roles.membership_config.membership().get_joint_config().clone()
}

fn replicates(roles: &Roles, name: &str) -> bool {
    roles.membership_config.membership().get_node(&id(name)).is_some()
}

#[tokio::test]
async fn learners_become_voters_and_a_voter_that_stays_hears_that_it_votes_no_more() {
    let lab = Lab::of_three().await;
    lab.sees("c", "three voters", |roles| voters(roles) == [set(&["a", "b", "c"])]).await;
    lab.engine("a").set_voters(set(&["a", "b"]), Unseated::Stays).await.unwrap();
    lab.sees("c", "two voters", |roles| voters(roles) == [set(&["a", "b"])] && replicates(roles, "c")).await;
    lab.engine("a").drop_learner(id("c")).await.unwrap();
    lab.sees("b", "two nodes", |roles| !replicates(roles, "c")).await;
}

#[tokio::test]
async fn a_coordinator_that_goes_steps_down_and_the_others_elect() {
    let lab = Lab::of_three().await;
    lab.engine("a").set_voters(set(&["b", "c"]), Unseated::Goes).await.unwrap();
    lab.sees("b", "another coordinator", |roles| {
        roles.current_leader.is_some_and(|leader| leader != id("a"))
    })
    .await;
    // It goes on naming itself: what counts is that it leads no more.
    lab.sees("a", "itself deposed", |roles| !roles.state.is_leader()).await;
    // As a learner it may come back.
    let coordinator = if lab.engine("b").is_coordinator() { "b" } else { "c" };
    lab.engine(coordinator).add_learner(id("a"), info("a")).await.unwrap();
    lab.sees("a", "itself a learner", |roles| replicates(roles, "a") && voters(roles) == [set(&["b", "c"])])
        .await;
}

#[tokio::test]
async fn a_replica_that_lost_its_disk_starts_from_the_beginning_when_it_is_taken_out_and_in() {
    let lab = Lab::of_three().await;
    lab.engine("c").shutdown().await;
    let again = MemberInfo { store: StoreId::from_bytes([9; 16]), ..info("c") };
    lab.start("c", again.store, false).await;
    let coordinator = lab.engine("a");
    coordinator.set_voters(set(&["a", "b"]), Unseated::Stays).await.unwrap();
    coordinator.drop_learner(id("c")).await.unwrap();
    coordinator.add_learner(id("c"), again.clone()).await.unwrap();
    lab.sees("c", "itself a learner", move |roles| {
        roles.membership_config.membership().get_node(&id("c")) == Some(&again)
    })
    .await;
    coordinator.set_voters(set(&["a", "b", "c"]), Unseated::Stays).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_with_its_reason() {
    let lab = Lab::new(&["a", "b"]).await;
    let coordinator = lab.engine("a");
    let refused = coordinator.set_voters(BTreeSet::new(), Unseated::Stays).await;
    assert_eq!(refused, Err(ChangeError::LastVoter));
    let refused = coordinator.set_voters(set(&["a", "b"]), Unseated::Stays).await;
    assert_eq!(refused, Err(ChangeError::NoReplica(id("b"))));
    coordinator.add_learner(id("b"), info("b")).await.unwrap();
    lab.sees("b", "a coordinator", |roles| roles.current_leader == Some(id("a"))).await;
    let refused = lab.engine("b").drop_learner(id("b")).await;
    assert_eq!(refused, Err(ChangeError::NotCoordinator { coordinator: Some(id("a").0) }));
}

#[tokio::test]
async fn new_addresses_reach_everybody() {
    let lab = Lab::of_three().await;
    let moved = MemberInfo { name: Name::cut("moved"), ..info("b") };
    lab.engine("a").set_info(id("b"), moved.clone()).await.unwrap();
    lab.sees("c", "the new name", move |roles| {
        roles.membership_config.membership().get_node(&id("b")) == Some(&moved)
    })
    .await;
}
