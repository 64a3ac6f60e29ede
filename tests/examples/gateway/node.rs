//! The node that is measured, and what its clients say to it.

use colony_protocol::identity::SecretKey;
use colony_tests::{
    dev::Dev,
    home::Home,
    http::{Api, Reply},
};
use serde_json::{Value, json};

/// ColonyOS's documented development key of an executor.
const EXECUTOR: &str = "ddf7f7791208083b6a9ed975a72684f6406a269cfa36f1b1c32045c0a71fff05";
/// Specs in one native submission, when the queue is filled and nobody measures.
const FILL: usize = 1000;

/// A development colony on a disk, with its door open.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) home: Home,
    dev: Dev,
    pub(super) url: String,
}

impl Node {
    pub(super) fn start() -> Self {
        let home = Home::new();
        let data = home.path().join("data");
        let data = data.to_str().unwrap();
        let dev = Dev::start(&home, &["--http", "127.0.0.1:0", "--no-executor", "--data", data]);
        let url = dev.ready()["http"].as_str().unwrap().to_owned();
        Self { home, dev, url }
    }

    /// Resident memory in bytes.
    pub(super) fn resident(&self) -> u64 {
        self.dev.resident()
    }

    /// Puts this many processes into the queue, a thousand with each request.
    pub(super) fn fill(&self, count: usize, executor_type: &str) {
        for from in (0..count).step_by(FILL) {
            let specs: Vec<Value> = (from..count.min(from + FILL)).map(|_| spec(executor_type)).collect();
            let file = self.home.write("specs.json", Value::Array(specs).to_string());
            let outcome = self.home.run(["submit", file.to_str().unwrap()]);
            assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        }
    }
}

/// A connection of somebody with the executor's key.
pub(super) struct Client {
    api: Api,
    key: SecretKey,
}

impl Client {
    pub(super) fn connect(url: &str) -> Self {
        Self { api: Api::connect(url), key: EXECUTOR.parse().unwrap() }
    }

    pub(super) fn call(&mut self, message: &Value) -> Reply {
        self.api.call(message, &self.key)
    }

    /// Submits one process.
    pub(super) fn submit(&mut self) -> Value {
        let reply = self.call(&json!({"msgtype": "submitfuncspecmsg", "spec": spec("cli")}));
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.payload["processid"].clone()
    }

    /// Takes a process, or gives none after so many seconds.
    pub(super) fn assign(&mut self, timeout: u64) -> Option<Value> {
        let assign = json!({"msgtype": "assignprocessmsg", "colonyname": "dev", "timeout": timeout});
        let reply = self.call(&assign);
        if reply.status == 404 {
            return None;
        }
        assert_eq!(reply.status, 200, "{reply:?}");
        Some(reply.payload["processid"].clone())
    }

    /// Ends a process well.
    pub(super) fn close(&mut self, id: &Value) {
        let reply = self.call(&json!({"msgtype": "closesuccessfulmsg", "processid": id, "out": ["o"]}));
        assert_eq!(reply.status, 200, "{reply:?}");
    }
}

/// What the reference's load generator submits: a name, an argument, whom it is for.
fn spec(executor_type: &str) -> Value {
    let conditions = json!({"colonyname": "dev", "executortype": executor_type});
    json!({"funcname": "echo", "args": ["hello"], "maxexectime": -1, "maxretries": 3, "conditions": conditions})
}
