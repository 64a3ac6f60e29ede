//! `colony log`: a process's lines with their circumstances, or in ColonyOS's words.

use colony_node::client::ClientError;
use colony_protocol::{
    bounded::{List, Text},
    command::{Command, LeaseRef},
    model::{LogLine, LogStream},
    query::{LogSearch, Query},
    reply::{Answer, LogHit},
    time::Span,
};

use super::{logs, user::too_long};
use crate::{
    app::App,
    args::{LogAddArgs, LogSearchArgs, LogVerb, Reading},
    error::{Exit, Failure},
    output,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: LogVerb) -> Result<Exit, Failure> {
    match verb {
        LogVerb::Get(args) => logs::run(app, args.what.processid, args.what.follow, args.reading).await,
        LogVerb::Add(args) => add(app, &args).await,
        LogVerb::Search(args) => search(app, args.what, args.reading).await,
        LogVerb::Ls(args) => {
            let session = app.reading(args.reading).await?;
            let id = session.client.process(args.what.id.0).await?.id;
            let lines = logs::page(&session, id.into(), 0, args.what.limit, true).await?;
            output::log_lines(session.seen(), &id, &lines).print(session.format())?;
            Ok(Exit::DONE)
        }
    }
}

/// Adds lines to the log of a process that this executor holds, or to its own.
async fn add(app: &App, args: &LogAddArgs) -> Result<Exit, Failure> {
    let session = app.session()?;
    let line = |line: &str| {
        Ok(LogLine { stream: LogStream::Note, message: Text::new(format!("{line}\n")).map_err(too_long)? })
    };
    let lines = args.text().lines().map(line).collect::<Result<Vec<_>, Failure>>()?;
    let lines = List::new(lines).map_err(too_long)?;
    let command = match &args.processid {
        Some(id) => {
            let lease = LeaseRef::any(session.client.process(id.0.clone()).await?.id);
            Command::AddLog { lease, lines }
        }
        None => Command::AddExecutorLog { lines },
    };
    session.client.command(&command).await?;
    Ok(Exit::DONE)
}

/// Pages through all logs until there are enough lines or no more.
async fn search(app: &App, args: LogSearchArgs, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let days = args.days.map(|days| Span::from_secs(u64::from(days).saturating_mul(24 * 60 * 60)));
    let mut search = LogSearch {
        text: Text::new(args.text()).map_err(too_long)?,
        executor_name: args.executorname.as_deref().map(Text::new).transpose().map_err(too_long)?,
        since: days.map(|span| session.seen().now.before(span)),
        after: None,
        limit: args.count,
    };
    let mut found: Vec<LogHit> = Vec::new();
    loop {
        let query = Query::SearchLog(search.clone());
        let Answer::LogHits { hits, next } = session.client.query(&query).await? else {
            return Err(ClientError::Unexpected("to search-log").into());
        };
        found.extend(hits);
        found.truncate(usize::from(args.count));
        if next.is_none() || found.len() >= usize::from(args.count) {
            break;
        }
        search.after = next;
    }
    output::log_hits(session.seen(), &found).print(session.format())?;
    Ok(Exit::DONE)
}
