//! Whole runs of an [`OsExecutor`] against a fake colony: real programs, real signals, real time.

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use colony_protocol::{
    bounded::{JSON_MAX, Json, List},
    command::Closing,
    model::{LogStream, Process},
    refusal::Refusal,
    reply::LeaseStatus,
    time::Span,
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{
    ExecutorConfig, NoopExecutor, OsExecutor,
    fake::{Fake, env, process, said, shell, with_lease, with_spec},
    journal::LOG_MAX,
};

/// An executor at work, and the place its programs may write to.
struct Bench {
    fake: Arc<Fake>,
    place: TempDir,
    stop: CancellationToken,
    ended: oneshot::Receiver<()>,
    /// Dropping it drops the executor.
    _hold: oneshot::Sender<()>,
}

impl Bench {
    fn start(change: impl FnOnce(&mut ExecutorConfig)) -> Self {
        Self::with(Fake::new(Duration::ZERO), change)
    }

    fn with(fake: Arc<Fake>, change: impl FnOnce(&mut ExecutorConfig)) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut config = ExecutorConfig::new(name("worker"), name("cli"), name("dev"));
        config.parallel = NonZeroUsize::new(2).unwrap();
        config.scratch = place.path().join("scratch");
        config.kill_grace = Duration::from_millis(300);
        config.grace = Duration::from_millis(200);
        change(&mut config);
        let (stop, executor) = (CancellationToken::new(), OsExecutor::new(config, fake.client()));
        let ((end, ended), (hold, held)) = (oneshot::channel(), oneshot::channel());
        let stopped = stop.clone();
        fake.runtime().spawn("executor", async move {
            tokio::select! {
                biased;
                _ = held => {}
                result = executor.run(stopped) => result.unwrap(),
            }
            let _nobody = end.send(());
        });
        Self { fake, place, stop, ended, _hold: hold }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The executor's result for one process.
    async fn result(process: Process) -> (Closing, Self) {
        let bench = Self::start(|_| {});
        bench.fake.submit(process);
        (bench.fake.closing().await, bench)
    }

    /// Stops the executor; nothing may be left of its scratch directories.
    async fn end(self) {
        self.stop.cancel();
        let _gone = self.ended.await;
        assert_eq!(fs::read_dir(self.place.path().join("scratch")).unwrap().count(), 0);
    }

    /// The process id a program wrote to a file.
    async fn pid(&self, file: &str) -> u32 {
        for _ in 0..2_000 {
            if let Ok(text) = fs::read_to_string(self.path(file))
                && text.ends_with('\n')
            {
                return text.trim().parse().unwrap();
            }
            self.fake.runtime().sleep(Duration::from_millis(5)).await;
        }
        panic!("{file} was never written");
    }

    /// Waits until a program is gone.
    async fn gone(&self, pid: u32) {
        for _ in 0..2_000 {
            if !lives(pid) {
                return;
            }
            self.fake.runtime().sleep(Duration::from_millis(5)).await;
        }
        panic!("{pid} still runs");
    }
}

fn name(text: &str) -> colony_protocol::model::Name {
    text.try_into().unwrap()
}

/// Whether a program runs; a zombie does not.
fn lives(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn output(closing: &Closing) -> Vec<String> {
    closing.output.iter().map(Json::to_plain).collect()
}

fn errors(closing: &Closing) -> Vec<&str> {
    closing.errors.iter().map(|text| text.as_str()).collect()
}

/// A leader that ignores `SIGTERM` and a grandchild that sleeps; both tell who they are.
fn stubborn(place: &Path) -> Process {
    let line =
        "trap '' TERM; sleep 1000 & echo $! > $OUT/grandchild; echo $$ > $OUT/leader; wait; sleep 1000";
    with_spec(shell(line), |spec| spec.env = env(&[("OUT", place.to_str().unwrap())]))
}

#[tokio::test]
async fn a_program_succeeds_with_its_output_and_its_log_in_one_request() {
    let (closing, bench) = Bench::result(shell("echo out; echo err >&2; printf tail")).await;
    assert!(closing.success);
    assert_eq!(output(&closing), ["out\ntail"]);
    assert_eq!((&*closing.attributes[0].key, &*closing.attributes[0].value), ("exitcode", "0"));
    // It ended before the first lines were due, so they travelled with the result.
    let lines = [&bench.fake.state().streamed[..], &closing.lines].concat();
    assert_eq!(said(&lines, LogStream::Out), "out\ntail");
    assert_eq!(said(&lines, LogStream::Err), "err\n");
    bench.end().await;
}

#[tokio::test]
async fn a_program_that_fails_tells_its_status_and_its_last_words() {
    let (closing, bench) = Bench::result(shell("echo out; echo sorry >&2; exit 3")).await;
    assert!(!closing.success);
    assert_eq!(errors(&closing), ["exit status 3", "sorry"]);
    assert_eq!(&*closing.attributes[0].value, "3");
    assert_eq!(output(&closing), ["out"]);
    bench.end().await;
}

#[tokio::test]
async fn a_program_killed_from_outside_tells_the_signal() {
    let (closing, bench) = Bench::result(shell("kill -9 $$")).await;
    assert_eq!(errors(&closing), ["killed by signal 9"]);
    assert_eq!(&*closing.attributes[0].value, "137");
    bench.end().await;
}

#[tokio::test]
async fn a_program_that_does_not_exist_is_named() {
    let (closing, bench) = Bench::result(process(1, "no-such-program", &[])).await;
    assert_eq!(errors(&closing), ["cannot start `no-such-program`: No such file or directory"]);
    assert_eq!(&*closing.attributes[0].value, "127");
    bench.end().await;
}

#[tokio::test]
async fn a_program_knows_who_it_is_and_gets_its_arguments_as_they_are() {
    let line = r#"echo "$GREETING $COLONY_PROCESS_NUMBER $COLONY_ATTEMPT $COLONY_NAME $COLONY_EXECUTOR_NAME"
        echo "${COLONY_INPUT-none} ${COLONY_WORKFLOW_ID-none}"; pwd; ls -A | wc -l; printf '<%s>' "$@""#;
    let process = with_spec(process(7, "sh", &[]), |spec| {
        let line = Json::string(line);
        let args = ["\"-c\"", line.as_text(), "\"$0\"", "\"a b\"", "3", "[1,\"x\"]"];
        spec.args = List::new(args.iter().map(|text| Json::new(*text).unwrap()).collect()).unwrap();
        spec.env = env(&[("GREETING", "hello")]);
    });
    let (closing, bench) = Bench::result(process).await;
    let output = output(&closing).concat();
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[0], "hello 7 1 dev worker");
    assert_eq!(lines[1], "none none");
    // It started in an empty directory of its own.
    assert!(lines[2].starts_with(bench.path("scratch").to_str().unwrap()), "{}", lines[2]);
    assert_eq!(lines[3].trim(), "0");
    assert_eq!(lines[4], "<a b><3><[1,\"x\"]>");
    bench.end().await;
}

#[tokio::test]
async fn a_child_of_a_workflow_reads_its_parents_outputs_from_standard_input_and_from_files() {
    let line =
        "awk '{s+=$1} END{print s}'; cat $COLONY_INPUT $COLONY_INPUT_JSON $COLONY_KWARGS; touch left-over";
    let mut process = with_spec(shell(line), |spec| {
        let entries = [(name("depth"), Json::new("2").unwrap())];
        spec.kwargs = colony_protocol::bounded::Map::new(entries.into()).unwrap();
    });
    process.input = List::new(vec![Json::string("12 a.txt"), Json::new("30").unwrap()]).unwrap();
    let (closing, bench) = Bench::result(process).await;
    assert_eq!(output(&closing), ["42\n12 a.txt\n30\n[\"12 a.txt\",30]\n{\"depth\":2}"]);
    // A directory that was used is gone before the result is sent.
    let root = fs::read_dir(bench.path("scratch")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(fs::read_dir(root).unwrap().count(), 0);
    bench.end().await;
}

#[tokio::test]
async fn without_input_standard_input_is_empty() {
    let (closing, bench) = Bench::result(shell("cat; echo done")).await;
    assert_eq!(output(&closing), ["done"]);
    bench.end().await;
}

#[tokio::test]
async fn output_is_seen_while_the_program_runs_even_a_prompt_without_line_break() {
    let bench = Bench::start(|_| {});
    bench.fake.submit(shell("echo first; printf 'name? '; sleep 1000"));
    bench.fake.until("both", |state| said(&state.streamed, LogStream::Out) == "first\nname? ").await;
    // A line is not torn from the prompt after it.
    assert_eq!(&*bench.fake.state().streamed[0].message, "first\n");
    bench.end().await;
}

#[tokio::test]
async fn bytes_that_are_no_text_arrive_as_replacements() {
    let (closing, bench) = Bench::result(shell(r"printf 'a\377b\n'")).await;
    assert_eq!(output(&closing), ["a\u{fffd}b"]);
    bench.end().await;
}

#[tokio::test]
async fn a_flood_of_output_is_cut_and_says_so() {
    let flood = format!("yes 0123456789012345678901234567890123456789 | head -c {}; exit 4", 2 * LOG_MAX);
    let (closing, bench) = Bench::result(shell(&flood)).await;
    assert_eq!(errors(&closing), ["exit status 4"]);
    assert!(closing.output[0].as_text().len() <= JSON_MAX);
    let lines = [&bench.fake.state().streamed[..], &closing.lines].concat();
    let logged = said(&lines, LogStream::Out).len();
    assert!(logged < LOG_MAX && logged > LOG_MAX / 4, "{logged}");
    let notes = said(&lines, LogStream::Note);
    assert_eq!(
        notes,
        "the log reached its limit of 16 MiB; the rest is dropped\nthe output is cut; the log has more of it\n"
    );
    bench.end().await;
}

#[tokio::test]
async fn the_whole_group_dies_at_the_deadline_and_nothing_is_reported() {
    let bench = Bench::start(|_| {});
    let late = with_lease(stubborn(bench.place.path()), |lease| {
        lease.hard_deadline = Some(lease.granted_at.after(Span::from_millis(400)));
    });
    bench.fake.submit(late);
    let (leader, grandchild) = (bench.pid("leader").await, bench.pid("grandchild").await);
    assert!(lives(leader) && lives(grandchild));
    bench.gone(leader).await;
    bench.gone(grandchild).await;
    // What becomes of the process is the colony's decision.
    assert!(bench.fake.state().closings.is_empty());
    bench.end().await;
}

#[tokio::test]
async fn a_cancelled_process_dies_with_the_next_renewal() {
    let bench = Bench::start(|config| config.heartbeat = Span::from_millis(300));
    bench.fake.submit(stubborn(bench.place.path()));
    let (leader, grandchild) = (bench.pid("leader").await, bench.pid("grandchild").await);
    bench.fake.state().status = Some(LeaseStatus::Cancelled);
    bench.gone(leader).await;
    bench.gone(grandchild).await;
    assert!(bench.fake.state().closings.is_empty());
    bench.end().await;
}

#[tokio::test]
async fn a_program_whose_log_is_refused_as_stale_dies_at_once() {
    let bench = Bench::start(|_| {});
    bench.fake.state().log_refusal = Some(Refusal::Stale { given: 1, current: 2 });
    bench.fake.submit(with_spec(shell("echo $$ > $OUT/leader; echo hello; sleep 1000"), |spec| {
        spec.env = env(&[("OUT", bench.place.path().to_str().unwrap())]);
    }));
    let leader = bench.pid("leader").await;
    bench.gone(leader).await;
    assert!(bench.fake.state().closings.is_empty());
    bench.end().await;
}

#[tokio::test]
async fn what_a_program_leaves_behind_in_its_group_dies_with_it() {
    let bench = Bench::start(|_| {});
    bench.fake.submit(with_spec(shell("sleep 1000 & echo $! > $OUT/left; echo done"), |spec| {
        spec.env = env(&[("OUT", bench.place.path().to_str().unwrap())]);
    }));
    // The pipe is still open in the one left behind: the result does not wait for it.
    assert_eq!(output(&bench.fake.closing().await), ["done"]);
    let left = bench.pid("left").await;
    bench.gone(left).await;
    bench.end().await;
}

#[tokio::test]
async fn a_live_lease_is_renewed_for_as_long_as_its_program_runs() {
    let bench = Bench::start(|config| config.heartbeat = Span::from_millis(300));
    let short = with_lease(shell("sleep 1; echo done"), |lease| {
        lease.heartbeat = Some(Span::from_millis(300));
        lease.renew_by = Some(lease.granted_at.after(Span::from_millis(300)));
    });
    bench.fake.submit(short);
    assert_eq!(output(&bench.fake.closing().await), ["done"]);
    assert!(bench.fake.state().renewals >= 5);
    bench.end().await;
}

/// A process that sleeps and whose lease lasts 300 ms.
fn sleeping(place: &Path, max_retries: i64) -> Process {
    let process = with_spec(shell("echo $$ > $OUT/leader; sleep 1000"), |spec| {
        spec.env = env(&[("OUT", place.to_str().unwrap())]);
        spec.max_retries = max_retries;
    });
    with_lease(process, |lease| {
        lease.heartbeat = Some(Span::from_millis(300));
        lease.renew_by = Some(lease.granted_at.after(Span::from_millis(300)));
    })
}

#[tokio::test]
async fn a_program_ends_when_its_lease_cannot_be_renewed_and_goes_back_if_it_may_be_tried_again() {
    for (max_retries, again) in [(0, false), (-1, true)] {
        let bench = Bench::start(|config| config.heartbeat = Span::from_millis(300));
        bench.fake.submit(sleeping(bench.place.path(), max_retries));
        let leader = bench.pid("leader").await;
        // The colony falls silent: the program must not outlive the lease it knows of.
        bench.fake.state().cut_off = true;
        bench.gone(leader).await;
        // The colony comes back and may still count on us: it is told.
        bench.fake.state().cut_off = false;
        bench.fake.until("a report", |state| state.releases.len() + state.closings.len() == 1).await;
        if again {
            assert!(bench.fake.state().releases[0].began);
        } else {
            assert_eq!(errors(&bench.fake.state().closings[0]), ["executor lost contact with the colony"]);
        }
        bench.end().await;
    }
}

#[tokio::test]
async fn a_stopped_executor_lets_programs_finish_within_the_grace() {
    let bench = Bench::start(|config| config.grace = Duration::from_secs(20));
    bench.fake.submit(with_spec(shell("echo $$ > $OUT/leader; sleep 0.5; echo done"), |spec| {
        spec.env = env(&[("OUT", bench.place.path().to_str().unwrap())]);
    }));
    bench.pid("leader").await;
    let fake = Arc::clone(&bench.fake);
    bench.end().await;
    assert_eq!(output(&fake.state().closings[0]), ["done"]);
    // It asked for no more work.
    fake.submit(shell("true"));
    assert_eq!(fake.state().queue.len(), 1);
}

#[tokio::test]
async fn after_the_grace_programs_are_killed_and_fail_unless_they_may_be_tried_again() {
    for (max_retries, expected) in [(0, 1), (3, 0)] {
        let bench = Bench::start(|_| {});
        bench.fake.submit(with_spec(stubborn(bench.place.path()), |spec| spec.max_retries = max_retries));
        let (leader, grandchild) = (bench.pid("leader").await, bench.pid("grandchild").await);
        let fake = Arc::clone(&bench.fake);
        bench.end().await;
        assert!(!lives(leader) && !lives(grandchild));
        let state = fake.state();
        assert_eq!((state.closings.len(), state.releases.len()), (expected, 1 - expected));
        assert!(state.releases.iter().all(|release| release.began));
        assert!(state.closings.iter().all(|closing| errors(closing) == ["executor stopped"]));
    }
}

#[tokio::test]
async fn dropping_the_executor_kills_everything_it_runs() {
    let bench = Bench::start(|_| {});
    bench.fake.submit(stubborn(bench.place.path()));
    let (leader, grandchild) = (bench.pid("leader").await, bench.pid("grandchild").await);
    let Bench { fake, place, stop, ended, _hold } = bench;
    drop(_hold);
    ended.await.unwrap();
    let (_hold, _held) = oneshot::channel();
    let (_end, ended) = oneshot::channel();
    let bench = Bench { fake, place, stop, ended, _hold };
    bench.gone(leader).await;
    bench.gone(grandchild).await;
    assert!(bench.fake.state().closings.is_empty());
}

#[tokio::test]
async fn many_small_programs_share_requests_and_never_exceed_the_slots() {
    let bench = Bench::with(Fake::new(Duration::from_millis(20)), |config| {
        config.parallel = NonZeroUsize::new(8).unwrap();
    });
    for number in 1..=100 {
        let line = "mkdir $OUT/slot.$$; ls -d $OUT/slot.* | wc -l; rmdir $OUT/slot.$$";
        let process = process(number, "sh", &["-c", line]);
        bench.fake.submit(with_spec(process, |spec| {
            spec.env = env(&[("OUT", bench.place.path().to_str().unwrap())]);
        }));
    }
    bench.fake.until("all", |state| state.closings.len() == 100).await;
    {
        let state = bench.fake.state();
        let most = state.closings.iter().map(|closing| output(closing)[0].trim().parse().unwrap()).max();
        assert!(most <= Some(8_usize), "{most:?}");
        assert!(state.close_requests < 60, "{}", state.close_requests);
    }
    bench.end().await;
}

#[tokio::test]
async fn a_restarted_executor_first_gives_back_what_its_earlier_life_left() {
    let fake = Fake::new(Duration::ZERO);
    fake.state().leftovers.push(process(77, "sleep", &["1000"]));
    let bench = Bench::with(fake, |_| {});
    bench.fake.until("it back", |state| state.releases.len() == 1).await;
    let release = bench.fake.state().releases[0];
    assert!(release.began && release.lease.process.number() == 77);
    bench.end().await;
}

#[tokio::test]
async fn work_taken_ahead_goes_back_untouched_when_a_long_program_holds_the_slot() {
    let bench = Bench::start(|config| config.parallel = NonZeroUsize::MIN);
    for number in 1..=300 {
        bench.fake.submit(process(number, "true", &[]));
    }
    for number in 301..=400 {
        bench.fake.submit(process(number, "sleep", &["1000"]));
    }
    bench.fake.until("some back", |state| state.closings.len() == 300 && !state.releases.is_empty()).await;
    assert!(bench.fake.state().releases.iter().all(|release| !release.began));
    // It learns: what goes back does not come again at once.
    bench.fake.runtime().sleep(Duration::from_millis(600)).await;
    {
        let state = bench.fake.state();
        assert_eq!(state.releases.len() + state.queue.len(), 99);
        assert!(state.queue.len() > 50, "{}", state.queue.len());
    }
    bench.end().await;
}

#[tokio::test]
async fn work_whose_grant_was_lost_on_the_way_is_found_and_run_once() {
    let bench = Bench::start(|_| {});
    bench.fake.state().lose_grant = true;
    bench.fake.submit(shell("echo found"));
    assert_eq!(output(&bench.fake.closing().await), ["found"]);
    bench.fake.runtime().sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.fake.state().closings.len(), 1);
    bench.end().await;
}

#[tokio::test]
async fn a_result_waits_for_a_clock_that_is_off_for_a_moment() {
    let bench = Bench::start(|_| {});
    let clock = Refusal::Clock { why: Default::default(), now: colony_protocol::time::Timestamp::ZERO };
    bench.fake.state().close_refusal = Some(clock);
    bench.fake.submit(shell("echo done"));
    assert_eq!(output(&bench.fake.closing().await), ["done"]);
    bench.end().await;
}

#[tokio::test]
async fn a_result_whose_lines_are_refused_is_delivered_without_them() {
    let bench = Bench::start(|_| {});
    bench.fake.state().line_refusal = Some(Refusal::Busy("the log is full".try_into().unwrap()));
    bench.fake.submit(shell("echo done"));
    let closing = bench.fake.closing().await;
    assert!(closing.success && closing.lines.is_empty());
    assert_eq!(output(&closing), ["done"]);
    bench.end().await;
}

#[tokio::test]
async fn a_noop_executor_closes_whatever_it_is_given() {
    let fake = Fake::new(Duration::ZERO);
    for number in 1..=250 {
        fake.submit(process(number, "no-such-program", &[]));
    }
    let stop = CancellationToken::new();
    let (executor, stopped) = (NoopExecutor::new(fake.client(), 100), stop.clone());
    let (send, closed) = oneshot::channel();
    fake.runtime().spawn("noop", async move { send.send(executor.run(stopped).await.unwrap()).unwrap() });
    fake.until("all", |state| state.closings.len() == 250).await;
    stop.cancel();
    assert_eq!(closed.await.unwrap(), 250);
    assert!(fake.state().closings.iter().all(|closing| closing.success));
}
