//! The directory that holds what one user, or one node, keeps on this machine.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use colony_protocol::identity::{Identity, IdentityError, SecretKey};
use serde::{Serialize, de::DeserializeOwned};

use super::{Context, Contexts, MadeFile, NodeFile, Running, file, keys};
use crate::{error::Failure, hint::Hint, names::numbered};

/// The file with the contexts.
const CONTEXTS: &str = "contexts.toml";
/// The file about this home's node.
const NODE: &str = "node.toml";
/// Where the colonies stand that a node has made for others.
const MADE: &str = "made.toml";
/// What a running node says about itself.
const RUNNING: &str = "running.toml";
/// The directory with the node's store.
const DATA: &str = "data";
/// The name of the node's key.
const NODE_KEY: &str = "node";
/// The directory with the keys.
const KEYS: &str = "keys";

/// Why something in the home could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HomeError {
    /// The system names no data directory for this user.
    #[error("cannot tell where to keep data: neither HOME nor XDG_DATA_HOME is set")]
    Nowhere,
    /// A file or directory could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file or directory could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not the TOML it should be.
    #[error("{}: {source}", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: toml::de::Error,
    },
    /// Something could not be written as TOML.
    #[error("cannot write a file of this home: {0}")]
    Format(#[from] toml::ser::Error),
    /// A key file holds no key.
    #[error("{}: {source}", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: IdentityError,
    },
    /// A key file can be read by others.
    #[error("{} can be read by others: its mode is {mode:o}, not 600", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A name that would lead out of the directory.
    #[error("{0:?} cannot be the name of a key: use letters, digits, - and _")]
    Name(String),
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        match &error {
            HomeError::Form { .. } | HomeError::Name(_) => Self::usage(error.to_string()),
            HomeError::Key { .. } | HomeError::Open { .. } => {
                Self::usage(error.to_string()).hint(Hint::Contexts)
            }
            _ => Self::new(error.to_string()),
        }
    }
}

/// A home directory; nothing is made before something is written.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    /// Where it is.
    path: PathBuf,
}

impl Home {
    /// The directory given, or the user's data directory.
    pub(crate) fn open(given: Option<&Path>) -> Result<Self, HomeError> {
        let path = match given {
            Some(path) => path.to_owned(),
            None => directories::BaseDirs::new().ok_or(HomeError::Nowhere)?.data_dir().join("colony"),
        };
        Ok(Self { path })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the contexts; none if there are none yet.
    pub(crate) fn contexts(&self) -> Result<Contexts, HomeError> {
        Ok(self.read(CONTEXTS)?.unwrap_or_default())
    }

    /// Replaces the contexts.
    pub(crate) fn write_contexts(&self, contexts: &Contexts) -> Result<(), HomeError> {
        self.write(CONTEXTS, contexts)
    }

    /// Removes the context of a colony that this home is no member of any more, unless it has the owner's key. The current
    /// one is then whichever is left, if any.
    pub(crate) fn forget_membership(&self, name: &str) -> Result<(), HomeError> {
        let mut contexts = self.contexts()?;
        if contexts.contexts.get(name).is_none_or(|context| context.owner_key.is_some()) {
            return Ok(());
        }
        contexts.contexts.remove(name);
        if contexts.current.as_deref() == Some(name) {
            contexts.current = contexts.contexts.keys().next().cloned();
        }
        self.write_contexts(&contexts)
    }

    /// Adds or replaces a context and makes it the current one.
    pub(crate) fn choose_context(&self, name: &str, context: Context) -> Result<(), HomeError> {
        let mut contexts = self.contexts()?;
        contexts.contexts.insert(name.to_owned(), context);
        contexts.current = Some(name.to_owned());
        self.write_contexts(&contexts)
    }

    /// The name for a colony's context: that of the context it has already, else the colony's own, numbered if
    /// another colony's context has it.
    pub(crate) fn context_name(&self, colony: &str, id: &Identity) -> Result<String, HomeError> {
        let contexts = self.contexts()?;
        let mut of_colony = contexts.contexts.iter().filter(|(_, context)| context.colony_id == *id);
        if let Some((name, _)) = of_colony.next() {
            return Ok(name.clone());
        }
        let free = numbered(colony).find(|name| !contexts.contexts.contains_key(name));
        Ok(free.unwrap_or_else(|| colony.to_owned()))
    }

    /// Reads what its node is told; nothing if there is no node here yet.
    pub(crate) fn node(&self) -> Result<NodeFile, HomeError> {
        Ok(self.read(NODE)?.unwrap_or_default())
    }

    /// Replaces what its node is told.
    pub(crate) fn write_node(&self, node: &NodeFile) -> Result<(), HomeError> {
        self.write(NODE, node)
    }

    /// The colonies that its node has made for others, through the door for ColonyOS's clients.
    pub(crate) fn made(&self) -> Result<MadeFile, HomeError> {
        Ok(self.read(MADE)?.unwrap_or_default())
    }

    /// Replaces them.
    pub(crate) fn write_made(&self, made: &MadeFile) -> Result<(), HomeError> {
        self.write(MADE, made)
    }

    /// The node that says it runs in this home. It may have been killed since.
    pub(crate) fn running(&self) -> Result<Option<Running>, HomeError> {
        self.read(RUNNING)
    }

    /// Says that a node runs in this home, or that it does no more.
    pub(crate) fn set_running(&self, running: Option<&Running>) -> Result<(), HomeError> {
        let path = self.path.join(RUNNING);
        match running {
            Some(running) => self.write(RUNNING, running),
            None => fs::remove_file(&path).map_err(|source| HomeError::Write { path, source }),
        }
    }

    /// Where its node keeps what it must remember.
    pub(crate) fn data(&self) -> PathBuf {
        self.path.join(DATA)
    }

    /// Where its node's key is, relative to the home as contexts name it.
    pub(crate) fn node_key_path() -> Result<PathBuf, HomeError> {
        Self::key_path(NODE_KEY)
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, HomeError> {
        let path = self.path.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map(Some).map_err(|source| HomeError::Form { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(HomeError::Read { path, source }),
        }
    }

    fn write(&self, name: &str, value: &impl Serialize) -> Result<(), HomeError> {
        let text = toml::to_string_pretty(value)?;
        self.replace(&self.path.join(name), text.as_bytes())
    }

    /// The path of a key, relative to the home as contexts name it.
    pub(crate) fn key_path(name: &str) -> Result<PathBuf, HomeError> {
        let sound = !name.is_empty()
            && name.len() <= 200
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !sound {
            return Err(HomeError::Name(name.to_owned()));
        }
        Ok(Path::new(KEYS).join(format!("{name}.key")))
    }

    /// Reads a key; `path` is relative to the home, or absolute.
    pub(crate) fn key(&self, path: &Path) -> Result<SecretKey, HomeError> {
        keys::read(&self.path.join(path))
    }

    /// Writes a key.
    pub(crate) fn write_key(&self, path: &Path, key: &SecretKey) -> Result<(), HomeError> {
        self.replace(&self.path.join(path), format!("{}\n", key.to_hex()).as_bytes())
    }

    /// Lets a key take another's place; both lie in the same directory.
    pub(crate) fn replace_key(&self, path: &Path, with: &Path) -> Result<(), HomeError> {
        let path = self.path.join(path);
        file::take_place(&path, &self.path.join(with)).map_err(|source| HomeError::Write { path, source })
    }

    /// Reads a key, or makes it if it is not there.
    pub(crate) fn key_or_new(
        &self,
        path: &Path,
        make: impl FnOnce() -> SecretKey,
    ) -> Result<SecretKey, HomeError> {
        if self.path.join(path).exists() {
            return self.key(path);
        }
        let key = make();
        self.write_key(path, &key)?;
        Ok(key)
    }

    fn replace(&self, path: &Path, content: &[u8]) -> Result<(), HomeError> {
        let write = |source| HomeError::Write { path: path.to_owned(), source };
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(write)?;
        }
        file::replace(path, content).map_err(write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::open(Some(&directory.path().join("h"))).unwrap();
        (directory, home)
    }

    #[test]
    fn a_key_is_made_once_and_found_again() {
        let (_directory, home) = home();
        let path = Home::key_path("alice").unwrap();
        let made = home.key_or_new(&path, || SecretKey::derive(b"one")).unwrap();
        let found = home.key_or_new(&path, || SecretKey::derive(b"two")).unwrap();
        assert_eq!(made.identity(), found.identity());
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_directory() {
        for name in ["", "..", "a/b", "a.b", "a\0"] {
            assert!(matches!(Home::key_path(name), Err(HomeError::Name(_))), "{name:?}");
        }
    }

    #[test]
    fn a_broken_contexts_file_is_named_with_its_line() {
        let (_directory, home) = home();
        fs::create_dir_all(home.path()).unwrap();
        fs::write(home.path().join(CONTEXTS), "current = \"a\"\n[contexts.a]\nbogus = 1\n").unwrap();
        let text = home.contexts().unwrap_err().to_string();
        assert!(text.contains("contexts.toml") && text.contains("line"), "{text}");
    }
}
