//! `colony cron`: workflows that start by schedule.

use std::sync::Arc;

use colony_node::client::ClientError;
use colony_protocol::{
    bounded::Text,
    command::Command,
    model::{Cron, NewCron, Schedule},
    query::Query,
    reply::{Answer, Reply},
    schedule::Timetable,
};

use super::{submit, user::too_long};
use crate::{
    app::{App, Session},
    args::{CronAddArgs, CronVerb},
    error::{Exit, Failure},
    hint::Hint,
    output, specs,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: CronVerb) -> Result<Exit, Failure> {
    match verb {
        CronVerb::Add(args) => add(app, args).await,
        CronVerb::Ls(args) => {
            let session = app.reading(args.reading).await?;
            let crons = list(&session, usize::from(args.what.count)).await?;
            output::crons(session.seen(), &crons).print(session.format())?;
            Ok(Exit::DONE)
        }
        CronVerb::Get(args) => {
            let session = app.reading(args.reading).await?;
            let cron = get(&session, args.what.named()).await?;
            session.print_one(output::cron_record(session.seen(), &cron))?;
            Ok(Exit::DONE)
        }
        CronVerb::Run(args) => {
            let session = app.session()?;
            let cron = get(&session, args.named()).await?.id;
            let Reply::CronStarted(workflow) = session.client.command(&Command::RunCron { cron }).await?
            else {
                return Err(ClientError::Unexpected("to run-cron").into());
            };
            submit::print_ids(&session, &[], Some(workflow))?;
            Ok(Exit::DONE)
        }
        CronVerb::Rm(args) => {
            let session = app.session()?;
            let cron = get(&session, args.named()).await?;
            session.maker(&cron.initiator).command(&Command::RemoveCron { cron: cron.id }).await?;
            output::note(&format!("cron {} removed", cron.name));
            Ok(Exit::DONE)
        }
    }
}

async fn add(app: &App, args: CronAddArgs) -> Result<Exit, Failure> {
    let schedule = match (args.cron, args.every) {
        (Some(text), _) => Schedule::Expression(Text::new(text).map_err(too_long)?),
        (None, every) => Schedule::Interval { every: every.unwrap_or_default(), random: args.random },
    };
    Timetable::new(&schedule).map_err(|error| Failure::usage(format!("the schedule: {error}")))?;
    let spec = specs::as_workflow(args.file.file(), &submit::read(args.file.file())?)?;
    let cron = NewCron {
        name: Text::new(args.name).map_err(too_long)?,
        schedule,
        wait_for_previous: args.wait_previous,
        spec: Arc::new(spec),
    };
    let session = app.session()?;
    let Reply::CronAdded(id) = session.client.command(&Command::AddCron { cron }).await? else {
        return Err(ClientError::Unexpected("to add-cron").into());
    };
    let cron = get(&session, &id.to_hex()).await?;
    if let Some(next) = cron.next_run {
        output::note(&format!("{} runs next {}", cron.name, output::until(session.seen().now, next)));
    }
    output::crons(session.seen(), &[cron]).print_new(session.format())?;
    Ok(Exit::DONE)
}

/// Pages through crons until there are enough.
async fn list(session: &Session, count: usize) -> Result<Vec<Cron>, Failure> {
    let mut crons: Vec<Cron> = Vec::new();
    loop {
        let after = crons.last().map_or(0, |cron| cron.id.number());
        let limit = u16::try_from(count.saturating_sub(crons.len())).unwrap_or(u16::MAX);
        if limit == 0 {
            return Ok(crons);
        }
        let Answer::Crons(page) = session.client.query(&Query::Crons { after, limit }).await? else {
            return Err(ClientError::Unexpected("to crons").into());
        };
        if page.is_empty() {
            return Ok(crons);
        }
        crons.extend(page);
    }
}

async fn get(session: &Session, named: &str) -> Result<Cron, Failure> {
    let named = Text::new(named).map_err(too_long)?;
    match session.client.query(&Query::Cron { named }).await {
        Ok(Answer::Cron(cron)) => Ok(*cron),
        Ok(_) => Err(ClientError::Unexpected("to cron").into()),
        Err(error) => Err(Failure::from(error).hint(Hint::Crons)),
    }
}
