//! Requests that no client would send: each class of them has the answers it may get, and none changes anything.
//!
//! What may be carried out although something was done to it is made of messages that change nothing; what must be refused
//! is made of changes, too. `COLONY_MUTATIONS` is how many; 5,000 by default.

mod changes;

use colony_protocol::identity::{Digest, SecretKey};
use colony_tests::{
    home::Home,
    http::{Api, base64, signed},
    parameter::parameter,
};
use serde_json::{Value, json};

use crate::{EXECUTOR, dev, key};
use changes::{Change, changes, prepare, state};

/// A seeded source of everything random here (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}

/// Classes in which nothing may be carried out.
const REFUSED: [&str; 4] =
    ["another key signed it", "it names another colony", "its base64 is cut", "its signature is broken"];

/// What is done to a good request, and the statuses it may be answered with then.
const CLASSES: [(&str, &[u16]); 9] = [
    ("a field is missing", &[200, 400, 403, 404]),
    ("a field has another type", &[200, 400, 403, 404]),
    ("another key signed it", &[403]),
    ("it names another colony", &[403]),
    ("its base64 is cut", &[400, 403]),
    ("a number is huge", &[200, 400, 403, 404]),
    ("it is nested deep", &[400, 403, 404]),
    ("its envelope is broken", &[400, 403]),
    ("its signature is broken", &[403]),
];

/// Good requests to begin with; those that would change something lack what they need, whatever is done to them.
fn seeds() -> Vec<Value> {
    let id = "ab".repeat(32);
    let nobody = json!({"colonyname": "nowhere", "executortype": "cli"});
    vec![
        json!({"msgtype": "getprocessesmsg", "colonyname": "dev", "count": 10, "state": 0, "label": ""}),
        json!({"msgtype": "getprocessmsg", "processid": id}),
        json!({"msgtype": "getexecutormsg", "colonyname": "dev", "executorname": "dev"}),
        json!({"msgtype": "getlogsmsg", "colonyname": "dev", "processid": id, "count": 10, "since": 0}),
        json!({"msgtype": "getprocesshistmsg", "colonyname": "dev", "executorid": "", "seconds": 10, "state": 2}),
        json!({"msgtype": "closesuccessfulmsg", "processid": id, "out": ["a"]}),
        json!({"msgtype": "addlogmsg", "processid": id, "message": "m"}),
        json!({"msgtype": "addattributemsg", "attribute": {"targetid": id, "key": "k", "value": "v", "attributetype": 1}}),
        json!({"msgtype": "submitfuncspecmsg", "spec": {"funcname": "f", "args": [1], "priority": 1, "conditions": nobody}}),
        json!({"msgtype": "submitworkflowspecmsg", "spec": {"colonyname": "nowhere", "functionspecs": [{"nodename": "a"}]}}),
        json!({"msgtype": "getprocessgraphmsg", "processgraphid": id}),
        json!({"msgtype": "removeexecutormsg", "colonyname": "nowhere", "executorname": "dev"}),
        json!({"msgtype": "getfilemsg", "colonyname": "dev", "label": "/d", "name": "f", "latest": true}),
        json!({"msgtype": "addfilemsg", "file": {"colonyname": "nowhere", "label": "/d", "name": "f", "size": 1,
            "ref": {"protocol": "s3", "s3object": {"server": "h", "port": 9000, "object": "o", "bucket": "b"}}}}),
        json!({"msgtype": "addlocationmsg", "location": {"colonyname": "nowhere", "name": "l", "long": 1.5, "lat": 2}}),
        json!({"msgtype": "addblueprintmsg", "blueprint": {"kind": "K", "metadata": {"name": "b", "colonyname": "nowhere"},
            "spec": {"a": [1]}}}),
        json!({"msgtype": "getblueprintsmsg", "namespace": "dev", "kind": "K", "locationname": "l"}),
        json!({"msgtype": "channelappendmsg", "processid": id, "name": "c", "sequence": 1, "payload": "aGk="}),
        json!({"msgtype": "channelreadmsg", "processid": id, "name": "c", "afterseq": 0, "limit": 0}),
        json!({"msgtype": "reportallocationmsg", "colonyname": "nowhere", "executorname": "dev",
            "allocations": {"projects": {"p": {"allocatedcpu": 1}}}}),
        json!({"msgtype": "changeserveridmsg", "serverid": id}),
        json!({"msgtype": "addcolonymsg", "colony": {"colonyid": id, "name": "more"}}),
    ]
}

/// All places in a value, as the keys that lead there.
fn places(value: &Value, here: &[String], all: &mut Vec<Vec<String>>) {
    let Some(object) = value.as_object() else { return };
    for (name, inner) in object {
        let there = [here, std::slice::from_ref(name)].concat();
        places(inner, &there, all);
        all.push(there);
    }
}

fn at<'v>(value: &'v mut Value, place: &[String]) -> &'v mut Value {
    place.iter().fold(value, |value, name| &mut value[name])
}

fn any_place(message: &Value, dice: &mut Dice) -> Vec<String> {
    let mut all = Vec::new();
    places(message, &[], &mut all);
    all[dice.below(all.len())].clone()
}

/// A deep array in place of a field that is read; the text is made by hand, because the library would not.
fn nested(message: &Value, depth: usize) -> String {
    let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let mut text = message.to_string();
    text.pop();
    format!(
        "{text},\"colonyname\":{deep},\"processid\":{deep},\"spec\":{deep},\"attribute\":{deep},\"processgraphid\":{deep}}}"
    )
}

fn sign(text: &str, kind: &Value, key: &SecretKey) -> Value {
    let payload = base64(text.as_bytes());
    let signature = key.sign(&Digest::of(&[payload.as_bytes()])).to_hex();
    json!({"payloadtype": kind, "payload": payload, "signature": signature})
}

/// Puts another colony wherever a message names its own; says whether it does so anywhere.
fn rename(value: &mut Value, to: &str) -> bool {
    let Some(object) = value.as_object_mut() else { return false };
    let mut found = false;
    for (name, inner) in object {
        if name == "colonyname" {
            *inner = json!(to);
            found = true;
        } else {
            found |= rename(inner, to);
        }
    }
    found
}

fn mutate(class: &str, (mut message, signer): Change, dice: &mut Dice) -> Vec<u8> {
    let (good, other) = (key(signer), SecretKey::derive(&dice.below(1_000_000).to_be_bytes()));
    let kind = message["msgtype"].clone();
    let request = match class {
        "a field is missing" => {
            let mut place = any_place(&message, dice);
            let last = place.pop().unwrap();
            at(&mut message, &place).as_object_mut().unwrap().remove(&last);
            let mut request = signed(&message, &good);
            request["payloadtype"] = kind;
            request
        }
        "a field has another type" => {
            let place = any_place(&message, dice);
            let others =
                [json!(null), json!(true), json!([[]]), json!({"a": {}}), json!(-1.5), json!("\u{0}☃")];
            *at(&mut message, &place) = others[dice.below(others.len())].clone();
            let mut request = signed(&message, &good);
            request["payloadtype"] = kind;
            request
        }
        "another key signed it" => signed(&message, &other),
        "it names another colony" => {
            let name = format!("c{}", dice.below(1_000));
            if !rename(&mut message, &name) {
                message = json!({"msgtype": "getcolonystatsmsg", "colonyname": name});
            }
            signed(&message, &good)
        }
        "its base64 is cut" => {
            let whole = signed(&message, &good);
            let text = whole["payload"].as_str().unwrap();
            let payload = &text[..dice.below(text.len())];
            let signature = good.sign(&Digest::of(&[payload.as_bytes()])).to_hex();
            json!({"payloadtype": kind, "payload": payload, "signature": signature})
        }
        "a number is huge" => {
            let place = any_place(&message, dice);
            let huge = ["9e999", "-9e999", "18446744073709551616", "-9223372036854775809", "1e308"];
            *at(&mut message, &place) = json!("HERE");
            let text = message.to_string().replacen("\"HERE\"", huge[dice.below(huge.len())], 1);
            sign(&text, &kind, &good)
        }
        "it is nested deep" => sign(&nested(&message, 1 + dice.below(20_000)), &kind, &good),
        "its envelope is broken" => {
            let whole = signed(&message, &good).to_string();
            return match dice.below(4) {
                0 => whole.as_bytes()[..dice.below(whole.len())].to_vec(),
                1 => b"null".to_vec(),
                2 => vec![0xff; dice.below(1_000)],
                _ => json!({"payloadtype": [kind], "payload": 7}).to_string().into_bytes(),
            };
        }
        _ => {
            let mut request = signed(&message, &good);
            let broken = ["", "zz", "00", &"0".repeat(130), &"f".repeat(130)].map(ToOwned::to_owned);
            request["signature"] = json!(broken[dice.below(broken.len())]);
            request
        }
    };
    request.to_string().into_bytes()
}

#[test]
fn no_mutated_request_changes_anything_or_goes_without_an_answer() {
    let home = Home::new();
    let (mut dev, url) = dev(&home);
    let mut api = Api::connect(&url);
    let changes = changes(&prepare(&mut api));
    let before = state(&mut api);
    let (count, mut dice) = (parameter("COLONY_MUTATIONS", 5_000), Dice(6));
    let seeds = seeds();
    for turn in 0..count {
        let (class, allowed) = CLASSES[usize::try_from(turn).unwrap() % CLASSES.len()];
        let good = match REFUSED.contains(&class) && dice.below(2) == 0 {
            true => changes[dice.below(changes.len())].clone(),
            false => (seeds[dice.below(seeds.len())].clone(), EXECUTOR),
        };
        let body = mutate(class, good, &mut dice);
        let reply = api.post(&body);
        let shown =
            || format!("{class}: {} -> {reply:?}", String::from_utf8_lossy(&body[..body.len().min(2_000)]));
        assert!(allowed.contains(&reply.status), "{}", shown());
        assert_eq!(reply.error, reply.status != 200, "{}", shown());
        if reply.error {
            assert_eq!(reply.payload["status"], json!(reply.status), "{}", shown());
            assert!(!reply.payload["message"].as_str().unwrap().is_empty(), "{}", shown());
        }
    }
    assert_eq!(state(&mut api), before);
    assert!(dev.is_running());
    // It was not for what they ask that the changes were refused.
    for (change, signer) in changes {
        let reply = api.call(&change, &key(signer));
        assert_eq!(reply.status, 200, "{change}: {reply:?}");
    }
}
