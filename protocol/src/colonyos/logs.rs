//! What running processes say.

use super::{Action, Ask, Fault, LogSpan, Place, Then, message::Message, processes::process_id};
use crate::{
    bounded::{List, Text},
    command::{Command, LeaseRef},
    model::{LINE_MAX, LogLine, LogStream, Name},
    time::{Span, Timestamp},
};

/// Most lines of one answer.
const LINES_MAX: i64 = 500;
/// Most lines of one search, and how many days back it looks at most.
const HITS_MAX: i64 = 100;
const DAYS_MAX: i64 = 30;
/// Most bytes of one message: it becomes as many lines as it takes.
const MESSAGE_MAX: usize = 256 * 1024;

pub(super) fn read(kind: &str, message: &mut Message<'_>) -> Result<Option<Ask>, Fault> {
    Ok(Some(match kind {
        "addlogmsg" => add(message)?,
        "addexecutorlogmsg" => {
            let text: Text<MESSAGE_MAX> = message.get(&["message"])?;
            let lines = List::new(lines(&text)).map_err(|error| Fault::bad(error.to_string()))?;
            let own = message.name(&["executorname"])?;
            Ask::change(message.colony()?, Command::AddExecutorLog { lines }, Then::Nothing).by_executor(own)
        }
        "getlogsmsg" => get(message)?,
        "searchlogsmsg" => search(message)?,
        _ => return Ok(None),
    }))
}

fn add(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let id = process_id(message, &["processid"])?;
    let text: Text<MESSAGE_MAX> = message.get(&["message"])?;
    let lines = List::new(lines(&text)).map_err(|error| Fault::bad(error.to_string()))?;
    Ok(Ask::change(Place::Process(id), Command::AddLog { lease: LeaseRef::any(id), lines }, Then::Nothing))
}

/// A message in as many lines as it takes.
fn lines(text: &str) -> Vec<LogLine> {
    let mut rest = text;
    let mut lines = Vec::new();
    loop {
        let message: Text<LINE_MAX> = Text::cut(rest);
        rest = rest.get(message.len()..).unwrap_or_default();
        lines.push(LogLine { stream: LogStream::Note, message });
        if rest.is_empty() {
            return lines;
        }
    }
}

fn get(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let count: i64 = message.get(&["count"])?;
    if count > LINES_MAX {
        return Err(Fault::denied(format!("Count exceeds max log count ({LINES_MAX})")));
    }
    let limit = u16::try_from(count).map_err(|_| Fault::bad("Count is negative"))?;
    let since: i64 = message.get(&["since"])?;
    let latest: bool = message.get(&["latest"])?;
    let span = match u64::try_from(since) {
        _ if latest => LogSpan::Latest,
        Ok(nanos) if nanos > 0 => LogSpan::Since(Timestamp::from_micros(nanos / 1_000)),
        _ => LogSpan::First,
    };
    let executor: Name = message.get(&["executorname"])?;
    if !executor.is_empty() {
        let action =
            Action::Search { text: Text::default(), executor: Some(executor), back: None, span, limit };
        return Ok(Ask::new(message.colony()?, action));
    }
    let process = process_id(message, &["processid"])?;
    let place = match message.colony()? {
        Place::Colony(name) if name.is_empty() => Place::Process(process),
        place => place,
    };
    Ok(Ask::new(place, Action::Log { process, span, limit }))
}

fn search(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let days: i64 = message.get(&["days"])?;
    let count: i64 = message.get(&["count"])?;
    if days > DAYS_MAX {
        return Err(Fault::bad(format!("Count exceeds max day count ({DAYS_MAX})")));
    }
    if count > HITS_MAX {
        return Err(Fault::bad(format!("Count exceeds max log count ({HITS_MAX})")));
    }
    let limit = u16::try_from(count).map_err(|_| Fault::bad("Count is negative"))?;
    let seconds = u64::try_from(days).unwrap_or_default().saturating_mul(86_400);
    let text = message.get(&["text"])?;
    let back = Some(Span::from_secs(seconds));
    let action = Action::Search { text, executor: None, back, span: LogSpan::Latest, limit };
    Ok(Ask::new(message.colony()?, action))
}
