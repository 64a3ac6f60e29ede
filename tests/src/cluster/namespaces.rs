//! A network of one namespace per machine, on one bridge, whose links can be cut in each direction.
//!
//! A link is cut by telling one side a wrong hardware address of the other: its frames reach nobody, silently, as if the cable were
//! out. That needs no packet filter, can be done for each direction, and undone. This program itself has an address on the
//! bridge and reaches everybody always.

use crate::netns::{self, Tag, ip};

/// A hardware address that nobody has: locally administered, and none of ours.
const NOBODY: &str = "02:00:00:00:00:01";

/// The network; gone when dropped.
#[derive(Debug)]
pub struct Namespaces {
    tag: Tag,
    /// The third number of all addresses.
    net: u32,
    count: usize,
}

impl Namespaces {
    /// Makes one. `None`, said loudly, where this is not allowed.
    #[must_use]
    pub fn new(count: usize) -> Option<Self> {
        let tag = Tag::new();
        let network = Self { net: (std::process::id() * 7 + tag.number()) % 250, tag, count };
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
            netns::add(&namespace)?;
            ip(&["link", "add", &outside, "type", "veth", "peer", "name", "eth0", "netns", &namespace])?;
            ip(&["link", "set", &outside, "master", &bridge, "up"])?;
            let address = format!("{}/24", self.address(number));
            ip(&["-n", &namespace, "addr", "add", &address, "dev", "eth0"])?;
            ip(&["-n", &namespace, "link", "set", "eth0", "up"])?;
        }
        Some(())
    }

    /// The name of a machine's namespace.
    #[must_use]
    pub fn name(&self, number: usize) -> String {
        self.tag.name(format_args!("n{number}"))
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
        self.tag.name("b")
    }

    fn interface(&self, number: usize) -> String {
        self.tag.name(format_args!("h{number}"))
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for number in 0..self.count {
            // The namespace outlives its last process only by name; its interface goes with this end.
            let _ = ip(&["link", "del", &self.interface(number)]);
            netns::remove(&self.name(number));
        }
        let _ = ip(&["link", "del", &self.bridge()]);
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

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
