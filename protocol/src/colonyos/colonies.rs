//! The colony as a whole, its users, and the node.

use super::{Action, Ask, Fault, Place, Show, Then, message::Message};
use crate::{
    command::Command,
    identity::Identity,
    model::{Name, User, json},
    query::Query,
};

pub(super) fn read(kind: &str, message: &mut Message<'_>) -> Result<Option<Ask>, Fault> {
    let server = |action| Ask::new(Place::Server, action);
    Ok(Some(match kind {
        "versionmsg" => server(Action::Version),
        "getserverinfomsg" => server(Action::ServerInfo),
        "getstatisticsmsg" => server(Action::ServerStatistics),
        "getclustermsg" => server(Action::Cluster),
        "addcolonymsg" => message.inner(&["colony"], |colony| {
            let owner = colony.get_with(&["colonyid"], json::identity);
            let owner = owner.ok().filter(|owner| *owner != Identity::NOBODY);
            let owner = owner.ok_or_else(|| Fault::bad("invalid colony Id length"))?;
            Ok(server(Action::AddColony { name: a_name(colony.name(&["name"])?)?, owner }))
        })?,
        "removecolonymsg" => server(Action::RemoveColony(message.name(&["colonyname"])?)),
        "getcoloniesmsg" => server(Action::Colonies),
        "getcolonymsg" => Ask::read(message.colony()?, Query::Status, Show::Colony),
        "getcolonystatsmsg" => Ask::read(message.colony()?, Query::Statistics, Show::Statistics),
        "pauseassignmentsmsg" => Ask::change(message.colony()?, Command::Pause, Then::Nothing),
        "resumeassignmentsmsg" => Ask::change(message.colony()?, Command::Resume, Then::Nothing),
        "getpausestatusmsg" => Ask::read(message.colony()?, Query::Status, Show::PauseStatus),
        "addusermsg" => add_user(message)?,
        "getusersmsg" => Ask::read(message.colony()?, Query::Users, Show::Users),
        "getusermsg" => Ask::read(message.colony()?, Query::Users, Show::User(message.name(&["name"])?)),
        "getuserbyidmsg" => {
            let id = message.get_with(&["userid"], json::identity)?;
            Ask::read(message.colony()?, Query::Users, Show::UserById(id))
        }
        "removeusermsg" => {
            let name = message.name(&["name"])?;
            Ask::change(message.colony()?, Command::RemoveUser { name }, Then::Nothing)
        }
        _ => return Ok(None),
    }))
}

/// A name that may stand in lists of names.
fn a_name(name: Name) -> Result<Name, Fault> {
    if name.is_empty() || name.contains(':') {
        return Err(Fault::bad("a colony needs a name, without `:`"));
    }
    Ok(name)
}

fn add_user(message: &mut Message<'_>) -> Result<Ask, Fault> {
    message.inner(&["user"], |user| {
        let place = user.colony()?;
        let user = User {
            id: user.get_with(&["userid"], json::identity)?,
            name: user.name(&["name"])?,
            email: user.name(&["email"])?,
            phone: user.name(&["phone"])?,
        };
        if user.id == Identity::NOBODY {
            return Err(Fault::bad("invalid user Id length"));
        }
        let name: Name = user.name.clone();
        Ok(Ask::change(place, Command::AddUser { user }, Then::Show(Query::Users, Show::User(name))))
    })
}
