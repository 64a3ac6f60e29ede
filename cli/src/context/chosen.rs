//! The context one command uses, with what the environment changes about it.

use std::env;

use colony_protocol::identity::{Identity, SecretKey};

use super::{Context, Contexts, Home};
use crate::{
    error::{Exit, Failure},
    hint::Hint,
};

/// Replaces the context's key, as ColonyOS users expect.
const KEY_VARIABLE: &str = "COLONIES_PRVKEY";
/// Replaces the context's owner key, as ColonyOS users expect.
const OWNER_KEY_VARIABLE: &str = "COLONIES_COLONY_PRVKEY";
/// Chooses the colony by name or id, as ColonyOS users expect.
const COLONY_VARIABLE: &str = "COLONIES_COLONY_NAME";

/// A colony, the keys to sign with, and nodes to reach it.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    /// The context's name.
    pub(crate) name: String,
    /// What it says.
    pub(crate) context: Context,
    /// The key that signs.
    pub(crate) key: SecretKey,
    /// The owner's key, if there is one here.
    pub(crate) owner: Option<SecretKey>,
}

impl Chosen {
    /// Chooses by the flag, else by the environment's colony, else the home's current context.
    pub(crate) fn open(home: &Home, wanted: Option<&str>) -> Result<Self, Failure> {
        let contexts = home.contexts()?;
        let colony = variable(COLONY_VARIABLE);
        let (name, context) = choose(&contexts, wanted, colony.as_deref())?;
        let key = match key_variable(KEY_VARIABLE)? {
            Some(key) => key,
            None => home.key(&context.key)?,
        };
        let owner = match (key_variable(OWNER_KEY_VARIABLE)?, &context.owner_key) {
            (Some(key), _) => Some(key),
            (None, Some(path)) => Some(home.key(path)?),
            (None, None) => None,
        };
        Ok(Self { name, context, key, owner })
    }

    /// The owner's key.
    pub(crate) fn owner(&self) -> Result<SecretKey, Failure> {
        self.owner.clone().ok_or_else(|| {
            Failure::new(format!(
                "only the owner of {} may do this, and the context {} has no owner key",
                self.context.colony, self.name
            ))
            .exit(Exit::DENIED)
            .hint(Hint::Contexts)
        })
    }
}

fn choose(
    contexts: &Contexts,
    wanted: Option<&str>,
    colony: Option<&str>,
) -> Result<(String, Context), Failure> {
    let found = match (wanted, colony) {
        (Some(name), _) => by_name(contexts, name)?,
        (None, Some(colony)) => by_colony(contexts, colony)?,
        (None, None) => match contexts.current.as_deref() {
            Some(name) => by_name(contexts, name)?,
            None => return Err(no_colony(contexts)),
        },
    };
    Ok(found)
}

fn no_colony(contexts: &Contexts) -> Failure {
    let nothing = contexts.contexts.is_empty();
    let what = if nothing { "this home knows no colony yet" } else { "no context is chosen" };
    let hint = match contexts.contexts.keys().next() {
        Some(name) => Hint::UseContext(name.clone()),
        None => Hint::StartDev,
    };
    Failure::new(what).exit(Exit::UNREACHABLE).hint(hint)
}

fn by_name(contexts: &Contexts, name: &str) -> Result<(String, Context), Failure> {
    match contexts.contexts.get(name) {
        Some(context) => Ok((name.to_owned(), context.clone())),
        None if contexts.contexts.is_empty() => Err(no_colony(contexts)),
        None => {
            Err(Failure::usage(format!("there is no context named {name} in this home")).hint(Hint::Contexts))
        }
    }
}

/// The current context wins among several of the same colony.
fn by_colony(contexts: &Contexts, colony: &str) -> Result<(String, Context), Failure> {
    let id = colony.parse::<Identity>().ok();
    let fits = |context: &Context| context.colony == colony || Some(context.colony_id) == id;
    let current = contexts.current.iter().filter_map(|name| contexts.contexts.get_key_value(name));
    current
        .chain(contexts.contexts.iter())
        .find(|(_, context)| fits(context))
        .map(|(name, context)| (name.clone(), context.clone()))
        .ok_or_else(|| match contexts.contexts.is_empty() {
            true => no_colony(contexts),
            false => Failure::usage(format!("no context of this home is for the colony {colony}"))
                .hint(Hint::Contexts),
        })
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn key_variable(name: &str) -> Result<Option<SecretKey>, Failure> {
    variable(name)
        .map(|text| text.parse().map_err(|error| Failure::usage(format!("{name}: {error}"))))
        .transpose()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, path::PathBuf};

    use super::*;

    fn context(colony: &str, byte: u8) -> Context {
        Context {
            colony: colony.to_owned(),
            colony_id: Identity::from_bytes([byte; 32]),
            key: PathBuf::from("k"),
            owner_key: None,
            nodes: Vec::new(),
        }
    }

    fn two() -> Contexts {
        Contexts {
            current: Some("b".to_owned()),
            contexts: BTreeMap::from([
                ("a".to_owned(), context("red", 1)),
                ("b".to_owned(), context("blue", 2)),
                ("c".to_owned(), context("red", 3)),
            ]),
        }
    }

    #[test]
    fn the_flag_comes_before_the_environment_before_the_current_one() {
        assert_eq!(choose(&two(), Some("c"), Some("blue")).unwrap().0, "c");
        assert_eq!(choose(&two(), None, Some("red")).unwrap().0, "a");
        assert_eq!(choose(&two(), None, None).unwrap().0, "b");
        assert_eq!(choose(&two(), None, Some(&"03".repeat(32))).unwrap().0, "c");
    }

    #[test]
    fn a_home_without_colonies_says_how_to_get_one() {
        let failure = choose(&Contexts::default(), None, None).unwrap_err();
        assert_eq!((failure.exit, failure.hint), (Exit::UNREACHABLE, Some(Hint::StartDev)));
        assert_eq!(choose(&two(), Some("z"), None).unwrap_err().exit, Exit::USAGE);
    }
}
