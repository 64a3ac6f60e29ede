//! A network of one namespace per machine, on one bridge, whose links can be cut in each direction.
//!
//! A link is cut by telling one side a wrong hardware address of the other: its frames reach nobody, silently, as if the cable were
//! out. That needs no packet filter, can be done for each direction, and undone. This program itself has an address on the
//! bridge and reaches everybody always.
//!
//! What an earlier run that was killed left behind is cleared away by the next one.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// What the names of our namespaces and interfaces begin with.
const PREFIX: &str = "clt";
/// A hardware address that nobody has: locally administered, and none of ours.
const NOBODY: &str = "02:00:00:00:00:01";

/// The network; gone when dropped.
#[derive(Debug)]
pub struct Namespaces {
    /// Of this program and this network within it.
    tag: String,
    /// The third number of all addresses.
    net: u32,
    count: usize,
}

impl Namespaces {
    /// Makes one. `None`, said loudly, where this is not allowed.
    #[must_use]
    pub fn new(count: usize) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        sweep();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let network = Self { tag: format!("{PREFIX}{pid}x{number}"), net: (pid * 7 + number) % 250, count };
        // Dropped half made, it clears away what is there.
        if network.make().is_some() {
            return Some(network);
        }
        eprintln!("NOT CHECKED: this user may not make network namespaces; nothing was partitioned");
        None
    }

    fn make(&self) -> Option<()> {
        let bridge = self.bridge();
        ip(&["link", "add", &bridge, "type", "bridge"])?;
        ip(&["addr", "add", &format!("10.213.{}.254/24", self.net), "dev", &bridge])?;
        ip(&["link", "set", &bridge, "up"])?;
        for number in 0..self.count {
            let (namespace, outside) = (self.name(number), self.interface(number));
            ip(&["netns", "add", &namespace])?;
            ip(&["link", "add", &outside, "type", "veth", "peer", "name", "eth0", "netns", &namespace])?;
            ip(&["link", "set", &outside, "master", &bridge, "up"])?;
            ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
            let address = format!("{}/24", self.address(number));
            ip(&["-n", &namespace, "addr", "add", &address, "dev", "eth0"])?;
            ip(&["-n", &namespace, "link", "set", "eth0", "up"])?;
        }
        Some(())
    }

    /// The name of a machine's namespace.
    #[must_use]
    pub fn name(&self, number: usize) -> String {
        format!("{}n{number}", self.tag)
    }

    /// A machine's address.
    #[must_use]
    pub fn address(&self, number: usize) -> String {
        format!("10.213.{}.{}", self.net, number + 1)
    }

    /// From now on nothing that `from` sends reaches `to`.
    ///
    /// # Panics
    /// If the system refuses.
    pub fn cut_one_way(&self, from: usize, to: usize) {
        let (namespace, address) = (self.name(from), self.address(to));
        let cut = ["-n", &namespace, "neigh", "replace", &address, "lladdr", NOBODY, "dev", "eth0", "nud"];
        ip(&[&cut[..], &["permanent"]].concat()).expect("cannot cut a link");
    }

    /// From now on neither of two hears the other.
    pub fn cut(&self, one: usize, two: usize) {
        self.cut_one_way(one, two);
        self.cut_one_way(two, one);
    }

    /// Cuts every link between two sides.
    pub fn split(&self, one: &[usize], other: &[usize]) {
        for left in one {
            for right in other {
                self.cut(*left, *right);
            }
        }
    }

    /// Repairs every link.
    pub fn heal(&self) {
        for from in 0..self.count {
            for to in (0..self.count).filter(|to| *to != from) {
                // Refused where nothing was cut and nobody was ever looked for.
                let _ = ip(&["-n", &self.name(from), "neigh", "del", &self.address(to), "dev", "eth0"]);
            }
        }
    }

    fn bridge(&self) -> String {
        format!("{}b", self.tag)
    }

    fn interface(&self, number: usize) -> String {
        format!("{}h{number}", self.tag)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for number in 0..self.count {
            // The namespace outlives its last process only by name; its interface goes with this end.
            let _ = ip(&["link", "del", &self.interface(number)]);
            let _ = ip(&["netns", "del", &self.name(number)]);
        }
        let _ = ip(&["link", "del", &self.bridge()]);
    }
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
        let _ = ip(&["netns", "del", name]);
    }
}

fn entries(directory: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn ip(args: &[&str]) -> Option<()> {
    let mut command = Command::new("ip");
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().ok().filter(std::process::ExitStatus::success).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether one machine's echo reaches another, within a second.
    fn reaches(network: &Namespaces, from: usize, to: usize) -> bool {
        // A connection to a closed port is refused at once where packets pass both ways, and times out where not.
        let script = format!("exec 3<>/dev/tcp/{}/9", network.address(to));
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &network.name(from), "timeout", "1", "bash", "-c", &script]);
        let status = command.stderr(Stdio::null()).status().unwrap();
        status.code() != Some(124)
    }

    #[test]
    fn a_cut_link_carries_nothing_until_it_is_healed() {
        let Some(network) = Namespaces::new(3) else { return };
        assert!(reaches(&network, 0, 1) && reaches(&network, 1, 2));
        network.cut(0, 1);
        assert!(!reaches(&network, 0, 1) && !reaches(&network, 1, 0));
        assert!(reaches(&network, 0, 2) && reaches(&network, 1, 2));
        network.heal();
        assert!(reaches(&network, 0, 1) && reaches(&network, 1, 0));
    }
}
