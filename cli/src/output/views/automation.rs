//! Crons, generators and the policy, as people and programs see them.

use colony_protocol::{
    model::{
        Cron, Generator, Policy, Schedule, WorkflowId,
        json::{self, rfc3339},
    },
    time::{Span, Timestamp},
};

use super::Seen;
use crate::output::{
    age::{moment, short},
    listing::{Column, Listing, Row, column, wide},
};

/// Crons as rows.
pub(crate) fn crons(seen: Seen<'_>, crons: &[Cron]) -> Listing {
    let columns = vec![
        column("ID"),
        column("NAME"),
        column("SCHEDULE"),
        column("NEXT"),
        column("LAST"),
        column("RUNS"),
        column("BY"),
        column("PROBLEM"),
        wide("CRONID"),
    ];
    let rows = crons.iter().map(|cron| cron_row(seen, cron)).collect();
    Listing { columns, rows, empty: "no crons" }
}

fn cron_row(seen: Seen<'_>, cron: &Cron) -> Row {
    let id = format!("c{}", cron.id.number());
    let cells = vec![
        id.clone(),
        cron.name.to_string(),
        schedule(cron),
        cron.next_run.map_or_else(|| "never".to_owned(), |at| until(seen.now, at)),
        last(cron.previous),
        cron.runs.to_string(),
        cron.initiator_name.to_string(),
        cron.problem.to_string(),
        cron.id.to_hex(),
    ];
    Row { cells, json: json::cron(cron, seen.context()), quiet: id }
}

/// All about one cron.
pub(crate) fn cron_record(seen: Seen<'_>, cron: &Cron) -> Listing {
    let next = json::next_runs(cron).into_iter();
    let next = next.map(|at| format!("{} ({})", rfc3339(at), until(seen.now, at)));
    let facts = [
        ("ID", format!("c{} ({})", cron.id.number(), cron.id)),
        ("NAME", cron.name.to_string()),
        ("SCHEDULE", schedule(cron)),
        ("WAITS", if cron.wait_for_previous { "for the run before to end" } else { "" }.to_owned()),
        ("STARTS", nodes(&cron.spec)),
        ("NEXT RUNS", next.collect::<Vec<_>>().join("\n")),
        ("LAST RUN", cron.last_run.map(|at| moment(seen.now, at)).unwrap_or_default()),
        ("LAST STARTED", last(cron.previous)),
        ("RUNS", cron.runs.to_string()),
        ("BY", cron.initiator_name.to_string()),
        ("PROBLEM", cron.problem.to_string()),
    ];
    record(facts, json::cron(cron, seen.context()), format!("c{}", cron.id.number()))
}

/// Generators as rows.
pub(crate) fn generators(seen: Seen<'_>, generators: &[Generator]) -> Listing {
    let columns = vec![
        column("ID"),
        column("NAME"),
        column("WAITING"),
        column("TIMEOUT"),
        column("LAST"),
        column("RUNS"),
        column("BY"),
        column("PROBLEM"),
        wide("GENERATORID"),
    ];
    let rows = generators.iter().map(|generator| generator_row(seen, generator)).collect();
    Listing { columns, rows, empty: "no generators" }
}

fn generator_row(seen: Seen<'_>, generator: &Generator) -> Row {
    let id = format!("g{}", generator.id.number());
    let cells = vec![
        id.clone(),
        generator.name.to_string(),
        waiting(generator),
        generator.timeout.map_or_else(|| "-".to_owned(), whole),
        last(generator.previous),
        generator.runs.to_string(),
        generator.initiator_name.to_string(),
        generator.problem.to_string(),
        generator.id.to_hex(),
    ];
    Row { cells, json: json::generator(generator, seen.context()), quiet: id }
}

/// All about one generator.
pub(crate) fn generator_record(seen: Seen<'_>, generator: &Generator) -> Listing {
    let due = generator.due.map(|at| until(seen.now, at));
    let facts = [
        ("ID", format!("g{} ({})", generator.id.number(), generator.id)),
        ("NAME", generator.name.to_string()),
        ("WAITING", waiting(generator)),
        ("TIMEOUT", generator.timeout.map(whole).unwrap_or_default()),
        ("TAKEN ANYWAY", due.unwrap_or_default()),
        ("STARTS", nodes(&generator.spec)),
        ("PACKED", generator.packed.to_string()),
        ("LAST RUN", generator.last_run.map(|at| moment(seen.now, at)).unwrap_or_default()),
        ("LAST STARTED", last(generator.previous)),
        ("RUNS", generator.runs.to_string()),
        ("BY", generator.initiator_name.to_string()),
        ("PROBLEM", generator.problem.to_string()),
    ];
    record(facts, json::generator(generator, seen.context()), format!("g{}", generator.id.number()))
}

/// How long finished work is kept.
pub(crate) fn policy(policy: &Policy) -> Listing {
    let shown = |span: Option<Span>| span.map_or_else(|| "for ever".to_owned(), whole);
    let seconds = |span: Option<Span>| span.map(|span| span.as_micros() / 1_000_000);
    let facts = [
        ("SUCCESS", shown(policy.success)),
        ("FAILED", shown(policy.failed)),
        ("CANCELLED", shown(policy.cancelled)),
        ("LOGS", shown(policy.logs)),
    ];
    let json = serde_json::json!({
        "success": seconds(policy.success),
        "failed": seconds(policy.failed),
        "cancelled": seconds(policy.cancelled),
        "logs": seconds(policy.logs),
    });
    record(facts, json, String::new())
}

fn record<const N: usize>(
    facts: [(&'static str, String); N],
    json: serde_json::Value,
    quiet: String,
) -> Listing {
    let columns: Vec<Column> = facts.iter().map(|(title, _)| column(title)).collect();
    let cells = facts.into_iter().map(|(_, cell)| cell).collect();
    Listing { columns, rows: vec![Row { cells, json, quiet }], empty: "" }
}

fn schedule(cron: &Cron) -> String {
    match &cron.schedule {
        Schedule::Expression(text) => text.to_string(),
        Schedule::Interval { every, random: false } => format!("every {}", whole(*every)),
        Schedule::Interval { every, random: true } => format!("every {}, at random", whole(*every)),
    }
}

fn waiting(generator: &Generator) -> String {
    format!("{} of {}", generator.waiting(), generator.trigger)
}

/// A span that somebody wrote: `2s` stays `2s`.
fn whole(span: Span) -> String {
    short(span).replace(".0s", "s")
}

/// `w3`.
fn last(workflow: Option<WorkflowId>) -> String {
    workflow.map_or_else(|| "-".to_owned(), |id| format!("w{}", id.number()))
}

/// The nodes of a workflow by name.
fn nodes(spec: &colony_protocol::model::WorkflowSpec) -> String {
    let names: Vec<&str> = spec.nodes.iter().map(|node| node.node_name.as_str()).collect();
    names.join(", ")
}

/// `in 5m00s`.
pub(crate) fn until(now: Timestamp, then: Timestamp) -> String {
    match then.since(now) {
        Span::ZERO => "now".to_owned(),
        span => format!("in {}", short(span)),
    }
}
