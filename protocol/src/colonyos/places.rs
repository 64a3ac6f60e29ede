//! Locations.

use super::{Ask, Fault, Show, Then, message::Message};
use crate::{
    command::{Command, LocationsCommand},
    model::{
        json::{SpecError, read::Field},
        location::{Degrees, Location},
    },
    query::Query,
};

pub(super) fn read(kind: &str, message: &mut Message<'_>) -> Result<Option<Ask>, Fault> {
    Ok(Some(match kind {
        "addlocationmsg" => {
            let (place, location) = message.object(&["location"], location)?;
            let then = Then::Show(Query::Locations, Show::Location(location.name.clone()));
            Ask::change(place, Command::Locations(LocationsCommand::Add { location }), then)
        }
        "getlocationsmsg" => Ask::read(message.colony()?, Query::Locations, Show::Rows),
        "getlocationmsg" => {
            let show = Show::Location(message.name(&["name"])?);
            Ask::read(message.colony()?, Query::Locations, show)
        }
        "removelocationmsg" => {
            let command = LocationsCommand::Remove { name: message.name(&["name"])? };
            Ask::change(message.colony()?, Command::Locations(command), Then::Nothing)
        }
        _ => return Ok(None),
    }))
}

fn location(field: &Field<'_>) -> Result<Location, SpecError> {
    let mut object = field.object()?;
    Ok(Location {
        id: object.read(&["locationid"])?,
        name: object.read(&["name"])?,
        description: object.read(&["description"])?,
        longitude: object.read_with(&["long"], degrees)?,
        latitude: object.read_with(&["lat"], degrees)?,
    })
}

fn degrees(field: &Field<'_>) -> Result<Degrees, SpecError> {
    let degrees = field.raw().parse().ok().and_then(Degrees::from_f64);
    degrees.ok_or_else(|| field.expected("degrees between -180 and 180"))
}
