//! `colony executor`: machines that take work.

mod admission;
mod contacts;
mod lend;
mod start;

pub(super) use self::{
    admission::let_in,
    lend::{Lending, Loan, lend},
};

use colony_node::client::{Client, ClientError};
use colony_protocol::{
    bounded::Text,
    command::Command,
    model::{Executor, Name},
    query::Query,
    refusal::Refusal,
    reply::Answer,
};

use super::user::{own_key, too_long};
use crate::{
    app::App,
    args::{ExecutorAddArgs, ExecutorStartArgs, ExecutorVerb, OsVerb, Reading},
    error::{Exit, Failure},
    hint::Hint,
    output,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: ExecutorVerb) -> Result<Exit, Failure> {
    match verb {
        ExecutorVerb::Start(args) => start::run(app, args).await,
        ExecutorVerb::Os(OsVerb::Start(args)) => {
            let args = ExecutorStartArgs {
                name: args.executorname,
                executor_type: args.executortype,
                parallel: None,
                contacts: None,
            };
            start::run(app, args).await
        }
        ExecutorVerb::Ls(reading) => ls(app, reading).await,
        ExecutorVerb::Get(args) => get(app, &args.what.name, args.reading).await,
        ExecutorVerb::Add(args) => add(app, args).await,
        ExecutorVerb::Approve(args) => {
            let done = format!("{} may take work", args.name);
            decide(app, &args.name, |name| Command::ApproveExecutor { name }, &done).await
        }
        ExecutorVerb::Reject(args) => {
            let done = format!("{} may not take work", args.name);
            decide(app, &args.name, |name| Command::RejectExecutor { name }, &done).await
        }
        ExecutorVerb::Rm(args) => {
            let done = format!("{} removed; what it ran is back in the queue", args.name);
            decide(app, &args.name, |name| Command::RemoveExecutor { name }, &done).await
        }
    }
}

/// All executors of a colony.
pub(super) async fn all(client: &Client) -> Result<Vec<Executor>, Failure> {
    match client.query(&Query::Executors).await? {
        Answer::Executors(executors) => Ok(executors),
        _ => Err(ClientError::Unexpected("to executors").into()),
    }
}

async fn ls(app: &App, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    output::executors(session.seen(), &all(&session.client).await?).print(session.format())?;
    Ok(Exit::DONE)
}

async fn get(app: &App, name: &str, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let found = all(&session.client).await?.into_iter().find(|executor| &*executor.name == name);
    let executor = found.ok_or_else(|| Refusal::not_found(format!("executor {name}")))?;
    session.print_one(output::executor_record(session.seen(), &executor))?;
    Ok(Exit::DONE)
}

async fn decide(
    app: &App,
    name: &str,
    command: impl FnOnce(Name) -> Command,
    done: &str,
) -> Result<Exit, Failure> {
    let name = Text::new(name).map_err(too_long)?;
    app.session()?.owner()?.command(&command(name)).await?;
    output::note(done);
    Ok(Exit::DONE)
}

async fn add(app: &App, args: ExecutorAddArgs) -> Result<Exit, Failure> {
    let owner = app.session()?.owner()?;
    let id = match args.id {
        Some(id) => id,
        None => own_key(app, &args.name)?,
    };
    let executor = Executor {
        id,
        name: Text::new(args.name.as_str()).map_err(too_long)?,
        executor_type: Text::new(args.executor_type).map_err(too_long)?,
        ..Executor::default()
    };
    owner.command(&Command::AddExecutor { executor, approved: args.approve }).await?;
    if args.approve {
        output::note(&format!("{} may take work", args.name));
    } else {
        output::note(&format!("{} is added and waits for approval", args.name));
        output::report(&Failure::new("").hint(Hint::Approve(args.name)), &app.flags);
    }
    output::data(&id.to_hex())?;
    Ok(Exit::DONE)
}
