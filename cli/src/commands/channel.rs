//! `colony channel`: what a process and its submitter say to each other.

use std::io::Read as _;

use colony_node::client::ClientError;
use colony_protocol::{
    bounded::{Bytes, List, Text},
    command::{Append, Command, WAIT_MAX},
    model::{
        LogStream,
        channel::{MESSAGE_MAX, NewEntry},
    },
    query::{ChannelsQuery, PAGE_MAX, Query},
    reply::Answer,
    time::Span,
};

use super::user::too_long;
use crate::{
    app::App,
    args::{ChannelAppendArgs, ChannelReadArgs, ChannelVerb, Reading},
    error::{Exit, Failure},
    output,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: ChannelVerb) -> Result<Exit, Failure> {
    match verb {
        ChannelVerb::Ls(args) => {
            let session = app.reading(args.reading).await?;
            let query = ChannelsQuery::List { process: args.what.id.0 };
            let Answer::Channels(channels) = session.client.channels(query).await? else {
                return Err(ClientError::Unexpected("to channels").into());
            };
            output::channels(&channels).print(session.format())?;
            Ok(Exit::DONE)
        }
        ChannelVerb::Read(args) => read(app, args.what, args.reading).await,
        ChannelVerb::Append(args) => append(app, args).await,
    }
}

/// Prints entries as they were said, each on a line of its own unless it ends with one; to its end if asked to.
async fn read(app: &App, args: ChannelReadArgs, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let channel = Text::new(args.channel.as_str()).map_err(too_long)?;
    let mut from = 0;
    loop {
        let read = ChannelsQuery::Read {
            process: args.id.0.clone(),
            channel: channel.clone(),
            from,
            limit: PAGE_MAX,
            wait: if args.follow { WAIT_MAX } else { Span::ZERO },
        };
        let answer = session.client.channels(read).await?;
        let Answer::Channel { entries, length, closed } = answer else {
            return Err(ClientError::Unexpected("to a channel").into());
        };
        for entry in &entries {
            let text = String::from_utf8_lossy(&entry.said.payload);
            let end = if text.ends_with('\n') { "" } else { "\n" };
            output::pass_through(LogStream::Out, &format!("{text}{end}"))?;
        }
        from = entries.last().map_or(from, |last| last.place.saturating_add(1));
        if from >= length && (closed || !args.follow) {
            return Ok(Exit::DONE);
        }
    }
}

/// What to say, perhaps from standard input.
fn words(text: String) -> Result<Bytes<MESSAGE_MAX>, Failure> {
    let unreadable = |why: &dyn std::fmt::Display| {
        Failure::usage(format!("cannot say what comes from standard input: {why}"))
    };
    if text != "-" {
        return Bytes::new(text).map_err(too_long);
    }
    let (mut read, most) = (Vec::new(), MESSAGE_MAX.saturating_add(1) as u64);
    std::io::stdin().lock().take(most).read_to_end(&mut read).map_err(|error| unreadable(&error))?;
    Bytes::new(read).map_err(|error| unreadable(&error))
}

async fn append(app: &App, args: ChannelAppendArgs) -> Result<Exit, Failure> {
    let session = app.session()?;
    let Answer::Process(process) = session.client.query(&Query::Process(args.id.0)).await? else {
        return Err(ClientError::Unexpected("to a process").into());
    };
    let entry = NewEntry { sequence: args.sequence, payload: words(args.text)?, ..NewEntry::default() };
    let channel = Text::new(args.channel).map_err(too_long)?;
    for piece in entry.pieces() {
        let append = Append {
            process: process.id,
            channel: channel.clone(),
            token: 0,
            entries: List::new(vec![piece]).map_err(too_long)?,
        };
        session.client.command(&Command::Append(append)).await?;
    }
    Ok(Exit::DONE)
}
