//! A colony with a public voter, an executor in one home and a submitter in another, who have a ticket and nothing else.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use colony_tests::{
    home::Home,
    internet::{Internet, Machine, Nat},
    outcome::{DEADLINE, Outcome, Running, run},
    served::{READY, Served},
};

/// The colony.
pub(crate) const COLONY: &str = "town";
/// How soon after its `join` a member must be of use.
pub(crate) const JOINED: Duration = Duration::from_secs(10);
/// Prints what tells which machine runs it.
const WHERE: [&str; 2] = ["readlink", "/proc/self/ns/net"];
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(100);

/// Somebody's machine, with their home directory and what runs there.
#[derive(Debug)]
pub(crate) struct Resident {
    pub(crate) machine: Machine,
    home: Home,
    process: Option<Served>,
}

impl Resident {
    pub(crate) fn new(machine: Machine) -> Self {
        Self { machine, home: Home::new(), process: None }
    }

    /// Somebody with a copy of all that another one keeps.
    pub(crate) fn copied(machine: Machine, other: &Self) -> Self {
        let copy = Self::new(machine);
        let mut program = copy.home.program("cp");
        program.args(["-a", "--"]).arg(other.home.path().join(".")).arg(copy.home.path());
        drop(run(program, None, DEADLINE).ok());
        copy
    }

    /// `colony` on this machine.
    pub(crate) fn colony(&self, args: &[&str]) -> Command {
        self.machine.colony(&self.home, args)
    }

    /// Runs `colony` on this machine to its end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        run(self.colony(args), None, DEADLINE)
    }

    /// Founds the colony.
    #[track_caller]
    pub(crate) fn found(&self) {
        let ip = self.machine.address();
        let [tcp, quic] = [format!("/ip4/{ip}/tcp/4100"), format!("/ip4/{ip}/udp/4100/quic-v1")];
        let args = ["init", "--name", COLONY, "--node-name", "voter", "--listen", &tcp, "--listen", &quic];
        drop(self.run(&args).ok());
    }

    /// Starts what says when it serves, and waits for that.
    #[track_caller]
    pub(crate) fn serve(&mut self, args: &[&str]) {
        let args = [args, &["-o", "json"]].concat();
        match Served::try_start(self.colony(&args), READY) {
            Ok(process) => self.process = Some(process),
            Err(said) => panic!("{args:?} does not serve:\n{said}"),
        }
    }

    /// Starts what serves in its own time.
    pub(crate) fn begin(&mut self, args: &[&str]) {
        self.process = Some(Served::start_unready(self.colony(args)));
    }

    /// Cuts the power.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill();
        }
    }

    /// What its process said so far.
    pub(crate) fn said(&self) -> String {
        self.process.as_ref().map(Served::stderr).unwrap_or_default()
    }

    /// Waits until something is so.
    #[track_caller]
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is_so(self) {
            assert!(begun.elapsed() < DEADLINE, "never: {what}\n{}", self.said());
            std::thread::sleep(LOOK);
        }
    }

    /// Makes a ticket.
    #[track_caller]
    pub(crate) fn invite(&self, role: &str) -> String {
        let outcome = self.run(&["invite", "-o", "quiet", "--role", role]).ok();
        outcome.stdout.trim().to_owned()
    }
}

/// The colony's machines. Those that run something come before the Internet, so that they end first.
#[derive(Debug)]
pub(crate) struct Town {
    pub(crate) submitter: Resident,
    pub(crate) executor: Resident,
    pub(crate) voter: Resident,
    /// How long the executor's join took until it took work.
    pub(crate) joined: Duration,
    _internet: Internet,
}

impl Town {
    /// A town whose executor and submitter live behind these, and whose executor is a member as this. `None`, said
    /// loudly, where there can be none.
    ///
    /// # Panics
    /// If one of them cannot join.
    #[track_caller]
    pub(crate) fn found(executor: Nat, role: &str, submitter: Nat) -> Option<Self> {
        let mut internet = Internet::new()?;
        let mut voter = Resident::new(internet.public());
        let mut executor = Resident::new(internet.behind(executor));
        let submitter = Resident::new(internet.behind(submitter));
        voter.found();
        voter.serve(&UP);
        let begun = Instant::now();
        executor.begin(&["join", &voter.invite(role), "--name", "executor", "--executor", "cli"]);
        drop(submitter.run(&["join", &voter.invite("user"), "--name", "submitter"]).ok());
        let mut town = Self::of(internet, voter, executor, submitter);
        town.works(JOINED);
        town.joined = begun.elapsed();
        Some(town)
    }

    /// A town of these.
    pub(crate) const fn of(
        internet: Internet,
        voter: Resident,
        executor: Resident,
        submitter: Resident,
    ) -> Self {
        Self { submitter, executor, voter, joined: Duration::ZERO, _internet: internet }
    }

    /// Insists that what the submitter wants done is done by the executor, soon.
    #[track_caller]
    pub(crate) fn works(&self, patience: Duration) -> Duration {
        let begun = Instant::now();
        let command = [&["exec", "--"], &WHERE[..]].concat();
        loop {
            let left = patience.saturating_sub(begun.elapsed()).max(LOOK);
            let outcome = self.ran(&command, left);
            if let Some(outcome) = outcome.filter(|outcome| outcome.code == Some(0)) {
                assert_eq!(outcome.stdout.trim(), self.executor.machine.mark(), "{outcome:#?}");
                return begun.elapsed();
            }
            assert!(begun.elapsed() < patience, "nothing is done within {patience:?}\n{}", self.said());
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until the submitter's way to the executor is one of these, and says which.
    #[track_caller]
    pub(crate) fn way(&self, wanted: &[&str], patience: Duration) -> String {
        let begun = Instant::now();
        loop {
            let diagnosis = self.submitter.run(&["doctor", "executor", "-o", "json"]).json();
            let way = diagnosis["path"].as_str().unwrap_or_default().to_owned();
            if wanted.contains(&way.as_str()) {
                return way;
            }
            let home = self.executor.run(&["doctor"]).stdout;
            let row = self.voter.run(&["members", "-o", "json"]).stdout;
            let all = format!("{diagnosis:#}\n{home}\n{row}\n{}", self.said());
            assert!(begun.elapsed() < patience, "{way}, not {wanted:?}, after {patience:?}:\n{all}");
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until the executor is at work.
    #[track_caller]
    pub(crate) fn until_running(&self) {
        let begun = Instant::now();
        while self.voter.run(&["ps", "--state", "running", "-o", "quiet"]).stdout.trim().is_empty() {
            assert!(begun.elapsed() < DEADLINE, "nothing is done\n{}", self.said());
            std::thread::sleep(LOOK);
        }
    }

    /// Runs a command of the submitter; `None` if it takes too long.
    fn ran(&self, args: &[&str], patience: Duration) -> Option<Outcome> {
        let mut running = Running::start(self.submitter.colony(args), None);
        let until = Instant::now() + patience;
        while running.is_running() {
            if Instant::now() > until {
                return None;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(running.finish(DEADLINE))
    }

    /// What all of them said.
    pub(crate) fn said(&self) -> String {
        format!("voter:\n{}\nexecutor:\n{}", self.voter.said(), self.executor.said())
    }
}

/// How the public voter is run.
pub(crate) const UP: [&str; 2] = ["up", "--relay"];
