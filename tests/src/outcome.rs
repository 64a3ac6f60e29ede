//! Runs a command to its end, within a deadline, and keeps what it said.

use std::{
    io::{Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// Longest a single command may take unless a test says otherwise: well above what any of them needs on a busy machine of two
/// cores, well below the patience of whoever waits for the tests.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// What a command left behind.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The command, for messages.
    pub command: String,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Outcome {
    /// Insists on an exit code.
    ///
    /// # Panics
    /// If it ended otherwise; the message shows all it said.
    #[must_use]
    #[track_caller]
    pub fn with_code(self, code: i32) -> Self {
        assert!(self.code == Some(code), "expected exit code {code}:\n{self:#?}");
        self.without_panic()
    }

    /// Insists on success.
    ///
    /// # Panics
    /// As [`Self::with_code`].
    #[must_use]
    #[track_caller]
    pub fn ok(self) -> Self {
        self.with_code(0)
    }

    /// Insists that a text is on standard error.
    ///
    /// # Panics
    /// If it is not.
    #[must_use]
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "standard error does not say `{text}`:\n{self:#?}");
        self
    }

    /// Insists that the program did not panic, whatever its exit code.
    ///
    /// # Panics
    /// If it did.
    #[must_use]
    #[track_caller]
    pub fn without_panic(self) -> Self {
        assert!(!self.stderr.contains("panicked at"), "the program panicked:\n{self:#?}");
        self
    }

    /// Reads standard output as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        match serde_json::from_str(&self.stdout) {
            Ok(value) => value,
            Err(error) => panic!("standard output is no JSON ({error}):\n{self:#?}"),
        }
    }
}

/// A command that runs in a process group of its own.
#[derive(Debug)]
pub struct Running {
    command: String,
    child: Child,
    started: Instant,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Running {
    /// Starts a command. `input` becomes its standard input; without any it reads an empty one.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(mut command: Command, input: Option<&str>) -> Self {
        command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let text = format!("{command:?}");
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {text}: {error}"));
        if let Some(input) = input {
            let mut stdin = child.stdin.take().unwrap();
            let input = input.to_owned();
            // A program that does not read its input closes the pipe: that is its right.
            thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
        }
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        Self { command: text, child, started: Instant::now(), stdout, stderr }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal to the process and to all it started in its group, as a terminal does.
    ///
    /// # Panics
    /// If the group does not exist.
    pub fn signal(&self, signal: Signal) {
        killpg(self.group(), signal).unwrap();
    }

    /// True while it runs.
    ///
    /// # Panics
    /// If its state cannot be asked for.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// If it does not end in time; the message shows all it said.
    #[must_use]
    #[track_caller]
    pub fn finish(mut self, deadline: Duration) -> Outcome {
        let until = Instant::now() + deadline;
        let mut late = false;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() < until => thread::sleep(Duration::from_millis(5)),
                None => {
                    late = true;
                    // It may have just ended by itself.
                    let _ = killpg(self.group(), Signal::SIGKILL);
                    break self.child.wait().unwrap();
                }
            }
        };
        let outcome = self.outcome(status);
        assert!(!late, "not done within {deadline:?}:\n{outcome:#?}");
        outcome
    }

    fn outcome(&self, status: ExitStatus) -> Outcome {
        Outcome {
            command: self.command.clone(),
            code: status.code(),
            signal: status.signal(),
            stdout: collected(&self.stdout),
            stderr: collected(&self.stderr),
            took: self.started.elapsed(),
        }
    }

    fn group(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = killpg(self.group(), Signal::SIGKILL);
            drop(self.child.wait());
        }
    }
}

/// Runs a command to its end.
///
/// # Panics
/// As [`Running::finish`].
#[must_use]
#[track_caller]
pub fn run(command: Command, input: Option<&str>, deadline: Duration) -> Outcome {
    Running::start(command, input).finish(deadline)
}

/// Reads a stream to its end on a thread of its own, so that a full pipe never stops the program.
fn collect(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (done, collected) = sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        drop(stream.read_to_end(&mut bytes));
        drop(done.send(String::from_utf8_lossy(&bytes).into_owned()));
    });
    collected
}

/// What was read. A grandchild may keep the pipe open beyond the end of the program; it is not waited for.
fn collected(stream: &Receiver<String>) -> String {
    match stream.recv_timeout(Duration::from_secs(5)) {
        Ok(text) => text,
        Err(RecvTimeoutError::Timeout) => "(the stream was left open)".to_owned(),
        Err(RecvTimeoutError::Disconnected) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn streams_and_exit_code_are_kept_apart() {
        let outcome = run(shell("echo out; echo err >&2; exit 3"), None, DEADLINE);
        assert_eq!(
            (outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()),
            (Some(3), "out\n", "err\n")
        );
    }

    #[test]
    fn input_reaches_the_program() {
        assert_eq!(run(shell("tr a-z A-Z"), Some("abc"), DEADLINE).ok().stdout, "ABC");
    }

    #[test]
    fn a_signal_reaches_the_whole_group() {
        let running = Running::start(shell("sleep 1000 & sleep 1000"), None);
        running.signal(Signal::SIGTERM);
        assert_eq!(running.finish(DEADLINE).signal, Some(15));
    }

    #[test]
    #[should_panic(expected = "not done within")]
    fn a_program_that_hangs_is_ended_and_reported() {
        drop(run(shell("sleep 1000"), None, Duration::from_millis(50)));
    }
}
