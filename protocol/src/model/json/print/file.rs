//! Files, labels, snapshots and locations.

use serde_json::{Value, json};

use super::{ColonyContext, rfc3339};
use crate::model::{
    file::{File, FileEntry, LabelEntry, Place, Snapshot},
    location::Location,
};

/// One revision of a file. Keys to a store are never in it: the fields for them are empty.
#[must_use]
pub fn file(file: &File, colony: ColonyContext<'_>) -> Value {
    let said = &file.file;
    json!({
        "fileid": file.id.to_hex(),
        "colonyname": colony.name,
        "label": said.label.as_str(),
        "name": said.name.as_str(),
        "size": said.size,
        "sequencenr": file.id.number(),
        "checksum": said.checksum.as_str(),
        "checksumalg": said.checksum_alg.as_str(),
        "ref": place(&said.place),
        "added": rfc3339(file.added_at),
        "addedby": file.added_by.as_str(),
    })
}

fn place(place: &Place) -> Value {
    match place {
        Place::S3(object) => json!({
            "protocol": "s3",
            "s3object": {
                "server": object.server.as_str(),
                "port": object.port,
                "tls": object.tls,
                "accesskey": "",
                "secretkey": "",
                "region": object.region.as_str(),
                "encryptionkey": "",
                "encryptionalg": object.encryption_alg.as_str(),
                "object": object.object.as_str(),
                "bucket": object.bucket.as_str(),
            },
        }),
        Place::Content(content) => json!({
            "protocol": "content",
            "content": { "algorithm": content.algorithm.as_str(), "hash": content.hash.as_str() },
        }),
    }
}

/// A file in a listing.
#[must_use]
pub fn file_entry(entry: &FileEntry) -> Value {
    let latest = &entry.latest.file;
    let object = match &latest.place {
        Place::S3(object) => object.object.as_str(),
        Place::Content(_) => "",
    };
    json!({
        "name": latest.name.as_str(),
        "checksum": latest.checksum.as_str(),
        "size": latest.size,
        "s3filename": object,
        "fileid": entry.latest.id.to_hex(),
        "revisions": entry.revisions,
        "added": rfc3339(entry.latest.added_at),
    })
}

/// A label in a listing. As in ColonyOS, `files` counts revisions.
#[must_use]
pub fn label(label: &LabelEntry) -> Value {
    json!({ "name": label.label.as_str(), "files": label.revisions })
}

/// A snapshot.
#[must_use]
pub fn snapshot(snapshot: &Snapshot, colony: ColonyContext<'_>) -> Value {
    json!({
        "snapshotid": snapshot.id.to_hex(),
        "colonyname": colony.name,
        "label": snapshot.label.as_str(),
        "name": snapshot.name.as_str(),
        "fileids": snapshot.files.iter().map(|id| id.to_hex()).collect::<Vec<_>>(),
        "added": rfc3339(snapshot.added_at),
    })
}

/// A location.
#[must_use]
pub fn location(location: &Location, colony: ColonyContext<'_>) -> Value {
    json!({
        "locationid": location.id.as_str(),
        "name": location.name.as_str(),
        "colonyname": colony.name,
        "description": location.description.as_str(),
        "long": location.longitude.to_f64(),
        "lat": location.latitude.to_f64(),
    })
}
