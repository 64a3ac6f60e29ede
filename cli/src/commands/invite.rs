//! `colony invite`: a ticket that lets somebody in, as one word to send over any channel.

use std::{iter, time::Duration};

use colony_protocol::{
    bounded::{List, Text},
    identity::SecretKey,
    model::member::{Address, MemberView},
    ticket::{NODES_MAX, SignedTicket, Ticket, TicketError},
    time::{Span, Timestamp},
};
use serde_json::json;

use super::{members::speakers, user::too_long};
use crate::{
    app::{App, Session, members},
    args::{InviteArgs, RoleWord},
    error::{Exit, Failure},
    hint::Hint,
    nodes,
    output::{self, Format},
};

/// Prints one.
pub(super) async fn run(app: &App, args: InviteArgs) -> Result<Exit, Failure> {
    if args.name.is_some() && args.uses > 1 {
        return Err(Failure::usage("--name fits one member: with it a ticket has one use"));
    }
    let session = app.session()?;
    let owner = session.chosen.owner()?;
    let members = members(&session.client.with_key(owner.clone())).await?;
    nodes::refresh(app, &session.chosen, &members)?;
    let ticket = ticket(&session, &args, &members)?;
    let signed = sign(&ticket, &owner)?;
    print(app.format(), &ticket, &signed, &args)?;
    speakers(&session).await;
    Ok(Exit::DONE)
}

fn ticket(session: &Session, args: &InviteArgs, members: &[MemberView]) -> Result<Ticket, Failure> {
    let now = session.app.runtime.now();
    let context = &session.chosen.context;
    let member_name = args.name.as_deref().map(Text::new).transpose().map_err(too_long)?;
    Ok(Ticket {
        colony: context.colony_id,
        colony_name: Text::cut(&context.colony),
        id: session.app.runtime.random(),
        role: args.role.into(),
        member_name,
        uses: args.uses,
        issued: now,
        expires: after(now, args.ttl),
        member_until: args.member_ttl.map(|span| after(now, span)),
        nodes: addresses(members).ok_or_else(|| unreachable(&context.colony))?,
    })
}

fn after(now: Timestamp, span: Duration) -> Timestamp {
    now.after(Span::from_secs(span.as_secs()))
}

/// Where to ask: one address of each node, then another of each, as many as fit. None if there is none at all.
fn addresses(members: &[MemberView]) -> Option<List<Address, NODES_MAX>> {
    let nodes: Vec<&[Address]> = members
        .iter()
        .filter(|view| view.member.is_active_node())
        .map(|view| &*view.member.addresses)
        .collect();
    let rounds = nodes.iter().map(|addresses| addresses.len()).max().unwrap_or_default();
    let chosen: Vec<Address> = (0..rounds)
        .flat_map(|round| nodes.iter().filter_map(move |addresses| addresses.get(round).cloned()))
        .take(NODES_MAX)
        .collect();
    if chosen.is_empty() { None } else { List::new(chosen).ok() }
}

fn unreachable(colony: &str) -> Failure {
    Failure::new(format!("no node of {colony} has an address that others could dial")).hint(Hint::Up)
}

/// Signs; long addresses at the end are left out if the whole would not fit one word.
fn sign(ticket: &Ticket, owner: &SecretKey) -> Result<SignedTicket, Failure> {
    let mut ticket = ticket.clone();
    loop {
        match SignedTicket::sign(&ticket, owner) {
            Err(TicketError::TooLarge) if ticket.nodes.len() > 1 => {
                let fewer = ticket.nodes.iter().take(ticket.nodes.len().saturating_sub(1)).cloned().collect();
                ticket.nodes = List::new(fewer).map_err(too_long)?;
            }
            signed => return signed.map_err(|error| Failure::caused(&error)),
        }
    }
}

fn print(format: Format, ticket: &Ticket, signed: &SignedTicket, args: &InviteArgs) -> Result<(), Failure> {
    match format {
        Format::Json | Format::Jsonl => output::data(
            &json!({
                "ticket": signed.to_string(),
                "colony": ticket.colony_name.as_str(),
                "colonyid": ticket.colony.to_hex(),
                "role": ticket.role.word(),
                "name": ticket.member_name.as_ref().map(Text::as_str),
                "uses": ticket.uses,
                "expires": colony_protocol::model::json::rfc3339(ticket.expires),
                "nodes": ticket.nodes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
            .to_string(),
        ),
        Format::Quiet => output::data(&signed.to_string()),
        Format::Table | Format::Wide => {
            output::note(&told(ticket, args));
            output::data(&signed.to_string())
        }
    }
}

fn told(ticket: &Ticket, args: &InviteArgs) -> String {
    let article = if args.role == RoleWord::Voter || args.role == RoleWord::User { "a" } else { "an" };
    let uses = match ticket.uses {
        1 => "once".to_owned(),
        uses => format!("{uses} times"),
    };
    let word = iter::once(article).chain([ticket.role.word()]).collect::<Vec<_>>().join(" ");
    format!(
        "whoever has this ticket may join {} as {word}, {uses}, within {}: colony join TICKET",
        ticket.colony_name,
        output::spoken(Span::from_secs(args.ttl.as_secs()))
    )
}
