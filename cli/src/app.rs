//! What every command is given: the flags, the home, and a way to the colony.

use colony_node::{client::Client, runtime::Runtime};

use crate::{
    args::Global,
    connect,
    context::{Chosen, Home},
    error::Failure,
    output::{Format, Seen},
};

/// One run of the program.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// The flags all commands share.
    pub(crate) global: Global,
    /// Those of them that a hint must repeat to lead to the same colony.
    pub(crate) flags: Vec<String>,
    /// Time, randomness and tasks.
    pub(crate) runtime: Runtime,
}

impl App {
    /// How to print data.
    pub(crate) fn format(&self) -> Format {
        self.global.output
    }

    /// The home directory.
    pub(crate) fn home(&self) -> Result<Home, Failure> {
        Ok(Home::open(self.global.home.as_deref())?)
    }

    /// The chosen colony, ready to be asked.
    pub(crate) fn session(&self) -> Result<Session, Failure> {
        let chosen = Chosen::open(&self.home()?, self.global.context.as_deref())?;
        let context = &chosen.context;
        let client = connect::client(&context.nodes, context.colony_id, chosen.key.clone(), &self.runtime)?;
        Ok(Session { chosen, client, app: self.clone() })
    }
}

/// A colony that can be asked.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    /// The colony and the keys.
    pub(crate) chosen: Chosen,
    /// Signs with the context's key.
    pub(crate) client: Client,
    /// The run it belongs to.
    pub(crate) app: App,
}

impl Session {
    /// Signs with the owner's key.
    pub(crate) fn owner(&self) -> Result<Client, Failure> {
        Ok(self.client.with_key(self.chosen.owner()?))
    }

    /// How to print data.
    pub(crate) fn format(&self) -> Format {
        self.app.format()
    }

    /// What views need to know.
    pub(crate) fn seen(&self) -> Seen<'_> {
        Seen { colony: &self.chosen.context.colony, now: self.app.runtime.now() }
    }
}
