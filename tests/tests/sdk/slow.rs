//! Clients that are slow, or say half of what they began: they wait for themselves, and nobody waits for them.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use colony_tests::{
    home::Home,
    http::{Api, signed},
    websocket::WebSocket,
};
use serde_json::json;

use crate::{EXECUTOR, dev, key};

/// Of each kind of slow client.
const MANY: usize = 60;
/// Requests of somebody who is not slow, meanwhile.
const REQUESTS: usize = 100;
/// How long one of them may take: far longer than it does, on a busy machine too, and far less than slow clients are given.
const SOON: Duration = Duration::from_secs(5);
/// How long half a request may stay one, and as much again.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// A connection on which some bytes were sent.
fn begun(url: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(GIVEN_UP)).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

fn post(body: &str, length: usize) -> Vec<u8> {
    format!("POST /api HTTP/1.1\r\nhost: colony\r\ncontent-length: {length}\r\n\r\n{body}").into_bytes()
}

#[test]
fn nobody_waits_for_slow_clients_and_half_a_request_is_given_up() {
    let home = Home::new();
    let (mut dev, url) = dev(&home);
    let (mut api, executor) = (Api::connect(&url), key(EXECUTOR));
    // Much to read: a list of these is some megabytes.
    let conditions = json!({"colonyname": "dev", "executortype": "nobody"});
    let spec = json!({"funcname": "f", "args": ["x".repeat(40_000)], "conditions": conditions});
    for _ in 0..100 {
        let reply = api.call(&json!({"msgtype": "submitfuncspecmsg", "spec": spec}), &executor);
        assert_eq!(reply.status, 200);
    }
    let list = json!({"msgtype": "getprocessesmsg", "colonyname": "dev", "count": 100, "state": 0});
    let list = signed(&list, &executor).to_string();

    let mut half_heads = Vec::new();
    let mut half_bodies = Vec::new();
    let mut unread = Vec::new();
    let mut deaf = Vec::new();
    let watch = json!({"msgtype": "subscribeprocessesmsg", "colonyname": "dev", "executortype": "cli", "state": 0,
        "timeout": 60});
    for _ in 0..MANY {
        half_heads.push(begun(&url, b"POST /api HTTP/1.1\r\nhost: col"));
        half_bodies.push(begun(&url, &post("{\"payload", 1_000)));
        let mut socket = WebSocket::connect(&url, "http://page");
        socket.send(&watch, &executor);
        deaf.push(socket);
    }
    for _ in 0..8 {
        unread.push(begun(&url, &post(&list, list.len()).repeat(4)));
    }

    let conditions = json!({"colonyname": "dev", "executortype": "cli"});
    let submit = json!({"msgtype": "submitfuncspecmsg", "spec": {"funcname": "f", "conditions": conditions}});
    let mut longest = Duration::ZERO;
    for _ in 0..REQUESTS {
        let begun = Instant::now();
        assert_eq!(api.call(&submit, &executor).status, 200);
        longest = longest.max(begun.elapsed());
    }
    println!("the longest of {REQUESTS} requests beside slow clients took {longest:?}");
    assert!(longest < SOON, "{longest:?}");

    // Half a request is answered, and then its connection is closed.
    for mut stream in half_bodies {
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
        assert!(said.contains("\"error\":true"), "{said}");
    }
    assert!(dev.is_running());
}
