//! What is wrong with a text that people wrote, and where.

use std::fmt;

use strsim::jaro_winkler;

/// A text that is no spec: where, which field, why, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// Line, from 1.
    pub line: Option<usize>,
    /// Column, from 1, in characters.
    pub column: Option<usize>,
    /// The field's path, `functionspecs[2].conditions.mem`; empty if the text is no JSON at all.
    pub field: String,
    /// What is wrong.
    pub why: String,
    /// What would be right, if we can tell.
    pub hint: Option<String>,
}

impl std::error::Error for SpecError {}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "line {line}, column {column}: ")?,
            (Some(line), None) => write!(f, "line {line}: ")?,
            (None, _) => {}
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.why)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl SpecError {
    /// An error at a byte of the text.
    pub(super) fn at(document: &str, offset: usize, field: &str, why: impl Into<String>) -> Self {
        let (line, column) = position(document, offset);
        Self { line: Some(line), column: Some(column), field: field.to_owned(), why: why.into(), hint: None }
    }

    /// What the JSON parser said about the text, with its position apart from its words.
    pub(super) fn syntax(document: &str, error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let mut why = text.split(" at line ").next().unwrap_or_default();
        let (before, rest) = split_at_line(document, error.line(), error.column());
        // The commonest slip, which the parser calls something else inside an object.
        if before.trim_end().ends_with(',') && rest.starts_with(['}', ']']) {
            why = "trailing comma";
        }
        Self::at(document, before.len(), "", format!("not valid JSON: {why}"))
    }

    /// Adds what to do about it.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What stands before and after a line and column (in bytes, from 1), as the JSON parser counts.
fn split_at_line(document: &str, line: usize, column: usize) -> (&str, &str) {
    let lines = document.split_inclusive('\n').take(line.saturating_sub(1));
    let mut offset =
        lines.map(str::len).sum::<usize>().saturating_add(column.saturating_sub(1)).min(document.len());
    while !document.is_char_boundary(offset) {
        offset -= 1;
    }
    document.split_at(offset)
}

/// Line and column of a byte, both from 1.
pub(super) fn position(document: &str, offset: usize) -> (usize, usize) {
    let before = document.get(..offset).unwrap_or(document);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before.get(line_start..).unwrap_or_default().chars().count() + 1)
}

/// Below this likeness (Jaro-Winkler) a suggestion confuses more than it helps; `exectype` for `executortype` is above.
const LIKE_ENOUGH: f64 = 0.8;

/// The known key most like `key`, if one is alike; case and separators count for nothing.
pub(super) fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', ' '], "");
    let key = plain(key);
    let likeness = |other: &str| jaro_winkler(&key, &plain(other));
    known
        .iter()
        .map(|known| (likeness(known), *known))
        .filter(|(likeness, _)| *likeness >= LIKE_ENOUGH)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_key_is_found_through_usual_mistakes() {
        let known = ["funcname", "maxexectime", "maxwaittime", "executortype", "executornames", "mem"];
        for (key, expected) in [
            ("maxexectme", "maxexectime"),
            ("max_exec_time", "maxexectime"),
            ("maxExecutionTime", "maxexectime"),
            ("exectype", "executortype"),
            ("executorname", "executornames"),
            ("functionname", "funcname"),
            ("memory", "mem"),
        ] {
            assert_eq!(nearest(key, &known), Some(expected), "{key}");
        }
        assert_eq!(nearest("zzz", &known), None);
        assert_eq!(nearest("", &known), None);
    }

    #[test]
    fn positions_count_from_one_and_in_characters() {
        assert_eq!(position("ab\ncå d", 0), (1, 1));
        assert_eq!(position("ab\ncå d", 3), (2, 1));
        assert_eq!(position("ab\ncå d", 7), (2, 4));
        assert_eq!(position("ab", 99), (1, 3));
    }
}
