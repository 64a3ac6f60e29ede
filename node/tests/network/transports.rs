//! Every transport, over IPv4 and IPv6, by address and by name, with one identity.

use std::path::PathBuf;

use colony_node::{
    client::Mode,
    net::{NetError, NetLimits, Tls, TlsError},
};

use crate::support::{Echo, MODES, PATIENCE, call, remote, runtime, start, start_echo};

/// A directory with a certificate that nobody's authority has signed.
struct Certificate {
    _directory: tempfile::TempDir,
    certificate: PathBuf,
    key: PathBuf,
}

impl Certificate {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.key_pair.serialize_pem()).unwrap();
        Self { _directory: directory, certificate, key }
    }

    fn read(&self) -> Result<Tls, TlsError> {
        Tls::read(&self.certificate, &self.key)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_reached_by_every_transport_under_one_name() {
    let runtime = runtime();
    let listen = [
        "/ip4/127.0.0.1/tcp/0",
        "/ip4/127.0.0.1/tcp/0/ws",
        "/ip4/127.0.0.1/udp/0/quic-v1",
        "/ip6/::1/tcp/0",
        "/ip6/::1/tcp/0/ws",
        "/ip6/::1/udp/0/quic-v1",
    ];
    let (network, _) = start(&listen, NetLimits::default(), &runtime).await.unwrap();
    let addresses = network.addresses();
    assert_eq!(addresses.len(), listen.len(), "{addresses:?}");
    for address in addresses {
        assert!(address.to_string().ends_with(&network.peer().to_string()));
        for mode in MODES {
            let remote = remote(vec![address.clone()], mode, &runtime);
            // Larger than a frame of any of them.
            for len in [1, 100_000, 1_000_000] {
                let request = vec![7; len];
                assert!(call(&remote, &request).await.unwrap() == request, "{address} {mode:?} {len}");
            }
        }
    }
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_looked_up_for_every_transport() {
    let runtime = runtime();
    let listen = ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws", "/ip4/127.0.0.1/udp/0/quic-v1"];
    let (network, _) = start(&listen, NetLimits::default(), &runtime).await.unwrap();
    for address in network.addresses() {
        for name in ["/dns4/localhost", "/dns/localhost"] {
            let named = address.to_string().replace("/ip4/127.0.0.1", name);
            let remote = remote(vec![named.parse().unwrap()], Mode::Stream, &runtime);
            assert_eq!(call(&remote, b"by name").await.unwrap(), b"by name", "{named}");
        }
    }
    let nowhere = "/dns4/nobody.invalid/tcp/4001".parse().unwrap();
    let error = call(&remote(vec![nowhere], Mode::Stream, &runtime), b"?").await.unwrap_err().to_string();
    assert!(error.contains("nobody.invalid"), "{error}");
    network.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_shown_where_tls_is_asked_for_and_believed_only_if_somebody_vouches_for_it() {
    let runtime = runtime();
    let listen = ["/ip4/127.0.0.1/tcp/0/tls/ws"];
    let refused = start(&listen, NetLimits::default(), &runtime).await.map(|_| ());
    assert!(matches!(refused, Err(NetError::NoCertificate { .. })), "{refused:?}");

    let tls = Certificate::new().read().unwrap();
    let limits = NetLimits::default();
    let (network, _) = start_echo(Echo::default(), &listen, Some(tls), limits, &runtime).await.unwrap();
    let address = network.addresses().remove(0);
    assert!(address.to_string().contains("/tls/ws/"), "{address}");
    let remote = remote(vec![address], Mode::Stream, &runtime);
    let asked = runtime.timeout(PATIENCE, call(&remote, b"who are you?")).await.unwrap();
    let error = asked.unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    network.shutdown().await;
}
