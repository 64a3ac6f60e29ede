//! Whatever is kept, forgotten, cut and committed in whatever order: readers see what a plain map would hold.

use std::collections::BTreeMap;

use colony_protocol::{
    colony::{Change, Colony, RowKey, encode_log_line},
    identity::Identity,
    model::{LogStream, StoredLogLine},
    time::Timestamp,
};
use openraft::CommittedLeaderId;
use proptest::prelude::*;

use super::support::{Driver, FRESH, on_one_thread, text};
use crate::{ColonyView, Disk, LogId, MemberId, Options, Store, pending::Asked};

/// Processes the steps are about.
const PROCESSES: u64 = 3;
/// Lines a log may have.
const LINES: u64 = 6;

#[derive(Debug, Clone)]
enum Step {
    /// An entry that keeps a line and perhaps forgets a log, before or after.
    Entry { keep: (u64, u64), forget: Option<u64>, forget_first: bool, later: u64 },
    /// A cut if one is due, which waits for the next commit.
    Settle,
    /// Everything to disk.
    Flush,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => ((0..PROCESSES, 0..LINES), proptest::option::of(0..PROCESSES), any::<bool>(), 0..300_000_u64)
            .prop_map(|(keep, forget, forget_first, later)| Step::Entry { keep, forget, forget_first, later }),
        3 => Just(Step::Settle),
        1 => Just(Step::Flush),
    ]
}

/// The view's group, the plain map, and where the log stands.
struct Model {
    view: ColonyView,
    lines: BTreeMap<(u64, u64), StoredLogLine>,
    index: u64,
    now: u64,
}

impl Model {
    fn entry(&mut self, keep: (u64, u64), forget: Option<u64>, forget_first: bool, later: u64) {
        self.index += 1;
        self.now += later;
        let at = Timestamp::from_micros(self.now);
        let message = text(&self.index.to_string());
        let line =
            StoredLogLine { line: keep.1, at, executor_name: text("e"), stream: LogStream::Out, message };
        let mut changes = vec![Change::Kept(RowKey::LogLine(keep.0, keep.1), encode_log_line(&line))];
        if let Some(process) = forget {
            let place = if forget_first { 0 } else { 1 };
            changes.insert(place, Change::Forgotten(RowKey::LogLine(process, 3)));
        }
        for change in &changes {
            match change {
                Change::Kept(..) => drop(self.lines.insert(keep, line.clone())),
                _ => self.lines.retain(|(process, _), _| Some(*process) != forget),
            }
        }
        let id = LogId::new(CommittedLeaderId::new(1, MemberId::default()), self.index);
        let asked = Asked { colony: &Colony::new(Identity::NOBODY), disk: &|_| Ok(None) };
        self.view.group.pending().unwrap().record(id, at, changes, &asked).unwrap();
    }

    fn check(&self) {
        for process in 0..PROCESSES {
            let all: Vec<_> = self.of(process).collect();
            assert_eq!(self.view.log_lines(process, 0, usize::MAX).unwrap(), all);
            let from: Vec<_> = self.of(process).filter(|line| line.line >= 2).take(2).collect();
            assert_eq!(self.view.log_lines(process, 2, 2).unwrap(), from);
            let latest = all[all.len().saturating_sub(2)..].to_vec();
            assert_eq!(self.view.latest_log_lines(process, 2).unwrap(), latest);
        }
    }

    fn of(&self, process: u64) -> impl Iterator<Item = StoredLogLine> {
        self.lines.range((process, 0)..=(process, u64::MAX)).map(|(_, line)| line.clone())
    }
}

async fn run(steps: Vec<Step>) {
    let (store, writer) = Store::open(Disk::Memory, Options::default(), FRESH).unwrap();
    on_one_thread(writer, async {
        let driver = Driver::open(&store).await;
        let view = driver.store.view.clone();
        let mut model = Model { view, lines: BTreeMap::new(), index: 0, now: 0 };
        for step in steps {
            match step {
                Step::Entry { keep, forget, forget_first, later } => {
                    model.entry(keep, forget, forget_first, later);
                }
                Step::Settle => model.view.group.settle().await.unwrap(),
                Step::Flush => model.view.flush().await.unwrap(),
            }
            model.check();
        }
        model.view.flush().await.unwrap();
        model.check();
        drop((driver, model, store));
    })
    .await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn readers_see_what_a_plain_map_would_hold(steps in proptest::collection::vec(step(), 1..40)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run(steps));
    }
}
