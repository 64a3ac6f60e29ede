//! A search that never came by the interesting places proves nothing. So what happened is counted.

use std::collections::BTreeMap;

use colony_protocol::{
    colony::Event,
    refusal::Refusal,
    reply::{LeaseStatus, Reply},
};

use crate::{automation::Started, world::Logged};

/// How often each thing happened.
#[derive(Debug, Default)]
pub(crate) struct Coverage(BTreeMap<&'static str, u64>);

impl Coverage {
    /// Things that some history of a few hundred must contain.
    const WANTED: [&'static str; 42] = [
        "submitted",
        "workflow",
        "assigned",
        "nothing assigned",
        "paused",
        "live",
        "lost",
        "closed",
        "child",
        "function",
        "removed",
        "invalid",
        "envelope",
        "denied",
        "not found",
        "exists",
        "wrong state",
        "stale",
        "lease lost",
        "process success",
        "process failed",
        "workflow success",
        "workflow failed",
        "joined",
        "ticket",
        "last voter",
        "promote-member",
        "demote-member",
        "leave",
        "expired",
        "cron",
        "cron by hand",
        "cron by itself",
        "generator",
        "packed",
        "packed enough",
        "packed long enough",
        "file",
        "snapshot",
        "definition",
        "blueprint",
        "appended",
    ];

    pub(crate) fn add(&mut self, logged: &Logged) {
        let events = match logged {
            Logged::Begin(_, _, events, Started { crons, generators }) => {
                if events.contains(&Event::Members) {
                    self.count("expired");
                }
                if *crons > 0 {
                    self.count("cron by itself");
                }
                if *generators > 0 {
                    self.count("packed long enough");
                }
                events
            }
            Logged::Call(call, reply, events) => {
                match reply {
                    Ok(Reply::Done) if events.contains(&Event::Members) => self.count(call.command.kind()),
                    Ok(reply) => self.reply(reply),
                    Err(refusal) => self.refusal(refusal),
                }
                events
            }
        };
        for event in events {
            self.event(event);
        }
    }

    /// Wanted things that never happened.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        Self::WANTED.into_iter().filter(|name| !self.0.contains_key(name)).collect()
    }

    fn count(&mut self, name: &'static str) {
        *self.0.entry(name).or_default() += 1;
    }

    fn reply(&mut self, reply: &Reply) {
        match reply {
            Reply::Submitted(_) => self.count("submitted"),
            Reply::WorkflowSubmitted { .. } => self.count("workflow"),
            Reply::Assigned { paused: true, .. } => self.count("paused"),
            Reply::Assigned { processes, .. } if processes.is_empty() => self.count("nothing assigned"),
            Reply::Assigned { .. } => self.count("assigned"),
            Reply::Renewed(leases) => leases.iter().for_each(|status| {
                self.count(match status {
                    LeaseStatus::Live(_) => "live",
                    LeaseStatus::Cancelled => "cancelled",
                    LeaseStatus::Lost => "lost",
                });
            }),
            Reply::Closed(items) => items.iter().for_each(|item| match item {
                Ok(()) => self.count("closed"),
                Err(refusal) => self.refusal(refusal),
            }),
            Reply::ChildAdded(_) => self.count("child"),
            Reply::FunctionAdded(_) => self.count("function"),
            Reply::Removed(_) => self.count("removed"),
            Reply::Joined { .. } => self.count("joined"),
            Reply::Done => self.count("done"),
            Reply::CronAdded(_) => self.count("cron"),
            Reply::CronStarted(_) => self.count("cron by hand"),
            Reply::GeneratorAdded(_) => self.count("generator"),
            Reply::FileAdded(_) => self.count("file"),
            Reply::SnapshotCreated(_) => self.count("snapshot"),
            Reply::DefinitionAdded(_) => self.count("definition"),
            Reply::BlueprintSet { .. } => self.count("blueprint"),
            Reply::Appended(_) => self.count("appended"),
            Reply::Packed { started, .. } if started.is_empty() => self.count("packed"),
            Reply::Packed { .. } => self.count("packed enough"),
        }
    }

    fn refusal(&mut self, refusal: &Refusal) {
        self.count(match refusal {
            Refusal::Invalid { .. } => "invalid",
            Refusal::Envelope(_) => "envelope",
            Refusal::Denied { .. } => "denied",
            Refusal::NotFound { .. } => "not found",
            Refusal::Exists { .. } => "exists",
            Refusal::WrongState { .. } => "wrong state",
            Refusal::Stale { .. } => "stale",
            Refusal::Ticket(_) => "ticket",
            Refusal::LastVoter { .. } => "last voter",
            _ => "other refusal",
        });
    }

    fn event(&mut self, event: &Event) {
        use colony_protocol::model::State;
        match event {
            Event::LeaseLost { .. } => self.count("lease lost"),
            Event::Process { state: State::Success, .. } => self.count("process success"),
            Event::Process { state: State::Failed, .. } => self.count("process failed"),
            Event::Workflow { state: State::Success, .. } => self.count("workflow success"),
            Event::Workflow { state: State::Failed, .. } => self.count("workflow failed"),
            _ => {}
        }
    }
}
