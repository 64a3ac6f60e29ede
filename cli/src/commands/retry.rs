//! `colony retry`: what has ended, once more. Of a workflow also only the part that did not succeed, with the results
//! of the rest given to it.

mod plan;

use std::collections::BTreeMap;

use colony_node::client::ClientError;
use colony_protocol::{
    command::Submission,
    model::{FunctionSpec, Name, Process, State, Values, Workflow},
    query::{Query, Selector},
    refusal::Refusal,
    reply::Answer,
};

use super::submit;
use crate::{
    app::{App, Session},
    args::{AnyId, RetryArgs},
    error::{Exit, Failure},
    hint::Hint,
};

/// Queues it again.
pub(super) async fn run(app: &App, args: RetryArgs) -> Result<Exit, Failure> {
    let session = app.session()?;
    match args.id {
        AnyId::Process(_) if args.failed => {
            Err(Failure::usage("--failed is for workflows, such as w3").hint(Hint::Workflows))
        }
        AnyId::Process(selector) => process(&session, selector).await,
        AnyId::Workflow(selector) => workflow(&session, selector, args.failed).await,
    }
}

async fn process(session: &Session, selector: Selector) -> Result<Exit, Failure> {
    let process = session.client.process(selector).await?;
    let name = format!("p{}", process.number());
    if let Some(workflow) = process.workflow {
        let workflow = format!("w{}", workflow.number());
        return Err(Failure::usage(format!("{name} is part of {workflow} and gets its input there"))
            .hint(Hint::RetryFailed(workflow)));
    }
    if !process.state.is_terminal() {
        return Err(still(&name, process.state.word()));
    }
    let spec = FunctionSpec::clone(&process.spec);
    submit::submit(session, vec![Submission { spec, retry_of: Some(process.id) }], false).await
}

async fn workflow(session: &Session, selector: Selector, failed: bool) -> Result<Exit, Failure> {
    let answer = session.client.query(&Query::Workflow(selector)).await?;
    let Answer::Workflow { workflow, processes } = answer else {
        return Err(ClientError::Unexpected("to workflow").into());
    };
    let name = format!("w{}", workflow.id.number());
    if !workflow.state.is_terminal() || processes.iter().any(|process| !process.state.is_terminal()) {
        return Err(still(&name, "not finished"));
    }
    let submitted: Vec<Process> =
        processes.iter().filter(|p| p.submitted_at == workflow.submitted_at).cloned().collect();
    let earlier = earlier(session, &workflow, &processes).await?;
    let spec = if failed {
        plan::failed_part(&processes, &submitted, &earlier)
    } else {
        plan::whole(&submitted, &earlier)
    };
    let spec = spec.map_err(|error| Failure::new(format!("{name} cannot be repeated: {error}")))?;
    if spec.nodes.is_empty() {
        return Err(Failure::new(format!("all of {name} succeeded: there is nothing to run again"))
            .hint(Hint::Retry(name)));
    }
    submit::workflow(session, spec, Some(workflow.id), false).await
}

/// What earlier workflows gave to this one, if it is itself a repetition: the outputs of nodes it names but has not.
async fn earlier(
    session: &Session,
    workflow: &Workflow,
    processes: &[Process],
) -> Result<BTreeMap<Name, Values>, Failure> {
    let mut missing = plan::missing(processes);
    let mut outputs = BTreeMap::new();
    let mut before = workflow.retry_of;
    while let Some(id) = before.filter(|_| !missing.is_empty()) {
        let answer = session.client.query(&Query::Workflow(id.into())).await;
        let (workflow, processes) = match answer {
            Ok(Answer::Workflow { workflow, processes }) => (workflow, processes),
            Ok(_) => return Err(ClientError::Unexpected("to workflow").into()),
            // It was removed; then what it gave is gone, and the colony says which node is missing.
            Err(ClientError::Refused(Refusal::NotFound { .. })) => break,
            Err(error) => return Err(error.into()),
        };
        for process in processes.iter().filter(|process| process.state == State::Success) {
            if missing.remove(&process.spec.node_name) {
                outputs.insert(process.spec.node_name.clone(), process.output.clone());
            }
        }
        before = workflow.retry_of;
    }
    Ok(outputs)
}

fn still(name: &str, state: &str) -> Failure {
    Failure::new(format!("{name} is {state}: what has not ended cannot be run again"))
        .hint(Hint::Wait(name.to_owned()))
}
