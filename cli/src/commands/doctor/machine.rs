//! What the machine is like: a write to its disk, the room on it, the keys of the home.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use colony_node::doctor::{
    Check,
    facts::{KeyFile, Space},
    machine,
};

use crate::{app::App, context::Home};

/// Writes that are measured; the middle one counts.
const WRITES: usize = 9;
/// Bytes of each: a page, as the store's smallest write.
const PAGE: [u8; 4096] = [0x5a; 4096];

/// Looks at it.
pub(super) fn examine(app: &App, home: &Home) -> Vec<Check> {
    let data = existing(&home.data());
    vec![machine::disk(&latency(app, &data)), machine::space(space(&data)), machine::keys(&keys(home.path()))]
}

/// The directory, or the nearest one above it that exists: a home is made when something is written to it.
fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.is_dir()).unwrap_or(path).to_owned()
}

/// How long it takes until a page is safe.
fn latency(app: &App, directory: &Path) -> Result<Duration, io::Error> {
    let path = directory.join(format!(".doctor-{}", std::process::id()));
    let measured = write_often(app, &path);
    // Not there if it could not be made.
    fs::remove_file(&path).ok();
    measured
}

fn write_often(app: &App, path: &Path) -> Result<Duration, io::Error> {
    let mut file = File::create_new(path)?;
    let mut took = Vec::new();
    for _ in 0..WRITES {
        let begun = app.runtime.elapsed();
        file.write_all(&PAGE)?;
        file.sync_data()?;
        took.push(app.runtime.elapsed().saturating_sub(begun));
    }
    took.sort();
    Ok(took.get(WRITES / 2).copied().unwrap_or_default())
}

fn space(directory: &Path) -> Option<Space> {
    let told = nix::sys::statvfs::statvfs(directory).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(told.fragment_size());
    Some(Space { free: bytes(told.blocks_available()), total: bytes(told.blocks()) })
}

/// The key files of a home; none if it has none.
fn keys(home: &Path) -> Vec<KeyFile> {
    let entries = fs::read_dir(home.join("keys")).into_iter().flatten().flatten();
    let mut found: Vec<KeyFile> = entries
        .filter_map(|entry| {
            let mode = entry.metadata().ok().filter(fs::Metadata::is_file)?.permissions().mode();
            Some(KeyFile { path: entry.path(), mode })
        })
        .collect();
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}
