//! Changes of files, blueprints, locations, channels and keys.

use colony_protocol::{
    bounded::{Bytes, Json, List, Text},
    command::{Append, BlueprintsCommand, ChangeKey, Command, FilesCommand, LocationsCommand},
    model::{
        ProcessId,
        blueprint::{Handler, NewBlueprint, NewDefinition},
        channel::NewEntry,
        file::{FileKey, Label, NewFile, SnapshotKey},
        location::Location,
    },
};

use crate::{people::id, step::Who};

/// How many changes [`command`] knows.
pub(crate) const KINDS: u8 = 16;

fn name<const N: usize>(letter: &str, number: u8) -> Text<N> {
    Text::cut(&format!("{letter}{number}"))
}

fn label(number: u8) -> Label {
    Text::cut(["/a", "/a/b", "/ab", "/"][usize::from(number % 4)])
}

fn blueprint(number: u8, power: bool) -> NewBlueprint {
    NewBlueprint {
        name: name("b", number),
        kind: name("K", number % 2),
        location_name: name("l", number % 2),
        metadata: Default::default(),
        generation: 0,
        spec: Json::new(format!("{{\"power\":{power}}}")).unwrap(),
        status: None,
    }
}

/// A change of what `number` names; `by` matters where somebody changes itself.
pub(crate) fn command(by: Who, what: u8, number: u8, process: Option<ProcessId>) -> Command {
    let files = Command::Files;
    let blueprints = Command::Blueprints;
    match what {
        0 | 1 => {
            let file = NewFile { label: label(number), name: name("f", number / 2), ..NewFile::default() };
            files(FilesCommand::Add { file })
        }
        2 => {
            let file = FileKey::Named { label: label(number), name: name("f", number / 2) };
            files(FilesCommand::Remove { file })
        }
        3 => files(FilesCommand::RemoveLabel { label: label(number) }),
        4 => files(FilesCommand::CreateSnapshot { name: name("s", number), label: label(number) }),
        5 => files(FilesCommand::RemoveSnapshot { snapshot: SnapshotKey::Name(name("s", number)) }),
        6 => {
            let handler = Handler {
                executor_type: Text::cut("cli"),
                function_name: Text::cut("reconcile"),
                reconcile_interval: i64::from(number) * 5,
            };
            let schema = Json::new(r#"{"required":["power"]}"#).unwrap();
            let definition = NewDefinition {
                name: name("d", number % 2),
                kind: name("K", number % 2),
                schema: Some(schema),
                handler: Some(handler),
                ..NewDefinition::default()
            };
            blueprints(BlueprintsCommand::AddDefinition { definition })
        }
        7 => blueprints(BlueprintsCommand::RemoveDefinition { name: name("d", number % 2) }),
        8 => blueprints(BlueprintsCommand::Add { blueprint: blueprint(number, true) }),
        9 => blueprints(BlueprintsCommand::Update {
            blueprint: blueprint(number, number.is_multiple_of(2)),
            force_generation: number == 3,
        }),
        10 => blueprints(BlueprintsCommand::Remove { name: name("b", number) }),
        11 => blueprints(BlueprintsCommand::Reconcile { name: name("b", number), force: number > 1 }),
        12 => Command::Locations(LocationsCommand::Add {
            location: Location { name: name("l", number), ..Location::default() },
        }),
        13 => Command::Locations(LocationsCommand::Remove { name: name("l", number) }),
        14 => Command::ChangeKey(ChangeKey::User(id(if by == 8 { 4 } else { 8 }))),
        _ => {
            let entry = NewEntry { payload: Bytes::new(vec![number]).unwrap(), ..NewEntry::default() };
            let process = process.unwrap_or_else(|| ProcessId::from_bytes([0; 32]));
            let entries = List::new(vec![entry; usize::from(number)]).unwrap();
            Command::Append(Append { process, channel: Text::cut("c"), token: 0, entries })
        }
    }
}
