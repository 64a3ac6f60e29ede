//! Files, snapshots, locations, blueprints and channels, as people and programs see them.

use colony_protocol::model::{
    blueprint::{Blueprint, BlueprintChange, Definition},
    channel::ChannelInfo,
    file::{File, FileEntry, LabelEntry, Place, Snapshot},
    json,
    location::Location,
};
use serde_json::json;

use super::Seen;
use crate::output::{
    age::ago,
    listing::{Listing, Row, column, wide},
};

/// Files of a label as rows.
pub(crate) fn files(seen: Seen<'_>, entries: &[FileEntry]) -> Listing {
    let columns = vec![column("NAME"), column("SIZE"), column("REVISIONS"), column("ADDED"), wide("FILEID")];
    let row = |entry: &FileEntry| Row {
        cells: vec![
            entry.latest.file.name.to_string(),
            entry.latest.file.size.to_string(),
            entry.revisions.to_string(),
            ago(seen.now, entry.latest.added_at),
            entry.latest.id.to_hex(),
        ],
        json: json::file_entry(entry),
        quiet: entry.latest.file.name.to_string(),
    };
    Listing { columns, rows: entries.iter().map(row).collect(), empty: "no files in this label" }
}

/// Revisions of files as rows.
pub(crate) fn revisions(seen: Seen<'_>, files: &[File]) -> Listing {
    let columns = ["FILE", "REVISION", "SIZE", "ADDED", "BY", "CHECKSUM", "PLACE", "FILEID"].map(column);
    let row = |file: &File| {
        let said = &file.file;
        let label = said.label.trim_end_matches('/');
        Row {
            cells: vec![
                format!("{label}/{}", said.name),
                file.id.number().to_string(),
                said.size.to_string(),
                ago(seen.now, file.added_at),
                file.added_by.to_string(),
                format!("{} {}", said.checksum_alg, said.checksum),
                place(&said.place),
                file.id.to_hex(),
            ],
            json: json::file(file, seen.context()),
            quiet: file.id.to_hex(),
        }
    };
    Listing { columns: columns.into(), rows: files.iter().map(row).collect(), empty: "no files" }
}

fn place(place: &Place) -> String {
    match place {
        Place::S3(object) => format!("s3://{}/{}/{}", object.server, object.bucket, object.object),
        Place::Content(content) => format!("{}:{}", content.algorithm, content.hash),
    }
}

/// Labels as rows.
pub(crate) fn labels(labels: &[LabelEntry]) -> Listing {
    let columns = vec![column("LABEL"), column("FILES"), column("REVISIONS")];
    let row = |label: &LabelEntry| Row {
        cells: vec![label.label.to_string(), label.files.to_string(), label.revisions.to_string()],
        json: json::label(label),
        quiet: label.label.to_string(),
    };
    Listing { columns, rows: labels.iter().map(row).collect(), empty: "no labels" }
}

/// Snapshots as rows.
pub(crate) fn snapshots(seen: Seen<'_>, snapshots: &[Snapshot]) -> Listing {
    let columns = vec![
        column("NAME"),
        column("LABEL"),
        column("FILES"),
        column("ADDED"),
        column("BY"),
        wide("SNAPSHOTID"),
    ];
    let row = |snapshot: &Snapshot| Row {
        cells: vec![
            snapshot.name.to_string(),
            snapshot.label.to_string(),
            snapshot.files.len().to_string(),
            ago(seen.now, snapshot.added_at),
            snapshot.added_by.to_string(),
            snapshot.id.to_hex(),
        ],
        json: json::snapshot(snapshot, seen.context()),
        quiet: snapshot.name.to_string(),
    };
    Listing { columns, rows: snapshots.iter().map(row).collect(), empty: "no snapshots" }
}

/// Locations as rows.
pub(crate) fn locations(seen: Seen<'_>, locations: &[Location]) -> Listing {
    let columns = vec![column("NAME"), column("LONG"), column("LAT"), column("DESCRIPTION")];
    let row = |location: &Location| Row {
        cells: vec![
            location.name.to_string(),
            format!("{:.4}", location.longitude.to_f64()),
            format!("{:.4}", location.latitude.to_f64()),
            location.description.to_string(),
        ],
        json: json::location(location, seen.context()),
        quiet: location.name.to_string(),
    };
    Listing { columns, rows: locations.iter().map(row).collect(), empty: "no locations" }
}

/// Blueprints as rows.
pub(crate) fn blueprints(seen: Seen<'_>, blueprints: &[Blueprint]) -> Listing {
    let columns = vec![
        column("NAME"),
        column("KIND"),
        column("LOCATION"),
        column("GEN"),
        column("CHANGED"),
        wide("BLUEPRINTID"),
    ];
    let row = |blueprint: &Blueprint| Row {
        cells: vec![
            blueprint.blueprint.name.to_string(),
            blueprint.blueprint.kind.to_string(),
            blueprint.blueprint.location_name.to_string(),
            blueprint.blueprint.generation.to_string(),
            ago(seen.now, blueprint.changed_at),
            blueprint.id.to_hex(),
        ],
        json: json::blueprint(blueprint, seen.context()),
        quiet: blueprint.blueprint.name.to_string(),
    };
    Listing { columns, rows: blueprints.iter().map(row).collect(), empty: "no blueprints" }
}

/// Definitions as rows.
pub(crate) fn definitions(seen: Seen<'_>, definitions: &[Definition]) -> Listing {
    let columns =
        vec![column("NAME"), column("KIND"), column("TYPE"), column("FUNCTION"), column("INTERVAL")];
    let row = |definition: &Definition| {
        let said = &definition.definition;
        let handler = said.handler.clone().unwrap_or_default();
        let interval = match handler.reconcile_interval {
            0 => String::new(),
            seconds => format!("{seconds}s"),
        };
        Row {
            cells: vec![
                said.name.to_string(),
                said.kind.to_string(),
                handler.executor_type.to_string(),
                handler.function_name.to_string(),
                interval,
            ],
            json: json::definition(definition, seen.context()),
            quiet: said.name.to_string(),
        }
    };
    Listing { columns, rows: definitions.iter().map(row).collect(), empty: "no blueprint definitions" }
}

/// Changes of a blueprint as rows.
pub(crate) fn blueprint_changes(seen: Seen<'_>, changes: &[BlueprintChange]) -> Listing {
    let columns = vec![column("GEN"), column("AGE"), column("CHANGE"), column("SPEC"), wide("BY")];
    let row = |change: &BlueprintChange| Row {
        cells: vec![
            change.generation.to_string(),
            ago(seen.now, change.at),
            if change.created { "create" } else { "update" }.to_owned(),
            change.spec.as_text().to_owned(),
            change.by.to_hex(),
        ],
        json: json::blueprint_change(change, seen.context()),
        quiet: change.generation.to_string(),
    };
    Listing { columns, rows: changes.iter().map(row).collect(), empty: "no changes" }
}

/// Channels of a process as rows.
pub(crate) fn channels(channels: &[ChannelInfo]) -> Listing {
    let columns = vec![column("CHANNEL"), column("ENTRIES"), column("BYTES"), column("STATE")];
    let row = |channel: &ChannelInfo| {
        let state = if channel.closed { "closed" } else { "open" };
        Row {
            cells: vec![
                channel.name.to_string(),
                channel.entries.to_string(),
                channel.bytes.to_string(),
                state.to_owned(),
            ],
            json: json!({
                "name": channel.name.as_str(),
                "entries": channel.entries,
                "bytes": channel.bytes,
                "closed": channel.closed,
            }),
            quiet: channel.name.to_string(),
        }
    };
    Listing { columns, rows: channels.iter().map(row).collect(), empty: "the process declared no channels" }
}
