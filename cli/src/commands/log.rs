//! `colony log`: a process's lines with their circumstances, or in ColonyOS's words.

use super::logs;
use crate::{
    app::App,
    args::LogVerb,
    error::{Exit, Failure},
    output,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: LogVerb) -> Result<Exit, Failure> {
    match verb {
        LogVerb::Get(args) => logs::run(app, args.what.processid, args.what.follow, args.reading).await,
        LogVerb::Ls(args) => {
            let session = app.reading(args.reading).await?;
            let id = session.client.process(args.what.id.0).await?.id;
            let lines = logs::page(&session, id.into(), 0, args.what.limit, true).await?;
            output::log_lines(session.seen(), &id, &lines).print(session.format())?;
            Ok(Exit::DONE)
        }
    }
}
