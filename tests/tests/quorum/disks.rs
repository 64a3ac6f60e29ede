//! Disks that are not what they were: wiped, in use by another process, damaged. A node that may have forgotten what it voted
//! for never votes, and says how to come back.

use std::{
    fs::{self, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    time::Duration,
};

use colony_protocol::query::Query;
use colony_tests::{
    cluster::{Cluster, PATIENCE},
    served::Served,
};

/// How long a node may take to notice that it cannot serve.
const REFUSAL: Duration = Duration::from_secs(20);

/// How long a colony without a quorum is asked: longer than an election takes.
const NO_ANSWER: Duration = Duration::from_secs(4);

/// Starts a member's node, which must end by itself and say why.
#[track_caller]
fn refuses(cluster: &Cluster, place: usize) -> String {
    let mut node = Served::start_unready(cluster.members[place].colony(&["up", "-o", "json"]));
    let code = node.ended(REFUSAL).unwrap_or_else(|| panic!("it serves nevertheless:\n{}", node.stderr()));
    let said = node.last_words();
    assert!(code.is_some_and(|code| code != 0) && !said.contains("panicked at"), "{code:?}:\n{said}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_on_one_data_directory_are_one_too_many() {
    let mut cluster = Cluster::start(1).await;
    let said = refuses(&cluster, 0);
    assert!(said.contains("in use") && said.contains("hint:"), "{said}");
    cluster.assert_healthy();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_store_is_refused_and_the_way_back_is_a_new_ticket() {
    let mut cluster = Cluster::start(3).await;
    cluster.members[2].kill();
    let store = cluster.members[2].store();
    let length = fs::metadata(&store).unwrap().len();
    let mut file = OpenOptions::new().write(true).open(&store).unwrap();
    // The head of the file, and a good part of what follows.
    for place in [0, 4096, length / 2] {
        file.seek(SeekFrom::Start(place)).unwrap();
        file.write_all(&[0xA5; 4096]).unwrap();
    }
    file.sync_all().unwrap();
    drop(file);
    let said = refuses(&cluster, 2);
    assert!(said.contains(&store.file_name().unwrap().to_string_lossy().to_string()), "{said}");
    assert!(said.contains("hint:") && said.contains("invite"), "{said}");
    wiped_and_rejoined(&mut cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_whose_disk_was_wiped_comes_back_as_a_learner() {
    let mut cluster = Cluster::start(3).await;
    cluster.members[2].kill();
    wiped_and_rejoined(&mut cluster).await;
}

/// The third of three voters lost its disk: its node refuses to run until it has joined again, and then it is let in as somebody
/// who knows nothing, before it votes again.
async fn wiped_and_rejoined(cluster: &mut Cluster) {
    let data = cluster.members[2].store().parent().unwrap().to_owned();
    fs::remove_dir_all(&data).unwrap();
    let said = refuses(cluster, 2);
    assert!(said.contains("must not vote") && said.contains("invite"), "{said}");

    // With one of the others gone there is no quorum, and the wiped one must not make one.
    cluster.members[1].kill();
    let ticket = cluster.members[0].run(&["invite", "-o", "quiet", "--name", "node-2"]).stdout;
    let mut alone = Served::start_unready(cluster.members[2].joining(ticket.trim()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let counting = cluster.only(&cluster.members[0]);
    let answer = tokio::time::timeout(NO_ANSWER, counting.query(&Query::Statistics)).await;
    assert!(!matches!(answer, Ok(Ok(_))), "a node with amnesia voted: {answer:?}");
    alone.kill();

    cluster.members[1].up();
    let ticket = cluster.members[0].invite(&["--name", "node-2"]);
    cluster.members[2].join(&ticket);
    cluster.until_voters(3).await;
    cluster.until_caught_up(2, PATIENCE).await;
    cluster.assert_healthy();
}
