//! What is told about blueprints and definitions.

use std::ops::Bound;

use super::{
    super::{Colony, files::Page},
    weight,
};
use crate::{
    model::{
        BlueprintId, Name,
        blueprint::{Blueprint, Definition},
    },
    query::{BlueprintsQuery, PAGE_MAX},
    refusal::Refusal,
    reply::Answer,
};

impl Colony {
    /// Answers a question about blueprints, with about `room` bytes at most. Their history is in the store: see
    /// [`Self::blueprint_by_id`].
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn blueprints_answer(&self, query: &BlueprintsQuery, room: usize) -> Result<Answer, Refusal> {
        let kept = &self.blueprints;
        match query {
            BlueprintsQuery::Definition { name } => {
                let found = kept.definition_names.get(name).and_then(|number| kept.definition(*number));
                let missing = || Refusal::not_found(format!("blueprint definition `{name}`"));
                Ok(Answer::Definitions(vec![found.ok_or_else(missing)?.clone()]))
            }
            BlueprintsQuery::Definitions => {
                let rows = kept.definition_names.values().filter_map(|number| kept.definition(*number));
                let sized = rows.map(|row: &Definition| (row.clone(), super::schema_bytes(row)));
                Ok(Answer::Definitions(Page::new(PAGE_MAX, room).fill(sized)))
            }
            BlueprintsQuery::Blueprint { name } => Ok(Answer::Blueprints(vec![kept.named(name)?.clone()])),
            BlueprintsQuery::Blueprints { kind, location, after, limit } => {
                let first = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let behind = kept.names.range::<Name, _>((first, Bound::Unbounded));
                let rows = behind.filter_map(|(_, number)| kept.blueprint(*number));
                let fits = rows.filter(|row| {
                    let at = &row.blueprint.location_name;
                    (kind.is_empty() || row.blueprint.kind == *kind)
                        && (location.is_empty() || at.to_lowercase() == location.to_lowercase())
                });
                let sized = fits.map(|row: &Blueprint| (row.clone(), weight(&row.blueprint)));
                Ok(Answer::Blueprints(Page::new(*limit, room).fill(sized)))
            }
        }
    }

    /// A blueprint by its id.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub fn blueprint_by_id(&self, id: &BlueprintId) -> Result<&Blueprint, Refusal> {
        let found = self.blueprints.blueprint(id.number()).filter(|row| row.id == *id);
        found.ok_or_else(|| Refusal::not_found(format!("blueprint {id}")))
    }
}
