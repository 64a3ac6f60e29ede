//! New keys: of users, executors, the colony's owner, and whoever owns a node's server in ColonyOS's sense.
//!
//! As ColonyOS does, the message itself is the answer.

use serde_json::{Value, json};

use super::{Ask, Fault, Place, Then, message::Message};
use crate::{
    command::{ChangeKey, Command},
    identity::Identity,
    model::Name,
};

pub(super) fn read(kind: &str, message: &mut Message<'_>) -> Result<Option<Ask>, Fault> {
    let (field, change): (&'static str, fn(Identity) -> ChangeKey) = match kind {
        "changeuseridmsg" => ("userid", ChangeKey::User),
        "changeexecutoridmsg" => ("executorid", ChangeKey::Executor),
        "changecolonyidmsg" => ("colonyid", ChangeKey::Owner),
        "changeserveridmsg" => {
            // Which node is meant is not said: the one that is asked fills it in.
            ("serverid", |owner| ChangeKey::Server { node: Identity::NOBODY, owner })
        }
        _ => return Ok(None),
    };
    let text: Name = message.get(&[field])?;
    let id: Identity =
        text.parse().map_err(|_| Fault::bad(format!("invalid {field} length: it is not 64 hex digits")))?;
    let mut said = json!({"msgtype": kind, field: text.as_str()});
    let place = if kind == "changeserveridmsg" {
        Place::Server
    } else {
        let colony: Name = message.get(&["colonyname"])?;
        said["colonyname"] = Value::from(colony.as_str());
        Place::Colony(colony)
    };
    Ok(Some(Ask::change(place, Command::ChangeKey(change(id)), Then::Says(said))))
}
