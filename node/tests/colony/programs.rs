//! Programs run by executors: from the submission of a command line to its output, its log and its end.

use std::{fs, num::NonZeroUsize, path::Path, time::Duration};

use colony_node::executor::{ExecutorConfig, ExecutorError, OsExecutor};
use colony_protocol::{
    bounded::{Json, List, Map},
    command::Command,
    model::{FunctionSpec, Limit, LogStream, Name, Process, State, WorkflowSpec},
    query::{Query, Selector},
    reply::Answer,
    time::Span,
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::lab::{Lab, submit, within, work};

/// An executor at work for a lab, and the place its programs may write to.
struct Worker {
    place: TempDir,
    stop: CancellationToken,
    ended: oneshot::Receiver<Result<(), ExecutorError>>,
    kill: CancellationToken,
}

impl Worker {
    fn start(lab: &Lab, number: usize) -> Self {
        let place = tempfile::tempdir().unwrap();
        let name = Name::cut(&format!("executor-{number}"));
        let mut config = ExecutorConfig::new(name, Name::cut("cli"), Name::cut("lab"));
        config.parallel = NonZeroUsize::new(2).unwrap();
        config.scratch = place.path().join("scratch");
        config.heartbeat = Span::from_secs(1);
        config.grace = Duration::ZERO;
        let executor = OsExecutor::new(config, lab.executor(number));
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let (end, ended) = oneshot::channel();
        let (stopped, killed) = (stop.clone(), kill.clone());
        lab.runtime.spawn("executor", async move {
            tokio::select! {
                biased;
                () = killed.cancelled() => {}
                result = executor.run(stopped) => end.send(result).unwrap(),
            }
        });
        Self { place, stop, ended, kill }
    }

    /// Tells the executor to stop, and waits until it has.
    async fn stop(self) {
        self.stop.cancel();
        within("stopping", self.ended).await.unwrap().unwrap();
    }

    /// Ends the executor as a crash would: nobody is told.
    async fn kill(self) {
        self.kill.cancel();
        assert!(within("killing", self.ended).await.is_err());
    }
}

/// A line of shell.
fn shell(line: &str) -> FunctionSpec {
    let args = ["-c", line].map(Json::string);
    FunctionSpec {
        func_name: "sh".try_into().unwrap(),
        args: List::new(args.to_vec()).unwrap(),
        ..work("cli")
    }
}

/// A line of shell that leaves its process id in a file and then sleeps.
fn sleeper(place: &Path) -> FunctionSpec {
    let env = [(Name::cut("OUT"), place.to_str().unwrap().try_into().unwrap())];
    FunctionSpec { env: Map::new(env.into()).unwrap(), ..shell("echo $$ > $OUT/pid; exec sleep 1000") }
}

/// The process id a sleeper left.
async fn pid(lab: &Lab, place: &Path) -> u32 {
    let file = place.join("pid");
    let found = async {
        loop {
            if let Ok(text) = fs::read_to_string(&file)
                && text.ends_with('\n')
            {
                fs::remove_file(&file).unwrap();
                return text.trim().parse().unwrap();
            }
            lab.runtime.sleep(Duration::from_millis(5)).await;
        }
    };
    within("a program", found).await
}

async fn gone(lab: &Lab, pid: u32) {
    let lives = || fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "));
    let gone = async {
        while lives() {
            lab.runtime.sleep(Duration::from_millis(5)).await;
        }
    };
    within("the end of a program", gone).await;
}

async fn end(lab: &Lab, process: impl Into<Selector>) -> Process {
    within("the end", lab.user().wait(process.into())).await.unwrap()
}

fn output(process: &Process) -> Vec<String> {
    process.output.iter().map(Json::to_plain).collect()
}

fn errors(process: &Process) -> Vec<&str> {
    process.errors.iter().map(|text| text.as_str()).collect()
}

async fn said(lab: &Lab, process: &Process, stream: LogStream) -> String {
    let log = Query::Log { process: process.id.into(), from: 0, limit: 1_000, latest: false };
    let Answer::Log(lines) = lab.user().query(&log).await.unwrap() else { panic!("no log") };
    lines.iter().filter(|line| line.stream == stream).map(|line| line.message.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_leaves_its_output_its_log_and_its_status() {
    let lab = Lab::in_memory().await;
    let worker = Worker::start(&lab, 0);
    let id = submit(&lab.user(), shell("echo out; echo err >&2; sleep 0.2; echo more; exit 3")).await;
    let process = end(&lab, id).await;
    assert_eq!((process.state, errors(&process)), (State::Failed, vec!["exit status 3", "err"]));
    assert_eq!(output(&process), ["out\nmore"]);
    assert_eq!(said(&lab, &process, LogStream::Out).await, "out\nmore\n");
    assert_eq!(said(&lab, &process, LogStream::Err).await, "err\n");
    assert_eq!(&*process.attributes[0].value, "3");
    worker.stop().await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_counts_words_in_files_and_adds_them_up() {
    let lab = Lab::in_memory().await;
    let workers = [Worker::start(&lab, 0), Worker::start(&lab, 1)];
    let texts = tempfile::tempdir().unwrap();
    let mut nodes = Vec::new();
    for number in 0..20 {
        let file = texts.path().join(number.to_string());
        fs::write(&file, "word ".repeat(number * number)).unwrap();
        let mut spec = work("cli");
        spec.func_name = "wc".try_into().unwrap();
        let args = ["-w", file.to_str().unwrap()].map(Json::string);
        spec.args = List::new(args.to_vec()).unwrap();
        spec.node_name = Name::cut(&format!("count-{number}"));
        nodes.push(spec);
    }
    let mut sum = shell("awk '{ sum += $1 } END { print sum }'");
    sum.node_name = Name::cut("sum");
    sum.conditions.dependencies =
        List::new(nodes.iter().map(|node| node.node_name.clone()).collect()).unwrap();
    nodes.push(sum);
    let spec = WorkflowSpec { nodes: List::new(nodes).unwrap(), ..WorkflowSpec::default() };
    let (_, processes) = lab.user().submit_workflow(spec, None).await.unwrap();
    let sum = end(&lab, processes[20]).await;
    assert_eq!(output(&sum), [(0..20).map(|number| number * number).sum::<usize>().to_string()]);
    for worker in workers {
        worker.stop().await;
    }
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_takes_too_long_is_tried_as_often_as_allowed_and_then_fails() {
    let lab = Lab::in_memory().await;
    let worker = Worker::start(&lab, 0);
    let spec = FunctionSpec { max_exec_time: Limit(1), max_retries: 2, ..sleeper(worker.place.path()) };
    let id = submit(&lab.user(), spec).await;
    for _ in 0..3 {
        let program = pid(&lab, worker.place.path()).await;
        gone(&lab, program).await;
    }
    let process = end(&lab, id).await;
    assert_eq!((process.state, process.retries), (State::Failed, 2));
    assert_eq!(errors(&process), ["Maximum execution time limit exceeded"]);
    worker.stop().await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_program_dies() {
    let lab = Lab::in_memory().await;
    let worker = Worker::start(&lab, 0);
    let process = submit(&lab.user(), sleeper(worker.place.path())).await;
    let program = pid(&lab, worker.place.path()).await;
    lab.user().command(&Command::Cancel { process }).await.unwrap();
    gone(&lab, program).await;
    assert_eq!(end(&lab, process).await.state, State::Cancelled);
    worker.stop().await;
    lab.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_executor_had_to_leave_is_done_by_another_or_by_its_next_life() {
    let lab = Lab::in_memory().await;
    let place = tempfile::tempdir().unwrap();
    let first = Worker::start(&lab, 0);
    let id = submit(&lab.user(), FunctionSpec { max_retries: -1, ..sleeper(place.path()) }).await;
    let program = pid(&lab, place.path()).await;

    // An executor that stops hands its work over at once.
    let second = Worker::start(&lab, 1);
    first.stop().await;
    gone(&lab, program).await;
    let program = pid(&lab, place.path()).await;

    // One that crashed is missed, or comes back and says that it lost its work; its own calls do not hide that.
    second.kill().await;
    gone(&lab, program).await;
    let again = Worker::start(&lab, 1);
    pid(&lab, place.path()).await;
    let process = within("a look", lab.user().process(id.into())).await.unwrap();
    assert_eq!((process.state, process.retries), (State::Running, 2));
    again.stop().await;
    lab.stop().await;
}
