//! `colony process`: ColonyOS's words for what `ps`, `get` and `cancel` do, and the colony's pause switch.

use colony_protocol::{command::Command, model::State};

use super::{cancel, get, ps};
use crate::{
    app::App,
    args::ProcessVerb,
    error::{Exit, Failure},
    hint::Hint,
    output,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: ProcessVerb) -> Result<Exit, Failure> {
    match verb {
        ProcessVerb::Psw(args) => ps::list(app, Some(State::Waiting), args.what.count, args.reading).await,
        ProcessVerb::Ps(args) => ps::list(app, Some(State::Running), args.what.count, args.reading).await,
        ProcessVerb::Pss(args) => ps::list(app, Some(State::Success), args.what.count, args.reading).await,
        ProcessVerb::Psf(args) => ps::list(app, Some(State::Failed), args.what.count, args.reading).await,
        ProcessVerb::Psc(args) => ps::list(app, Some(State::Cancelled), args.what.count, args.reading).await,
        ProcessVerb::Get(args) => get::process(app, args.what.processid.0, args.reading).await,
        ProcessVerb::Cancel(args) => cancel::process(app, args.processid.0).await,
        ProcessVerb::Pause => {
            let session = app.session()?;
            session.owner()?.command(&Command::Pause).await?;
            output::note(&format!("{} gives out no more work", session.chosen.context.colony));
            output::report(&Failure::new("").hint(Hint::Resume), &app.flags);
            Ok(Exit::DONE)
        }
        ProcessVerb::Resume => {
            let session = app.session()?;
            session.owner()?.command(&Command::Resume).await?;
            output::note(&format!("{} gives out work again", session.chosen.context.colony));
            Ok(Exit::DONE)
        }
    }
}
