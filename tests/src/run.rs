//! One run: a crowd at work, the faults it went through, and at the end the verdict and what was measured.

use std::time::{Duration, Instant};

use crate::{
    crowd::{self, Crowd, Door, Mix, Others, Record},
    observed::clock::Moment,
    parameter::parameter,
};
use colony_node::client::Client;
use colony_protocol::{model::State, query::Query, reply::Answer};
use colony_simulations::chance::Chance;

/// How long the queue may take to empty once nothing is broken any more.
const DRAIN: Duration = Duration::from_secs(180);
/// How long a colony may take to answer after a fault: the election, and the patience of a client whose node went away.
const RECOVERY: Duration = Duration::from_secs(20);

/// By how many nanoseconds two submits may stand in another order than that of their answers.
const SLACK: i64 = 1_000_000_000;

/// One run.
#[derive(Debug)]
pub struct Run {
    name: String,
    /// Everything asked and told.
    pub record: Record,
    /// Chooses.
    pub chance: Chance,
    /// The generation of executors at work.
    generation: u64,
    begun: Instant,
    /// From each fault to the first submit that was sent after it and acknowledged.
    recoveries: Vec<(String, Duration)>,
    /// Other things measured.
    notes: Vec<String>,
}

impl Run {
    /// A run that has not begun. The variable of this name holds the number that chooses who, when and what.
    #[must_use]
    pub fn new(name: &str, variable: &str) -> Self {
        let seed = parameter(variable, 1);
        println!("{name}: replay with {variable}={seed}");
        Self {
            name: name.to_owned(),
            record: Record::default(),
            chance: Chance::new(seed),
            generation: 0,
            begun: Instant::now(),
            recoveries: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Makes members of a crowd, and sets it to work.
    pub async fn crowd(&mut self, doors: &[Door], mix: Mix) -> Crowd {
        self.generation += 1;
        Crowd::register(&doors[0].client, mix, self.generation).await.unwrap();
        Crowd::start(doors, mix, self.generation, &self.record, &mut self.chance)
    }

    /// Waits until a submit that was sent after `fault` is acknowledged, and notes how long that took.
    pub async fn recovered(&mut self, what: &str, fault: Moment) -> Duration {
        let begun = Instant::now();
        loop {
            let first = {
                let observed = self.record.observed();
                // The newest first: a long run has many, and they stand in the order of their answers, nearly.
                let newest = observed.acknowledged().iter().rev();
                let newest = newest.take_while(|submit| submit.end.0 > fault.0 - SLACK);
                let after = newest.filter(|submit| submit.begin > fault);
                after.map(|submit| submit.end).min()
            };
            if let Some(end) = first {
                let took = end.since(fault);
                self.recoveries.push((what.to_owned(), took));
                return took;
            }
            assert!(
                begun.elapsed() < RECOVERY,
                "{}: nothing was acknowledged within {RECOVERY:?} of: {what}",
                self.name
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Remembers something for the report.
    pub fn note(&mut self, line: String) {
        self.notes.push(line);
    }

    /// Looks at everything while no crowd works, so that what is lost for a time only is noticed, too.
    ///
    /// # Panics
    /// If the colony does not answer.
    pub async fn look(&self, client: &Client) {
        crowd::record_now(client, &self.record).await.unwrap();
    }

    /// Empties the queue, looks at everything, and judges. Nobody but crowds has put anything into the queue.
    pub async fn end(self, client: &Client, doors: &[Door]) {
        let others = self.end_among_others(client, doors).await;
        assert!(others.is_empty(), "nobody submitted this: {others:?}");
    }

    /// The same where others have worked, too. Gives what there is of their work, for them to count.
    pub async fn end_among_others(mut self, client: &Client, doors: &[Door]) -> Others {
        let crowd = self.crowd(doors, Mix::DRAIN).await;
        drain(client).await;
        crowd.stop().await;
        let others = crowd::record_end(client, &self.record).await.unwrap();
        self.judge();
        others
    }

    fn judge(self) {
        let observed = self.record.observed();
        let checking = Instant::now();
        let verdict = observed.verdict();
        let broken = observed.broken();
        let (ended, unfinished) = observed.ended();
        println!("\n== {} ==", self.name);
        println!(
            "{:.0} s; {} submits with {} items acknowledged, {} leases told, {} calls without an answer",
            self.begun.elapsed().as_secs_f64(),
            observed.acknowledged().len(),
            observed.items_acknowledged(),
            observed.grants().len(),
            observed.maybes(),
        );
        println!(
            "history: {} calls on {} processes, checked in {:.1} s: {} illegal, {} unknown",
            verdict.calls,
            verdict.processes,
            checking.elapsed().as_secs_f64(),
            verdict.illegal.len(),
            verdict.unknown.len(),
        );
        println!("promises broken: {}; processes ended: {ended}, not ended: {unfinished}", broken.len());
        print_times(
            "fault to first acknowledged submit",
            self.recoveries.iter().map(|(_, took)| *took).collect(),
        );
        let mut kinds: Vec<&str> = self.recoveries.iter().map(|(what, _)| what.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        if kinds.len() > 1 {
            for kind in kinds {
                let times = self.recoveries.iter().filter(|(what, _)| what == kind);
                print_times(&format!("  {kind}"), times.map(|(_, took)| *took).collect());
            }
        }
        for note in &self.notes {
            println!("{note}");
        }
        assert!(verdict.illegal.is_empty(), "{}", verdict.illegal.join("\n"));
        assert!(verdict.unknown.is_empty(), "too hard to check: {:?}", verdict.unknown);
        assert!(broken.is_empty(), "{}", broken.join("\n"));
        assert_eq!(unfinished, 0, "all work was done, but not all of it has ended");
        // A run without load would prove nothing.
        assert!(observed.items_acknowledged() > 50 && ended > 50, "too little was done to mean anything");
    }
}

/// Median and tail of some times.
fn print_times(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let Some(longest) = times.last() else { return };
    let at = |hundredth: usize| times[(times.len() * hundredth / 100).min(times.len() - 1)];
    println!(
        "{what}: {} times, p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms",
        times.len(),
        at(50).as_secs_f64() * 1e3,
        at(99).as_secs_f64() * 1e3,
        longest.as_secs_f64() * 1e3,
    );
}

/// Waits until everything has ended.
async fn drain(client: &Client) {
    let until = Instant::now() + DRAIN;
    loop {
        if let Ok(Answer::Statistics(counts)) = client.query(&Query::Statistics).await {
            let left = counts.processes_in(State::Waiting) + counts.processes_in(State::Running);
            if left == 0 {
                return;
            }
            assert!(Instant::now() < until, "{left} processes have not ended within {DRAIN:?}");
        }
        assert!(Instant::now() < until, "the colony does not answer");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
