//! `colony generator`: workflows that start when enough arguments were packed.

use std::sync::Arc;

use colony_node::client::ClientError;
use colony_protocol::{
    bounded::{Json, List, Text},
    command::{BATCH_MAX, Command},
    model::{Generator, NewGenerator, WorkflowId},
    query::Query,
    reply::{Answer, Reply},
};

use super::{submit, user::too_long};
use crate::{
    app::{App, Session},
    args::{GeneratorAddArgs, GeneratorVerb, PackArgs},
    error::{Exit, Failure},
    hint::Hint,
    output, specs,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: GeneratorVerb) -> Result<Exit, Failure> {
    match verb {
        GeneratorVerb::Add(args) => add(app, args).await,
        GeneratorVerb::Ls(args) => {
            let session = app.reading(args.reading).await?;
            let generators = list(&session, usize::from(args.what.count)).await?;
            output::generators(session.seen(), &generators).print(session.format())?;
            Ok(Exit::DONE)
        }
        GeneratorVerb::Get(args) => {
            let session = app.reading(args.reading).await?;
            let generator = get(&session, args.what.named()).await?;
            session.print_one(output::generator_record(session.seen(), &generator))?;
            Ok(Exit::DONE)
        }
        GeneratorVerb::Pack(args) => pack(app, &args).await,
        GeneratorVerb::Rm(args) => {
            let session = app.session()?;
            let generator = get(&session, args.named()).await?;
            let command = Command::RemoveGenerator { generator: generator.id };
            session.maker(&generator.initiator).command(&command).await?;
            output::note(&format!("generator {} removed", generator.name));
            Ok(Exit::DONE)
        }
    }
}

async fn add(app: &App, args: GeneratorAddArgs) -> Result<Exit, Failure> {
    let spec = specs::as_workflow(args.file.file(), &submit::read(args.file.file())?)?;
    let generator = NewGenerator {
        name: Text::new(args.name).map_err(too_long)?,
        trigger: args.trigger,
        timeout: args.timeout.and_then(|timeout| timeout.0),
        spec: Arc::new(spec),
    };
    let session = app.session()?;
    let command = Command::AddGenerator { generator };
    let Reply::GeneratorAdded(id) = session.client.command(&command).await? else {
        return Err(ClientError::Unexpected("to add-generator").into());
    };
    let generator = get(&session, &id.to_hex()).await?;
    output::generators(session.seen(), &[generator]).print_new(session.format())?;
    Ok(Exit::DONE)
}

/// Packs all arguments in order, as many at once as one request takes; prints what they started.
async fn pack(app: &App, args: &PackArgs) -> Result<Exit, Failure> {
    let session = app.session()?;
    let generator = get(&session, args.named()).await?;
    let args: Vec<Json> = args.args().map(Json::string).collect();
    let mut started: Vec<WorkflowId> = Vec::new();
    let mut left = 0;
    for batch in args.chunks(BATCH_MAX) {
        let args = List::new(batch.to_vec()).map_err(too_long)?;
        let command = Command::Pack { generator: generator.id, args };
        let Reply::Packed { waiting, started: more } = session.client.command(&command).await? else {
            return Err(ClientError::Unexpected("to pack").into());
        };
        started.extend(more);
        left = waiting;
    }
    output::note(&format!("{left} of {} wait in {}", generator.trigger, generator.name));
    for workflow in started {
        submit::print_ids(&session, &[], Some(workflow))?;
    }
    Ok(Exit::DONE)
}

/// Pages through generators until there are enough.
async fn list(session: &Session, count: usize) -> Result<Vec<Generator>, Failure> {
    let mut generators: Vec<Generator> = Vec::new();
    loop {
        let after = generators.last().map_or(0, |generator| generator.id.number());
        let limit = u16::try_from(count.saturating_sub(generators.len())).unwrap_or(u16::MAX);
        if limit == 0 {
            return Ok(generators);
        }
        let Answer::Generators(page) = session.client.query(&Query::Generators { after, limit }).await?
        else {
            return Err(ClientError::Unexpected("to generators").into());
        };
        if page.is_empty() {
            return Ok(generators);
        }
        generators.extend(page);
    }
}

async fn get(session: &Session, named: &str) -> Result<Generator, Failure> {
    let named = Text::new(named).map_err(too_long)?;
    match session.client.query(&Query::Generator { named }).await {
        Ok(Answer::Generator(generator)) => Ok(*generator),
        Ok(_) => Err(ClientError::Unexpected("to generator").into()),
        Err(error) => Err(Failure::from(error).hint(Hint::Generators)),
    }
}
