//! Rounds: the handler of a kind is asked about a location, again and again, at the interval its definition says.
//!
//! The moment is the log's. A handler that still works on the last question is not asked another one, and however many
//! moments passed unseen, they become one question.

use serde::{Deserialize, Serialize};

use super::super::{Colony, Outbox, RowKey, submit::Origin};
use crate::{
    bounded::{Json, Map},
    envelope::RequestId,
    identity::{Digest, Identity},
    model::{
        Conditions, FunctionSpec, Limit, Name, ProcessId,
        blueprint::{Handler, NewBlueprint},
    },
    time::{Span, Timestamp},
};

/// How often a handler is asked whose definition does not say, as in ColonyOS.
const INTERVAL: Span = Span::from_secs(60);
/// The longest interval: a year.
const INTERVAL_MAX: u64 = 365 * 86_400;
/// The function that is asked after a blueprint was removed, as in ColonyOS.
pub(super) const CLEANUP: &str = "cleanup";

/// What asks a handler about the blueprints of one kind at one location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in super::super) struct Round {
    pub(super) kind: Name,
    pub(super) location: Name,
    pub(super) next_at: Timestamp,
    /// The last question.
    pub(super) previous: Option<ProcessId>,
    /// In whose name it asks: who added the first blueprint.
    pub(super) by: Identity,
    /// How often it asked.
    pub(super) count: u64,
}

/// A function to ask, and how it is told of a blueprint.
pub(super) struct Question<'a> {
    pub(super) handler: &'a Handler,
    pub(super) function: &'a Name,
    pub(super) kind: &'a Name,
    pub(super) location: &'a Name,
    pub(super) blueprint: Option<&'a Name>,
    pub(super) force: bool,
}

impl Question<'_> {
    fn spec(&self) -> FunctionSpec {
        let executor_type = self.handler.executor_type.clone();
        let name = |text: &str| Name::cut(text);
        let mut told = std::collections::BTreeMap::from([(name("kind"), Json::string(self.kind))]);
        told.extend(self.blueprint.map(|blueprint| (name("blueprintName"), Json::string(blueprint))));
        if self.force {
            told.extend(Json::new("true").ok().map(|json| (name("force"), json)));
        }
        FunctionSpec {
            node_name: name(&format!("{executor_type}-{}", self.function)),
            func_name: crate::bounded::Text::cut(self.function),
            kwargs: Map::new(told).unwrap_or_default(),
            max_wait_time: Limit::NONE,
            max_exec_time: Limit::NONE,
            max_retries: -1,
            conditions: Conditions {
                executor_type,
                location_name: self.location.clone(),
                ..Conditions::default()
            },
            ..FunctionSpec::default()
        }
    }
}

/// A handler that names whom to ask for what.
pub(super) fn usable(handler: Option<&Handler>) -> Option<&Handler> {
    handler.filter(|handler| !handler.executor_type.is_empty() && !handler.function_name.is_empty())
}

fn interval(handler: &Handler) -> Span {
    match u64::try_from(handler.reconcile_interval) {
        Ok(seconds) if seconds > 0 => Span::from_secs(seconds.min(INTERVAL_MAX)),
        _ => INTERVAL,
    }
}

impl Colony {
    /// The handler of a kind of blueprints, if its definition names one.
    pub(super) fn handler_of(&self, kind: &str) -> Option<&Handler> {
        usable(self.blueprints.of_kind(kind)?.definition.handler.as_ref())
    }

    /// Puts a question into the queue. There is room for it.
    pub(super) fn ask_handler(
        &mut self,
        origin: &Origin,
        question: &Question<'_>,
        out: &mut Outbox,
    ) -> ProcessId {
        let number = self.meta.last_process.saturating_add(1);
        let process = self.new_process(origin, question.spec(), number);
        let id = process.id;
        self.add_process(process, out);
        id
    }

    /// From now on the handler of a blueprint's kind is asked about its location.
    pub(super) fn start_round(&mut self, by: &Identity, blueprint: &NewBlueprint, out: &mut Outbox) {
        let Some(handler) = self.handler_of(&blueprint.kind) else { return };
        let next_at = self.meta.now.after(interval(handler));
        let (kind, location) = super::place(blueprint);
        if self.blueprints.round_of.contains_key(&(kind.clone(), location.clone())) {
            return;
        }
        let number = self.next_object();
        let round = Round { kind, location, next_at, previous: None, by: *by, count: 0 };
        self.blueprints.put_round(number, round);
        out.touch(RowKey::Object(number));
    }

    /// Where the last blueprint of a kind is gone, nobody is asked any more.
    pub(super) fn end_round(&mut self, blueprint: &NewBlueprint, out: &mut Outbox) {
        let place = super::place(blueprint);
        if self.blueprints.places.contains_key(&place) {
            return;
        }
        if let Some(number) = self.blueprints.round_of.get(&place).copied() {
            drop(self.blueprints.take_round(number));
            out.touch(RowKey::Object(number));
        }
    }

    /// The moment of a round has come.
    pub(in super::super) fn round_is_due(&mut self, number: u64, out: &mut Outbox) {
        let Some(mut round) = self.blueprints.take_round(number) else { return };
        out.touch(RowKey::Object(number));
        let Some(handler) = self.handler_of(&round.kind).cloned() else { return };
        let busy = round.previous.is_some_and(|last| self.processes.contains_key(&last.number()));
        if !busy && self.room_for_processes(1).is_ok() {
            let origin = Origin { by: round.by, request: round_request(number, round.count) };
            let question = Question {
                handler: &handler,
                function: &handler.function_name,
                kind: &round.kind,
                location: &round.location,
                blueprint: None,
                force: false,
            };
            round.previous = Some(self.ask_handler(&origin, &question, out));
            round.count = round.count.saturating_add(1);
        }
        round.next_at = self.meta.now.after(interval(&handler));
        self.blueprints.put_round(number, round);
    }

    /// A new key takes over the rounds that the old one started.
    pub(in super::super) fn rounds_change_key(&mut self, old: &Identity, new: &Identity, out: &mut Outbox) {
        for (number, round) in &mut self.blueprints.rounds {
            if round.by == *old {
                round.by = *new;
                out.touch(RowKey::Object(*number));
            }
        }
    }
}

/// Stands for the request that a round's question was not made by.
fn round_request(round: u64, count: u64) -> RequestId {
    let hash = Digest::of(&[b"colony/reconcile-round/1\n", &round.to_be_bytes(), &count.to_be_bytes()]);
    let mut request = [0; 16];
    request.copy_from_slice(&hash.0[..16]);
    RequestId::from_bytes(request)
}
