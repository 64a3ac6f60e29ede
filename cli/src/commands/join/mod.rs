//! `colony join`: from a ticket to a member that runs.
//!
//! What is made here depends on what the ticket lets its bearer become: a node is run at once, an executor lends this
//! machine at once, a user gets a context and is done.

mod asking;
mod client;
mod node;

use colony_protocol::ticket::{SignedTicket, Ticket, TicketError};

use crate::{
    app::App,
    args::JoinArgs,
    error::{Exit, Failure},
    hint::Hint,
    stop,
};

/// Joins, and runs what there is to run.
pub(super) async fn run(app: &App, args: JoinArgs) -> Result<Exit, Failure> {
    let signed: SignedTicket = args.ticket.parse().map_err(|error| unusable(&error))?;
    let ticket = signed.verify().map_err(|error| unusable(&error))?;
    let stop = stop::on_signals(&app.runtime)?;
    let invitation = Invitation { word: args.ticket.clone(), signed, ticket };
    if invitation.ticket.role.is_node() {
        node::join(app, &invitation, &args, stop).await
    } else {
        client::join(app, &invitation, &args, stop).await
    }
}

/// A ticket whose signature is its colony's. Whether it still counts the colony decides.
#[derive(Debug, Clone)]
struct Invitation {
    /// As it was typed.
    word: String,
    /// As it is sent.
    signed: SignedTicket,
    /// What it says.
    ticket: Ticket,
}

/// A slip is a matter of usage; a forgery is not.
fn unusable(error: &TicketError) -> Failure {
    let failure = Failure::usage(error.to_string()).hint(Hint::Invite { role: "voter", name: None });
    if *error == TicketError::Forged { failure.exit(Exit::DENIED) } else { failure }
}
