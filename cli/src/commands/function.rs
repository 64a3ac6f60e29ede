//! `colony function`: what executors offer, and calls of it in ColonyOS's words.

use std::collections::BTreeMap;

use colony_node::client::ClientError;
use colony_protocol::{
    bounded::{Json, List, Map, Text},
    model::{Conditions, FunctionSpec, Limit, Name},
    query::Query,
    reply::Answer,
};

use super::submit;
use crate::{
    app::App,
    args::{FunctionExecArgs, FunctionVerb, Reading},
    error::{Exit, Failure},
    output,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: FunctionVerb) -> Result<Exit, Failure> {
    match verb {
        FunctionVerb::Ls(reading) => list(app, reading).await,
        FunctionVerb::Submit(args) => submit::run(app, args.file(), args.wait, submit::Kind::Functions).await,
        FunctionVerb::Exec(args) => {
            let spec =
                spec(&args).map_err(|error| Failure::usage(format!("a value is too long: {error}")))?;
            submit::functions(&app.session()?, vec![spec], args.wait).await
        }
    }
}

async fn list(app: &App, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let query = Query::Functions { executor_name: Name::default() };
    let Answer::Functions(functions) = session.client.query(&query).await? else {
        return Err(ClientError::Unexpected("to functions").into());
    };
    output::functions(session.seen(), &functions).print(session.format())?;
    Ok(Exit::DONE)
}

fn spec(args: &FunctionExecArgs) -> Result<FunctionSpec, colony_protocol::bounded::BoundError> {
    let mut env = BTreeMap::new();
    for (key, value) in &args.env {
        env.insert(Text::new(key.as_str())?, Text::new(value.as_str())?);
    }
    Ok(FunctionSpec {
        func_name: Text::new(args.func.as_str())?,
        args: List::new(args.args.iter().map(|arg| Json::string(arg)).collect())?,
        env: Map::new(env)?,
        label: Text::new(args.label.as_str())?,
        max_wait_time: Limit(args.maxwaittime),
        max_exec_time: Limit(args.maxexectime),
        max_retries: args.maxretries,
        conditions: Conditions {
            executor_type: Text::new(args.targettype.as_str())?,
            ..Conditions::default()
        },
        ..FunctionSpec::default()
    })
}
