//! `colony blueprint`: what shall be there, and who sees to it.

use colony_node::client::ClientError;
use colony_protocol::{
    bounded::{Json, Text},
    command::{BlueprintsCommand, Command},
    model::{Name, json},
    query::{BlueprintsQuery, PAGE_MAX, Query},
    reply::{Answer, Reply},
};

use super::{submit, user::too_long};
use crate::{
    app::{App, Session},
    args::{BlueprintFileArgs, BlueprintVerb, DefinitionVerb, Reading},
    error::{Exit, Failure},
    output, specs,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: BlueprintVerb) -> Result<Exit, Failure> {
    match verb {
        BlueprintVerb::Definition(verb) => return definitions(app, verb).await,
        BlueprintVerb::Add(args) => {
            let blueprint = parsed(&args, json::parse_blueprint)?;
            return change(app, BlueprintsCommand::Add { blueprint }).await;
        }
        BlueprintVerb::Update(args) => {
            let blueprint = parsed(&args.file, json::parse_blueprint)?;
            let force_generation = args.force_generation;
            return change(app, BlueprintsCommand::Update { blueprint, force_generation }).await;
        }
        BlueprintVerb::Rm(args) => {
            return change(app, BlueprintsCommand::Remove { name: name(&args.name)? }).await;
        }
        BlueprintVerb::Reconcile(args) => {
            let command = BlueprintsCommand::Reconcile { name: name(&args.name)?, force: args.force };
            return change(app, command).await;
        }
        BlueprintVerb::Status(args) => {
            let status = Json::new(submit::read(&args.file)?.trim());
            let status = status.map_err(|error| Failure::usage(format!("{}: {error}", args.file)))?;
            return change(app, BlueprintsCommand::SetStatus { name: name(&args.name)?, status }).await;
        }
        BlueprintVerb::Ls(args) => {
            let session = app.reading(args.reading).await?;
            let (kind, location) = (name(&args.what.kind)?, name(&args.what.location)?);
            let (mut after, mut all): (Option<Name>, Vec<_>) = (None, Vec::new());
            loop {
                let (kind, location) = (kind.clone(), location.clone());
                let query = BlueprintsQuery::Blueprints { kind, location, after, limit: PAGE_MAX };
                let Answer::Blueprints(page) = ask(&session, query).await? else {
                    return Err(ClientError::Unexpected("to blueprints").into());
                };
                after = page.last().map(|last| last.blueprint.name.clone());
                all.extend(page);
                if after.is_none() {
                    break;
                }
            }
            output::blueprints(session.seen(), &all).print(session.format())?;
        }
        BlueprintVerb::Get(args) => get(app, &args.what.name, args.reading).await?,
        BlueprintVerb::History(args) => history(app, &args.what.name, args.reading).await?,
    }
    Ok(Exit::DONE)
}

async fn definitions(app: &App, verb: DefinitionVerb) -> Result<Exit, Failure> {
    match verb {
        DefinitionVerb::Add(args) => {
            let definition = parsed(&args, json::parse_definition)?;
            let name = definition.name.clone();
            let command = Command::Blueprints(BlueprintsCommand::AddDefinition { definition });
            let Reply::DefinitionAdded(id) = app.session()?.owner()?.command(&command).await? else {
                return Err(ClientError::Unexpected("to a new definition").into());
            };
            output::note(&format!("{name} added"));
            output::data(&id.to_hex())?;
        }
        DefinitionVerb::Ls(reading) => {
            let session = app.reading(reading).await?;
            let Answer::Definitions(all) = ask(&session, BlueprintsQuery::Definitions).await? else {
                return Err(ClientError::Unexpected("to definitions").into());
            };
            output::definitions(session.seen(), &all).print(session.format())?;
        }
        DefinitionVerb::Get(args) => {
            let session = app.reading(args.reading).await?;
            let query = BlueprintsQuery::Definition { name: name(&args.what.name)? };
            let Answer::Definitions(found) = ask(&session, query).await? else {
                return Err(ClientError::Unexpected("to a definition").into());
            };
            for one in &found {
                output::data(&format!("{:#}", json::definition(one, session.seen().context())))?;
            }
        }
        DefinitionVerb::Rm(args) => {
            let command = BlueprintsCommand::RemoveDefinition { name: name(&args.name)? };
            app.session()?.owner()?.command(&Command::Blueprints(command)).await?;
            output::note(&format!("{} removed", args.name));
        }
    }
    Ok(Exit::DONE)
}

async fn get(app: &App, wanted: &str, reading: Reading) -> Result<(), Failure> {
    let session = app.reading(reading).await?;
    let query = BlueprintsQuery::Blueprint { name: name(wanted)? };
    let Answer::Blueprints(found) = ask(&session, query).await? else {
        return Err(ClientError::Unexpected("to a blueprint").into());
    };
    for one in &found {
        output::data(&format!("{:#}", json::blueprint(one, session.seen().context())))?;
    }
    Ok(())
}

async fn history(app: &App, wanted: &str, reading: Reading) -> Result<(), Failure> {
    let session = app.reading(reading).await?;
    let query = BlueprintsQuery::Blueprint { name: name(wanted)? };
    let Answer::Blueprints(found) = ask(&session, query).await? else {
        return Err(ClientError::Unexpected("to a blueprint").into());
    };
    for one in &found {
        let query = Query::BlueprintHistory { blueprint: one.id, limit: PAGE_MAX };
        let Answer::BlueprintHistory(changes) = session.client.query(&query).await? else {
            return Err(ClientError::Unexpected("to a history").into());
        };
        output::blueprint_changes(session.seen(), &changes).print(session.format())?;
    }
    Ok(())
}

/// Changes a blueprint; prints the number of the process that its handler is asked by, if there is one.
async fn change(app: &App, command: BlueprintsCommand) -> Result<Exit, Failure> {
    let reply = app.session()?.client.command(&Command::Blueprints(command)).await?;
    if let Reply::BlueprintSet { process: Some(process), .. } = reply {
        output::note(&format!("its handler is asked by p{}", process.number()));
    }
    Ok(Exit::DONE)
}

async fn ask(session: &Session, query: BlueprintsQuery) -> Result<Answer, Failure> {
    Ok(session.client.query(&Query::Blueprints(query)).await?)
}

fn parsed<T>(
    args: &BlueprintFileArgs,
    parse: impl FnOnce(&str) -> Result<T, json::SpecError>,
) -> Result<T, Failure> {
    let text = submit::read(args.file())?;
    parse(&text).map_err(|error| specs::failure(args.file(), &error))
}

fn name(text: &str) -> Result<Name, Failure> {
    Text::new(text).map_err(too_long)
}
