//! The rows of files, snapshots, locations, definitions, blueprints and rounds: one kind of key, numbered by one count.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Colony, blueprints::Round};
use crate::{
    identity::Identity,
    model::{
        blueprint::{Blueprint, Definition},
        file::{File, Snapshot},
        location::Location,
    },
};

/// What a row with the key [`super::RowKey::Object`] holds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Object<'a> {
    File(Cow<'a, File>),
    Snapshot(Cow<'a, Snapshot>),
    Location(u64, Cow<'a, Location>),
    Definition(Cow<'a, Definition>),
    Blueprint(Cow<'a, Blueprint>),
    Round(u64, Cow<'a, Round>),
    /// A node, and the owner of its server.
    Server(u64, Identity, Identity),
}

impl Colony {
    /// The object with a number, wherever it is kept.
    pub(super) fn object(&self, number: u64) -> Option<Object<'_>> {
        let file = || self.files.revision(number).map(|file| Object::File(Cow::Borrowed(file)));
        let snapshot = || self.files.snapshot(number).map(|row| Object::Snapshot(Cow::Borrowed(row)));
        let location = || self.locations.get(number).map(|row| Object::Location(number, Cow::Borrowed(row)));
        let kept = &self.blueprints;
        let blueprint = || kept.blueprint(number).map(|row| Object::Blueprint(Cow::Borrowed(row)));
        let definition = || kept.definition(number).map(|row| Object::Definition(Cow::Borrowed(row)));
        let round = || kept.round(number).map(|row| Object::Round(number, Cow::Borrowed(row)));
        let server = || self.servers.row(number).map(|(node, owner)| Object::Server(number, node, owner));
        file()
            .or_else(blueprint)
            .or_else(round)
            .or_else(snapshot)
            .or_else(definition)
            .or_else(location)
            .or_else(server)
    }

    /// Takes an object back; returns its number.
    pub(super) fn restore_object(&mut self, object: Object<'static>) -> u64 {
        match object {
            Object::File(file) => {
                let number = file.id.number();
                self.files.put(file.into_owned());
                number
            }
            Object::Snapshot(snapshot) => {
                let number = snapshot.id.number();
                self.files.put_snapshot(snapshot.into_owned());
                number
            }
            Object::Location(number, location) => {
                self.locations.put(number, location.into_owned());
                number
            }
            Object::Definition(definition) => {
                let number = definition.id.number();
                self.blueprints.put_definition(definition.into_owned());
                number
            }
            Object::Blueprint(blueprint) => {
                let number = blueprint.id.number();
                self.blueprints.put(blueprint.into_owned());
                number
            }
            Object::Server(number, node, owner) => {
                self.servers.put(number, node, owner);
                number
            }
            Object::Round(number, round) => {
                self.blueprints.put_round(number, round.into_owned());
                number
            }
        }
    }
}
