//! What a node says when a colony is served: one line for programs, a few for people.

use std::{path::PathBuf, time::Duration};

use colony_protocol::{identity::Identity, time::Span};
use serde_json::json;

use crate::{app::App, error::Failure, output};

/// What all colonies of a node have in common.
#[derive(Debug, Clone)]
pub(super) struct Announcement {
    /// When the program was started.
    pub(super) begun: Duration,
    /// Where the node keeps its data.
    pub(super) data: PathBuf,
    /// The type of work it takes, if it does.
    pub(super) executor: Option<String>,
    /// Where it serves ColonyOS's clients, if it does.
    pub(super) http: Option<String>,
}

/// A colony that is served from now on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served<'a> {
    /// The colony's name.
    pub(super) colony: &'a str,
    /// The colony's id.
    pub(super) id: Identity,
    /// What this node is called in it.
    pub(super) name: &'a str,
    /// How many members there are.
    pub(super) members: usize,
    /// Where this node is reached.
    pub(super) listen: &'a [String],
    /// Whether this home can invite.
    pub(super) owner: bool,
}

impl Announcement {
    /// Says it.
    pub(super) fn tell(&self, app: &App, served: Served<'_>) -> Result<(), Failure> {
        let took = app.runtime.elapsed().saturating_sub(self.begun);
        let took = Span::from_micros(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        if app.format().is_human() {
            return output::data(&self.welcome(served, took));
        }
        let ready = json!({
            "event": "ready",
            "colony": served.colony,
            "colonyid": served.id.to_hex(),
            "name": served.name,
            "http": self.http,
            "listen": served.listen,
            "members": served.members,
            "millis": took.as_micros() / 1_000,
        });
        output::data(&ready.to_string())
    }

    fn welcome(&self, served: Served<'_>, took: Span) -> String {
        let members = match served.members {
            1 => "1 member".to_owned(),
            many => format!("{many} members"),
        };
        let executor = match &self.executor {
            Some(kind) => format!("{}, type {kind}", served.name),
            None => "none (lend this machine: colony up --executor cli)".to_owned(),
        };
        let http = self.http.as_deref().map(|url| format!("\n  http      {url}")).unwrap_or_default();
        let invite = if served.owner { "\n  invite    colony invite" } else { "" };
        format!(
            "colony {} - node {} of {}, data in {}\n\
             \x20 colony    {}, {members}, ready in {}\n\
             \x20 listen    {}{http}\n\
             \x20 executor  {executor}{invite}\n",
            env!("CARGO_PKG_VERSION"),
            served.name,
            served.colony,
            self.data.display(),
            served.colony,
            output::spoken(took),
            served.listen.join("\n            "),
        )
    }
}
