//! Where a development colony listens: on this machine, and nowhere else.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use colony_node::{
    net::{Multiaddr, NetError},
    node::StartError,
};

use crate::{args::DevArgs, error::Failure, hint::Hint};

/// Where `dev` listens unless told otherwise: TCP and QUIC on the port after ColonyOS's 50080.
const DEFAULTS: [&str; 2] = ["/ip4/127.0.0.1/tcp/50081", "/ip4/127.0.0.1/udp/50081/quic-v1"];

/// Where ColonyOS's clients expect a server.
const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50080);

/// Where ColonyOS's clients are served: where asked, else at their usual port, unless this colony listens elsewhere than
/// usual and so may not be the only one.
pub(super) fn http(args: &DevArgs) -> Result<Option<SocketAddr>, Failure> {
    match args.http {
        Some(address) if address.ip().is_loopback() => Ok(Some(address)),
        Some(address) => Err(Failure::usage(format!(
            "--http {address}: a development colony stays on this machine, because everybody knows its keys"
        ))),
        None => Ok(args.listen.is_empty().then_some(HTTP)),
    }
}

/// The addresses asked for, each checked to be of this machine.
pub(super) fn asked(words: &[String]) -> Result<Vec<String>, Failure> {
    if words.is_empty() {
        return Ok(DEFAULTS.map(ToOwned::to_owned).into());
    }
    for text in words {
        address(text)?;
    }
    Ok(words.to_vec())
}

/// One address, checked to be of this machine.
pub(super) fn address(text: &str) -> Result<Multiaddr, Failure> {
    let address: Multiaddr = text.parse().map_err(|error| {
        Failure::usage(format!("--listen {text}: not a multiaddress: {error}")).hint(Hint::DevOnLoopback)
    })?;
    if !is_loopback(text) {
        return Err(Failure::usage(format!(
            "--listen {text}: a development colony stays on this machine, because everybody knows its keys"
        ))
        .hint(Hint::DevOnLoopback));
    }
    Ok(address)
}

/// True for `/ip4/127.x.y.z/…` and `/ip6/::1/…`. A name could lead anywhere.
fn is_loopback(text: &str) -> bool {
    let mut parts = text.split('/').skip(1);
    let (kind, host) = (parts.next(), parts.next().and_then(|host| host.parse::<IpAddr>().ok()));
    matches!(kind, Some("ip4" | "ip6")) && host.is_some_and(|host| host.is_loopback())
}

/// What a person does about a node that did not start.
pub(super) fn start_failure(error: StartError) -> Failure {
    let failure = Failure::caused(&error);
    match error {
        StartError::Network(NetError::InUse { .. }) => failure.hint(Hint::DevOnAnyPort),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    #[test]
    fn only_this_machine_is_listened_on() {
        for text in ["/ip4/127.0.0.1/tcp/0", "/ip4/127.1.2.3/udp/9/quic-v1", "/ip6/::1/tcp/1"] {
            assert!(asked(&[text.to_owned()]).is_ok(), "{text}");
        }
        for text in ["/ip4/0.0.0.0/tcp/1", "/ip6/::/tcp/1", "/dns4/localhost/tcp/1", "/ip4/10.0.0.1/tcp/1"] {
            let failure = asked(&[text.to_owned()]).unwrap_err();
            assert!(failure.what.contains("keys") && failure.exit == Exit::USAGE, "{text}: {failure}");
        }
        assert!(asked(&["bogus".to_owned()]).unwrap_err().what.contains("not a multiaddress"));
        assert_eq!(asked(&[]).unwrap().len(), 2);
    }
}
