//! `colony executor start`: this machine runs programs for the colony until Ctrl-C.

use std::num::NonZeroUsize;

use colony_node::executor::{ExecutorConfig, OsExecutor};
use colony_protocol::{
    bounded::Text,
    identity::SecretKey,
    model::{Executor, Name},
};
use tokio_util::sync::CancellationToken;

use super::{super::user::too_long, contacts::Contacts, let_in};
use crate::{
    app::{App, Session},
    args::{ExecutorStartArgs, PlaceArgs},
    context::Home,
    error::{Exit, Failure},
    hardware, output,
    presence::Presence,
    stop,
};

/// Runs it.
pub(super) async fn run(app: &App, args: ExecutorStartArgs) -> Result<Exit, Failure> {
    let contacts = args.contacts.as_deref().map(Contacts::read).transpose()?;
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
    let token = stop::on_signals(&app.runtime)?;
    let presence = Presence::start(app, &session.chosen, key, &PlaceArgs::default()).await?;
    let client = presence.client();
    let owner = session.chosen.owner.clone().map(|owner| client.with_key(owner));
    tokio::select! {
        biased;
        () = token.cancelled() => return Ok(Exit::INTERRUPTED),
        admitted = let_in(owner.as_ref(), &client, executor, &app.runtime) => admitted?,
    }
    if let Some(contacts) = contacts {
        contacts.declare(client.clone(), &app.runtime, token.clone()).await?;
    }
    let colony = Text::new(session.chosen.context.colony.as_str()).map_err(too_long)?;
    let mut config = ExecutorConfig::new(name, executor_type, colony);
    if let Some(parallel) = args.parallel.and_then(|parallel| NonZeroUsize::new(parallel.into())) {
        config.parallel = parallel;
    }
    tell(&session, &args, config.parallel);
    let hints = presence.hints(config.name.clone(), config.executor_type.clone()).await;
    let worked = work(OsExecutor::new(config, client).with_hints(hints), token).await;
    presence.end().await;
    worked.map(|()| Exit::DONE)
}

async fn work(executor: OsExecutor, stop: CancellationToken) -> Result<(), Failure> {
    executor.run(stop).await.map_err(|error| Failure::caused(&error))
}

fn tell(session: &Session, args: &ExecutorStartArgs, parallel: NonZeroUsize) {
    output::note(&format!(
        "{} takes work of type {} for {}: {parallel} at a time; Ctrl-C stops it",
        args.name, args.executor_type, session.chosen.context.colony
    ));
}
