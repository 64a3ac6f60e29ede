//! Processes, workflows, logs and functions.

use colonyos::core::{
    Attribute, FAILED, Function, FunctionSpec, Log, RUNNING, SUCCESS, WAITING, WorkflowSpec,
};

use crate::{DEV, OWNER, USER, refused};

fn spec(name: &str) -> FunctionSpec {
    let mut spec = FunctionSpec::new(name, "rs", DEV);
    spec.args = vec!["an argument".to_owned()];
    spec.env.insert("KEY".to_owned(), "value".to_owned());
    spec
}

pub async fn processes(key: &str) {
    let submitted = colonyos::submit(&spec("echo"), USER).await.unwrap();
    assert_eq!((submitted.state, submitted.processid.len()), (WAITING, 64));
    let waiting = colonyos::get_processes(DEV, 100, WAITING, USER).await.unwrap();
    assert!(waiting.iter().any(|one| one.processid == submitted.processid));
    // The client's default of no time at all means without a limit.
    let taken = colonyos::assign(DEV, 10, key).await.unwrap();
    assert_eq!((&taken.processid, taken.state), (&submitted.processid, RUNNING));
    assert_eq!((taken.spec.args, &*taken.spec.env["KEY"]), (vec!["an argument".to_owned()], "value"));
    let attribute = Attribute::new(DEV, &taken.processid, "k", "v");
    let added = colonyos::add_attr(&attribute, key).await.unwrap();
    assert_eq!((added.attributeid.len(), &*added.targetcolonyname, &*added.value), (64, DEV, "v"));
    colonyos::set_output(&taken.processid, vec!["done".to_owned()], key).await.unwrap();
    refused(colonyos::remove_process(&taken.processid, USER).await, "");

    let watched = taken.processid.clone();
    let by = key.to_owned();
    let closing = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        colonyos::close(&watched, &by).await.unwrap();
    });
    colonyos::subscribe_process(&submitted, SUCCESS, 20, USER).await.unwrap();
    closing.await.unwrap();
    let ended = colonyos::get_process(&taken.processid, USER).await.unwrap();
    assert_eq!((ended.state, ended.output), (SUCCESS, vec!["done".to_owned()]));
    colonyos::remove_process(&taken.processid, USER).await.unwrap();
    refused(colonyos::get_process(&taken.processid, USER).await, "");

    let failing = colonyos::submit(&spec("fail"), USER).await.unwrap();
    assert_eq!(colonyos::assign(DEV, 10, key).await.unwrap().processid, failing.processid);
    colonyos::fail(&failing.processid, key).await.unwrap();
    let failed = colonyos::get_process(&failing.processid, USER).await.unwrap();
    assert_eq!((failed.state, failed.errors.is_empty()), (FAILED, true));
    for _ in 0..10 {
        colonyos::submit(&spec("echo"), USER).await.unwrap();
    }
    assert_eq!(colonyos::get_statistics(DEV, USER).await.unwrap().waitingprocesses, 10);
    colonyos::remove_all_processes(DEV, WAITING, OWNER).await.unwrap();
    assert_eq!(colonyos::get_statistics(DEV, USER).await.unwrap().waitingprocesses, 0);
    refused(colonyos::assign(DEV, 1, key).await, "No process");
}

fn node(name: &str, parents: &[&str]) -> FunctionSpec {
    let mut node = spec(name);
    node.nodename = name.to_owned();
    node.conditions.dependencies = parents.iter().map(|name| (*name).to_owned()).collect();
    node
}

pub async fn workflows(key: &str) {
    let functionspecs = vec![node("a", &[]), node("b", &["a"]), node("c", &["a"]), node("d", &["b", "c"])];
    let graph = WorkflowSpec { colonyname: DEV.to_owned(), functionspecs };
    let submitted = colonyos::submit_workflow(&graph, USER).await.unwrap();
    assert_eq!((submitted.processids.len(), submitted.rootprocessids.len()), (4, 1));
    let mut seen = Vec::new();
    for _ in 0..4 {
        let taken = colonyos::assign(DEV, 10, key).await.unwrap();
        seen.push(taken.spec.nodename.clone());
        colonyos::set_output(&taken.processid, vec![taken.spec.nodename.clone()], key).await.unwrap();
        let mut input = taken.input;
        input.sort();
        if taken.spec.nodename == "d" {
            assert_eq!(input, ["b", "c"]);
        }
        colonyos::close(&taken.processid, key).await.unwrap();
    }
    assert_eq!((&*seen[0], &*seen[3]), ("a", "d"));
    let ended = colonyos::get_processgraph(&submitted.processgraphid, USER).await.unwrap();
    assert_eq!((ended.state, ended.processids.len()), (SUCCESS, 4));
    assert_eq!(colonyos::get_processgraphs(DEV, 10, SUCCESS, USER).await.unwrap().len(), 1);
    colonyos::remove_processgraph(&submitted.processgraphid, USER).await.unwrap();
    assert_eq!(colonyos::get_processgraphs(DEV, 10, SUCCESS, USER).await.unwrap().len(), 0);

    let cyclic = vec![node("a", &["b"]), node("b", &["a"])];
    let cyclic = WorkflowSpec { colonyname: DEV.to_owned(), functionspecs: cyclic };
    refused(colonyos::submit_workflow(&cyclic, USER).await, "");
    let waiting = WorkflowSpec { colonyname: DEV.to_owned(), functionspecs: vec![node("a", &[])] };
    colonyos::submit_workflow(&waiting, USER).await.unwrap();
    colonyos::remove_all_processgraphs(DEV, WAITING, OWNER).await.unwrap();
    assert_eq!(colonyos::get_processgraphs(DEV, 10, WAITING, USER).await.unwrap().len(), 0);
}

pub async fn logs_and_functions(key: &str) {
    let process = colonyos::submit(&spec("log"), USER).await.unwrap();
    assert_eq!(colonyos::assign(DEV, 10, key).await.unwrap().processid, process.processid);
    let line = |message: &str| Log {
        processid: process.processid.clone(),
        colonyname: DEV.to_owned(),
        executorname: "rs".to_owned(),
        message: message.to_owned(),
        timestamp: 0,
    };
    for message in ["one", "two"] {
        colonyos::add_log(&line(message), key).await.unwrap();
    }
    refused(colonyos::add_log(&line("not mine"), USER).await, "");
    let lines = colonyos::get_logs(DEV, &process.processid, "", 100, 0, USER).await.unwrap();
    assert_eq!(lines.iter().map(|line| &*line.message).collect::<Vec<_>>(), ["one", "two"]);
    let function: Function = serde_json::from_value(serde_json::json!({
        "colonyname": DEV, "executorname": "rs", "funcname": "log",
    }))
    .unwrap();
    let added = colonyos::add_function(&function, key).await.unwrap();
    colonyos::close(&process.processid, key).await.unwrap();
    let all = colonyos::get_functions(DEV, USER).await.unwrap();
    assert!(all.iter().any(|one| one.functionid == added.functionid && one.counter == 1));
    assert_eq!(colonyos::get_functions_by_executor(DEV, "rs", USER).await.unwrap().len(), 1);
    colonyos::remove_function(&added.functionid, key).await.unwrap();
    assert_eq!(colonyos::get_functions_by_executor(DEV, "rs", USER).await.unwrap().len(), 0);
}

/// Work, one piece after the other; each that is closed is told.
pub async fn cycles(colony: &str, key: &str, count: usize) {
    for number in 0..count {
        let mut work = FunctionSpec::new("cycle", "rs", colony);
        work.args = vec![number.to_string()];
        let submitted = colonyos::submit(&work, key).await.unwrap();
        let taken = colonyos::assign(colony, 20, key).await.unwrap();
        assert_eq!(taken.processid, submitted.processid);
        colonyos::close(&taken.processid, key).await.unwrap();
        println!("{}", taken.processid);
    }
}
