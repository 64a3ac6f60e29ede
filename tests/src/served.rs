//! A running node's process: its ready line, its signals, its memory, its end.
//!
//! However a test ends, the process is killed with it, also when it was stopped in its tracks before.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc::sync_channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

/// How long a node may take until it says that it serves: the promise is half a second, on a busy machine and with a log to
/// replay it may be more.
pub const READY: Duration = Duration::from_secs(60);
/// How long a node may take to leave after it was asked to.
const LEAVE: Duration = Duration::from_secs(20);

/// A running node.
#[derive(Debug)]
pub struct Served {
    child: Child,
    ready: Value,
    stderr: Arc<Mutex<String>>,
    /// Reads standard error to its end.
    reader: Option<thread::JoinHandle<()>>,
}

impl Served {
    /// Starts a command that prints `{"event":"ready",…}` when it serves; if it does not come to serve, gives what it said on
    /// standard error.
    ///
    /// # Errors
    /// The text of standard error.
    ///
    /// # Panics
    /// If the command cannot be started at all.
    pub fn try_start(command: Command, patience: Duration) -> Result<Self, String> {
        let (mut served, line_from) = Self::spawn(command);
        let first = line_from.recv_timeout(patience);
        let ready = first.ok().and_then(|line| serde_json::from_str::<Value>(&line).ok());
        match ready {
            Some(ready) if ready["event"] == "ready" => {
                served.ready = ready;
                Ok(served)
            }
            other => {
                served.kill();
                Err(format!("{}\nfirst line: {other:?}", served.last_words()))
            }
        }
    }

    /// Starts a command without waiting for it to serve.
    ///
    /// # Panics
    /// If the command cannot be started at all.
    #[must_use]
    pub fn start_unready(command: Command) -> Self {
        Self::spawn(command).0
    }

    fn spawn(mut command: Command) -> (Self, std::sync::mpsc::Receiver<String>) {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stderr, reader) = follow(child.stderr.take().unwrap());
        let (line_to, line_from) = sync_channel(1);
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Only the first line is waited for; the rest is read so that the pipe never fills.
                drop(line_to.try_send(line));
            }
        });
        (Self { child, ready: Value::Null, stderr, reader: Some(reader) }, line_from)
    }

    /// The ready line.
    #[must_use]
    pub const fn ready(&self) -> &Value {
        &self.ready
    }

    /// The addresses it listens on, as multiaddresses.
    #[must_use]
    pub fn listen(&self) -> Vec<String> {
        let addresses = self.ready["listen"].as_array().map(Vec::as_slice).unwrap_or_default();
        addresses.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    }

    /// What it wrote to standard error so far.
    ///
    /// # Panics
    /// If the reader panicked.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap().clone()
    }

    /// All it wrote to standard error, after its end.
    ///
    /// # Panics
    /// If the reader panicked.
    pub fn last_words(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.stderr()
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// True while it runs.
    ///
    /// # Panics
    /// If its state cannot be asked for.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Bytes of memory resident now.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn resident(&self) -> u64 {
        let path = PathBuf::from(format!("/proc/{}/status", self.pid()));
        let status = fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Ends it as a power cut would: no handler runs.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Stops it in its tracks, as a machine that sleeps or a hypervisor that pauses.
    ///
    /// # Panics
    /// If it does not run.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it run on.
    ///
    /// # Panics
    /// If it does not exist.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
    }

    /// Asks it to leave, as Ctrl-C does, and waits.
    ///
    /// # Panics
    /// If it does not leave in time.
    #[track_caller]
    pub fn leave(&mut self) -> Option<i32> {
        self.signal(Signal::SIGINT);
        match self.ended(LEAVE) {
            Some(code) => code,
            None => panic!("the node did not leave within {LEAVE:?} of SIGINT:\n{}", self.stderr()),
        }
    }

    /// Waits for it to end by itself: its exit code, if it does in time.
    ///
    /// # Panics
    /// If its state cannot be asked for.
    pub fn ended(&mut self, patience: Duration) -> Option<Option<i32>> {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status.code());
            }
            thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// Insists that it still runs and never panicked.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_healthy(&mut self) {
        let said = self.stderr();
        assert!(!said.contains("panicked at"), "the node panicked:\n{said}");
        assert!(self.is_running(), "the node ended:\n{said}");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Keeps the last mebibyte of a stream.
fn follow(mut stream: impl Read + Send + 'static) -> (Arc<Mutex<String>>, thread::JoinHandle<()>) {
    let text = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&text);
    let reader = thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let mut text = text.lock().unwrap();
            text.push_str(&String::from_utf8_lossy(&buffer[..count]));
            if text.len() > 1024 * 1024 {
                let half: String = text.chars().skip(text.chars().count() / 2).collect();
                *text = half;
            }
        }
    });
    (kept, reader)
}
