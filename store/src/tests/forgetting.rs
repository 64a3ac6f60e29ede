//! A forgotten colony is gone at once, its bytes soon, and nobody else's.

use std::sync::Arc;

use colony_protocol::identity::Identity;
use openraft::storage::RaftLogStorage as _;
use redb::{ReadableDatabase as _, ReadableTableMetadata as _};

use super::{
    faulty_disk::{Fault, FaultyDisk, Luck},
    support::{Driver, FRESH, Types, colony, on_one_thread, open_with_thread},
};
use crate::{
    Disk, ForgetError, OpenError, Options, Store,
    tables::{COLONIES, LOG, LOG_PARTS, META, ROWS},
};

/// Rows of all tables that hold something of colonies.
fn rows(store: &Store) -> u64 {
    let transaction = store.link.database.begin_read().unwrap();
    transaction.open_table(COLONIES).unwrap().len().unwrap()
        + transaction.open_table(LOG).unwrap().len().unwrap()
        + transaction.open_table(LOG_PARTS).unwrap().len().unwrap()
        + transaction.open_table(META).unwrap().len().unwrap()
        + transaction.open_table(ROWS).unwrap().len().unwrap()
}

fn open(disk: &FaultyDisk) -> Result<(Store, crate::Writer), OpenError> {
    Store::open(Disk::Backend(Box::new(disk.clone())), Options::default(), FRESH)
}

async fn with_colony() -> FaultyDisk {
    let disk = FaultyDisk::new(None);
    let (store, writer) = open(&disk).unwrap();
    on_one_thread(writer, async {
        let mut driver = Driver::open(&store).await;
        driver.found().await;
        for _ in 0..300 {
            driver.run_one().await;
        }
        driver.store.view.flush().await.unwrap();
        drop((driver, store));
    })
    .await;
    disk
}

#[tokio::test]
async fn a_colony_is_forgotten_unless_it_is_open_and_may_be_opened_anew() {
    let store = open_with_thread(Disk::Memory);
    let mut driver = Driver::open(&store).await;
    driver.found().await;
    driver.run_one().await;
    let other = store.open_colony::<Types>(Identity::from_bytes([9; 32]), Arc::new(|_| {})).await.unwrap();
    assert!(matches!(store.forget(colony()).await, Err(ForgetError::Open)));
    drop(driver);

    store.forget(colony()).await.unwrap();
    assert_eq!(store.colonies().unwrap(), [other.view.id()]);
    store.forget(colony()).await.unwrap();

    let mut anew = Driver::open(&store).await;
    assert!(!anew.store.view.colony().unwrap().is_founded());
    assert_eq!(anew.store.log.get_log_state().await.unwrap().last_log_id, None);
    anew.found().await;
    assert_eq!(anew.run_one().await, 1);
}

#[tokio::test]
async fn a_power_cut_while_a_colony_is_forgotten_leaves_all_of_it_or_in_the_end_nothing() {
    let healthy = with_colony().await;
    for at in (1..60).step_by(3) {
        let disk = healthy.with_fault(Fault::Cut { at, luck: Luck::Coin(at) });
        let mut forgotten = false;
        if let Ok((store, writer)) = open(&disk) {
            on_one_thread(writer, async {
                forgotten = store.forget(colony()).await.is_ok();
                // The rest happens between operations, which there are none of.
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                drop(store);
            })
            .await;
        }

        let (store, writer) = open(&disk.repaired()).unwrap();
        on_one_thread(writer, async {
            let known = !store.colonies().unwrap().is_empty();
            assert!(!(known && forgotten), "cut at {at}: a forgotten colony came back");
            while !known && rows(&store) > 0 {
                tokio::task::yield_now().await;
            }
            if known {
                let driver = Driver::open(&store).await;
                assert!(driver.store.view.archived_process(300).unwrap().is_some(), "cut at {at}");
            }
            drop(store);
        })
        .await;
    }
}
