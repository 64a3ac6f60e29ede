//! A running development colony: `colony dev -o json`, its ready line, its end.
//!
//! However a test ends, the node is killed with it.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Child, Stdio},
    sync::{Arc, Mutex, mpsc::sync_channel},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::home::Home;

/// How long a node may take until it says that it serves: the promise is half a second, on a busy machine and with a log to
/// replay it may be more.
const READY: Duration = Duration::from_secs(60);
/// How long a node may take to leave after it was asked to.
const LEAVE: Duration = Duration::from_secs(20);

/// A running `colony dev`.
#[derive(Debug)]
pub struct Dev {
    child: Child,
    ready: Value,
    stderr: Arc<Mutex<String>>,
}

impl Dev {
    /// Starts one on a free port and waits until it serves.
    ///
    /// # Panics
    /// If it ends or stays silent instead.
    #[must_use]
    #[track_caller]
    pub fn start(home: &Home, args: &[&str]) -> Self {
        match Self::try_start(home, args) {
            Ok(dev) => dev,
            Err(said) => panic!("colony dev did not become ready:\n{said}"),
        }
    }

    /// Starts one; if it does not come to serve, gives what it said on standard error.
    ///
    /// # Errors
    /// The text of standard error.
    ///
    /// # Panics
    /// If the binary cannot be started at all.
    pub fn try_start(home: &Home, args: &[&str]) -> Result<Self, String> {
        let mut command = home.colony(["dev", "-o", "json"]);
        if !args.contains(&"--listen") {
            command.args(["--listen", "/ip4/127.0.0.1/tcp/0"]);
        }
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = follow(child.stderr.take().unwrap());
        let (line_to, line_from) = sync_channel(1);
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // Only the first line is waited for; the rest is read so that the pipe never fills.
                drop(line_to.try_send(line));
            }
        });
        let first = line_from.recv_timeout(READY);
        let ready = first.ok().and_then(|line| serde_json::from_str::<Value>(&line).ok());
        let mut dev = Self { child, ready: Value::Null, stderr };
        match ready {
            Some(ready) if ready["event"] == "ready" => {
                dev.ready = ready;
                Ok(dev)
            }
            other => {
                dev.kill();
                // The reader of standard error ends just after the process.
                thread::sleep(Duration::from_millis(50));
                Err(format!("{}\nfirst line: {other:?}", dev.stderr()))
            }
        }
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

    /// Asks it to leave, as Ctrl-C does, and waits.
    ///
    /// # Panics
    /// If it does not leave in time.
    #[track_caller]
    pub fn leave(&mut self) -> Option<i32> {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), Signal::SIGINT).unwrap();
        let until = Instant::now() + LEAVE;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("colony dev did not leave within {LEAVE:?} of SIGINT:\n{}", self.stderr());
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

impl Drop for Dev {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Keeps the last mebibyte of a stream.
fn follow(mut stream: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&text);
    thread::spawn(move || {
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
    kept
}
