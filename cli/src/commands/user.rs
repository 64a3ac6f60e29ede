//! `colony user`: people who may submit and look.

use colony_node::client::ClientError;
use colony_protocol::{
    bounded::{BoundError, Text},
    command::Command,
    identity::{Identity, SecretKey},
    model::User,
    query::Query,
    reply::Answer,
};

use crate::{
    app::App,
    args::{Reading, UserAddArgs, UserVerb},
    context::Home,
    error::{Exit, Failure},
    output,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: UserVerb) -> Result<Exit, Failure> {
    match verb {
        UserVerb::Ls(reading) => list(app, reading).await,
        UserVerb::Add(args) => add(app, args).await,
        UserVerb::Rm(args) => {
            let name = Text::new(args.name.as_str()).map_err(too_long)?;
            app.session()?.owner()?.command(&Command::RemoveUser { name }).await?;
            output::note(&format!("{} removed", args.name));
            Ok(Exit::DONE)
        }
    }
}

async fn list(app: &App, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let Answer::Users(users) = session.client.query(&Query::Users).await? else {
        return Err(ClientError::Unexpected("to users").into());
    };
    output::users(session.seen(), &users).print(session.format())?;
    Ok(Exit::DONE)
}

async fn add(app: &App, args: UserAddArgs) -> Result<Exit, Failure> {
    let owner = app.session()?.owner()?;
    let id = match args.id {
        Some(id) => id,
        None => own_key(app, &args.name)?,
    };
    let user = User {
        id,
        name: Text::new(args.name.as_str()).map_err(too_long)?,
        email: Text::new(args.email).map_err(too_long)?,
        phone: Text::new(args.phone).map_err(too_long)?,
    };
    owner.command(&Command::AddUser { user }).await?;
    output::note(&format!("{} may submit and look", args.name));
    output::data(&id.to_hex())?;
    Ok(Exit::DONE)
}

/// The key of that name in this home, made if it is not there.
pub(super) fn own_key(app: &App, name: &str) -> Result<Identity, Failure> {
    let home = app.home()?;
    let path = Home::key_path(name)?;
    let key = home.key_or_new(&path, || SecretKey::derive(&app.runtime.random::<32>()))?;
    output::note(&format!("the key is {}", home.path().join(path).display()));
    Ok(key.identity())
}

/// A word that does not fit its field.
pub(super) fn too_long(error: BoundError) -> Failure {
    Failure::usage(format!("a value is too long: {error}"))
}
