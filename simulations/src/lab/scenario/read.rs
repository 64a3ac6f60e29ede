//! From text to a [`Scenario`], or to an error that says where, what and what to write instead.

use std::path::{Path, PathBuf};

use serde::Deserialize as _;

use super::{Scenario, sweep};

/// Largest scenario file: more is no scenario.
const BYTES_MAX: u64 = 1 << 20;

/// Why a scenario cannot be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// A file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is far too large.
    #[error("{}: more than {BYTES_MAX} bytes is no scenario", path.display())]
    Large {
        /// Which.
        path: PathBuf,
    },
    /// No TOML, an unknown key, a value of the wrong kind.
    #[error("{name}{}: {what}", line.map(|line| format!(":{line}")).unwrap_or_default())]
    Text {
        /// The scenario.
        name: String,
        /// The line, if it is known.
        line: Option<usize>,
        /// What is wrong.
        what: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// It makes no sense.
    #[error("{name}: {}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    Senseless {
        /// The scenario.
        name: String,
        /// What, each with its key and its remedy.
        faults: Vec<Fault>,
    },
}

impl ScenarioError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Text { hint, .. } => hint.as_deref(),
            _ => None,
        }
    }

    /// What is wrong, without where.
    pub(crate) fn what(&self) -> String {
        match self {
            Self::Text { what, .. } => what.lines().next().unwrap_or_default().to_owned(),
            other => other.to_string(),
        }
    }
}

/// Something that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` {what}; {fix}")]
pub struct Fault {
    /// The key.
    pub key: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// A scenario's text, and what it is in TOML: what a sweep changes.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where messages say it comes from.
    pub name: String,
    /// The directory that its files are looked for in.
    pub beside: PathBuf,
    /// As it was written.
    pub text: String,
    /// As TOML has it.
    pub table: toml::Table,
}

impl Source {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ScenarioError::File`], [`ScenarioError::Large`] or [`ScenarioError::Text`].
    pub fn open(path: &Path) -> Result<Self, ScenarioError> {
        let failed = |source| ScenarioError::File { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(failed)?.len() > BYTES_MAX {
            return Err(ScenarioError::Large { path: path.to_owned() });
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let beside = path.parent().map(Path::to_owned).unwrap_or_default();
        Self::new(path.display().to_string(), beside, text)
    }

    /// Takes a text.
    ///
    /// # Errors
    /// [`ScenarioError::Text`].
    pub fn new(name: String, beside: PathBuf, text: String) -> Result<Self, ScenarioError> {
        // Read twice: as a scenario, because only then an error knows its line, and as a table, which a sweep can change.
        let scenario: Result<Scenario, _> = toml::from_str(&text);
        scenario.map_err(|error| fault(&name, &text, &error))?;
        let table = toml::from_str(&text).map_err(|error| fault(&name, &text, &error))?;
        Ok(Self { name, beside, text, table })
    }

    /// Changes keys: in the table, and in the text that is kept with the results.
    ///
    /// # Errors
    /// Which of the settings (as `KEY=VALUE`) is none, why, and what to write instead.
    pub fn set(&mut self, settings: &[(&str, &str)]) -> Result<(), String> {
        let table = settings.iter().try_fold(self.table.clone(), Self::changed)?;
        if let Err(error) = self.scenario(table.clone()) {
            // One may need another: it is the first without which all others make a scenario.
            let wrong = settings.iter().enumerate().find(|(place, _)| {
                let others = settings.iter().enumerate().filter(|(other, _)| other != place);
                let others = others.map(|(_, setting)| setting).try_fold(self.table.clone(), Self::changed);
                others.is_ok_and(|others| self.scenario(others).is_ok())
            });
            let told = wrong.map(|(_, (key, text))| format!("{key}={text}: ")).unwrap_or_default();
            let before = wrong.and_then(|(_, (key, _))| sweep::get(&self.table, key));
            let fix = match (error.hint(), before) {
                (Some(hint), _) => hint.to_owned(),
                (None, Some(before)) => format!("the scenario has {before}: write a value of that kind"),
                (None, None) => "write a value as SCENARIOS.md has it".to_owned(),
            };
            return Err(format!("{told}{}; {fix}", error.what()));
        }
        self.table = table;
        self.text = toml::to_string(&self.table).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn changed(mut table: toml::Table, (key, text): &(&str, &str)) -> Result<toml::Table, String> {
        // A word without quotes is a word.
        let parsed: Result<toml::Table, _> = toml::from_str(&format!("value = {text}"));
        let value = parsed.ok().and_then(|mut table| table.remove("value"));
        let value = value.unwrap_or_else(|| toml::Value::String((*text).to_owned()));
        sweep::set(&mut table, key, value).map_err(|why| format!("{key}={text}: {why}"))?;
        Ok(table)
    }

    /// The scenario in a table that was changed.
    ///
    /// # Errors
    /// [`ScenarioError::Text`].
    pub fn scenario(&self, table: toml::Table) -> Result<Scenario, ScenarioError> {
        Scenario::deserialize(table).map_err(|error| fault(&self.name, "", &error))
    }
}

fn fault(name: &str, text: &str, error: &toml::de::Error) -> ScenarioError {
    let line = error.span().filter(|_| !text.is_empty()).map(|span| {
        let before = text.get(..span.start).unwrap_or_default();
        before.matches('\n').count() + 1
    });
    let what = error.message().trim().to_owned();
    let hint = suggestion(&what);
    ScenarioError::Text { name: name.to_owned(), line, what, hint }
}

/// The known word most like the unknown one, out of the words in backticks of a message of serde's.
fn suggestion(message: &str) -> Option<String> {
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let mut quoted = message.split('`').skip(1).step_by(2);
    let word = quoted.next().filter(|_| unknown)?;
    nearest(word, quoted).map(|known| format!("did you mean `{known}`?"))
}

/// Of these words, the one most like this one, if any is.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut near: Vec<(f64, &str)> = known.map(|known| (strsim::jaro_winkler(word, known), known)).collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.first().filter(|(likeness, _)| *likeness > 0.75).map(|(_, known)| *known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> ScenarioError {
        Source::new("s.toml".to_owned(), PathBuf::new(), text.to_owned()).unwrap_err()
    }

    #[test]
    fn a_typo_is_named_with_its_line_and_the_word_that_was_meant() {
        let error = error("name = \"x\"\n[stop]\nafter = \"1m\"\n[network]\nlatncy = \"lan\"\n");
        assert_eq!(
            error.to_string().lines().next(),
            Some(
                "s.toml:5: unknown field `latncy`, expected one of `latency`, `jitter`, `loss`, `punch`, `notice`, `timing`"
            )
        );
        assert_eq!(error.hint(), Some("did you mean `latency`?"));
    }

    #[test]
    fn a_negative_time_and_a_share_above_one_say_what_to_write() {
        let negative = error("name = \"x\"\n[stop]\nafter = \"-1m\"\n").to_string();
        assert!(negative.contains("s.toml:3") && negative.contains("negative"), "{negative}");
        let share = error("name = \"x\"\n[network]\njitter = 1.5\n[stop]\nafter = \"1m\"\n").to_string();
        assert!(share.contains("from 0 to 1"), "{share}");
    }

    #[test]
    fn a_setting_that_is_none_is_named_with_what_to_write() {
        let text = "name = \"x\"\n[stop]\nafter = \"1m\"\n[[nodes]]\nclass = \"executor\"\ncount = 2\n";
        let source = Source::new("s.toml".to_owned(), PathBuf::new(), text.to_owned()).unwrap();
        let set = |settings: &[(&str, &str)]| source.clone().set(settings);
        set(&[("nodes.executors.churn.up", "1h"), ("nodes.executors.churn.model", "poisson")]).unwrap();
        for (settings, parts) in [
            (
                &[("seed", "3"), ("nodes.executors.count", "many")][..],
                ["nodes.executors.count=many: ", "has 2"],
            ),
            (&[("stop.after", "soon")], ["stop.after=soon: ", "has \"1m\""]),
            (&[("network.latncy", "lan")], ["network.latncy=lan: ", "did you mean `latency`?"]),
            (&[("nodes.voters.count", "3")], ["nodes.voters.count=3: ", "nothing called `voters`"]),
        ] {
            let error = set(settings).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }

    #[test]
    fn every_key_stands_in_the_page_about_scenarios() {
        let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/SCENARIOS.md")).unwrap();
        let whole = "name = \"x\"\n[stop]\nafter = \"1m\"\n";
        let tables = [
            "x = 1\n",
            "[network]\nx = 1\n",
            "[[nodes]]\nx = 1\n",
            "[[nodes]]\nnat.x = 1\n",
            "[[nodes]]\nclock.x = 1\n",
            "[[nodes]]\ndisk.x = 1\n",
            "[[nodes]]\nchurn.x = 1\n",
            "[[nodes]]\ncontacts.x = 1\n",
            "[[work]]\nx = 1\n",
            "[[work]]\nfunctions = [{ x = 1 }]\n",
            "[[work]]\nworkflow.x = 1\n",
            "[mesh]\nx = 1\n",
            "[rules]\nx = 1\n",
            "[[timeline]]\nx = 1\n",
            "[record]\nx = 1\n",
        ];
        for table in tables {
            let text =
                if table.starts_with('x') { format!("{table}{whole}") } else { format!("{whole}{table}") };
            let error = error(&text).to_string();
            let (_, known) = error.split_once("expected").unwrap();
            for key in known.split('`').skip(1).step_by(2) {
                let stands = [
                    format!("`{key}`"),
                    format!(".{key}`"),
                    format!("{key} ="),
                    format!(", {key}"),
                    format!("[{key}]"),
                ];
                assert!(stands.iter().any(|text| page.contains(text.as_str())), "{table}: {key}");
            }
        }
    }
}
