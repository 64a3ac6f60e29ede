//! `colony location`: places that executors and blueprints are in.

use colony_node::client::ClientError;
use colony_protocol::{
    bounded::Text,
    command::{Command, LocationsCommand},
    model::location::{Degrees, Location},
    query::Query,
    reply::Answer,
};

use super::user::too_long;
use crate::{
    app::{App, Session},
    args::{LocationAddArgs, LocationVerb},
    error::{Exit, Failure},
    output,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: LocationVerb) -> Result<Exit, Failure> {
    match verb {
        LocationVerb::Add(args) => {
            let name = args.name.clone();
            change(app, LocationsCommand::Add { location: location(args)? }).await?;
            output::note(&format!("{name} added"));
        }
        LocationVerb::Ls(reading) => {
            let session = app.reading(reading).await?;
            let all = all(&session).await?;
            output::locations(session.seen(), &all).print(session.format())?;
        }
        LocationVerb::Get(args) => {
            let session = app.reading(args.reading).await?;
            let found = all(&session).await?.into_iter().find(|one| *one.name == *args.what.name);
            let found =
                found.ok_or_else(|| Failure::new(format!("location `{}` not found", args.what.name)))?;
            session.print_one(output::locations(session.seen(), &[found]))?;
        }
        LocationVerb::Rm(args) => {
            let name = Text::new(args.name.as_str()).map_err(too_long)?;
            change(app, LocationsCommand::Remove { name }).await?;
            output::note(&format!("{} removed", args.name));
        }
    }
    Ok(Exit::DONE)
}

async fn all(session: &Session) -> Result<Vec<Location>, Failure> {
    match session.client.query(&Query::Locations).await? {
        Answer::Locations(all) => Ok(all),
        _ => Err(ClientError::Unexpected("to locations").into()),
    }
}

async fn change(app: &App, command: LocationsCommand) -> Result<(), Failure> {
    app.session()?.owner()?.command(&Command::Locations(command)).await?;
    Ok(())
}

fn location(args: LocationAddArgs) -> Result<Location, Failure> {
    let degrees = |value: f64| {
        Degrees::from_f64(value).ok_or_else(|| Failure::usage(format!("{value} is not between -180 and 180")))
    };
    Ok(Location {
        id: Text::default(),
        name: Text::new(args.name).map_err(too_long)?,
        description: Text::new(args.description).map_err(too_long)?,
        longitude: degrees(args.long)?,
        latitude: degrees(args.lat)?,
    })
}
