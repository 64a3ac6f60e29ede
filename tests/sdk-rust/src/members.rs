//! Colonies and executors.

use colonyos::{
    core::{APPROVED, Colony, Executor, REJECTED},
    crypto,
};

use crate::{DEV, OWNER, SERVER, USER, executor, refused};

/// Colonies come and go while others work.
pub async fn colonies() {
    let owner = crypto::gen_prvkey();
    let colony = Colony::new(&crypto::gen_id(&owner), "other");
    refused(colonyos::add_colony(&colony, &owner).await, "Access denied");
    let added = colonyos::add_colony(&colony, SERVER).await.unwrap();
    assert_eq!((added.colonyid, &added.name), (colony.colonyid.clone(), &colony.name));
    refused(colonyos::add_colony(&colony, SERVER).await, "already exists");
    let mut names: Vec<String> =
        colonyos::get_colonies(SERVER).await.unwrap().into_iter().map(|colony| colony.name).collect();
    names.sort();
    assert_eq!(names, [DEV, "other"]);

    let key = executor("other", "worker", "t", &owner).await;
    assert_eq!(colonyos::get_colony("other", &key).await.unwrap().colonyid, colony.colonyid);
    // Whoever is in one colony has no part in another.
    refused(colonyos::get_colony(DEV, &key).await, "Access denied");
    refused(colonyos::get_executors("other", USER).await, "Access denied");
    refused(colonyos::remove_colony("other", &owner).await, "Access denied");
    colonyos::remove_colony("other", SERVER).await.unwrap();
    refused(colonyos::get_colony("other", &key).await, "does not exists");
    refused(colonyos::remove_colony("other", SERVER).await, "not found");
    assert_eq!(colonyos::get_colonies(SERVER).await.unwrap().len(), 1);
}

/// Returns the key of an approved executor of the type `rs`.
pub async fn executors() -> String {
    let (rejected, id) = (crypto::gen_prvkey(), "rejected");
    let row = Executor::new(id, &crypto::gen_id(&rejected), "x", DEV);
    colonyos::add_executor(&row, OWNER).await.unwrap();
    colonyos::reject_executor(DEV, id, OWNER).await.unwrap();
    assert_eq!(colonyos::get_executor(DEV, id, USER).await.unwrap().state, REJECTED);
    refused(colonyos::assign(DEV, 1, &rejected).await, "Access denied");
    colonyos::remove_executor(DEV, id, OWNER).await.unwrap();
    let key = executor(DEV, "rs", "rs", OWNER).await;
    assert_eq!(colonyos::get_executor(DEV, "rs", &key).await.unwrap().state, APPROVED);
    assert!(colonyos::get_executors(DEV, &key).await.unwrap().iter().any(|one| one.executorname == "rs"));
    refused(colonyos::approve_executor(DEV, "rs", USER).await, "Access denied");
    key
}
