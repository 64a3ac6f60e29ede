//! `colony file`, `label` and `snapshot`: what ColonyOS's file system knows about files. The bytes are elsewhere.

use std::{
    fs::File as Opened,
    io::{self, Read as _},
};

use colony_node::client::ClientError;
use colony_protocol::{
    bounded::Text,
    command::{Command, FilesCommand},
    model::file::{FileKey, Label, NewFile, Place, S3Object, SnapshotKey},
    query::{FilesQuery, PAGE_MAX, Query},
    reply::{Answer, Reply},
};
use sha2::{Digest as _, Sha256};

use super::user::too_long;
use crate::{
    app::{App, Session},
    args::{FileAddArgs, FileVerb, LabelVerb, SnapshotVerb},
    error::{Exit, Failure},
    output,
};

/// Bytes of a file that are read at once.
const BUFFER: usize = 64 * 1024;

/// Does what was asked of files.
pub(super) async fn run(app: &App, verb: FileVerb) -> Result<Exit, Failure> {
    match verb {
        FileVerb::Ls(args) => {
            let session = app.reading(args.reading).await?;
            let after = args.what.after.map(Text::new).transpose().map_err(too_long)?;
            let query = FilesQuery::Files { label: label(&args.what.label)?, after, limit: args.what.limit };
            let Answer::FileEntries(entries) = ask(&session, query).await? else {
                return Err(ClientError::Unexpected("to files").into());
            };
            output::files(session.seen(), &entries).print(session.format())?;
        }
        FileVerb::Get(args) => {
            let session = app.reading(args.reading).await?;
            let query = FilesQuery::File { file: key(&args.what.file.file)?, latest: !args.what.all };
            let Answer::Files(files) = ask(&session, query).await? else {
                return Err(ClientError::Unexpected("to a file").into());
            };
            let listing = output::revisions(session.seen(), &files);
            if args.what.all { listing.print(session.format())? } else { session.print_one(listing)? }
        }
        FileVerb::Add(args) => return add(app, args).await,
        FileVerb::Rm(args) => {
            let removed = change(app, FilesCommand::Remove { file: key(&args.file)? }).await?;
            output::note(&format!("{} removed", count(removed, "revision")));
        }
    }
    Ok(Exit::DONE)
}

/// Does what was asked of labels.
pub(super) async fn labels(app: &App, verb: LabelVerb) -> Result<Exit, Failure> {
    match verb {
        LabelVerb::Ls(args) => {
            let session = app.reading(args.reading).await?;
            let prefix = label(&args.what.label)?;
            let (mut after, mut all): (Option<Label>, Vec<_>) = (None, Vec::new());
            loop {
                let query =
                    FilesQuery::Labels { prefix: prefix.clone(), exact: true, after, limit: PAGE_MAX };
                let Answer::Labels(page) = ask(&session, query).await? else {
                    return Err(ClientError::Unexpected("to labels").into());
                };
                after = page.last().map(|last| last.label.clone());
                all.extend(page);
                if after.is_none() {
                    break;
                }
            }
            output::labels(&all).print(session.format())?;
        }
        LabelVerb::Rm(args) => {
            let label = label(&args.label)?;
            let mut removed = 0_u64;
            // One request removes a bounded number.
            loop {
                let some = change(app, FilesCommand::RemoveLabel { label: label.clone() }).await?;
                removed = removed.saturating_add(some);
                if some == 0 {
                    break;
                }
            }
            output::note(&format!("{} removed", count(removed, "revision")));
        }
    }
    Ok(Exit::DONE)
}

/// Does what was asked of snapshots.
pub(super) async fn snapshots(app: &App, verb: SnapshotVerb) -> Result<Exit, Failure> {
    match verb {
        SnapshotVerb::Create(args) => {
            let name = Text::new(args.name.as_str()).map_err(too_long)?;
            let command = FilesCommand::CreateSnapshot { name, label: label(&args.label)? };
            let session = app.session()?;
            let Reply::SnapshotCreated(id) = session.client.command(&Command::Files(command)).await? else {
                return Err(ClientError::Unexpected("to a new snapshot").into());
            };
            output::note(&format!("{} keeps what is in {} now", args.name, args.label));
            output::data(&id.to_hex())?;
        }
        SnapshotVerb::Ls(reading) => {
            let session = app.reading(reading).await?;
            let query = FilesQuery::Snapshots { before: None, limit: PAGE_MAX };
            let Answer::Snapshots(snapshots) = ask(&session, query).await? else {
                return Err(ClientError::Unexpected("to snapshots").into());
            };
            output::snapshots(session.seen(), &snapshots).print(session.format())?;
        }
        SnapshotVerb::Get(args) => {
            let session = app.reading(args.reading).await?;
            let snapshot = SnapshotKey::Name(Text::new(args.what.name.as_str()).map_err(too_long)?);
            let mut files = Vec::new();
            loop {
                let (snapshot, from) = (snapshot.clone(), files.len() as u64);
                let query = FilesQuery::SnapshotFiles { snapshot, from, limit: PAGE_MAX };
                let Answer::Files(page) = ask(&session, query).await? else {
                    return Err(ClientError::Unexpected("to a snapshot").into());
                };
                if page.is_empty() {
                    break;
                }
                files.extend(page);
            }
            output::revisions(session.seen(), &files).print(session.format())?;
        }
        SnapshotVerb::Rm(args) => {
            let snapshot = SnapshotKey::Name(Text::new(args.name.as_str()).map_err(too_long)?);
            let removed = change(app, FilesCommand::RemoveSnapshot { snapshot }).await?;
            let word = if removed == 0 { "was not there" } else { "removed" };
            output::note(&format!("{} {word}", args.name));
        }
    }
    Ok(Exit::DONE)
}

async fn add(app: &App, args: FileAddArgs) -> Result<Exit, Failure> {
    let here = args.path.display();
    let unreadable = |error: io::Error| Failure::usage(format!("cannot read {here}: {error}"));
    let name = match args.name {
        Some(name) => name,
        None => args.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let (size, checksum) = Opened::open(&args.path).and_then(measure).map_err(unreadable)?;
    let object = S3Object {
        server: Text::new(args.server).map_err(too_long)?,
        port: -1,
        tls: args.tls,
        object: Text::new(args.object).map_err(too_long)?,
        bucket: Text::new(args.bucket).map_err(too_long)?,
        ..S3Object::default()
    };
    let file = NewFile {
        label: label(&args.label)?,
        name: Text::new(name).map_err(too_long)?,
        size,
        checksum: Text::cut(&checksum),
        checksum_alg: Text::cut("SHA256"),
        place: Place::S3(object),
    };
    let session = app.session()?;
    let command = Command::Files(FilesCommand::Add { file });
    let Reply::FileAdded(id) = session.client.command(&command).await? else {
        return Err(ClientError::Unexpected("to a new file").into());
    };
    output::data(&id.to_hex())?;
    Ok(Exit::DONE)
}

/// How large a file is, and its SHA-256 in hexadecimal.
fn measure(mut file: Opened) -> io::Result<(u64, String)> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; BUFFER];
    let mut size = 0_u64;
    loop {
        let read = file.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        hash.update(part);
        size = size.saturating_add(part.len() as u64);
    }
    Ok((size, hex::encode(hash.finalize())))
}

async fn ask(session: &Session, query: FilesQuery) -> Result<Answer, Failure> {
    Ok(session.client.query(&Query::Files(query)).await?)
}

/// Changes something; says how many were removed.
async fn change(app: &App, command: FilesCommand) -> Result<u64, Failure> {
    match app.session()?.client.command(&Command::Files(command)).await? {
        Reply::Removed(count) => Ok(count),
        _ => Err(ClientError::Unexpected("to a removal").into()),
    }
}

/// `1 revision`, `2 revisions`.
fn count(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A label as ColonyOS's clients write it: with a slash in front and none behind.
fn label(text: &str) -> Result<Label, Failure> {
    let path = text.trim_matches('/');
    Text::new(format!("/{path}")).map_err(too_long)
}

/// A file as people name it: `/data/in.csv`, or the id of a revision.
fn key(text: &str) -> Result<FileKey, Failure> {
    if let Ok(id) = text.parse() {
        return Ok(FileKey::Id(id));
    }
    let Some((path, name)) = text.rsplit_once('/') else {
        return Err(Failure::usage(format!("`{text}` is neither a path such as /data/in.csv nor an id")));
    };
    Ok(FileKey::Named { label: label(path)?, name: Text::new(name).map_err(too_long)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_by_its_path_or_by_an_id() {
        let named = |label, name| FileKey::Named { label: Text::cut(label), name: Text::cut(name) };
        assert_eq!(key("/data/in.csv").unwrap(), named("/data", "in.csv"));
        assert_eq!(key("data/x/in.csv").unwrap(), named("/data/x", "in.csv"));
        assert_eq!(key("/in.csv").unwrap(), named("/", "in.csv"));
        assert!(matches!(key(&"ab".repeat(32)).unwrap(), FileKey::Id(_)));
        assert!(key("in.csv").is_err());
    }
}
