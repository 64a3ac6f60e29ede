//! A disk that fills up under a running node.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use colony_node::{
    client::ClientError,
    node::{Data, DiskSource},
};
use colony_protocol::{model::State, refusal::Refusal, time::Span};
use colony_store::Disk;
use redb::{StorageBackend, backends::InMemoryBackend};

use crate::lab::{LONG, Lab, ask, config, submission, submit, within, work};

/// A disk in memory that takes no more writes once it is full.
#[derive(Debug)]
struct Filling {
    disk: InMemoryBackend,
    full: Arc<AtomicBool>,
}

impl Filling {
    fn check(&self) -> io::Result<()> {
        if self.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for Filling {
    fn len(&self) -> io::Result<u64> {
        self.disk.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.disk.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.disk.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.disk.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        self.disk.write(offset, data)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_named_reads_go_on_and_the_node_ends_cleanly() {
    let full = Arc::new(AtomicBool::new(false));
    let fills = Arc::clone(&full);
    let source = DiskSource::new(move || {
        let full = Arc::clone(&fills);
        Disk::Backend(Box::new(Filling { disk: InMemoryBackend::new(), full }))
    });
    let lab = Lab::start(config(Data::Given(source))).await.unwrap();
    let user = lab.user();
    let kept = submit(&user, work("other")).await;

    full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let refused = within("submit", user.submit(vec![submission(work("cli"))])).await;
        let Err(ClientError::Refused(Refusal::Storage(why))) = refused else { panic!("{refused:?}") };
        assert!(why.contains("full"), "{why}");
    }
    // What was acknowledged can still be read, and who waits is not kept waiting for what cannot come.
    let process = within("process", user.process(kept.into())).await.unwrap();
    assert_eq!(process.state, State::Waiting);
    let nothing = within("assign", lab.executor(0).assign(ask(Span::from_millis(50)))).await;
    assert!(nothing.is_err() || nothing.unwrap().is_empty());
    let other =
        lab.node.client(crate::lab::owner().identity(), crate::lab::executor_key(crate::lab::EXECUTORS));
    let refused = within("assign", other.assign(ask(LONG))).await;
    assert!(matches!(refused, Err(ClientError::Refused(Refusal::Storage(_)))), "{refused:?}");
    lab.stop().await;
}
