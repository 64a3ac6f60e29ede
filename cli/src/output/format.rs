//! The forms data can take on stdout.

use clap::ValueEnum;

/// How data is printed.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Format {
    /// For people, within the width of the terminal
    #[default]
    Table,
    /// For people, every column, however wide
    Wide,
    /// For programs: one JSON value
    Json,
    /// For programs: one JSON value a line
    Jsonl,
    /// For shells: ids or names, one a line
    Quiet,
}

impl Format {
    /// True if a person reads it.
    pub(crate) const fn is_human(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }
}
