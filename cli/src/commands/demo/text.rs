//! The text whose words are counted, and how it is cut: at blanks, so that no word is in two pieces.

use std::{
    fs::{self, File},
    io::{BufReader, Read as _},
    ops::Range,
    path::{Path, PathBuf},
};

use crate::error::Failure;

/// The text of the licence, so that the demo needs no file.
const LICENCE: &str = include_str!("../../../../LICENSE-APACHE");
/// How far a cut may be moved to the next blank; text without one that long is no text.
const WORD_MAX: usize = 64 * 1024;

/// Where the text is.
#[derive(Debug, Clone)]
pub(super) enum Source {
    /// In this program; pieces travel to the executor as arguments.
    Licence,
    /// In a file that the executor, being in this process, can read too; pieces are ranges of it.
    File(PathBuf),
}

/// A piece of the text, in bytes.
pub(super) type Piece = Range<u64>;

impl Source {
    /// A file, found from wherever the executor starts programs.
    pub(super) fn file(path: &Path) -> Result<Self, Failure> {
        let is_file = fs::metadata(path).map_err(|error| unreadable(path, &error))?.is_file();
        if !is_file {
            return Err(Failure::usage(format!("cannot read {}: not a file", path.display())));
        }
        path.canonicalize().map(Self::File).map_err(|error| unreadable(path, &error))
    }

    /// What it is called.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Licence => "the licence".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Cuts it into about as many pieces as asked for; fewer if there are not that many words.
    pub(super) fn pieces(&self, wanted: usize) -> Result<Vec<Piece>, Failure> {
        match self {
            Self::Licence => Ok(cut(LICENCE.len(), wanted, |at| next_blank(LICENCE.as_bytes(), at))),
            Self::File(path) => {
                let fail = |error| unreadable(path, &error);
                let length = fs::metadata(path).map_err(fail)?.len();
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let file = File::open(path).map_err(fail)?;
                let mut failure = None;
                let pieces = cut(length, wanted, |at| match look(&file, at) {
                    Ok(found) => found,
                    Err(error) => {
                        failure.get_or_insert(error);
                        None
                    }
                });
                failure.map_or(Ok(pieces), |error| Err(fail(error)))
            }
        }
    }

    /// A piece of the licence.
    pub(super) fn text(piece: &Piece) -> &'static str {
        let range = usize::try_from(piece.start).unwrap_or(0)..usize::try_from(piece.end).unwrap_or(0);
        LICENCE.get(range).unwrap_or_default()
    }

    /// Counts the words in one go.
    pub(super) fn words(&self) -> Result<u64, Failure> {
        match self {
            Self::Licence => Ok(Counter::default().add(LICENCE.as_bytes()).words),
            Self::File(path) => {
                let fail = |error| unreadable(path, &error);
                let mut reader = BufReader::new(File::open(path).map_err(fail)?);
                let mut counter = Counter::default();
                let mut buffer = vec![0; 64 * 1024];
                loop {
                    match reader.read(&mut buffer).map_err(fail)? {
                        0 => return Ok(counter.words),
                        count => {
                            counter.add(buffer.get(..count).unwrap_or_default());
                        }
                    }
                }
            }
        }
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read {}: {error}", path.display()))
}

/// What stands between words: the same bytes as for `awk`, which counts the pieces.
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n')
}

/// Counts words across any cuts.
#[derive(Debug, Default)]
struct Counter {
    words: u64,
    inside: bool,
}

impl Counter {
    fn add(&mut self, bytes: &[u8]) -> &Self {
        for byte in bytes {
            let blank = is_blank(*byte);
            self.words = self.words.saturating_add(u64::from(!blank && !self.inside));
            self.inside = !blank;
        }
        self
    }
}

/// Ranges that cover `length` bytes, each but the first starting where `blank` found one.
fn cut(length: usize, wanted: usize, mut blank: impl FnMut(usize) -> Option<usize>) -> Vec<Piece> {
    let step = length.div_ceil(wanted.max(1)).max(1);
    let mut pieces = Vec::new();
    let mut start = 0;
    while start < length {
        let end = blank(start.saturating_add(step).min(length)).unwrap_or(length);
        pieces.push(as_u64(start)..as_u64(end));
        start = end;
    }
    if pieces.is_empty() {
        pieces.push(0..0);
    }
    pieces
}

fn as_u64(offset: usize) -> u64 {
    u64::try_from(offset).unwrap_or(u64::MAX)
}

fn next_blank(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.iter().position(|byte| is_blank(*byte)).map(|found| at.saturating_add(found))
}

fn look(file: &File, at: usize) -> std::io::Result<Option<usize>> {
    use std::os::unix::fs::FileExt as _;
    let mut window = vec![0; WORD_MAX];
    let count = file.read_at(&mut window, as_u64(at))?;
    window.truncate(count);
    Ok(next_blank(&window, 0).map(|found| at.saturating_add(found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_cover_the_text_and_cut_no_word() {
        for wanted in [1, 3, 20, 1_000_000] {
            let pieces = Source::Licence.pieces(wanted).unwrap();
            let parts: u64 =
                pieces.iter().map(|piece| Counter::default().add(Source::text(piece).as_bytes()).words).sum();
            assert_eq!(parts, Source::Licence.words().unwrap(), "{wanted}");
            assert_eq!(pieces.iter().map(Source::text).collect::<String>(), LICENCE);
        }
    }

    #[test]
    fn a_file_is_cut_like_a_text() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t");
        fs::write(&path, "one two\tthree\nfour  five").unwrap();
        let source = Source::file(&path).unwrap();
        assert_eq!(source.words().unwrap(), 5);
        let pieces = source.pieces(3).unwrap();
        assert_eq!((pieces.first().unwrap().start, pieces.last().unwrap().end), (0, 24));
        assert!(pieces.windows(2).all(|pair| pair[0].end == pair[1].start));
        fs::write(&path, "").unwrap();
        assert_eq!(source.pieces(3).unwrap(), vec![Piece { start: 0, end: 0 }]);
    }
}
