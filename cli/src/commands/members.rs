//! `colony members`: who belongs to the colony, and how it is reached.
//!
//! Nodes, executors and users are one list here, so a verb first looks what the name stands for.

use colony_node::{
    client::{Client, ClientError},
    discovery::delegate,
};
use colony_protocol::{
    bounded::Text,
    command::Command,
    model::{Executor, ExecutorState, Name, User},
    query::Query,
    reply::Answer,
};

use super::{executor, user};
use crate::{
    app::{App, Session, members},
    args::{MembersArgs, MembersVerb, Reading},
    error::{Exit, Failure},
    hint::Hint,
    names,
    output::{self, Everybody},
};

/// Does what was asked.
pub(super) async fn run(app: &App, args: MembersArgs) -> Result<Exit, Failure> {
    match args.verb.unwrap_or_else(|| MembersVerb::Ls(Reading::default())) {
        MembersVerb::Ls(reading) => list(app, Reading { stale: reading.stale || args.reading.stale }).await,
        MembersVerb::Approve(args) => {
            let done = format!("{} may take work", args.name);
            change(app, &args.name, |_, name| Command::ApproveExecutor { name }, &done).await
        }
        MembersVerb::Reject(args) => {
            let done = format!("{} may not take work", args.name);
            change(app, &args.name, |_, name| Command::RejectExecutor { name }, &done).await
        }
        MembersVerb::Remove(args) => {
            let done = format!("{} removed; it is refused from now on", args.name);
            change(app, &args.name, Everyone::removal, &done).await
        }
        MembersVerb::Promote(args) => {
            let done = format!("{} gets a vote as soon as it has caught up and a seat is free", args.name);
            change(app, &args.name, |_, name| Command::PromoteMember { name }, &done).await
        }
        MembersVerb::Demote(args) => {
            let done = format!("{} follows and votes no more", args.name);
            change(app, &args.name, |_, name| Command::DemoteMember { name }, &done).await
        }
    }
}

async fn list(app: &App, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let everyone = Everyone::of(&session.client).await?;
    let coordinator = session.status().await?.coordinator;
    let everybody = Everybody { coordinator, ..everyone.0 };
    output::members(session.seen(), &everybody).print(session.format())?;
    Ok(Exit::DONE)
}

async fn change(
    app: &App,
    name: &str,
    command: impl FnOnce(&Everyone, Name) -> Command,
    done: &str,
) -> Result<Exit, Failure> {
    let session = app.session()?;
    let owner = session.owner()?;
    let wanted = Text::new(name).map_err(user::too_long)?;
    let everyone = Everyone::of(&owner).await?;
    if !everyone.names().any(|known| known == name) {
        return Err(everyone.unknown(name, &session.chosen.context.colony));
    }
    owner.command(&command(&everyone, wanted)).await?;
    output::note(done);
    speakers(&session).await;
    Ok(Exit::DONE)
}

/// Lets the present voters speak for the colony on the network, now that the owner's key is here. The colony works without
/// that, so failing is no failure of the command.
pub(super) async fn speakers(session: &Session) {
    let Ok((owner, key)) = session.owner().and_then(|owner| Ok((owner, session.chosen.owner()?))) else {
        return;
    };
    if let Err(error) = delegate(&owner, &key, session.app.runtime.now()).await {
        output::note(&format!(
            "the network could not be told who speaks for {} now: {error}; the next `colony invite` tells it",
            session.chosen.context.colony
        ));
    }
}

/// Everybody there is, to find out what a name stands for.
#[derive(Debug)]
struct Everyone(Everybody);

impl Everyone {
    async fn of(client: &Client) -> Result<Self, Failure> {
        let Answer::Users(users) = client.query(&Query::Users).await? else {
            return Err(ClientError::Unexpected("to users").into());
        };
        Ok(Self(Everybody {
            members: members(client).await?,
            executors: executor::all(client).await?,
            users,
            coordinator: None,
        }))
    }

    /// Names that somebody has now.
    fn names(&self) -> impl Iterator<Item = &str> {
        let active = self.0.members.iter().filter(|view| view.member.is_active());
        let present =
            self.0.executors.iter().filter(|executor| executor.state != ExecutorState::Unregistered);
        active
            .map(|view| view.member.name.as_str())
            .chain(present.map(|executor: &Executor| executor.name.as_str()))
            .chain(self.0.users.iter().map(|user: &User| user.name.as_str()))
    }

    /// A member's row covers everything its key is; those added by hand have none.
    fn removal(&self, name: Name) -> Command {
        if self.0.members.iter().any(|view| view.member.is_active() && view.member.name == name) {
            return Command::RemoveMember { name };
        }
        if self.0.users.iter().any(|user| user.name == name) {
            return Command::RemoveUser { name };
        }
        Command::RemoveExecutor { name }
    }

    fn unknown(&self, name: &str, colony: &str) -> Failure {
        let guess = names::meant(name, self.names());
        let guess = guess.map_or_else(String::new, |guess| format!("; did you mean {guess}?"));
        Failure::new(format!("{colony} has no member named {name}{guess}")).hint(Hint::Members)
    }
}
