//! Standard output as the result of a process: one JSON string, bounded.

use colony_protocol::{
    bounded::{JSON_MAX, Json, List},
    model::Values,
};

/// Collects standard output, as much as one value may hold.
#[derive(Debug, Default)]
pub(super) struct Output {
    /// The first bytes.
    bytes: Vec<u8>,
    /// Whether there were more.
    cut: bool,
}

impl Output {
    /// Takes bytes in.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = JSON_MAX.saturating_sub(self.bytes.len());
        let taken = bytes.get(..room).unwrap_or(bytes);
        self.bytes.extend_from_slice(taken);
        self.cut |= taken.len() < bytes.len();
    }

    /// The result, and whether some of it was cut off. Nothing but line breaks is no result.
    pub(super) fn finish(&self) -> (Values, bool) {
        let text = String::from_utf8_lossy(&self.bytes);
        // As `$(...)` in a shell: a value, not a text file.
        let whole = text.trim_end_matches(['\n', '\r']);
        let text = fitting(whole);
        let values = if text.is_empty() { Vec::new() } else { vec![Json::string(text)] };
        (List::new(values).unwrap_or_default(), self.cut || text.len() < whole.len())
    }
}

/// The longest beginning whose JSON form is at most [`JSON_MAX`] bytes.
fn fitting(text: &str) -> &str {
    let mut room = JSON_MAX - "\"\"".len();
    for (at, character) in text.char_indices() {
        let size = match character {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..='\u{1f}' => 6,
            other => other.len_utf8(),
        };
        if size > room {
            return &text[..at];
        }
        room -= size;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: &[u8]) -> (Vec<String>, bool) {
        let mut output = Output::default();
        for chunk in bytes.chunks(1000) {
            output.push(chunk);
        }
        let (values, cut) = output.finish();
        (values.iter().map(Json::to_plain).collect(), cut)
    }

    #[test]
    fn the_result_is_one_value_without_trailing_line_breaks() {
        assert_eq!(of(b"a\nb\r\n\n"), (vec!["a\nb".to_owned()], false));
        assert_eq!(of(b"\n"), (vec![], false));
        assert_eq!(of(b""), (vec![], false));
    }

    #[test]
    fn a_result_that_is_too_large_is_cut_to_what_others_accept() {
        for byte in [b"x", b"\"", b"\x01", b"\xff"] {
            let (values, cut) = of(&byte.repeat(JSON_MAX + 1));
            assert!(cut);
            let text = serde_json::Value::from(values[0].clone()).to_string();
            assert!(text.len() <= JSON_MAX && text.len() > JSON_MAX - 8, "{}", text.len());
            assert!(Json::new(text).is_ok());
        }
    }
}
