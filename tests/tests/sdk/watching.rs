//! Who may watch what over the WebSocket.

use colony_protocol::identity::SecretKey;
use colony_tests::{
    home::Home,
    http::Api,
    websocket::{Frame, WebSocket},
};
use serde_json::{Value, json};

use crate::{EXECUTOR, OWNER, SERVER, dev, key};

/// Work for the development executor's type, with a channel.
fn submit(api: &mut Api) -> Value {
    let conditions = json!({"colonyname": "dev", "executortype": "cli"});
    let spec = json!({"funcname": "talk", "env": {"SECRET": "s3cret"}, "channels": ["words"], "conditions": conditions});
    let reply = api.call(&json!({"msgtype": "submitfuncspecmsg", "spec": spec}), &key(EXECUTOR));
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.payload["processid"].clone()
}

/// An executor of the colony that its owner has not approved.
fn pending(api: &mut Api) -> SecretKey {
    let key_of = SecretKey::derive(b"pending");
    let executor = json!({"executorid": key_of.identity().to_hex(), "executortype": "cli", "executorname": "pending",
        "colonyname": "dev"});
    let reply = api.call(&json!({"msgtype": "addexecutormsg", "executor": executor}), &key(OWNER));
    assert_eq!(reply.status, 200, "{reply:?}");
    key_of
}

#[test]
fn hole_3_strangers_and_unapproved_executors_are_shown_no_process() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let mut api = Api::connect(&url);
    let id = submit(&mut api);
    let one = json!({"msgtype": "subscribeprocessmsg", "processid": id, "executortype": "cli", "state": 0, "timeout": 5,
        "colonyname": "dev"});
    let all = json!({"msgtype": "subscribeprocessesmsg", "executortype": "cli", "state": 0, "timeout": 5,
        "colonyname": "dev"});
    let words = json!({"msgtype": "subscribechannelmsg", "processid": id, "name": "words", "afterseq": 0, "timeout": 5});
    for watcher in [SecretKey::derive(b"stranger"), pending(&mut api)] {
        for message in [&one, &all, &words] {
            let mut socket = WebSocket::connect(&url, "http://page");
            socket.send(message, &watcher);
            // While it listens, there would be something to show.
            let shown = socket.frame();
            assert!(matches!(shown, Frame::Fault(403, _)), "{message}: {shown:?}");
            assert_eq!(socket.frame(), Frame::Close);
        }
    }
    let mut socket = WebSocket::connect(&url, "http://page");
    socket.send(&one, &key(EXECUTOR));
    let Frame::Reply(kind, process) = socket.frame() else { panic!("the submitter is shown its process") };
    assert_eq!((kind.as_str(), &process["processid"]), ("subscribeprocessmsg", &id));
}

#[test]
fn every_listener_hears_of_work_and_only_of_that_of_its_own_colony() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let (mut api, stranger) = (Api::connect(&url), SecretKey::derive(b"the owner of another colony"));
    let other = json!({"colonyid": stranger.identity().to_hex(), "name": "other"});
    assert_eq!(api.call(&json!({"msgtype": "addcolonymsg", "colony": other}), &key(SERVER)).status, 200);
    let listen = |colony: &str, by: &SecretKey| {
        let mut socket = WebSocket::connect(&url, "http://page");
        let all = json!({"msgtype": "subscribeprocessesmsg", "executortype": "cli", "state": 0, "timeout": 30,
            "colonyname": colony});
        socket.send(&all, by);
        socket
    };
    let ours = [listen("dev", &key(EXECUTOR)), listen("dev", &key(EXECUTOR)), listen("", &key(EXECUTOR))];
    let mut theirs = listen("other", &stranger);
    // The subscriptions are on their way; what they show is what happens from then on.
    std::thread::sleep(std::time::Duration::from_millis(500));
    let conditions = json!({"colonyname": "other", "executortype": "cli"});
    let spec = json!({"funcname": "theirs", "conditions": conditions});
    let reply = api.call(&json!({"msgtype": "submitfuncspecmsg", "spec": spec}), &stranger);
    assert_eq!(reply.status, 200, "{reply:?}");
    let id = submit(&mut api);
    let first = |socket: &mut WebSocket| match socket.frame() {
        Frame::Reply(_, process) => process["processid"].clone(),
        other => panic!("{other:?}"),
    };
    for mut socket in ours {
        assert_eq!(first(&mut socket), id);
    }
    assert_eq!(first(&mut theirs), reply.payload["processid"]);
    // Who is in one colony is not told of another.
    let mut denied = listen("other", &key(EXECUTOR));
    assert!(matches!(denied.frame(), Frame::Fault(403, _)));
}

#[test]
fn a_channel_is_heard_by_its_two_sides_until_its_process_ends() {
    let home = Home::new();
    let (_dev, url) = dev(&home);
    let (mut api, executor) = (Api::connect(&url), key(EXECUTOR));
    let id = submit(&mut api);
    let assign = json!({"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": 10});
    assert_eq!(api.call(&assign, &executor).payload["processid"], id);
    let append = |number: i64, payload: Value| {
        json!({"msgtype": "channelappendmsg", "processid": id, "name": "words", "sequence": number, "inreplyto": 0,
            "payload": payload, "payloadtype": ""})
    };
    let listen = json!({"msgtype": "subscribechannelmsg", "processid": id, "name": "words", "afterseq": 0, "timeout": 1});
    let mut socket = WebSocket::connect(&url, "http://page");
    assert_eq!(api.call(&append(1, json!("aGk=")), &executor).payload, json!({}));
    socket.send(&listen, &executor);
    let entry = |frame: Frame| match frame {
        Frame::Reply(kind, entries) if kind == "subscribechannelmsg" => {
            assert_eq!(entries.as_array().unwrap().len(), 1, "{entries}");
            (entries[0]["sequence"].clone(), entries[0]["payload"].clone())
        }
        other => panic!("no entries: {other:?}"),
    };
    assert_eq!(entry(socket.frame()), (json!(1), json!("aGk=")));
    assert_eq!(api.call(&append(2, json!([104, 105])), &executor).payload, json!({}));
    assert_eq!(entry(socket.frame()), (json!(2), json!("aGk=")));
    // Its time is over: an empty list, and the socket is good for another subscription.
    assert_eq!(socket.frame(), Frame::Reply("subscribechannelmsg".to_owned(), json!([])));
    let on = json!({"msgtype": "subscribechannelmsg", "processid": id, "name": "words", "afterseq": 2, "timeout": 20});
    socket.send(&on, &executor);
    let close = json!({"msgtype": "closesuccessfulmsg", "processid": id, "out": []});
    assert_eq!(api.call(&close, &executor).status, 200);
    assert_eq!(socket.frame(), Frame::Reply("subscribechannelmsg".to_owned(), json!([])));
    assert_eq!(socket.frame(), Frame::Close);
    let read =
        json!({"msgtype": "channelreadmsg", "processid": id, "name": "words", "afterseq": 1, "limit": 0});
    assert_eq!(api.call(&read, &executor).payload[0]["sequence"], json!(2));
    assert_eq!(api.call(&read, &SecretKey::derive(b"stranger")).status, 403);
    assert_eq!(api.call(&append(3, json!("")), &executor).status, 404);
}
