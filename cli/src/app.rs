//! What every command is given: the flags, the home, and a way to the colony.

use colony_node::{
    client::{Client, ClientError},
    runtime::Runtime,
};
use colony_protocol::{
    identity::Identity,
    model::member::MemberView,
    query::Query,
    reply::{Answer, Status},
};

use crate::{
    args::{Global, Reading},
    connect,
    context::{Chosen, DEV, Home},
    error::{Exit, Failure},
    hint::Hint,
    output::{self, Format, Listing, Seen},
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
        Ok(Session { chosen, client, app: self.clone(), stale: false })
    }

    /// The same failure, with the next step that fits this home where no node was reached: start what should run here, or
    /// else find out what is in the way.
    pub(crate) fn advise(&self, failure: Failure) -> Failure {
        if failure.exit != Exit::UNREACHABLE || failure.hint != Some(Hint::Doctor) {
            return failure;
        }
        match self.missing() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    /// What would start the chosen colony's node of this home, if it does not run.
    fn missing(&self) -> Option<Hint> {
        let home = self.home().ok()?;
        let chosen = Chosen::open(&home, self.global.context.as_deref()).ok()?;
        if chosen.name == DEV {
            return Some(Hint::StartDev);
        }
        let is_kept_here = home.node().ok()?.colonies.contains_key(&chosen.name);
        (is_kept_here && home.running().ok()?.is_none()).then_some(Hint::Up)
    }

    /// The chosen colony, for questions only. Who wants stale answers is told whose they are.
    pub(crate) async fn reading(&self, reading: Reading) -> Result<Session, Failure> {
        let mut session = self.session()?;
        if reading.stale {
            session.stale = true;
            session.client = session.client.stale();
            let node = session.status().await?.node;
            let name = output::member_name(&session.members().await?, &node);
            output::note(&format!("stale: answered by {name} from its own state"));
        }
        Ok(session)
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
    /// Whether one node answers from its own state.
    stale: bool,
}

impl Session {
    /// Signs with the owner's key.
    pub(crate) fn owner(&self) -> Result<Client, Failure> {
        Ok(self.client.with_key(self.chosen.owner()?))
    }

    /// Signs for what somebody made: with the context's key, unless it is another's and the owner's key is here.
    pub(crate) fn maker(&self, made_by: &Identity) -> Client {
        if self.chosen.key.identity() == *made_by {
            return self.client.clone();
        }
        self.owner().unwrap_or_else(|_| self.client.clone())
    }

    /// How to print data.
    pub(crate) fn format(&self) -> Format {
        self.app.format()
    }

    /// What views need to know.
    pub(crate) fn seen(&self) -> Seen<'_> {
        Seen { colony: &self.chosen.context.colony, now: self.app.runtime.now() }
    }

    /// The colony and its coordinator, as the node that answers sees them.
    pub(crate) async fn status(&self) -> Result<Status, Failure> {
        match self.client.query(&Query::Status).await? {
            Answer::Status(status) => Ok(*status),
            _ => Err(ClientError::Unexpected("to status").into()),
        }
    }

    /// All members, those that are no more too.
    pub(crate) async fn members(&self) -> Result<Vec<MemberView>, Failure> {
        members(&self.client).await
    }

    /// Prints the one thing a listing holds.
    pub(crate) fn print_one(&self, listing: Listing) -> Result<(), Failure> {
        let listing = if self.stale { listing.stale() } else { listing };
        listing.print_one(self.format())
    }
}

/// All members of a colony, those that are no more too.
pub(crate) async fn members(client: &Client) -> Result<Vec<MemberView>, Failure> {
    match client.query(&Query::Members).await? {
        Answer::Members(members) => Ok(members),
        _ => Err(ClientError::Unexpected("to members").into()),
    }
}
