//! What a node answers, which a client reads and shows.
#![no_main]

use colony_protocol::{
    model::json::{self, ColonyContext},
    reply::{Answer, Reply, Response},
    rpc,
};
use libfuzzer_sys::fuzz_target;

const COLONY: ColonyContext<'static> = ColonyContext { name: "dev" };

fuzz_target!(|bytes: &[u8]| {
    let Ok(outcome) = rpc::decode_outcome(bytes) else { return };
    let response = match outcome {
        Ok(response) => response,
        Err(refusal) => {
            assert!(!refusal.to_string().is_empty());
            return;
        }
    };
    match response {
        Response::Reply(Reply::Assigned { processes, .. })
        | Response::Answer(Answer::Processes(processes)) => {
            for process in &processes {
                drop(json::process(process, COLONY));
            }
        }
        Response::Answer(Answer::Workflow { workflow, processes }) => {
            drop(json::workflow(&workflow, &processes, COLONY));
        }
        Response::Answer(Answer::Status(status)) => drop(json::status(&status, |_| None)),
        Response::Answer(Answer::Explanation(explanation)) => drop(json::explanation(&explanation, COLONY)),
        Response::Answer(Answer::Functions(functions)) => {
            for function in &functions {
                drop(json::function(function, COLONY));
            }
        }
        Response::Answer(Answer::Executors(executors)) => {
            for executor in &executors {
                drop(json::executor(executor, COLONY));
            }
        }
        Response::Answer(Answer::Members(views)) => {
            for view in &views {
                drop(json::member(view, ""));
            }
        }
        _ => {}
    }
});
