//! Scratch directories: one for each attempt, empty but for the process's input, gone afterwards.
//!
//! Only this user may look inside. Dropping a [`Scratch`] removes it; [`Scratch::finish`] does so without holding up
//! other tasks. A directory that an attempt left as it got it, empty and private, is as good as a new one and serves
//! a later attempt: making and removing one costs more than running a small program on many file systems.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use colony_protocol::{
    bounded::Json,
    model::{Process, Values},
};
use tokio::fs as later;

/// Nobody else may read what a process left here, or put a file in its way.
const MODE: u32 = 0o700;

/// Why a scratch directory or a file in it could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make {}: {}", path.display(), super::ending::describe(source))]
pub struct ScratchError {
    /// What could not be made.
    path: PathBuf,
    /// Why not.
    source: io::Error,
}

impl ScratchError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// Most empty directories kept for later attempts.
const SPARE_MAX: usize = 64;

/// The directory of one running executor, in which attempts have theirs. Removed with the executor.
#[derive(Debug)]
pub(super) struct ScratchRoot {
    /// Where it is.
    path: PathBuf,
    /// Empty directories in it that nobody uses.
    spare: Mutex<Vec<PathBuf>>,
    /// How many directories were made; names the next one.
    made: AtomicU64,
}

impl ScratchRoot {
    /// Makes a directory below `base` that nobody else uses.
    pub(super) fn create(base: &Path, unique: [u8; 8]) -> Result<Self, ScratchError> {
        fs::create_dir_all(base).map_err(ScratchError::at(base))?;
        let path = base.join(format!("colony-{:016x}", u64::from_be_bytes(unique)));
        DirBuilder::new().mode(MODE).create(&path).map_err(ScratchError::at(&path))?;
        Ok(Self { path, spare: Mutex::default(), made: AtomicU64::new(0) })
    }

    /// An empty directory.
    async fn take(&self) -> Result<PathBuf, ScratchError> {
        if let Some(path) = self.spare().pop() {
            return Ok(path);
        }
        let path = self.path.join(self.made.fetch_add(1, Ordering::Relaxed).to_string());
        later::DirBuilder::new().mode(MODE).create(&path).await.map_err(ScratchError::at(&path))?;
        Ok(path)
    }

    /// Keeps a directory for a later attempt, if it is like a new one.
    fn keep(&self, path: &Path) -> bool {
        let mut spare = self.spare();
        let kept = spare.len() < SPARE_MAX && is_like_new(path);
        if kept {
            spare.push(path.to_owned());
        }
        kept
    }

    fn spare(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ScratchRoot {
    fn drop(&mut self) {
        clear(&self.path);
    }
}

fn is_like_new(path: &Path) -> bool {
    let private = fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_dir() && found.permissions().mode() & 0o7777 == MODE);
    private && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Where the input of a process stands.
#[derive(Debug)]
pub(super) struct InputFiles {
    /// One value per line, strings without their quotes.
    pub(super) text: PathBuf,
    /// A JSON array.
    pub(super) json: PathBuf,
}

/// The directory of one attempt.
#[derive(Debug)]
pub(super) struct Scratch {
    /// Where it is; `None` once it is removed.
    path: Option<PathBuf>,
    /// The input, if there is some.
    pub(super) input: Option<InputFiles>,
    /// A JSON object with the named arguments, if there are some.
    pub(super) kwargs: Option<PathBuf>,
}

impl Scratch {
    /// Makes the directory of one attempt and writes the process's input into it.
    pub(super) async fn create(root: &ScratchRoot, process: &Process) -> Result<Self, ScratchError> {
        let path = root.take().await?;
        let mut scratch = Self { path: Some(path.clone()), input: None, kwargs: None };
        if !process.input.is_empty() {
            let files = InputFiles { text: path.join("input.txt"), json: path.join("input.json") };
            write(&files.text, plain(&process.input)).await?;
            write(&files.json, array(&process.input)).await?;
            scratch.input = Some(files);
        }
        if !process.spec.kwargs.is_empty() {
            let file = path.join("kwargs.json");
            let entries = process.spec.kwargs.iter().map(|(name, value)| (Json::string(name), value));
            write(&file, object(entries)).await?;
            scratch.kwargs = Some(file);
        }
        Ok(scratch)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or_else(|| Path::new("/"))
    }

    /// Removes it with all that the program left there, or hands it on if that is nothing.
    pub(super) async fn finish(mut self, root: &ScratchRoot) {
        let Some(path) = self.path.take() else { return };
        if root.keep(&path) {
            return;
        }
        // Anything may lie here, in any number: not on the threads that everybody shares.
        if let Err(error) = later::remove_dir_all(&path).await {
            tracing::warn!(path = %path.display(), %error, "cannot remove a scratch directory");
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            clear(&path);
        }
    }
}

async fn write(path: &Path, text: String) -> Result<(), ScratchError> {
    later::write(path, text).await.map_err(ScratchError::at(path))
}

fn clear(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::warn!(path = %path.display(), %error, "cannot remove a scratch directory");
    }
}

fn plain(values: &Values) -> String {
    values.iter().map(|value| value.to_plain() + "\n").collect()
}

fn array(values: &Values) -> String {
    let texts: Vec<&str> = values.iter().map(Json::as_text).collect();
    format!("[{}]\n", texts.join(","))
}

fn object<'a>(entries: impl Iterator<Item = (Json, &'a Json)>) -> String {
    let texts: Vec<String> =
        entries.map(|(name, value)| format!("{}:{}", name.as_text(), value.as_text())).collect();
    format!("{{{}}}\n", texts.join(","))
}

#[cfg(test)]
mod tests {
    use colony_protocol::bounded::List;

    use super::*;

    #[test]
    fn input_is_written_for_shells_and_for_parsers() {
        let values = ["\"12\"", "3.5", "[1,\"a\"]"].map(|text| Json::new(text).unwrap());
        let values = List::new(values.to_vec()).unwrap();
        assert_eq!(plain(&values), "12\n3.5\n[1,\"a\"]\n");
        assert_eq!(array(&values), "[\"12\",3.5,[1,\"a\"]]\n");
        assert_eq!(object([(Json::string("k\""), &values[1])].into_iter()), "{\"k\\\"\":3.5}\n");
    }

    #[test]
    fn a_directory_is_like_new_only_if_it_is_empty_and_private() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("0");
        DirBuilder::new().mode(MODE).create(&path).unwrap();
        assert!(is_like_new(&path));
        fs::write(path.join(".hidden"), "").unwrap();
        assert!(!is_like_new(&path));
        fs::remove_file(path.join(".hidden")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(!is_like_new(&path));
        fs::remove_dir(&path).unwrap();
        assert!(!is_like_new(&path));
    }

    #[test]
    fn a_place_that_cannot_be_made_is_named() {
        let error = ScratchRoot::create(Path::new("/proc/nowhere"), [1; 8]).unwrap_err();
        assert_eq!(error.to_string(), "cannot make /proc/nowhere: No such file or directory");
    }
}
