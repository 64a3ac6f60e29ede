//! Requests of honest members sent again by somebody else: at once, later, to every node, after a restart.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use colony_protocol::{
    bounded::List,
    command::{Command, Submission},
    envelope::RequestId,
    identity::SecretKey,
    model::{Name, User},
    query::Query,
    reply::{Answer, Reply, Response, Statistics},
    rpc,
    time::Timestamp,
};
use colony_tests::{badboy::replay, cluster::Cluster, crowd, parameter::parameter};
use libp2p::Multiaddr;

use crate::cycles::work;

/// Requests recorded.
const RECORDED: u64 = 200;
/// How long a member waits for the answer to one.
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_sent_again_by_others_are_carried_out_once() {
    let count = parameter("COLONY_REPLAYS", 4_000);
    let seed = parameter("COLONY_HOSTILE_SEED", 1);
    let mut cluster = Cluster::start(3).await;
    let user = SecretKey::derive(b"recorded user");
    let name = Name::cut("recorded");
    let user_row = User { id: user.identity(), name, ..User::default() };
    cluster.client().command(&Command::AddUser { user: user_row }).await.unwrap();

    let recorded = record(&cluster, &user).await;
    let once = statistics(&cluster).await;
    assert_eq!(once.processes.iter().sum::<u64>(), RECORDED);
    let targets: Vec<Multiaddr> = cluster.members.iter().map(|member| member.place().address()).collect();

    // Half of them at once, to all nodes.
    let first = replay::replay(&targets, &recorded, count / 2, seed).await;
    assert_eq!(statistics(&cluster).await, once);
    // The other half after all nodes were killed and came back: what was seen is not forgotten with the process.
    for member in &mut cluster.members {
        member.kill();
    }
    for member in &mut cluster.members {
        member.up_unready();
    }
    cluster.until_voters(3).await;
    let second = replay::replay(&targets, &recorded, count - count / 2, seed + 1).await;
    assert_eq!(statistics(&cluster).await, once);

    println!("before the restart {first:?}, after it {second:?}");
    // Replays that were not even looked at prove nothing.
    for done in [first, second] {
        assert!(done.sent >= count / 2 && done.answered() * 10 >= done.sent * 9, "{done:?}");
        assert!(done.repeated + done.refused > 0, "{done:?}");
    }
    cluster.assert_healthy();
}

/// Submits work, and keeps the bytes of each request.
async fn record(cluster: &Cluster, user: &SecretKey) -> Vec<Vec<u8>> {
    let door = cluster.door(cluster.members.iter());
    let mut recorded = Vec::new();
    for number in 0..RECORDED {
        let items = List::new(vec![Submission { spec: work(), retry_of: None }]).unwrap();
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        let submit = Command::Submit { items };
        let request = crowd::sign(cluster.colony, user, &submit, now(), RequestId::from_bytes(id));
        let answer = door.raw.call(request.clone(), PATIENCE).await.unwrap();
        let outcome = rpc::decode_outcome(&answer).unwrap();
        assert!(matches!(outcome, Ok(Response::Reply(Reply::Submitted(_)))), "{outcome:?}");
        recorded.push(request);
    }
    recorded
}

async fn statistics(cluster: &Cluster) -> Statistics {
    match cluster.client().query(&Query::Statistics).await.unwrap() {
        Answer::Statistics(statistics) => statistics,
        other => panic!("{other:?}"),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp::from_micros(u64::try_from(since.as_micros()).unwrap())
}
