//! Lending this machine in the background, for programs that do something else besides.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use colony_node::{
    client::Client,
    executor::{ExecutorConfig, OsExecutor},
    runtime::Runtime,
};
use colony_protocol::{
    bounded::Text,
    model::{Executor, Name},
};
use tokio_util::sync::CancellationToken;

use super::{super::user::too_long, let_in};
use crate::{
    error::{Exit, Failure},
    hardware,
};

/// Pause before a colony that could not be reached is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// What is lent to whom.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Loan {
    /// The executor's name.
    pub(in crate::commands) name: String,
    /// The type that processes ask for.
    pub(in crate::commands) kind: String,
    /// The colony's name.
    pub(in crate::commands) colony: String,
    /// Signs as the executor.
    pub(in crate::commands) client: Client,
    /// Signs as the owner, if its key is here.
    pub(in crate::commands) owner: Option<Client>,
    /// How long running programs may go on at the end; `None` for as long as the executor thinks right.
    pub(in crate::commands) grace: Option<Duration>,
}

/// An executor that runs in the background.
#[derive(Debug)]
pub(in crate::commands) struct Lending {
    stop: CancellationToken,
    ended: CancellationToken,
    failure: Arc<OnceLock<Failure>>,
}

impl Lending {
    /// Completes when the executor has ended: when it was told to, or because it cannot run.
    pub(in crate::commands) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Takes no more work, waits until what runs has come to its end, and says whether the executor could run.
    pub(in crate::commands) async fn end(self) -> Result<(), Failure> {
        self.stop.cancel();
        self.ended.cancelled().await;
        self.failure.get().cloned().map_or(Ok(()), Err)
    }
}

/// Lets the executor in, and runs it until it is ended or `stop` is cancelled. Who asked for it must look whether it
/// has ended by itself: then it cannot run, and [`Lending::end`] says why.
pub(in crate::commands) fn lend(
    runtime: &Runtime,
    loan: Loan,
    stop: &CancellationToken,
) -> Result<Lending, Failure> {
    let word = |text: &str| Text::new(text).map_err(too_long);
    let (name, kind, colony): (Name, Name, Name) =
        (word(&loan.name)?, word(&loan.kind)?, word(&loan.colony)?);
    let (own, ended) = (stop.child_token(), CancellationToken::new());
    let failure = Arc::new(OnceLock::new());
    let lending = Lending { stop: own.clone(), ended: ended.clone(), failure: Arc::clone(&failure) };
    let mut config = ExecutorConfig::new(name, kind, colony);
    config.grace = loan.grace.unwrap_or(config.grace);
    let tasks = runtime.clone();
    runtime.spawn("executor", async move {
        let name = loan.name.clone();
        if let Err(why) = work(&tasks, loan, config, own).await {
            let what = format!("the executor {name} cannot run: {}", why.what);
            // Nobody else sets it.
            failure.set(Failure { what, ..why }).ok();
        }
        ended.cancel();
    });
    Ok(lending)
}

async fn work(
    runtime: &Runtime,
    loan: Loan,
    config: ExecutorConfig,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let executor = Executor {
        id: loan.client.identity(),
        name: config.name.clone(),
        executor_type: config.executor_type.clone(),
        capabilities: hardware::capabilities(),
        ..Executor::default()
    };
    loop {
        let admitted = let_in(loan.owner.as_ref(), &loan.client, executor.clone(), runtime);
        match stop.run_until_cancelled(admitted).await {
            None => return Ok(()),
            Some(Ok(())) => break,
            // A colony between two coordinators will answer soon.
            Some(Err(failure)) if failure.exit == Exit::UNREACHABLE => {}
            Some(Err(failure)) => return Err(failure),
        }
        runtime.sleep(PAUSE).await;
    }
    OsExecutor::new(config, loan.client).run(stop).await.map_err(|error| Failure::caused(&error))
}
