//! `colony policy`: how long finished work is kept.

use colony_node::client::ClientError;
use colony_protocol::{command::Command, model::Policy, query::Query, reply::Answer};

use crate::{
    app::App,
    args::{PolicyArgs, PolicyVerb, Reading},
    error::{Exit, Failure},
    output,
};

/// Does what was asked.
pub(super) async fn run(app: &App, verb: PolicyVerb) -> Result<Exit, Failure> {
    match verb {
        PolicyVerb::Get(reading) => show(app, reading).await,
        PolicyVerb::Set(PolicyArgs { success, failed, cancelled, logs }) => {
            let policy = Policy { success, failed, cancelled, logs };
            app.session()?.owner()?.command(&Command::SetPolicy { policy }).await?;
            show(app, Reading::default()).await
        }
    }
}

async fn show(app: &App, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let Answer::Policy(policy) = session.client.query(&Query::Policy).await? else {
        return Err(ClientError::Unexpected("to policy").into());
    };
    session.print_one(output::policy(&policy))?;
    Ok(Exit::DONE)
}
