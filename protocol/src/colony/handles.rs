//! How people name a cron or a generator: by its name, by its number as `c7`, or by the first characters of its id.
//!
//! A name comes first, so that a thing somebody called `c7` is found under that.

use super::Colony;
use crate::{
    bounded::Text,
    model::{Cron, Generator},
    refusal::Refusal,
};

/// What a word is looked up among.
struct Shelf<'a> {
    /// What the things are called: `cron`.
    what: &'a str,
    /// The number a name belongs to.
    named: Option<u64>,
    /// Number and whole id of each.
    ids: &'a mut dyn Iterator<Item = (u64, String)>,
}

impl Colony {
    /// The cron a word names.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Ambiguous`].
    pub fn find_cron(&self, word: &str) -> Result<&Cron, Refusal> {
        let mut ids = self.crons.all().map(|cron| (cron.id.number(), cron.id.to_hex()));
        let shelf = Shelf { what: "cron", named: self.crons.named(word), ids: &mut ids };
        let number = shelf.find(word, 'c')?;
        self.crons.get(number).ok_or_else(|| missing("cron", word))
    }

    /// The generator a word names.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Ambiguous`].
    pub fn find_generator(&self, word: &str) -> Result<&Generator, Refusal> {
        let mut ids = self.generators.all().map(|generator| (generator.id.number(), generator.id.to_hex()));
        let shelf = Shelf { what: "generator", named: self.generators.named(word), ids: &mut ids };
        let number = shelf.find(word, 'g')?;
        self.generators.get(number).ok_or_else(|| missing("generator", word))
    }
}

impl Shelf<'_> {
    fn find(self, word: &str, letter: char) -> Result<u64, Refusal> {
        if let Some(number) = self.named {
            return Ok(number);
        }
        if let Some(number) = word.strip_prefix(letter).and_then(|digits| digits.parse().ok()) {
            return Ok(number);
        }
        let prefix = word.to_ascii_lowercase();
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(missing(self.what, word));
        }
        let mut fitting = self.ids.filter(|(_, id)| id.starts_with(&prefix)).map(|(number, _)| number);
        let first = fitting.next().ok_or_else(|| missing(self.what, word))?;
        match fitting.count() {
            0 => Ok(first),
            more => Err(Refusal::Ambiguous {
                what: Text::cut(&format!("{} {word}", self.what)),
                fits: (more as u64).saturating_add(1),
            }),
        }
    }
}

pub(super) fn missing(what: &str, word: &str) -> Refusal {
    Refusal::not_found(format!("{what} `{word}`"))
}
