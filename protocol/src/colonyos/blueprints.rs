//! Blueprints, their definitions and their history.

use super::{Ask, Fault, Place, Show, Then, message::Message};
use crate::{
    bounded::Json,
    command::{BlueprintsCommand, Command},
    model::{
        BlueprintId, Name,
        blueprint::NewBlueprint,
        json::{self, read::FromField as _},
    },
    query::{BlueprintsQuery, PAGE_MAX, Query},
};

/// What is said if there is no definition of a name.
const NO_DEFINITION: &str = "Blueprint definition not found";
/// What is said if there is no blueprint of a name.
const NO_BLUEPRINT: &str = "Blueprint not found";

pub(super) fn read(kind: &str, message: &mut Message<'_>) -> Result<Option<Ask>, Fault> {
    Ok(Some(match kind {
        "addblueprintdefinitionmsg" => {
            let (place, definition) = message.object(&["blueprintdefinition"], json::definition_field)?;
            let then = Then::Show(one_definition(&definition.name), Show::First(NO_DEFINITION));
            let command = BlueprintsCommand::AddDefinition { definition };
            Ask::change(place, Command::Blueprints(command), then)
        }
        "getblueprintdefinitionmsg" => {
            let query = one_definition(&message.name(&["name"])?);
            Ask::read(message.colony()?, query, Show::First(NO_DEFINITION))
        }
        "getblueprintdefinitionsmsg" => {
            Ask::read(message.colony()?, Query::Blueprints(BlueprintsQuery::Definitions), Show::Rows)
        }
        "removeblueprintdefinitionmsg" => {
            named(message, |name| BlueprintsCommand::RemoveDefinition { name }, Then::Nothing)?
        }
        "addblueprintmsg" => {
            let (place, blueprint) = a_blueprint(message)?;
            let then = Then::Show(one_blueprint(&blueprint.name), Show::First(NO_BLUEPRINT));
            Ask::change(place, Command::Blueprints(BlueprintsCommand::Add { blueprint }), then)
        }
        "updateblueprintmsg" => {
            let force_generation = message.get(&["forcegeneration"])?;
            let (place, blueprint) = a_blueprint(message)?;
            let then = Then::Show(one_blueprint(&blueprint.name), Show::First(NO_BLUEPRINT));
            let command = BlueprintsCommand::Update { blueprint, force_generation };
            Ask::change(place, Command::Blueprints(command), then)
        }
        "getblueprintmsg" => {
            let query = one_blueprint(&message.name(&["name"])?);
            Ask::read(message.colony()?, query, Show::First(NO_BLUEPRINT))
        }
        "getblueprintsmsg" => list(message)?,
        "removeblueprintmsg" => named(message, |name| BlueprintsCommand::Remove { name }, Then::Nothing)?,
        "updateblueprintstatusmsg" => {
            let name = message.name(&["blueprintname", "name"])?;
            let status = message.get_with(&["status"], |field| Json::from_field(field).map(Some))?;
            let status = status.ok_or_else(|| Fault::bad("status is missing"))?;
            let command = BlueprintsCommand::SetStatus { name, status };
            Ask::change(message.colony()?, Command::Blueprints(command), Then::Nothing)
        }
        "reconcileblueprintmsg" => {
            let force = message.get(&["force"])?;
            named(message, |name| BlueprintsCommand::Reconcile { name, force }, Then::Reconciler)?
        }
        "getblueprinthistorymsg" => {
            let blueprint: Name = message.get(&["blueprintid"])?;
            let blueprint: BlueprintId = blueprint.parse().map_err(|_| Fault::missing(NO_BLUEPRINT))?;
            let limit: i64 = message.get(&["limit"])?;
            let limit =
                u16::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(PAGE_MAX).min(PAGE_MAX);
            Ask::read(Place::Caller, Query::BlueprintHistory { blueprint, limit }, Show::Rows)
        }
        _ => return Ok(None),
    }))
}

fn a_blueprint(message: &mut Message<'_>) -> Result<(Place, NewBlueprint), Fault> {
    message.object(&["blueprint"], json::blueprint_field)
}

fn list(message: &mut Message<'_>) -> Result<Ask, Fault> {
    let kind = message.name(&["kind"])?;
    let location = message.name(&["locationname"])?;
    let query = BlueprintsQuery::Blueprints { kind, location, after: None, limit: PAGE_MAX };
    Ok(Ask::read_all(message.colony()?, Query::Blueprints(query), Show::Rows))
}

fn named(
    message: &mut Message<'_>,
    command: impl FnOnce(Name) -> BlueprintsCommand,
    then: Then,
) -> Result<Ask, Fault> {
    let command = command(message.name(&["name"])?);
    Ok(Ask::change(message.colony()?, Command::Blueprints(command), then))
}

fn one_definition(name: &Name) -> Query {
    Query::Blueprints(BlueprintsQuery::Definition { name: name.clone() })
}

fn one_blueprint(name: &Name) -> Query {
    Query::Blueprints(BlueprintsQuery::Blueprint { name: name.clone() })
}
