//! An Internet of its own: public machines on one bridge, and homes behind routers of each kind of NAT.
//!
//! ```text
//!   home 192.168.1.2 --- router 11.3.0.1 ---+
//!                                           +-- bridge --- public machine 11.1.0.1
//!   home 192.168.1.2 --- router 11.4.0.1 ---+
//! ```
//!
//! Every machine is a network namespace, and nothing leads out of it. Public addresses lie in networks far apart, as
//! strangers' do, and count as global to whoever looks at them; all homes have the same private network, as homes do, so
//! that a private address of one home leads nowhere, or to somebody else, in another.

mod nat;

use std::{fs, net::Ipv4Addr, path::PathBuf, process::Command, thread};

use nix::sched::{CloneFlags, setns};

pub use self::nat::Nat;
use crate::{
    binary::colony_binary,
    home::Home,
    netns::{self, Tag, ip},
};

/// The machine of a home, in the home's network.
const PRIVATE: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 2);
/// Its router there.
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);
/// The first byte of all public addresses; all are on the bridge's one link.
const PUBLIC: u8 = 11;

/// An Internet; gone when dropped.
#[derive(Debug)]
pub struct Internet {
    tag: Tag,
    /// All namespaces, the one with the bridge first.
    namespaces: Vec<String>,
}

/// A machine somewhere in it.
#[derive(Debug, Clone)]
pub struct Machine {
    namespace: String,
    address: Ipv4Addr,
    public: Ipv4Addr,
    is_public: bool,
}

impl Internet {
    /// Makes one without machines. `None`, said loudly, where this is not allowed or a tool is missing.
    #[must_use]
    pub fn new() -> Option<Self> {
        if !nat::is_there() {
            eprintln!("NOT CHECKED: the program `nft` is missing, which makes the NATs; no NAT was crossed");
            return None;
        }
        let tag = Tag::new();
        let core = tag.name("i");
        let internet = Self { tag, namespaces: vec![core.clone()] };
        // Dropped half made, it clears away what is there.
        let made = netns::add(&core)
            .and_then(|()| ip(&["-n", &core, "link", "add", "bridge", "type", "bridge"]))
            .and_then(|()| ip(&["-n", &core, "link", "set", "bridge", "up"]));
        if made.is_none() {
            eprintln!("NOT CHECKED: this user may not make network namespaces; no NAT was crossed");
            return None;
        }
        Some(internet)
    }

    /// A machine with a public address.
    ///
    /// # Panics
    /// If the system refuses.
    #[must_use]
    pub fn public(&mut self) -> Machine {
        let (namespace, address) = self.on_the_bridge("wan");
        Machine { namespace, address, public: address, is_public: true }
    }

    /// A machine behind a NAT; with [`Nat::None`] a public one.
    ///
    /// # Panics
    /// If the system refuses.
    #[must_use]
    pub fn behind(&mut self, nat: Nat) -> Machine {
        if nat == Nat::None {
            return self.public();
        }
        let (router, public) = self.on_the_bridge("wan");
        let namespace = self.namespace();
        run(&[
            "-n", &router, "link", "add", "lan", "type", "veth", "peer", "name", "eth0", "netns", &namespace,
        ]);
        run(&["-n", &router, "link", "set", "lan", "up"]);
        run(&["-n", &router, "addr", "add", &format!("{ROUTER}/24"), "dev", "lan"]);
        let machine = Machine { namespace, address: PRIVATE, public, is_public: false };
        machine.settle(PRIVATE);
        nat.set_up(&router, PRIVATE);
        machine
    }

    /// A namespace with a public address on an interface of this name.
    fn on_the_bridge(&mut self, interface: &str) -> (String, Ipv4Addr) {
        let namespace = self.namespace();
        let core = &self.namespaces[0];
        let number = u8::try_from(self.namespaces.len()).expect("too many machines");
        let (address, port) = (Ipv4Addr::new(PUBLIC, number, 0, 1), format!("p{number}"));
        run(&[
            "-n", core, "link", "add", &port, "type", "veth", "peer", "name", interface, "netns", &namespace,
        ]);
        run(&["-n", core, "link", "set", &port, "master", "bridge", "up"]);
        run(&["-n", &namespace, "link", "set", interface, "up"]);
        run(&["-n", &namespace, "addr", "add", &format!("{address}/8"), "dev", interface]);
        (namespace, address)
    }

    fn namespace(&mut self) -> String {
        let namespace = self.tag.name(format_args!("m{}", self.namespaces.len()));
        netns::add(&namespace).expect("cannot make a namespace");
        self.namespaces.push(namespace.clone());
        namespace
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        self.namespaces.iter().for_each(|namespace| netns::remove(namespace));
    }
}

impl Machine {
    /// Its own address: a private one behind a NAT.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The address that others see it come from.
    #[must_use]
    pub const fn public_address(&self) -> Ipv4Addr {
        self.public
    }

    /// Whether its own address is public.
    #[must_use]
    pub const fn is_public(&self) -> bool {
        self.is_public
    }

    /// `colony` on this machine, as the user of this home.
    #[must_use]
    pub fn colony(&self, home: &Home, args: &[&str]) -> Command {
        let mut command = home.program("ip");
        command.args(["netns", "exec", &self.namespace]);
        command.arg(colony_binary()).args(args);
        command
    }

    /// Does something on this machine: sockets that are made there stay there.
    ///
    /// # Panics
    /// If the machine is gone, or the work panics.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = fs::File::open(self.path()).expect("the machine is gone");
        // The thread stays in the namespace until it ends.
        let within = || {
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("cannot enter the machine");
            work()
        };
        thread::scope(|scope| scope.spawn(within).join().expect("the work panicked"))
    }

    /// What a program that runs on this machine, and no other, finds at `/proc/self/ns/net`.
    ///
    /// # Panics
    /// If the machine is gone.
    #[must_use]
    pub fn mark(&self) -> String {
        use std::os::unix::fs::MetadataExt as _;
        format!("net:[{}]", fs::metadata(self.path()).expect("the machine is gone").ino())
    }

    /// Gives a machine behind a NAT another address of the home's network, as a router does that forgot it: from now on
    /// nothing reaches the old one.
    ///
    /// # Panics
    /// If the system refuses, or the machine is a public one.
    pub fn move_to(&mut self, last: u8) {
        assert!(!self.is_public, "only machines of a home are moved");
        let [a, b, c, _] = PRIVATE.octets();
        run(&["-n", &self.namespace, "addr", "flush", "dev", "eth0"]);
        self.address = Ipv4Addr::new(a, b, c, last);
        self.settle(self.address);
    }

    /// Pulls the cable, or plugs it in again.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn plug(&self, is_in: bool) {
        let interface = if self.is_public { "wan" } else { "eth0" };
        run(&["-n", &self.namespace, "link", "set", interface, if is_in { "up" } else { "down" }]);
        if is_in && !self.is_public {
            // The route went with the link.
            run(&["-n", &self.namespace, "route", "replace", "default", "via", &ROUTER.to_string()]);
        }
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.namespace)
    }

    fn settle(&self, address: Ipv4Addr) {
        run(&["-n", &self.namespace, "link", "set", "eth0", "up"]);
        run(&["-n", &self.namespace, "addr", "add", &format!("{address}/24"), "dev", "eth0"]);
        run(&["-n", &self.namespace, "route", "replace", "default", "via", &ROUTER.to_string()]);
    }
}

/// Runs `ip`, which must do it.
#[track_caller]
fn run(args: &[&str]) {
    assert!(ip(args).is_some(), "refused: ip {}", args.join(" "));
}

#[cfg(test)]
mod tests;
