//! Blueprints, their definitions, and the rounds in which handlers are asked about them.
//!
//! A round is what asks the handler of one kind about one location again and again: it exists as long as a blueprint of
//! that kind is there. Blueprints are found by number, by name and by kind and place.
//!
//! What may never happen: a blueprint without its definition; a round without a blueprint.

mod asking;
mod changing;
mod defining;
mod rounds;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use self::rounds::Round;
use super::{Colony, Outbox};
use crate::{
    bounded::Json,
    command::BlueprintsCommand,
    model::{
        Name,
        blueprint::{Blueprint, Definition, NewBlueprint},
    },
    refusal::Refusal,
    reply::Reply,
    time::Timestamp,
};

/// Most definitions, which are told in one answer.
const DEFINITIONS_MAX: usize = 1_000;
/// Most bytes of all definitions' schemas: half of what an answer may hold.
const SCHEMAS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most blueprints.
const BLUEPRINTS_MAX: usize = 50_000;
/// Most bytes of all blueprints' specs and statuses: they are in memory.
const BLUEPRINTS_BYTES_MAX: usize = 256 * 1024 * 1024;

/// A kind of blueprints at a location.
type KindAt = (Name, Name);

/// Blueprints and what belongs to them.
#[derive(Debug, Default)]
pub(super) struct Blueprints {
    definitions: BTreeMap<u64, Definition>,
    definition_names: BTreeMap<Name, u64>,
    kinds: BTreeMap<Name, u64>,
    schema_bytes: usize,
    rows: BTreeMap<u64, Blueprint>,
    names: BTreeMap<Name, u64>,
    places: BTreeMap<KindAt, BTreeSet<u64>>,
    bytes: usize,
    rounds: BTreeMap<u64, Round>,
    round_of: BTreeMap<KindAt, u64>,
    due: BTreeSet<(Timestamp, u64)>,
}

impl Blueprints {
    pub(super) fn definition(&self, number: u64) -> Option<&Definition> {
        self.definitions.get(&number)
    }

    pub(super) fn blueprint(&self, number: u64) -> Option<&Blueprint> {
        self.rows.get(&number)
    }

    pub(super) fn round(&self, number: u64) -> Option<&Round> {
        self.rounds.get(&number)
    }

    pub(super) fn put_definition(&mut self, definition: Definition) {
        let number = definition.id.number();
        self.schema_bytes = self.schema_bytes.saturating_add(schema_bytes(&definition));
        self.definition_names.insert(definition.definition.name.clone(), number);
        self.kinds.insert(definition.definition.kind.clone(), number);
        self.definitions.insert(number, definition);
    }

    fn take_definition(&mut self, number: u64) {
        let Some(definition) = self.definitions.remove(&number) else { return };
        self.schema_bytes = self.schema_bytes.saturating_sub(schema_bytes(&definition));
        self.definition_names.remove(&definition.definition.name);
        self.kinds.remove(&definition.definition.kind);
    }

    pub(super) fn put(&mut self, blueprint: Blueprint) {
        let number = blueprint.id.number();
        drop(self.take(number));
        self.bytes = self.bytes.saturating_add(weight(&blueprint.blueprint));
        self.names.insert(blueprint.blueprint.name.clone(), number);
        self.places.entry(place(&blueprint.blueprint)).or_default().insert(number);
        self.rows.insert(number, blueprint);
    }

    fn take(&mut self, number: u64) -> Option<Blueprint> {
        let blueprint = self.rows.remove(&number)?;
        self.bytes = self.bytes.saturating_sub(weight(&blueprint.blueprint));
        self.names.remove(&blueprint.blueprint.name);
        let place = place(&blueprint.blueprint);
        if let Some(numbers) = self.places.get_mut(&place) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.places.remove(&place);
            }
        }
        Some(blueprint)
    }

    pub(super) fn put_round(&mut self, number: u64, round: Round) {
        drop(self.take_round(number));
        self.round_of.insert((round.kind.clone(), round.location.clone()), number);
        self.due.insert((round.next_at, number));
        self.rounds.insert(number, round);
    }

    fn take_round(&mut self, number: u64) -> Option<Round> {
        let round = self.rounds.remove(&number)?;
        self.round_of.remove(&(round.kind.clone(), round.location.clone()));
        self.due.remove(&(round.next_at, number));
        Some(round)
    }

    /// The next moment at which a handler is asked.
    pub(super) fn next_due(&self) -> Option<(Timestamp, u64)> {
        self.due.first().copied()
    }

    fn of_kind(&self, kind: &str) -> Option<&Definition> {
        self.definitions.get(self.kinds.get(kind)?)
    }

    fn named(&self, name: &str) -> Result<&Blueprint, Refusal> {
        let found = self.names.get(name).and_then(|number| self.rows.get(number));
        found.ok_or_else(|| Refusal::not_found(format!("blueprint `{name}`")))
    }

    /// How many blueprints of a kind there are.
    fn count_of(&self, kind: &Name) -> usize {
        let first = (kind.clone(), Name::default());
        let of_kind = self.places.range(first..).take_while(|((other, _), _)| other == kind);
        of_kind.map(|(_, numbers)| numbers.len()).sum()
    }
}

impl Colony {
    pub(super) fn change_blueprints(
        &mut self,
        call: &super::Call,
        command: &BlueprintsCommand,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        match command {
            BlueprintsCommand::AddDefinition { definition } => self.add_definition(call, definition, out),
            BlueprintsCommand::RemoveDefinition { name } => self.remove_definition(&call.by, name, out),
            BlueprintsCommand::Add { blueprint } => self.add_blueprint(call, blueprint, out),
            BlueprintsCommand::Update { blueprint, force_generation } => {
                self.update_blueprint(call, blueprint, *force_generation, out)
            }
            BlueprintsCommand::Remove { name } => self.remove_blueprint(call, name, out),
            BlueprintsCommand::SetStatus { name, status } => {
                self.set_blueprint_status(&call.by, name, status, out)
            }
            BlueprintsCommand::Reconcile { name, force } => self.reconcile(call, name, *force, out),
        }
    }
}

fn place(blueprint: &NewBlueprint) -> KindAt {
    (blueprint.kind.clone(), blueprint.location_name.clone())
}

/// About what a blueprint takes in memory and in an answer.
fn weight(blueprint: &NewBlueprint) -> usize {
    let tags = |tags: &crate::model::blueprint::Tags| {
        tags.iter().map(|(name, value)| name.len().saturating_add(value.len())).sum::<usize>()
    };
    let metadata = &blueprint.metadata;
    let texts = [
        blueprint.spec.as_text().len(),
        blueprint.status.as_ref().map_or(0, |status| status.as_text().len()),
        tags(&metadata.labels),
        tags(&metadata.annotations),
        // Ids, times, names and their fields.
        1_024,
    ];
    texts.into_iter().fold(0, usize::saturating_add)
}

fn schema_bytes(definition: &Definition) -> usize {
    definition.definition.schema.as_ref().map_or(0, |schema: &Json| schema.as_text().len())
}
