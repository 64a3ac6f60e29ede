//! Two processes with one key.

use super::side::{Side, a_moment, sides};
use crate::support::{TCP, eventually, runtime};

#[tokio::test(flavor = "multi_thread")]
async fn the_second_process_with_a_key_is_told_so_and_not_heard() {
    let runtime = runtime();
    let [one, original] = sides(TCP, &runtime).await;
    original.keep(&[&one]);
    eventually("the original is heard", || one.reaches(&original)).await;

    // A copy of its home, down to the disk, on another port.
    let listen = vec![TCP.parse().unwrap()];
    let copy = Side::resume(original.key.clone(), original.store, listen, &runtime).await;
    copy.hear(&one);
    copy.keep(&[&one]);
    let second = copy.peers.second();
    eventually("the copy learns it", || second.borrow().is_some()).await;
    assert_eq!(*second.borrow(), Some(one.id()));
    assert!(copy.ballot(&one).await.is_err(), "nobody counts its vote");
    // The original is none the worse for it.
    assert!(one.reaches(&original) && original.peers.second().borrow().is_none());
    original.ballot(&one).await.unwrap();

    // When the original ends, the other may take its place: who is to end is for people to say.
    original.stop().await;
    eventually("the copy is heard", || one.reaches(&copy)).await;
    copy.ballot(&one).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_with_keys_of_their_own_are_not_taken_for_one() {
    let runtime = runtime();
    let [one, two] = sides(TCP, &runtime).await;
    one.keep(&[&two]);
    two.keep(&[&one]);
    eventually("they meet", || one.reaches(&two) && two.reaches(&one)).await;
    a_moment().await;
    assert!(one.peers.second().borrow().is_none() && two.peers.second().borrow().is_none());
}
