//! `colony executor start`: this machine runs programs for the colony until Ctrl-C.

use std::{num::NonZeroUsize, time::Duration};

use colony_node::{
    client::{Client, ClientError},
    executor::{ExecutorConfig, OsExecutor},
};
use colony_protocol::{
    bounded::Text,
    identity::SecretKey,
    model::{Executor, Name},
    query::Query,
    refusal::Refusal,
};
use tokio_util::sync::CancellationToken;

use super::{super::user::too_long, admit};
use crate::{
    app::{App, Session},
    args::ExecutorStartArgs,
    context::Home,
    error::{Exit, Failure},
    hardware,
    hint::Hint,
    output, stop,
};

/// How often an executor that waits for approval looks whether it has it.
const LOOK: Duration = Duration::from_secs(2);

/// Runs it.
pub(super) async fn run(app: &App, args: ExecutorStartArgs) -> Result<Exit, Failure> {
    let session = app.session()?;
    let home = app.home()?;
    let path = Home::key_path(&format!("executor-{}", args.name))?;
    let key = home.key_or_new(&path, || SecretKey::derive(&app.runtime.random::<32>()))?;
    let name: Name = Text::new(args.name.as_str()).map_err(too_long)?;
    let executor_type: Name = Text::new(args.executor_type.as_str()).map_err(too_long)?;
    let executor = Executor {
        id: key.identity(),
        name: name.clone(),
        executor_type: executor_type.clone(),
        capabilities: hardware::capabilities(),
        ..Executor::default()
    };
    let client = session.client.with_key(key);
    let token = stop::on_signals(&app.runtime)?;
    tokio::select! {
        biased;
        () = token.cancelled() => return Ok(Exit::INTERRUPTED),
        admitted = let_in(&session, &client, executor) => admitted?,
    }
    let colony = Text::new(session.chosen.context.colony.as_str()).map_err(too_long)?;
    let mut config = ExecutorConfig::new(name, executor_type, colony);
    if let Some(parallel) = args.parallel.and_then(|parallel| NonZeroUsize::new(parallel.into())) {
        config.parallel = parallel;
    }
    tell(&session, &args, config.parallel);
    work(config, client, token).await?;
    Ok(Exit::DONE)
}

async fn work(config: ExecutorConfig, client: Client, stop: CancellationToken) -> Result<(), Failure> {
    OsExecutor::new(config, client).run(stop).await.map_err(|error| Failure::caused(&error))
}

fn tell(session: &Session, args: &ExecutorStartArgs, parallel: NonZeroUsize) {
    output::note(&format!(
        "{} takes work of type {} for {}: {parallel} at a time; Ctrl-C stops it",
        args.name, args.executor_type, session.chosen.context.colony
    ));
}

/// With the owner's key at hand it is let in at once; else somebody who has it must, and this waits.
async fn let_in(session: &Session, client: &Client, executor: Executor) -> Result<(), Failure> {
    if let Ok(owner) = session.owner() {
        return admit(&owner, executor).await;
    }
    let mut told = false;
    loop {
        match client.query(&Query::Statistics).await {
            Ok(_) => return Ok(()),
            Err(ClientError::Refused(Refusal::Denied { .. })) if !told => {
                told = true;
                output::note(&format!("{} waits to be let in by the colony's owner", executor.name));
                let hint = Hint::AddExecutor {
                    name: executor.name.to_string(),
                    kind: executor.executor_type.to_string(),
                    id: executor.id.to_hex(),
                };
                output::report(&Failure::new("").hint(hint), &[]);
            }
            Err(ClientError::Refused(Refusal::Denied { .. })) => {}
            Err(error) => return Err(error.into()),
        }
        session.app.runtime.sleep(LOOK).await;
    }
}
