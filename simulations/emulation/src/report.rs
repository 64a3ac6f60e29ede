//! What is said of a run: one line a seed, and for a failure how to see it again.

use std::{
    fmt::Write as _,
    io::Write as _,
    ops::Range,
    process::{Child, Command, ExitCode, Output, Stdio},
    time::{Duration, Instant},
};

use crate::{Args, plan::Plan};

/// How long one seed may take on the machine's own clock before it counts as hung.
const WALL: Duration = Duration::from_secs(300);

/// How much of what did not hold is told: who starts many runs reads what each said only once it has ended, and a pipe holds
/// no more.
const TOLD: usize = 40;

/// What a run was like.
#[derive(Debug)]
pub struct Report {
    /// What was planned.
    pub plan: Plan,
    /// Deliveries, syncs and answers.
    pub steps: u64,
    /// The hash of everything.
    pub hash: u64,
    /// How often each fault struck.
    pub exercised: Vec<(&'static str, u64)>,
    /// What did not hold.
    pub broken: Vec<String>,
    /// Virtual time.
    pub elapsed: Duration,
    /// Time on the machine's own clock.
    pub wall: Duration,
    /// The timeline, if it was asked for.
    pub lines: Vec<String>,
    /// Acknowledged items and workflows, entries of the log that were played again, unanswered calls.
    pub work: [u64; 4],
}

impl Report {
    /// Prints it.
    pub fn show(&self, args: &Args) -> ExitCode {
        let mut out = String::new();
        for line in &self.lines {
            writeln!(out, "{line}").ok();
        }
        let faults: Vec<String> =
            self.exercised.iter().map(|(name, count)| format!("{name}:{count}")).collect();
        let faults = if faults.is_empty() { "none".to_owned() } else { faults.join(",") };
        let verdict = if self.broken.is_empty() { "ok" } else { "FAILED" };
        let [items, workflows, entries, maybes] = self.work;
        writeln!(
            out,
            "seed={} nodes={} steps={} faults={faults} items={items} workflows={workflows} entries={entries} \
             unanswered={maybes} virtual={:.1}s wall={:.1}s trace={:016x} {verdict}",
            self.plan.seed,
            self.plan.nodes,
            self.steps,
            self.elapsed.as_secs_f64(),
            self.wall.as_secs_f64(),
            self.hash
        )
        .ok();
        for line in self.broken.iter().take(TOLD) {
            writeln!(out, "  {line}").ok();
        }
        if let Some(more) = self.broken.len().checked_sub(TOLD).filter(|more| *more > 0) {
            writeln!(out, "  and {more} more").ok();
        }
        if !self.broken.is_empty() {
            writeln!(out, "  replay: {}", replay(args, self.plan.seed)).ok();
        }
        std::io::stdout().write_all(out.as_bytes()).ok();
        if self.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn replay(args: &Args, seed: u64) -> String {
    let mut line = "cargo run --release --manifest-path simulations/emulation/Cargo.toml".to_owned();
    if args.mutant.is_some() {
        line.push_str(" --features mutants");
    }
    line.push_str(" --");
    for word in words(args, seed) {
        line.push(' ');
        line.push_str(&word);
    }
    line.push_str(" --trace");
    line
}

/// The arguments that run one seed as these do.
fn words(args: &Args, seed: u64) -> Vec<String> {
    let mut words = vec!["--seed".to_owned(), seed.to_string(), "--steps".to_owned(), args.steps.to_string()];
    if let Some(nodes) = args.nodes {
        words.extend(["--nodes".to_owned(), nodes.to_string()]);
    }
    if let Some(faults) = &args.faults {
        words.extend(["--faults".to_owned(), faults.clone()]);
    }
    if let Some(mutant) = &args.mutant {
        words.extend(["--mutant".to_owned(), mutant.clone()]);
    }
    words
}

/// One seed in a process of its own: libraries count across the process, and a hash map's order follows from such counts.
#[derive(Debug)]
pub struct Running {
    seed: u64,
    begun: Instant,
    child: Child,
}

/// Starts a seed.
///
/// # Errors
/// What the system said.
pub fn start(args: &Args, seed: u64) -> std::io::Result<Running> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words(args, seed)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(Running { seed, begun: Instant::now(), child: command.spawn()? })
}

/// Waits for it, and ends it when it hangs.
fn finish(mut running: Running) -> Result<Output, String> {
    loop {
        match running.child.try_wait() {
            Ok(Some(_)) => return running.child.wait_with_output().map_err(|error| error.to_string()),
            Ok(None) if running.begun.elapsed() > WALL => {
                running.child.kill().ok();
                return Err(format!("hangs: no verdict after {WALL:?}"));
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// Runs many seeds and says how many failed.
pub fn many(args: &Args, seeds: Range<u64>) -> ExitCode {
    let begun = Instant::now();
    let (mut ran, mut failed) = (0_u64, Vec::new());
    let mut under_way = std::collections::VecDeque::new();
    let mut next = seeds.clone();
    loop {
        while under_way.len() < args.jobs.max(1)
            && let Some(seed) = next.next()
        {
            let first = start(args, seed);
            let second = args.twice.then(|| start(args, seed));
            under_way.push_back((seed, first, second));
        }
        let Some((seed, first, second)) = under_way.pop_front() else { break };
        let judged = judge(first, second);
        ran += 1;
        match judged {
            Ok(said) => print!("{said}"),
            Err(said) => {
                print!("{said}");
                if !said.contains("replay: ") {
                    println!("  replay: {}", replay(args, seed));
                }
                failed.push(seed);
                if args.until_failure {
                    break;
                }
            }
        }
    }
    for (_, first, second) in under_way {
        for running in [Some(first), second].into_iter().flatten().flatten() {
            finish(running).ok();
        }
    }
    println!("{ran} seeds in {:.0} s: {} failed {failed:?}", begun.elapsed().as_secs_f64(), failed.len());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What one seed, run once or twice, amounts to.
fn judge(
    first: std::io::Result<Running>,
    second: Option<std::io::Result<Running>>,
) -> Result<String, String> {
    let said = outcome(first)?;
    let Some(second) = second else { return Ok(said) };
    let again = outcome(second)?;
    let trace =
        |said: &str| said.split_whitespace().find(|word| word.starts_with("trace=")).map(str::to_owned);
    if trace(&said) == trace(&again) {
        Ok(format!("{} twice\n", said.trim_end()))
    } else {
        Err(format!("{said}{again}  two runs of one seed differ\n"))
    }
}

/// What a seed said: `Err` if it failed.
///
/// # Errors
/// What it said then.
pub fn outcome(running: std::io::Result<Running>) -> Result<String, String> {
    let running = running.map_err(|error| format!("cannot start: {error}\n"))?;
    let seed = running.seed;
    let output = finish(running).map_err(|error| format!("seed={seed} FAILED\n  {error}\n"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let errors: String = errors.lines().take(20).fold(String::new(), |all, line| all + "  " + line + "\n");
    Err(if said.is_empty() { format!("seed={seed} FAILED\n{errors}") } else { said })
}
