//! ColonyFS: files, labels and snapshots. Only what is said about files passes here; their bytes go to a store elsewhere.
//!
//! What may never happen: a key to a store in a row. Clients that send theirs along lose nothing: they have them.

use super::{Ask, Fault, Show, Then, message::Message};
use crate::{
    bounded::Text,
    command::{Command, FilesCommand},
    model::{
        FileId, Name, SnapshotId,
        file::{ContentRef, FileKey, NewFile, Place, S3Object, SnapshotKey},
        json::{
            SpecError,
            read::{Field, FromField as _},
        },
    },
    query::{FilesQuery, PAGE_MAX, Query},
};

pub(super) fn read(kind: &str, message: &mut Message<'_>) -> Result<Option<Ask>, Fault> {
    Ok(Some(match kind {
        "addfilemsg" => {
            let (place, file) = message.object(&["file"], file)?;
            Ask::change(place, Command::Files(FilesCommand::Add { file }), Then::Made)
        }
        "getfilemsg" => {
            let query = FilesQuery::File { file: file_key(message)?, latest: message.get(&["latest"])? };
            Ask::read(message.colony()?, Query::Files(query), Show::Rows)
        }
        "getfilesmsg" => {
            let query = FilesQuery::Files { label: message.get(&["label"])?, after: None, limit: PAGE_MAX };
            Ask::read_all(message.colony()?, Query::Files(query), Show::Rows)
        }
        "getfilelabelsmsg" => {
            let (prefix, exact) = (message.get(&["name"])?, message.get(&["exact"])?);
            let query = FilesQuery::Labels { prefix, exact, after: None, limit: PAGE_MAX };
            Ask::read_all(message.colony()?, Query::Files(query), Show::Rows)
        }
        "removefilemsg" => {
            let file = file_key(message)?;
            Ask::change(message.colony()?, Command::Files(FilesCommand::Remove { file }), Then::Nothing)
        }
        "createsnapshotmsg" => {
            let (name, label) = (message.name(&["name"])?, message.get(&["label"])?);
            let command = FilesCommand::CreateSnapshot { name, label };
            Ask::change(message.colony()?, Command::Files(command), Then::Made)
        }
        "getsnapshotmsg" => {
            let query = FilesQuery::Snapshot(snapshot_key(message)?);
            Ask::read(message.colony()?, Query::Files(query), Show::Rows)
        }
        "getsnapshotsmsg" => {
            let query = FilesQuery::Snapshots { before: None, limit: PAGE_MAX };
            Ask::read_all(message.colony()?, Query::Files(query), Show::Rows)
        }
        "removesnapshotmsg" => {
            let command = FilesCommand::RemoveSnapshot { snapshot: snapshot_key(message)? };
            Ask::change(message.colony()?, Command::Files(command), Then::Nothing)
        }
        "removeallsnapshotmsg" | "removeallsnapshotsmsg" => {
            Ask::change(message.colony()?, Command::Files(FilesCommand::RemoveSnapshots), Then::Nothing)
        }
        _ => return Ok(None),
    }))
}

/// A file by its id, or by its label and its name.
fn file_key(message: &mut Message<'_>) -> Result<FileKey, Fault> {
    let id: Name = message.get(&["fileid"])?;
    if !id.is_empty() {
        let id: FileId = id.parse().map_err(|_| Fault::missing("Failed to get file"))?;
        return Ok(FileKey::Id(id));
    }
    let (label, name): (Text<1024>, Name) = (message.get(&["label"])?, message.name(&["name"])?);
    if label.is_empty() || name.is_empty() {
        return Err(Fault::bad("malformatted get file msg: it needs a fileid, or a label and a name"));
    }
    Ok(FileKey::Named { label, name })
}

/// A snapshot by its id, or by its name.
fn snapshot_key(message: &mut Message<'_>) -> Result<SnapshotKey, Fault> {
    let id: Name = message.get(&["snapshotid"])?;
    if !id.is_empty() {
        let id: SnapshotId = id.parse().map_err(|_| Fault::missing(format!("Snapshot {id} not found")))?;
        return Ok(SnapshotKey::Id(id));
    }
    let name = message.name(&["name"])?;
    if name.is_empty() {
        return Err(Fault::bad("a snapshotid or a name is needed"));
    }
    Ok(SnapshotKey::Name(name))
}

fn file(field: &Field<'_>) -> Result<NewFile, SpecError> {
    let mut object = field.object()?;
    let size = object.read_with(&["size"], |field| {
        u64::try_from(i64::from_field(field)?).map_err(|_| field.wrong("a size is not negative"))
    })?;
    Ok(NewFile {
        label: object.read(&["label"])?,
        name: object.read(&["name"])?,
        size,
        checksum: object.read(&["checksum"])?,
        checksum_alg: object.read(&["checksumalg"])?,
        place: object.read_with(&["ref"], place)?,
    })
}

fn place(field: &Field<'_>) -> Result<Place, SpecError> {
    let mut object = field.object()?;
    if let Some(content) = object.take(&["content"])? {
        let mut content = content.object()?;
        let content = ContentRef { algorithm: content.read(&["algorithm"])?, hash: content.read(&["hash"])? };
        return Ok(Place::Content(content));
    }
    object.read_with(&["s3object"], s3_object).map(Place::S3)
}

fn s3_object(field: &Field<'_>) -> Result<S3Object, SpecError> {
    let mut object = field.object()?;
    Ok(S3Object {
        server: object.read(&["server"])?,
        port: object.read_with(&["port"], i32::from_field)?,
        tls: object.read(&["tls"])?,
        region: object.read(&["region"])?,
        encryption_alg: object.read(&["encryptionalg"])?,
        object: object.read(&["object"])?,
        bucket: object.read(&["bucket"])?,
    })
}
