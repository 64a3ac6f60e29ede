//! What all parts of one executor share.

use std::{
    ffi::OsString,
    sync::{Arc, atomic::AtomicBool},
};

use tokio_util::sync::CancellationToken;

use super::{
    asking::Asking,
    config::ExecutorConfig,
    leases::Leases,
    plan,
    scratch::{ScratchError, ScratchRoot},
    slots::Slots,
};
use crate::{announcements::Hints, client::Client, runtime::Runtime};

/// What all parts of one executor share.
#[derive(Debug)]
pub(super) struct Shop {
    /// What the operator chose.
    pub(super) config: ExecutorConfig,
    /// How to reach the colony.
    pub(super) client: Client,
    /// Time, tasks and randomness.
    pub(super) runtime: Runtime,
    /// When to ask for work.
    pub(super) asking: Asking,
    /// The leases held now, also those whose result is on its way.
    pub(super) leases: Leases,
    /// Whether an answer to a request for work may have been lost.
    pub(super) missed: AtomicBool,
    /// Where scratch directories are made; gone when the last run is.
    pub(super) scratch: ScratchRoot,
    /// Variables of this process's environment that no program may see.
    pub(super) secrets: Vec<OsString>,
    /// How much work is taken, and how much of it runs.
    pub(super) slots: Slots,
    /// Cancelled by the operator: no more work is taken or begun.
    pub(super) stop: CancellationToken,
    /// Cancelled when the grace is over: what still runs must end now.
    pub(super) shutdown: CancellationToken,
    /// Cancelled when nobody waits for this executor any more: everything is killed, nothing is reported.
    pub(super) abandoned: CancellationToken,
}

impl Shop {
    /// Makes the place for scratch directories and gets ready.
    pub(super) fn open(
        config: ExecutorConfig,
        client: Client,
        hints: Option<Hints>,
        stop: CancellationToken,
    ) -> Result<Arc<Self>, ScratchError> {
        let runtime = client.runtime().clone();
        let scratch = ScratchRoot::create(&config.scratch, runtime.random())?;
        let secrets = std::env::vars_os().map(|(name, _)| name).filter(plan::is_secret).collect();
        Ok(Arc::new(Self {
            slots: Slots::new(config.parallel.get()),
            asking: Asking::new(hints, config.wait),
            stop,
            config,
            client,
            runtime,
            leases: Leases::default(),
            missed: AtomicBool::new(false),
            scratch,
            secrets,
            shutdown: CancellationToken::new(),
            abandoned: CancellationToken::new(),
        }))
    }
}
