//! Colour, where a terminal wants it, and control characters, made visible.

use std::{
    env,
    io::{self, IsTerminal as _},
};

/// ANSI: bold red.
const RED: &str = "\u{1b}[1;31m";
/// ANSI: bold cyan.
const CYAN: &str = "\u{1b}[1;36m";
/// ANSI: back to normal.
const RESET: &str = "\u{1b}[0m";

/// Marks what went wrong.
pub(super) fn error(word: &str) -> String {
    painted(word, RED)
}

/// Marks a next step.
pub(super) fn hint(word: &str) -> String {
    painted(word, CYAN)
}

/// stderr is coloured on a terminal that did not decline (<https://no-color.org>).
pub(crate) fn is_coloured() -> bool {
    let declined = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !declined && io::stderr().is_terminal()
}

fn painted(word: &str, colour: &str) -> String {
    if is_coloured() { format!("{colour}{word}{RESET}") } else { word.to_owned() }
}

/// The text with control characters written out: a name another member chose cannot move our cursor.
pub(super) fn visible(text: &str) -> String {
    text.chars().flat_map(Shown::of).collect()
}

/// The same on one line.
pub(super) fn one_line(text: &str) -> String {
    visible(&text.trim_end().replace('\n', " "))
}

/// The first `width` characters of one line, with a mark where something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let line = one_line(text);
    if line.chars().count() <= width {
        return line;
    }
    line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// A character as it is shown: itself, or its escape.
enum Shown {
    /// Harmless.
    Plain(std::iter::Once<char>),
    /// A control character.
    Escaped(std::char::EscapeDefault),
}

impl Shown {
    fn of(c: char) -> Self {
        let harmless = c == '\n' || !c.is_control();
        if harmless { Self::Plain(std::iter::once(c)) } else { Self::Escaped(c.escape_default()) }
    }
}

impl Iterator for Shown {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::Plain(one) => one.next(),
            Self::Escaped(many) => many.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_written_out() {
        assert_eq!(visible("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\n");
        assert_eq!(one_line("a\nb\n"), "a b");
        assert_eq!(one_line("é\r"), "é");
        assert_eq!((cut("abc", 3).as_str(), cut("abcd", 3).as_str()), ("abc", "ab…"));
    }
}
