//! Crons and generators: what starts workflows by itself.

use serde_json::{Value, json};

use super::{Ask, Fault, Place, Show, Then, message::Message};
use crate::{
    bounded::{Json, List, Text},
    command::Command,
    model::{
        Cron, CronId, Generator, GeneratorId, Name, NewCron, NewGenerator, Schedule, WorkflowSpec,
        json::{
            self, ColonyContext,
            read::{Field, FromField as _},
        },
    },
    query::{PAGE_MAX, Query},
    time::{Span, Timestamp},
};

/// Milliseconds between two looks of ColonyOS's server at its crons. Here nobody looks: a moment that has come is acted on.
const CHECKER_PERIOD: u32 = 1000;
/// Instead of an interval: the expression counts.
const NO_INTERVAL: i64 = -1;

pub(super) fn read(kind: &str, message: &mut Message<'_>) -> Result<Option<Ask>, Fault> {
    Ok(Some(match kind {
        "addcronmsg" => message.inner(&["cron"], add_cron)?,
        "getcronmsg" => Ask::read(Place::Caller, cron_query(&cron_id(message)?), Show::Cron),
        "getcronsmsg" => {
            let query = Query::Crons { after: 0, limit: limit(message)? };
            Ask::read(message.colony()?, query, Show::Cron)
        }
        "runcronmsg" => {
            let cron = cron_id(message)?;
            let then = Then::Show(cron_query(&cron), Show::Cron);
            Ask::change(Place::Caller, Command::RunCron { cron }, then)
        }
        "removecronmsg" => {
            let cron = cron_id(message)?;
            Ask::change(Place::Caller, Command::RemoveCron { cron }, Then::Nothing)
        }
        "addgeneratormsg" => message.inner(&["generator"], add_generator)?,
        "getgeneratormsg" => {
            Ask::read(Place::Caller, generator_query(&generator_id(message)?), Show::Generator)
        }
        "resolvegeneratormsg" => {
            let named = message.name(&["generatorname"])?;
            Ask::read(message.colony()?, Query::Generator { named }, Show::Generator)
        }
        "getgeneratorsmsg" => {
            let query = Query::Generators { after: 0, limit: limit(message)? };
            Ask::read(message.colony()?, query, Show::Generator)
        }
        "packgeneratormsg" => {
            let generator = generator_id(message)?;
            let arg: Option<Json> = message.get_with(&["arg"], |field| Json::from_field(field).map(Some))?;
            let args = List::new(vec![arg.unwrap_or_else(|| Json::string(""))]).unwrap_or_default();
            Ask::change(Place::Caller, Command::Pack { generator, args }, Then::Nothing)
        }
        "removegeneratormsg" => {
            let generator = generator_id(message)?;
            Ask::change(Place::Caller, Command::RemoveGenerator { generator }, Then::Nothing)
        }
        _ => return Ok(None),
    }))
}

fn add_cron(cron: &mut Message<'_>) -> Result<Ask, Fault> {
    let colony_name = cron.name(&["colonyname"])?;
    let expression: Text<256> = cron.get(&["cronexpression"])?;
    let interval: i64 = cron.get(&["interval"])?;
    let random: bool = cron.get(&["random"])?;
    let schedule = match u64::try_from(interval) {
        Ok(seconds) if seconds > 0 => Schedule::Interval { every: Span::from_secs(seconds), random },
        _ if random => return Err(Fault::bad("Random cron is only supported when specifying intervals")),
        Ok(_) | Err(_) if (interval == 0 || interval == NO_INTERVAL) && !expression.is_empty() => {
            Schedule::Expression(expression)
        }
        _ => return Err(Fault::bad("Cron interval must be -1 (disabled) or larger than 0")),
    };
    let cron = NewCron {
        name: cron.name(&["name"])?,
        schedule,
        // The Python client forgets the last letter.
        wait_for_previous: cron.get(&["waitforprevprocessgraph", "waitforprevprocessgrap"])?,
        spec: workflow(cron, &colony_name)?.into(),
    };
    Ok(Ask::change(Place::Colony(colony_name), Command::AddCron { cron }, Then::Cron))
}

fn add_generator(generator: &mut Message<'_>) -> Result<Ask, Fault> {
    let colony_name = generator.name(&["colonyname"])?;
    let trigger: i64 = generator.get(&["trigger"])?;
    let timeout: i64 = generator.get(&["timeout"])?;
    let generator = NewGenerator {
        name: generator.name(&["name"])?,
        trigger: u64::try_from(trigger).unwrap_or_default(),
        timeout: u64::try_from(timeout).ok().filter(|seconds| *seconds > 0).map(Span::from_secs),
        spec: workflow(generator, &colony_name)?.into(),
    };
    if generator.trigger == 0 {
        return Err(Fault::bad("the trigger must be at least 1"));
    }
    Ok(Ask::change(Place::Colony(colony_name), Command::AddGenerator { generator }, Then::Generator))
}

/// A workflow as JSON in a text. It runs in the colony of what starts it, whatever it says itself.
fn workflow(message: &mut Message<'_>, colony: &Name) -> Result<WorkflowSpec, Fault> {
    let text: Text<{ 512 * 1024 }> = message.get(&["workflowspec"])?;
    let spec = WorkflowSpec::from_field(&Field::lenient(&text)?)?;
    Ok(super::workflows::in_colony(spec, colony))
}

fn limit(message: &mut Message<'_>) -> Result<u16, Fault> {
    let count: i64 = message.get(&["count"])?;
    Ok(u16::try_from(count).map_err(|_| Fault::bad("Count is negative"))?.clamp(1, PAGE_MAX))
}

fn cron_id(message: &mut Message<'_>) -> Result<CronId, Fault> {
    let text: Name = message.get(&["cronid"])?;
    text.parse().map_err(|_| Fault::missing(format!("cron {text} not found")))
}

fn generator_id(message: &mut Message<'_>) -> Result<GeneratorId, Fault> {
    let text: Name = message.get(&["generatorid"])?;
    text.parse().map_err(|_| Fault::missing(format!("generator {text} not found")))
}

/// One cron, as a question.
pub(super) fn cron_query(id: &CronId) -> Query {
    Query::Cron { named: Text::cut(&id.to_hex()) }
}

/// One generator, as a question.
pub(super) fn generator_query(id: &GeneratorId) -> Query {
    Query::Generator { named: Text::cut(&id.to_hex()) }
}

/// A cron.
pub(super) fn cron(cron: &Cron, colony: ColonyContext<'_>) -> Value {
    let (expression, interval, random) = match &cron.schedule {
        Schedule::Expression(text) => (text.as_str(), NO_INTERVAL, false),
        Schedule::Interval { every, random } => ("", seconds(*every), *random),
    };
    json!({
        "cronid": cron.id.to_hex(),
        "initiatorid": cron.initiator.to_hex(),
        "initiatorname": cron.initiator_name.as_str(),
        "colonyname": colony.name,
        "name": cron.name.as_str(),
        "cronexpression": expression,
        "interval": interval,
        "random": random,
        "nextrun": moment(cron.next_run),
        "lastrun": moment(cron.last_run),
        "workflowspec": spec_text(&cron.spec, colony),
        "prevprocessgraphid": cron.previous.map(|id| id.to_hex()).unwrap_or_default(),
        "waitforprevprocessgraph": cron.wait_for_previous,
        "checkerperiod": CHECKER_PERIOD,
    })
}

/// A generator.
pub(super) fn generator(generator: &Generator, colony: ColonyContext<'_>) -> Value {
    json!({
        "generatorid": generator.id.to_hex(),
        "initiatorid": generator.initiator.to_hex(),
        "initiatorname": generator.initiator_name.as_str(),
        "colonyname": colony.name,
        "name": generator.name.as_str(),
        "workflowspec": spec_text(&generator.spec, colony),
        "trigger": generator.trigger,
        "timeout": generator.timeout.map_or(NO_INTERVAL, seconds),
        "firstpack": moment(generator.first_packed),
        "lastrun": moment(generator.last_run),
        "queuesize": generator.waiting(),
        "checkerperiod": CHECKER_PERIOD,
    })
}

/// A workflow as JSON in a text.
fn spec_text(spec: &WorkflowSpec, colony: ColonyContext<'_>) -> String {
    let nodes: Value = spec.nodes.iter().map(|node| json::function_spec(node, colony)).collect();
    json!({"colonyname": colony.name, "functionspecs": nodes}).to_string()
}

fn seconds(span: Span) -> i64 {
    i64::try_from(span.as_micros() / 1_000_000).unwrap_or(i64::MAX)
}

fn moment(at: Option<Timestamp>) -> String {
    json::rfc3339(at.unwrap_or(Timestamp::ZERO))
}
