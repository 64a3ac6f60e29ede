//! A page in a browser: what it asks first, and what it may do then.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use colony_tests::{
    home::Home,
    http::Api,
    websocket::{Frame, WebSocket},
};
use serde_json::json;

use crate::{EXECUTOR, dev, key};

/// Where the page came from.
const ORIGIN: &str = "https://dashboard.example";

/// What a browser sends, and all that comes back.
fn ask(url: &str, request: &str) -> String {
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let request = format!("{request}\r\nHost: {host}\r\nOrigin: {ORIGIN}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said.to_ascii_lowercase()
}

#[test]
fn a_page_of_any_origin_is_let_in_and_watches_what_it_submitted() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let preflight = ask(
        &url,
        "OPTIONS /api HTTP/1.1\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type",
    );
    assert!(preflight.starts_with("http/1.1 204 "), "{preflight}");
    for header in
        ["access-control-allow-origin: *", "access-control-allow-methods: ", "access-control-allow-headers: "]
    {
        assert!(preflight.contains(header), "{header} is not in {preflight}");
    }
    assert!(preflight.contains("post") && preflight.contains("content-type"), "{preflight}");
    let asked = ask(&url, "GET /health HTTP/1.1");
    assert!(
        asked.starts_with("http/1.1 200 ") && asked.contains("access-control-allow-origin: *"),
        "{asked}"
    );

    let mut socket = WebSocket::connect(&url, ORIGIN);
    let watch = json!({"msgtype": "subscribeprocessesmsg", "colonyname": "dev", "executortype": "cli", "state": 2,
        "timeout": 30});
    socket.send(&watch, &key(EXECUTOR));
    let (mut api, executor) = (Api::connect(&url), key(EXECUTOR));
    let conditions = json!({"colonyname": "dev", "executortype": "cli"});
    let submit =
        json!({"msgtype": "submitfuncspecmsg", "spec": {"funcname": "echo", "conditions": conditions}});
    // The subscription is on its way; what it shows is what ends from then on.
    std::thread::sleep(Duration::from_millis(300));
    let id = api.call(&submit, &executor).payload["processid"].clone();
    let assign = json!({"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": 10});
    assert_eq!(api.call(&assign, &executor).payload["processid"], id);
    let close = json!({"msgtype": "closesuccessfulmsg", "processid": id, "out": ["seen"]});
    assert_eq!(api.call(&close, &executor).status, 200);
    let Frame::Reply(_, process) = socket.frame() else { panic!("nothing was shown") };
    assert_eq!((&process["processid"], &process["out"]), (&id, &json!(["seen"])));
}
