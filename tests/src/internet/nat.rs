//! What a home's router does with addresses and ports, in the rules of Linux's packet filter.

use std::{
    fmt,
    io::Write as _,
    net::Ipv4Addr,
    process::{Command, Stdio},
};

/// A kind of NAT, after what it lets others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nat {
    /// None: the machine has a public address.
    None,
    /// A port keeps its number outside, and anybody may send to it.
    FullCone,
    /// A port has the same number for everybody outside, and only who was sent to may send back: most homes.
    Cone,
    /// A port has another number for each destination: carriers, offices.
    Symmetric,
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::FullCone => "full cone",
            Self::Cone => "cone",
            Self::Symmetric => "symmetric",
        })
    }
}

impl Nat {
    /// Makes a router of a namespace with the interfaces `wan` and `lan`.
    pub(super) fn set_up(self, router: &str, inside: Ipv4Addr) {
        in_namespace(router, &["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"], "");
        in_namespace(router, &["nft", "-f", "-"], &self.rules(inside));
    }

    /// An unsolicited packet is dropped before the connection table has it. Otherwise it would take the port that our
    /// own packet to the same peer needs a moment later, and no hole could ever be punched.
    fn rules(self, inside: Ipv4Addr) -> String {
        let masquerade = if self == Self::Symmetric { "masquerade fully-random" } else { "masquerade" };
        let is_open = self == Self::FullCone;
        let redirect = format!("iifname wan meta l4proto {{ tcp, udp }} dnat to {inside}");
        let (redirect, accept) =
            if is_open { (redirect.as_str(), "ct status dnat accept") } else { ("", "") };
        format!(
            "table ip nat {{
                 chain pre {{
                     type nat hook prerouting priority dstnat
                     {redirect}
                 }}
                 chain post {{
                     type nat hook postrouting priority srcnat
                     oifname wan {masquerade}
                 }}
             }}
             table ip filter {{
                 chain input {{
                     type filter hook input priority 0; policy accept
                     iifname wan ct state new drop
                 }}
                 chain forward {{
                     type filter hook forward priority 0; policy drop
                     ct state established,related accept
                     iifname lan accept
                     {accept}
                 }}
             }}"
        )
    }
}

/// Whether the program is there that makes NATs.
pub(super) fn is_there() -> bool {
    let mut command = Command::new("nft");
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[track_caller]
fn in_namespace(namespace: &str, program: &[&str], input: &str) {
    let mut command = Command::new("ip");
    command.args(["netns", "exec", namespace]).args(program);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("cannot run ip");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("cannot write");
    let output = child.wait_with_output().expect("cannot wait");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "refused: {program:?} with {input}\n{said}");
}
