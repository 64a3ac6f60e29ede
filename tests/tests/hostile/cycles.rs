//! Honest work, and how long it takes: submit, take, close, one after the other.

use std::{
    fmt,
    time::{Duration, Instant},
};

use colony_node::client::Client;
use colony_protocol::{
    bounded::{Json, List},
    command::{Assign, Closing, Command, LeaseRef, Submission},
    identity::SecretKey,
    model::{Conditions, Errors, Executor, FunctionSpec, Limit, Name, User, Values},
    time::Span,
};
use colony_tests::cluster::Cluster;

/// The type of work nobody else takes.
const TYPE: &str = "cycle";
/// Between two cycles: a member that works, not a benchmark.
const PAUSE: Duration = Duration::from_millis(5);

/// One who submits and one who works, over long-lived connections.
#[derive(Debug)]
pub(crate) struct Cycles {
    user: Client,
    executor: Client,
}

/// How long cycles took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Took {
    pub(crate) count: usize,
    pub(crate) p50: Duration,
    /// All but one in a hundred took no longer.
    pub(crate) p99: Duration,
    max: Duration,
}

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cycles, p50 {:?}, p99 {:?}, max {:?}", self.count, self.p50, self.p99, self.max)
    }
}

impl Cycles {
    /// Makes both members of the colony.
    pub(crate) async fn new(cluster: &Cluster) -> Self {
        let (user, executor) = (SecretKey::derive(b"cycling user"), SecretKey::derive(b"cycling executor"));
        let owner = cluster.client();
        let commands = [
            Command::AddUser {
                user: User { id: user.identity(), name: Name::cut("cycling-user"), ..User::default() },
            },
            Command::AddExecutor {
                executor: Executor {
                    id: executor.identity(),
                    name: Name::cut("cycling-executor"),
                    executor_type: Name::cut(TYPE),
                    ..Executor::default()
                },
                approved: true,
            },
        ];
        for command in commands {
            owner.command(&command).await.unwrap();
        }
        Self { user: cluster.client().with_key(user), executor: cluster.client().with_key(executor) }
    }

    /// Works for a while.
    pub(crate) async fn measure(&self, length: Duration) -> Took {
        let begun = Instant::now();
        let mut took = Vec::new();
        while begun.elapsed() < length || took.is_empty() {
            let start = Instant::now();
            self.one().await;
            took.push(start.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        took.sort();
        let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
        Took { count: took.len(), p50: at(50), p99: at(99), max: took[took.len() - 1] }
    }

    async fn one(&self) {
        self.user.submit(vec![Submission { spec: work(), retry_of: None }]).await.unwrap();
        let ask = Assign { max: 1, wait: Span::from_secs(30), ..Assign::default() };
        let process = self.executor.assign(ask).await.unwrap().remove(0);
        let closing = Closing {
            lease: LeaseRef { process: process.id, token: process.lease.unwrap().token },
            success: true,
            output: Values::new(vec![Json::string("done")]).unwrap(),
            errors: Errors::default(),
            attributes: List::default(),
            lines: List::default(),
            receipt: None,
        };
        assert_eq!(self.executor.close(vec![closing]).await.unwrap(), vec![Ok(())]);
    }
}

/// Work for an executor of [`TYPE`].
pub(crate) fn work() -> FunctionSpec {
    FunctionSpec {
        func_name: "echo".try_into().unwrap(),
        max_wait_time: Limit::NONE,
        max_exec_time: Limit::NONE,
        conditions: Conditions { executor_type: Name::cut(TYPE), ..Conditions::default() },
        ..FunctionSpec::default()
    }
}
