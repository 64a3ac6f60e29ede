//! Whether a signed text says what a member made of it.

use super::{Action, message, rpc};
use crate::{
    command::{Assign, ChangeKey, Command},
    identity::Identity,
};

/// Whether a command of this kind, in these bytes, is what a text in ColonyOS's form asks for. What only asks, or asks for
/// something that takes more than the text to know, is not.
#[must_use]
pub fn says(text: &str, kind: &str, payload: &[u8]) -> bool {
    let (Ok(json), Ok(command)) = (rpc::message(text), Command::decode(payload)) else { return false };
    let Some(ask) = message::kind(&json).ok().and_then(|said| super::read(&said, &json).ok()) else {
        return false;
    };
    command.kind() == kind
        && match ask.action {
            Action::Change { commands, .. } => commands.contains(&unaddressed(command)),
            Action::Assign { assign, .. } => without_wait(Command::Assign(assign)) == without_wait(command),
            _ => false,
        }
}

/// Which node a message is about is not said in it: it is the one that was asked. Its server's owner alone can sign it.
fn unaddressed(command: Command) -> Command {
    match command {
        Command::ChangeKey(ChangeKey::Server { owner, .. }) => {
            Command::ChangeKey(ChangeKey::Server { node: Identity::NOBODY, owner })
        }
        other => other,
    }
}

/// How long one command waits is the gateway's choice: it may ask several times.
fn without_wait(command: Command) -> Command {
    match command {
        Command::Assign(assign) => Command::Assign(Assign { wait: Default::default(), ..assign }),
        other => other,
    }
}
