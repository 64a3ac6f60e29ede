//! A running program: the leader of a process group of its own, all of which ends with it.
//!
//! What may never happen: a member of the group that outlives the [`Child`]. Whichever way it goes out of scope, the
//! group gets `SIGKILL` first.

use std::{
    fs::File,
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::process::{self, ChildStderr, ChildStdout, Command};

use super::{plan::Plan, scratch::Scratch, shop::Shop};
use crate::runtime::Runtime;

/// How often a group that was asked to end is looked at. Only cancelled and late programs pay it.
const LOOK: Duration = Duration::from_millis(10);

/// A running program and its group.
#[derive(Debug)]
pub(super) struct Child {
    /// The group; declared before the leader so that a drop kills it while the leader still keeps the number taken.
    group: Group,
    /// The leader.
    leader: process::Child,
}

/// A process group that is killed when dropped.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    /// Whether there is a member left.
    fn is_alive(&self) -> bool {
        self.0.is_some_and(|group| killpg(group, None).is_ok())
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // It fails if nobody is left, which is fine.
            let _gone = killpg(group, signal);
        }
    }

    /// Kills all members; the number may belong to somebody else afterwards and is forgotten.
    fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Child {
    /// Starts a program in its scratch directory. Input stands ready on standard input; there is no terminal.
    pub(super) fn start(plan: &Plan, scratch: &Scratch, shop: &Shop) -> io::Result<Self> {
        let stdin = match &scratch.input {
            Some(files) => File::open(&files.text)?.into(),
            None => Stdio::null(),
        };
        let mut command = Command::new(&plan.program);
        command.args(&plan.args).current_dir(scratch.path());
        for name in &shop.secrets {
            command.env_remove(name);
        }
        command.envs(plan.env.iter().map(|(name, value)| (name, value)));
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let leader = command.process_group(0).spawn()?;
        let group = leader.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Ok(Self { group: Group(group), leader })
    }

    /// Its output, once.
    pub(super) fn streams(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.leader.stdout.take(), self.leader.stderr.take())
    }

    /// Waits until the leader has ended by itself, then ends what it left behind in its group.
    pub(super) async fn finish(&mut self) -> io::Result<ExitStatus> {
        let status = self.leader.wait().await;
        self.group.kill();
        status
    }

    /// Asks the whole group to end, waits a while, then kills what is left.
    pub(super) async fn end(&mut self, grace: Duration, runtime: &Runtime) -> io::Result<ExitStatus> {
        let patience = runtime.elapsed().saturating_add(grace);
        self.group.signal(Signal::SIGTERM);
        // A stopped program could not even end.
        self.group.signal(Signal::SIGCONT);
        while self.group.is_alive() && runtime.elapsed() < patience {
            // Reaps the leader: until then it counts as a member.
            let _status = self.leader.try_wait();
            runtime.sleep(LOOK).await;
        }
        self.group.kill();
        self.leader.wait().await
    }
}
