//! The addresses of this machine, as its kernel tells them.

use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;

/// All of them but those that hold on one cable only. None if the kernel does not tell.
pub(crate) fn of_this_machine() -> Vec<IpAddr> {
    let Ok(interfaces) = getifaddrs() else { return Vec::new() };
    let mut found: Vec<IpAddr> = interfaces
        .filter_map(|interface| {
            let address = interface.address?;
            let v4 = address.as_sockaddr_in().map(|socket| IpAddr::V4(socket.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|socket| IpAddr::V6(socket.ip())))
        })
        .filter(|ip| !is_link_local(ip))
        .collect();
    found.dedup();
    found
}

/// Needs the name of an interface to be dialled, which differs from machine to machine.
fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_can_reach_itself() {
        assert!(of_this_machine().iter().any(IpAddr::is_loopback));
    }
}
