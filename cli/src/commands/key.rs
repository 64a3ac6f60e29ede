//! `colony key`: how somebody takes a new key, and stays who it is.
//!
//! A new key lies in the home before the colony is told of it, beside the old one, and takes the old one's place when the
//! colony has said that it counts. Whoever is interrupted in between asks again: what was done is not done twice.

use std::path::{Path, PathBuf};

use colony_node::client::{Client, ClientError};
use colony_protocol::{
    command::{ChangeKey, Command},
    identity::{Identity, SecretKey},
    query::Query,
    reply::Answer,
};

use crate::{
    app::{App, Session},
    args::{KeyChangeArgs, KeyVerb},
    context::{DEV, Home},
    error::{Exit, Failure},
    hint::Hint,
    output,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: KeyVerb) -> Result<Exit, Failure> {
    match verb {
        KeyVerb::Change(args) => change(app, args).await,
    }
}

async fn change(app: &App, args: KeyChangeArgs) -> Result<Exit, Failure> {
    let session = app.session()?;
    let home = app.home()?;
    let old = old(&home, &session, &args)?;
    let new = match args.to {
        Some(id) => {
            tell(&session, &old.key, &id).await?;
            id
        }
        None => {
            let path = old.replaceable(&home, &session)?;
            let beside = beside(&path)?;
            let new = home.key_or_new(&beside, || SecretKey::derive(&app.runtime.random::<32>()))?;
            match tell(&session, &old.key, &new.identity()).await {
                // An earlier run was interrupted after this.
                Err(_) if counts(&session, &new).await => {}
                told => told?,
            }
            home.replace_key(&path, &beside)?;
            output::note(&format!("the new key is {}", home.path().join(path).display()));
            new.identity()
        }
    };
    output::note(&format!(
        "{} counts for nothing in {} any more",
        old.key.identity(),
        session.chosen.context.colony
    ));
    output::data(&new.to_hex())?;
    Ok(Exit::DONE)
}

/// A key that is to be replaced.
struct Old {
    key: SecretKey,
    /// Where it may lie, relative to the home.
    path: Option<PathBuf>,
}

fn old(home: &Home, session: &Session, args: &KeyChangeArgs) -> Result<Old, Failure> {
    let context = &session.chosen.context;
    Ok(match &args.name {
        Some(name) => {
            let path = Home::key_path(name)?;
            Old { key: home.key(&path)?, path: Some(path) }
        }
        None if args.owner => Old { key: session.chosen.owner()?, path: context.owner_key.clone() },
        None => Old { key: session.chosen.key.clone(), path: Some(context.key.clone()) },
    })
}

impl Old {
    /// The file that the new key may take, if nothing else is signed with what lies there.
    fn replaceable(&self, home: &Home, session: &Session) -> Result<PathBuf, Failure> {
        let elsewhere = "name the new one with --to, and put it where the old one is";
        let path = self
            .path
            .clone()
            .filter(|path| home.key(path).is_ok_and(|there| there.identity() == self.key.identity()));
        let Some(path) = path else {
            return Err(Failure::usage(format!(
                "the key comes from the environment, not from this home: {elsewhere}"
            )));
        };
        let chosen = &session.chosen;
        for (name, context) in home.contexts()?.contexts {
            let signs = context.key == path || context.owner_key.as_ref() == Some(&path);
            if signs && context.colony_id != chosen.context.colony_id {
                let shown = path.display();
                return Err(Failure::usage(format!(
                    "the context {name} signs with {shown} too: {elsewhere}"
                )));
            }
            if signs && name == DEV {
                let why = "a development colony has the keys that ColonyOS documents, and takes them again at each start";
                return Err(Failure::usage(why));
            }
        }
        Ok(path)
    }
}

/// Where a new key waits until it counts.
fn beside(path: &Path) -> Result<PathBuf, Failure> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok(path.with_file_name(Home::key_path(&format!("{name}-next"))?.file_name().unwrap_or_default()))
}

/// Tells the colony that another key counts from now on.
async fn tell(session: &Session, old: &SecretKey, new: &Identity) -> Result<(), Failure> {
    let client = session.client.with_key(old.clone());
    let change = office(&client, &old.identity()).await?(*new);
    client.command(&Command::ChangeKey(change)).await?;
    Ok(())
}

/// What a key is in the colony, as that which changes it.
async fn office(client: &Client, id: &Identity) -> Result<fn(Identity) -> ChangeKey, Failure> {
    match client.query(&Query::Status).await? {
        Answer::Status(status) if status.owner == *id => return Ok(ChangeKey::Owner),
        Answer::Status(_) => {}
        _ => return Err(ClientError::Unexpected("to status").into()),
    }
    match client.query(&Query::Users).await? {
        Answer::Users(users) if users.iter().any(|user| user.id == *id) => return Ok(ChangeKey::User),
        Answer::Users(_) => {}
        _ => return Err(ClientError::Unexpected("to users").into()),
    }
    match client.query(&Query::Executors).await? {
        Answer::Executors(all) if all.iter().any(|executor| executor.id == *id) => Ok(ChangeKey::Executor),
        Answer::Executors(_) => Err(Failure::new(
            "this key is neither the owner's nor a user's nor an executor's: a node is known by its key, so a new one \
             joins with a ticket of its own",
        )
        .exit(Exit::DENIED)
        .hint(Hint::ShowContext)),
        _ => Err(ClientError::Unexpected("to executors").into()),
    }
}

/// Whether the colony knows a key already.
async fn counts(session: &Session, key: &SecretKey) -> bool {
    session.client.with_key(key.clone()).query(&Query::Statistics).await.is_ok()
}
