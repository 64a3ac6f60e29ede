//! The book of peers on disk: one small file beside the store, replaced as a whole.
//!
//! It is a convenience, not a record: a node without it asks its bootstrap peers. So what cannot be read is empty, what
//! cannot be written is told once, and nothing waits for the disk.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use tokio::sync::oneshot;

use super::book::{BYTES_MAX, Book};
use crate::runtime::Runtime;

/// The file's name in the data directory.
pub const PEERS_FILE: &str = "peers.cbor";

/// Reads the book; an empty one if there is none that can be read.
pub(super) async fn read(path: PathBuf, runtime: &Runtime) -> Book {
    let (done, book) = oneshot::channel();
    runtime.thread("peer book", move || {
        let bytes = bytes(&path).unwrap_or_default();
        // Whoever wanted it may be gone.
        done.send(Book::from_bytes(&bytes)).ok();
    });
    book.await.unwrap_or_default()
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(BYTES_MAX as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes the book, and completes when that is done or has failed.
pub(super) async fn write(path: PathBuf, book: &Book, runtime: &Runtime) {
    let bytes = book.to_bytes();
    let (done, written) = oneshot::channel();
    runtime.thread("peer book", move || {
        if let Err(error) = replace(&path, &bytes) {
            tracing::debug!(path = %path.display(), %error, "known peers are not remembered");
        }
        // Whoever wanted it may be gone.
        done.send(()).ok();
    });
    written.await.ok();
}

/// A crash leaves the old file or the new one, never half of one.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&new, path)
}
