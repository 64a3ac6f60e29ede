//! Bytes of one stream into pieces of log: one per line, with its line break.
//!
//! Pure. Concatenated, the pieces are what the program wrote, except that bytes that are no UTF-8 are replaced. A line
//! longer than [`LINE_MAX`] becomes several pieces. An unfinished line stays here until it is finished or
//! [`Lines::flush`] asks for it, so memory is bounded by one line and what one read brings.

use colony_protocol::{bounded::Text, model::LINE_MAX};

/// Text of one piece of log.
pub(super) type Piece = Text<LINE_MAX>;

/// The unfinished line of one stream.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// Its bytes so far.
    unfinished: Vec<u8>,
}

impl Lines {
    /// Takes bytes in and gives the lines they finish to `emit`.
    pub(super) fn push(&mut self, bytes: &[u8], emit: &mut impl FnMut(Piece)) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.unfinished.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.finish(emit);
            } else if self.unfinished.len() >= LINE_MAX {
                self.flush(emit);
            }
        }
    }

    /// Gives the unfinished line to `emit`, less the beginning of a character whose end has not come.
    pub(super) fn flush(&mut self, emit: &mut impl FnMut(Piece)) {
        let keep = self.unfinished.len() - begun(&self.unfinished);
        let rest = self.unfinished.split_off(keep);
        self.finish(emit);
        self.unfinished = rest;
    }

    /// Gives all that is left to `emit`.
    pub(super) fn finish(&mut self, emit: &mut impl FnMut(Piece)) {
        let text = String::from_utf8_lossy(&self.unfinished);
        let mut rest = &*text;
        while !rest.is_empty() {
            let piece = Piece::cut(rest);
            rest = &rest[piece.len()..];
            emit(piece);
        }
        self.unfinished.clear();
    }

    /// Whether there is an unfinished line.
    pub(super) const fn is_empty(&self) -> bool {
        self.unfinished.is_empty()
    }

    /// Bytes of the unfinished line.
    pub(super) const fn len(&self) -> usize {
        self.unfinished.len()
    }
}

/// How many bytes at the end begin a character that is not complete.
fn begun(bytes: &[u8]) -> usize {
    for (back, byte) in (1..=3).zip(bytes.iter().rev()) {
        let whole = match byte.leading_ones() {
            // A continuation: its first byte stands further back.
            1 => continue,
            length @ 2..=4 => length as usize,
            _ => 1,
        };
        return if whole > back { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut pieces) = (Lines::default(), Vec::new());
        let mut emit = |piece: Piece| pieces.push(piece.to_string());
        for chunk in chunks {
            lines.push(chunk, &mut emit);
        }
        lines.finish(&mut emit);
        pieces
    }

    #[test]
    fn lines_keep_their_breaks_however_they_arrive() {
        assert_eq!(split(&[b"one\ntw", b"o\n", b"\nend"]), ["one\n", "two\n", "\n", "end"]);
    }

    #[test]
    fn a_character_cut_by_a_read_or_a_flush_is_whole_again() {
        let text = "å∫𝄞".as_bytes();
        for at in 0..=text.len() {
            let (mut lines, mut whole) = (Lines::default(), String::new());
            let mut emit = |piece: Piece| whole.push_str(&piece);
            lines.push(&text[..at], &mut emit);
            lines.flush(&mut emit);
            lines.push(&text[at..], &mut emit);
            lines.finish(&mut emit);
            assert_eq!(whole, "å∫𝄞", "cut at {at}");
        }
    }

    #[test]
    fn a_long_line_is_split_between_characters_and_nothing_is_lost() {
        let long = "ä".repeat(3 * LINE_MAX / 2 + 1);
        let pieces = split(&[b"x", long.as_bytes(), b"\n"]);
        assert!(pieces.iter().all(|piece| piece.len() <= LINE_MAX));
        assert_eq!(pieces.concat(), format!("x{long}\n"));
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(split(&[b"a\xff\xfeb\n"]), ["a\u{fffd}\u{fffd}b\n"]);
        assert_eq!(split(&[b"\xf0\x9d"]), ["\u{fffd}"]);
        // Each bad byte becomes three: more than one piece can hold.
        let pieces = split(&[&[0xff; LINE_MAX]]);
        assert_eq!(pieces.concat().chars().count(), LINE_MAX);
    }
}
