//! Network namespaces of this test program: made under names that say whose they are, so that nothing of them stays.
//!
//! What is made here goes when its owner is dropped. What a program that was killed left behind is cleared away by the
//! next one, with the processes in it.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// What the names of our namespaces and interfaces begin with.
const PREFIX: &str = "clt";

/// The beginning of all names of one network: of this program, and of this network within it.
#[derive(Debug, Clone)]
pub(crate) struct Tag {
    text: String,
    number: u32,
}

impl Tag {
    /// One that nobody has. Clears away what dead programs left behind.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        sweep();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { text: format!("{PREFIX}{}x{number}", std::process::id()), number }
    }

    /// Which network of this program it is.
    pub(crate) const fn number(&self) -> u32 {
        self.number
    }

    /// The name of something in the network.
    pub(crate) fn name(&self, what: impl std::fmt::Display) -> String {
        format!("{}{what}", self.text)
    }
}

/// Runs `ip`; `None` if it is refused or not there.
pub(crate) fn ip(args: &[&str]) -> Option<()> {
    let mut command = Command::new("ip");
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().ok().filter(std::process::ExitStatus::success).map(drop)
}

/// Makes a namespace whose loopback interface is up.
pub(crate) fn add(namespace: &str) -> Option<()> {
    ip(&["netns", "add", namespace])?;
    ip(&["-n", namespace, "link", "set", "lo", "up"])
}

/// Removes a namespace, and ends what still runs in it: without its name nobody could find that.
pub(crate) fn remove(namespace: &str) {
    let listed = Command::new("ip").args(["netns", "pids", namespace]).stderr(Stdio::null()).output();
    let pids = listed.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    for pid in pids.split_whitespace().filter_map(|pid| pid.parse().ok()) {
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
    let _ = ip(&["netns", "del", namespace]);
}

/// Clears away what belongs to programs that are no more.
fn sweep() {
    let dead = |name: &str| {
        let pid = name.strip_prefix(PREFIX)?.split_once('x')?.0.parse::<u32>().ok()?;
        (!Path::new(&format!("/proc/{pid}")).exists()).then_some(())
    };
    for name in entries("/sys/class/net").iter().filter(|name| dead(name).is_some()) {
        let _ = ip(&["link", "del", name]);
    }
    for name in entries("/run/netns").iter().filter(|name| dead(name).is_some()) {
        remove(name);
    }
}

fn entries(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
