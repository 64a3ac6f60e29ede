//! `colony logs`: what a process said, as it said it.

use colony_node::client::ClientError;
use colony_protocol::{
    model::{LogStream, ProcessId, StoredLogLine},
    query::{PAGE_MAX, Query, Selector},
    reply::Answer,
};

use super::follow::Follow;
use crate::{
    app::{App, Session},
    args::{ProcessRef, Reading},
    error::{Exit, Failure},
    output::{self, Format},
};

/// Prints the lines there are, or goes on until the process has ended.
pub(super) async fn run(app: &App, id: ProcessRef, follow: bool, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    if follow {
        let mut news = Follow::start(session.client.clone(), id.0);
        while let Some((process, lines)) = news.next().await? {
            print(&session, &process.id, &lines)?;
        }
        return Ok(Exit::DONE);
    }
    let id = session.client.process(id.0).await?.id;
    let mut from = 0;
    loop {
        let lines = page(&session, id.into(), from, PAGE_MAX, false).await?;
        let Some(last) = lines.last() else { return Ok(Exit::DONE) };
        from = last.line.saturating_add(1);
        print(&session, &id, &lines)?;
    }
}

/// One page of a log.
pub(super) async fn page(
    session: &Session,
    process: Selector,
    from: u64,
    limit: u16,
    latest: bool,
) -> Result<Vec<StoredLogLine>, Failure> {
    match session.client.query(&Query::Log { process, from, limit, latest }).await? {
        Answer::Log(lines) => Ok(lines),
        _ => Err(ClientError::Unexpected("to log").into()),
    }
}

/// A log is data: all streams go to stdout.
fn print(session: &Session, process: &ProcessId, lines: &[StoredLogLine]) -> Result<(), Failure> {
    if matches!(session.format(), Format::Json | Format::Jsonl) {
        // A list that grows cannot be one JSON value; one a line can be read as it comes.
        return output::log_lines(session.seen(), process, lines).print(Format::Jsonl);
    }
    for line in lines {
        output::pass_through(LogStream::Out, &line.message)?;
        // ColonyOS clients send messages without line breaks.
        if line.stream == LogStream::Note && !line.message.ends_with('\n') {
            output::pass_through(LogStream::Out, "\n")?;
        }
    }
    Ok(())
}
