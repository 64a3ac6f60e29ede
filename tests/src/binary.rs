//! Finds the `colony` binary under test, and builds it when it is missing or older than its sources.
//!
//! A test cannot name another package's binary as a dependency. Usually `cargo test --workspace` has built it beside the
//! tests; `COLONY_BIN` names another one, such as the release build.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::SystemTime,
};

/// What the binary is made of, relative to the workspace.
const SOURCES: [&str; 6] = ["Cargo.toml", "Cargo.lock", "protocol", "store", "node", "cli"];

/// Where the binary is. The first call of a test program may build it.
///
/// # Panics
/// If `COLONY_BIN` names no file, or the build fails.
#[must_use]
pub fn colony_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| match env::var_os("COLONY_BIN") {
        Some(path) => {
            let path = PathBuf::from(path);
            assert!(path.is_file(), "COLONY_BIN={} is no file", path.display());
            path
        }
        None => beside_the_tests(),
    })
}

/// The root of the workspace.
///
/// # Panics
/// Never: this crate lies in the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// `target/<profile>/colony`, next to the `deps` or `examples` directory this test program runs from.
fn beside_the_tests() -> PathBuf {
    let program = env::current_exe().unwrap();
    let inside = |dir: &Path| dir.ends_with("deps") || dir.ends_with("examples");
    let profile_dir = program.ancestors().find(|dir| !dir.is_file() && !inside(dir)).unwrap();
    let binary = profile_dir.join("colony");
    if is_older_than_its_sources(&binary) {
        build(profile_dir);
    }
    assert!(binary.is_file(), "no binary at {} after the build", binary.display());
    binary
}

fn is_older_than_its_sources(binary: &Path) -> bool {
    let Ok(built) = fs::metadata(binary).and_then(|meta| meta.modified()) else { return true };
    SOURCES.iter().any(|source| newest(&workspace().join(source)) > built)
}

/// When the newest file below a path was written.
fn newest(path: &Path) -> SystemTime {
    let meta = fs::metadata(path).unwrap();
    if !meta.is_dir() {
        return meta.modified().unwrap();
    }
    let entries = fs::read_dir(path).unwrap().map(|entry| newest(&entry.unwrap().path()));
    entries.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

fn build(profile_dir: &Path) {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The whole workspace, so that dependencies have the features they were built with already.
    cargo.args(["build", "--workspace", "--bins"]).current_dir(workspace());
    cargo.env("CARGO_TARGET_DIR", profile_dir.parent().unwrap());
    if profile_dir.ends_with("release") {
        cargo.arg("--release");
    }
    let status = cargo.stdin(Stdio::null()).status().unwrap();
    assert!(status.success(), "cargo build failed");
}
