//! The door as clients find it: behind a certificate, at its limits, and with what somebody recorded.

use std::{cell::Cell, time::Duration};

use axum::body::Bytes;
use colony_protocol::{
    colonyos::{BODY_MAX, LARGE_BODY_MAX},
    command::Command,
    identity::{Digest, SIGNATURE_LEN, Signature},
    model::User,
};
use colony_tests::http::{Reply, signed};
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream, rustls};

use super::{http::LARGE_ROOM, *};
use crate::{
    consensus::Timing,
    node::{ColonyConfig, Data, Founding, LOG_KEPT, Node, NodeConfig, REPLACE_AFTER},
    runtime::Tokio,
    service::Evidence,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn owner() -> SecretKey {
    SecretKey::derive(b"owner")
}

fn user() -> SecretKey {
    SecretKey::derive(b"user")
}

/// A node with a colony, and its door.
async fn open(tls: Option<Tls>) -> (Node, Gateway) {
    let user = User { id: user().identity(), name: Name::cut("someone"), ..User::default() };
    let founding = Founding {
        owner: owner(),
        name: Name::cut("lab"),
        member: Name::cut("node"),
        executors: Vec::new(),
        users: vec![user],
    };
    let config = NodeConfig {
        key: SecretKey::derive(b"node"),
        data: Data::Memory,
        listen: Vec::new(),
        relay: false,
        tls: None,
        timing: Timing::Local,
        replace_after: REPLACE_AFTER,
        log_kept: LOG_KEPT,
        bootstrap: Vec::new(),
        lab: false,
        colonies: vec![ColonyConfig { id: owner().identity(), found: Some(founding), peers: Vec::new() }],
    };
    let node = Node::start(config, Runtime::new(Tokio::new())).await.unwrap();
    let address = "127.0.0.1:0".parse().unwrap();
    let gateway = node.open_gateway(GatewayConfig { address, tls, memory: None }).await.unwrap();
    (node, gateway)
}

async fn close(node: Node, gateway: Gateway) {
    gateway.close().await;
    // It looks at the store: a node waits for whoever may.
    drop(gateway);
    node.shutdown().await;
}

/// What comes back for some bytes, until the other side has said all.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &[u8]) -> String {
    // Who has enough hangs up in the middle of it.
    drop(stream.write_all(request).await);
    let mut said = Vec::new();
    drop(stream.read_to_end(&mut said).await);
    String::from_utf8_lossy(&said).into_owned()
}

/// The request that carries a body.
fn post(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /api HTTP/1.1\r\nhost: colony\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// What a client makes of an answer.
fn reply(said: &str) -> Reply {
    let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {said:?}"));
    Reply::read(status(head), body.as_bytes())
}

fn status(head: &str) -> u16 {
    head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no HTTP: {head:?}"))
}

/// Signs a message, sends it over a connection of its own, and gives what came back.
async fn call(gateway: &Gateway, message: &Value, key: &SecretKey) -> Reply {
    let stream = TcpStream::connect(gateway.address()).await.unwrap();
    reply(&exchange(stream, &post(signed(message, key).to_string().as_bytes())).await)
}

fn about(kind: &str) -> Value {
    json!({"msgtype": kind, "colonyname": "lab"})
}

/// A certificate for this machine, and somebody who believes it.
fn certified() -> (Tls, TlsConnector) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = tempfile::tempdir().unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| files.path().join(name));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.key_pair.serialize_pem()).unwrap();
    let mut believed = rustls::RootCertStore::empty();
    believed.add(CertificateDer::from(made.cert.der().to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(believed)
        .with_no_client_auth();
    (Tls::read(&certificate, &key).unwrap(), TlsConnector::from(Arc::new(config)))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_https_and_wss_are_spoken_and_nothing_in_the_clear() {
    let (tls, connector) = certified();
    let (node, gateway) = open(Some(tls)).await;
    assert!(gateway.url().starts_with("https://"), "{}", gateway.url());
    let connect = async || -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(gateway.address()).await.unwrap();
        connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap()
    };
    let ask = post(signed(&about("getcolonymsg"), &user()).to_string().as_bytes());
    assert_eq!(reply(&exchange(connect().await, &ask).await).payload["name"], "lab");

    // A WebSocket within it: what a client of no colony is told comes as a frame of text.
    let mut socket = connect().await;
    let upgrade = "GET /pubsub HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    socket.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.unwrap());
    }
    assert_eq!(status(&String::from_utf8(head).unwrap()), 101);
    let watch = json!({"msgtype": "subscribeprocessesmsg", "colonyname": "lab", "executortype": "t", "state": 2,
        "timeout": 10});
    let text = signed(&watch, &SecretKey::derive(b"stranger")).to_string();
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    // Text, masked with zeros.
    let frame = [&[0x81, 0xfe, length[0], length[1], 0, 0, 0, 0], text.as_bytes()].concat();
    socket.write_all(&frame).await.unwrap();
    assert_eq!(socket.read_u8().await.unwrap(), 0x81);
    drop(socket);

    // Who speaks in the clear is told nothing.
    let plain = TcpStream::connect(gateway.address()).await.unwrap();
    let said = exchange(plain, &ask).await;
    assert!(!said.contains("HTTP/"), "{said}");
    close(node, gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_to_wait_and_nobody_else_is() {
    let (node, gateway) = open(None).await;
    let Behind { service, .. } = &gateway.shared.behind;
    let colony = service.served().pop().unwrap();
    let signature = Signature([0; SIGNATURE_LEN]);
    let evidence = || Evidence { by: user().identity(), text: "", digest: Digest::of(&[b""]), signature };
    // As many changes as are let through, all the time; only counted, none is carried out.
    let enough = Cell::new(false);
    let busy = async {
        while !enough.get() {
            while service.relay(&colony, Command::Pause, evidence()).is_ok() {}
            tokio::task::yield_now().await;
        }
    };
    let pause = about("pauseassignmentsmsg");
    let asking = async {
        let refused = loop {
            let answer = call(&gateway, &pause, &user()).await;
            if answer.status == 429 {
                break answer;
            }
            // It had the luck to come when there was room for one: a user may not pause.
            assert_eq!(answer.status, 403, "{answer:?}");
        };
        let why = refused.payload["message"].as_str().unwrap();
        assert!(why.contains("too many changes") && why.contains("room for the next in"), "{why}");
        assert_eq!((refused.error, &refused.payload["status"]), (true, &json!(429)));
        // Questions are counted apart, and so is everybody else.
        assert_eq!(call(&gateway, &about("getcolonymsg"), &user()).await.status, 200);
        assert_eq!(call(&gateway, &pause, &owner()).await.status, 200);
        enough.set(true);
    };
    let runtime = &gateway.shared.behind.runtime;
    runtime.timeout(PATIENCE, async { tokio::join!(busy, asking) }).await.unwrap();
    drop(colony);
    close(node, gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hole_01_a_change_that_was_recorded_is_not_made_again_from_elsewhere() {
    let (node, gateway) = open(None).await;
    let spec = json!({"funcname": "f", "conditions": {"colonyname": "lab", "executortype": "t"}});
    let submit = signed(&json!({"msgtype": "submitfuncspecmsg", "spec": spec}), &user()).to_string();
    let from = |host: u8| std::net::SocketAddr::from(([192, 0, 2, host], 1234));
    let send = |host| api::answer(&gateway.shared, Some(from(host)), Bytes::from(submit.clone()));
    // A program that means it twice sends it twice.
    assert!(send(1).await.is_ok() && send(1).await.is_ok());
    let refused = send(2).await.unwrap_err();
    assert_eq!(refused.status, 409);
    assert!(refused.message.contains("sign it anew"), "{refused}");
    let stats = call(&gateway, &about("getcolonystatsmsg"), &user()).await;
    assert_eq!(stats.payload["waitingprocesses"], json!(2));
    // Who only asks may ask from anywhere.
    let ask = signed(&about("getcolonymsg"), &user()).to_string();
    for host in [1, 2] {
        assert!(api::answer(&gateway.shared, Some(from(host)), Bytes::from(ask.clone())).await.is_ok());
    }
    close(node, gateway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_have_a_largest_size() {
    let (node, gateway) = open(None).await;
    let connect = async || TcpStream::connect(gateway.address()).await.unwrap();
    // The head says how long the body is: nobody waits for it.
    let head =
        format!("POST /api HTTP/1.1\r\nhost: colony\r\ncontent-length: {}\r\n\r\n", LARGE_BODY_MAX + 1);
    let mut large = connect().await;
    large.write_all(head.as_bytes()).await.unwrap();
    let mut said = vec![0; 12];
    large.read_exact(&mut said).await.unwrap();
    assert_eq!(status(&String::from_utf8(said).unwrap()), 413);
    let body = vec![b' '; BODY_MAX];
    let full = reply(&exchange(connect().await, &post(&body)).await);
    assert_ne!((full.status, full.error), (413, false), "as large as it may be, and no message");
    // Only what is said in channels is larger, and only so much of it is read at once.
    let long = json!({"payloadtype": "submitfuncspecmsg", "payload": "x".repeat(BODY_MAX), "signature": ""});
    let long = reply(&exchange(connect().await, &post(long.to_string().as_bytes())).await);
    assert_eq!(long.status, 413);
    let all = gateway.shared.large.acquire_many(LARGE_ROOM).await.unwrap();
    let larger = post(&vec![b' '; BODY_MAX + 1]);
    let runtime = &gateway.shared.behind.runtime;
    let waits = runtime.timeout(Duration::from_millis(200), exchange(connect().await, &larger));
    assert!(waits.await.is_none(), "no room");
    drop(all);

    let line = |length: usize| format!("x: {}\r\n", "y".repeat(length));
    for headers in [line(40 * 1024), line(1).repeat(100)] {
        let request = format!("GET /health HTTP/1.1\r\nhost: colony\r\n{headers}\r\n");
        assert_eq!(status(&exchange(connect().await, request.as_bytes()).await), 431);
    }
    // Somebody who never sends the body that was announced does not keep the node from stopping.
    let mut slow = connect().await;
    slow.write_all(b"POST /api HTTP/1.1\r\nhost: colony\r\ncontent-length: 10\r\n\r\nhalf").await.unwrap();
    close(node, gateway).await;
    drop(slow);
}
