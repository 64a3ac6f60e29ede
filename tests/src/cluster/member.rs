//! One machine of the lab: a home, an address, and its node's process while it runs.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU16, Ordering},
};

use colony_protocol::identity::{Identity, SecretKey};
use libp2p::Multiaddr;

use super::{Namespaces, Transfer};
use crate::{
    home::Home,
    outcome::{DEADLINE, Outcome, run},
    served::{READY, Served},
};

/// Where a member is reached.
#[derive(Debug, Clone)]
pub struct Place {
    address: Multiaddr,
    /// The namespace its commands run in.
    namespace: Option<String>,
}

impl Place {
    /// A free port of the loopback interface, the same after a restart.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn on_loopback() -> Self {
        // Below the range the system hands out for outgoing connections, one of which could take it during a restart.
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let spread = u16::try_from(std::process::id() % 500).unwrap_or_default() * 20;
        for _ in 0..1_000 {
            let port = 20_000 + (spread + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                let address = format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap();
                return Self { address, namespace: None };
            }
        }
        panic!("no free port");
    }

    /// The address of a namespace.
    ///
    /// # Panics
    /// Never: the address is well formed.
    #[must_use]
    pub fn in_namespace(namespaces: &Namespaces, number: usize) -> Self {
        let address = format!("/ip4/{}/tcp/4100", namespaces.address(number)).parse().unwrap();
        Self { address, namespace: Some(namespaces.name(number)) }
    }

    /// Where it is reached.
    #[must_use]
    pub fn address(&self) -> Multiaddr {
        self.address.clone()
    }
}

/// How a machine runs its node, beside what every node needs.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// Flags of `colony up` and `colony join`.
    pub flags: Vec<String>,
    /// What it logs, if not the usual.
    pub log: Option<&'static str>,
}

/// One machine.
#[derive(Debug)]
pub struct Member {
    name: String,
    setting: Setting,
    home: Home,
    place: Place,
    node: Option<Served>,
    is_paused: bool,
}

impl Member {
    /// A machine with an empty disk.
    #[must_use]
    pub fn new(number: usize, place: Place) -> Self {
        Self::with(number, place, Setting::default())
    }

    /// The same, with a node that is run like this.
    #[must_use]
    pub fn with(number: usize, place: Place, setting: Setting) -> Self {
        let name = format!("node-{number}");
        Self { name, setting, home: Home::new(), place, node: None, is_paused: false }
    }

    /// Its name in the colony.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its home.
    #[must_use]
    pub const fn home(&self) -> &Home {
        &self.home
    }

    /// Where it is reached.
    #[must_use]
    pub const fn place(&self) -> &Place {
        &self.place
    }

    /// Its node, if it was started.
    #[must_use]
    pub const fn node(&self) -> Option<&Served> {
        self.node.as_ref()
    }

    /// Whether its node was started and neither killed nor paused since.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.node.is_some() && !self.is_paused
    }

    /// `colony` on this machine.
    #[must_use]
    pub fn colony(&self, args: &[&str]) -> Command {
        let Some(namespace) = &self.place.namespace else { return self.home.colony(args) };
        let mut command = self.home.program("ip");
        command.args(["netns", "exec", namespace.as_str()]);
        command.arg(crate::binary::colony_binary()).args(args);
        command
    }

    /// Runs `colony` on this machine to its end.
    #[must_use]
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Outcome {
        run(self.colony(args), None, DEADLINE)
    }

    /// Founds a colony.
    ///
    /// # Panics
    /// If that is refused.
    #[track_caller]
    pub fn init(&self, colony: &str) {
        let listen = self.place.address.to_string();
        drop(self.run(&["init", "--name", colony, "--node-name", &self.name, "--listen", &listen]).ok());
    }

    /// Starts the node and waits until it serves.
    ///
    /// # Panics
    /// If it does not come to serve.
    #[track_caller]
    pub fn up(&mut self) {
        match Served::try_start(self.serving(&["up"]), READY) {
            Ok(node) => self.node = Some(node),
            Err(said) => panic!("{} did not come up:\n{said}", self.name),
        }
    }

    /// Runs the node with a command of one's own and waits until it serves.
    ///
    /// # Panics
    /// If it does not come to serve.
    #[track_caller]
    pub fn serve(&mut self, command: Command) {
        match Served::try_start(command, READY) {
            Ok(node) => self.node = Some(node),
            Err(said) => panic!("{} does not serve:\n{said}", self.name),
        }
    }

    /// Starts the node; whether and when it serves depends on the others.
    pub fn up_unready(&mut self) {
        self.node = Some(Served::start_unready(self.serving(&["up"])));
    }

    /// A command that runs the node.
    fn serving(&self, args: &[&str]) -> Command {
        let mut command = self.colony(args);
        command.args(["-o", "json"]).args(&self.setting.flags);
        if let Some(log) = self.setting.log {
            command.env("COLONY_LOG", log);
        }
        command
    }

    /// Joins with a ticket, starts the node and waits until it serves.
    ///
    /// # Panics
    /// If it does not come to serve.
    #[track_caller]
    pub fn join(&mut self, ticket: &str) {
        match Served::try_start(self.joining(ticket), READY) {
            Ok(node) => self.node = Some(node),
            Err(said) => panic!("{} could not join:\n{said}", self.name),
        }
    }

    /// The command that joins with a ticket and stays.
    #[must_use]
    pub fn joining(&self, ticket: &str) -> Command {
        let listen = self.place.address.to_string();
        self.serving(&["join", ticket, "--name", &self.name, "--listen", &listen])
    }

    /// Makes a ticket.
    ///
    /// # Panics
    /// If that is refused.
    #[must_use]
    #[track_caller]
    pub fn invite(&self, args: &[&str]) -> String {
        let mut all = vec!["invite", "-o", "quiet"];
        all.extend(args);
        let outcome = self.run(&all).ok();
        let ticket = outcome.stdout.split_whitespace().find(|word| word.starts_with("colony1"));
        ticket.unwrap_or_else(|| panic!("no ticket:\n{outcome:#?}")).to_owned()
    }

    /// What this machine knows of its colonies and where their nodes are.
    ///
    /// # Panics
    /// If it knows none.
    #[must_use]
    pub fn contexts(&self) -> String {
        let path = find(self.home.path(), "contexts.toml");
        let path = path.unwrap_or_else(|| panic!("no contexts in {}", self.home.path().display()));
        fs::read_to_string(path).unwrap()
    }

    /// The colony this machine founded, and its owner's key.
    ///
    /// # Panics
    /// If there is no such key.
    #[must_use]
    pub fn founded(&self, colony: &str) -> (Identity, SecretKey) {
        let path = find(self.home.path(), &format!("{colony}-owner.key"));
        let path = path.unwrap_or_else(|| panic!("no owner's key in {}", self.home.path().display()));
        let owner: SecretKey = fs::read_to_string(path).unwrap().trim().parse().unwrap();
        (owner.identity(), owner)
    }

    /// The file the node keeps everything in.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        find(self.home.path(), "store.redb")
            .unwrap_or_else(|| panic!("no store in {}", self.home.path().display()))
    }

    /// Cuts the power. Gives the node's last words.
    ///
    /// # Panics
    /// If it panicked before.
    pub fn kill(&mut self) -> String {
        self.is_paused = false;
        let Some(mut node) = self.node.take() else { return String::new() };
        node.kill();
        let said = node.last_words();
        assert!(!said.contains("panicked at"), "{} panicked:\n{said}", self.name);
        said
    }

    /// The snapshot that is on its way to its node, as far as that says so.
    #[must_use]
    pub fn transfer(&self) -> Transfer {
        Transfer::read(&self.node.as_ref().map(Served::stderr).unwrap_or_default())
    }

    /// Stops the process in its tracks.
    pub fn pause(&mut self) {
        if let Some(node) = &self.node {
            node.pause();
            self.is_paused = true;
        }
    }

    /// Lets it run on.
    pub fn resume(&mut self) {
        if let Some(node) = &self.node {
            node.resume();
            self.is_paused = false;
        }
    }

    /// What its node wrote to standard error: the last of it.
    #[must_use]
    pub fn said(&self) -> String {
        let said = self.node.as_ref().map(Served::stderr).unwrap_or_default();
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Insists that the node, if it should run, does, and never panicked.
    ///
    /// # Panics
    /// If not.
    #[track_caller]
    pub fn assert_healthy(&mut self) {
        if let Some(node) = &mut self.node {
            node.assert_healthy();
        }
    }
}

/// A file of this name below a directory.
fn find(directory: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<PathBuf> = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.iter().find_map(|path| {
        if path.is_dir() { find(path, name) } else { path.ends_with(name).then(|| path.clone()) }
    })
}
