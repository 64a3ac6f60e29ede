//! One sync serves everybody who waits.

use std::sync::Arc;

use colony_protocol::identity::Identity;
use openraft::{CommittedLeaderId, EntryPayload, storage::RaftLogStorageExt as _};

use super::{
    faulty_disk::FaultyDisk,
    support::{Entry, FRESH, Types, on_one_thread},
};
use crate::{ColonyStore, Disk, LogId, MemberId, Options, Store};

fn blank(index: u64) -> Entry {
    let id = LogId::new(CommittedLeaderId::new(1, MemberId::default()), index);
    Entry { log_id: id, payload: EntryPayload::Blank }
}

#[tokio::test]
async fn colonies_that_append_at_the_same_time_share_a_sync() {
    let disk = FaultyDisk::new(None);
    let (store, writer) =
        Store::open(Disk::Backend(Box::new(disk.clone())), Options::default(), FRESH).unwrap();
    on_one_thread(writer, async {
        let mut colonies: Vec<ColonyStore<Types>> = Vec::new();
        for number in 0..3 {
            let id = Identity::from_bytes([number; 32]);
            colonies.push(store.open_colony(id, Arc::new(|_| {})).await.unwrap());
        }
        let [one, two, three] = &mut colonies[..] else { panic!("three colonies") };
        one.log.blocking_append([blank(0)]).await.unwrap();
        two.log.blocking_append([blank(0)]).await.unwrap();
        three.log.blocking_append([blank(0)]).await.unwrap();

        let before = disk.syncs();
        one.log.blocking_append([blank(1)]).await.unwrap();
        let alone = disk.syncs() - before;
        let before = disk.syncs();
        let (a, b, c) = tokio::join!(
            biased;
            one.log.blocking_append([blank(2)]),
            two.log.blocking_append([blank(1)]),
            three.log.blocking_append([blank(1)]),
        );
        a.unwrap();
        b.unwrap();
        c.unwrap();
        assert_eq!(disk.syncs() - before, alone);
        drop((colonies, store));
    })
    .await;
}

#[tokio::test]
async fn a_cut_nobody_waits_for_costs_no_sync() {
    let disk = FaultyDisk::new(None);
    let (store, writer) =
        Store::open(Disk::Backend(Box::new(disk.clone())), Options::default(), FRESH).unwrap();
    on_one_thread(writer, async {
        let mut driver = super::support::Driver::open(&store).await;
        driver.found().await;
        let mut syncs = Vec::new();
        for _ in 0..20 {
            // Every fifth entry makes a cut due.
            let before = disk.syncs();
            let entry = driver.entry(Vec::new());
            driver.commit(entry).await.unwrap();
            syncs.push(disk.syncs() - before);
        }
        assert!(syncs.iter().all(|count| *count == syncs[0]), "{syncs:?}");
        drop((driver, store));
    })
    .await;
}
