//! Finds fenced blocks in Markdown.

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The line of its fence, from 1.
    pub line: usize,
    /// The word after the fence.
    pub language: String,
    /// The text of an HTML comment on the line before; empty without one.
    pub comment: String,
    /// What is inside, each line with its break.
    pub text: String,
}

/// All fenced blocks, in order.
///
/// # Panics
/// If one is never closed.
#[must_use]
pub fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut comment = String::new();
    let mut open: Option<Block> = None;
    for (index, line) in markdown.lines().enumerate() {
        let fence = line.trim_start().strip_prefix("```");
        match (&mut open, fence) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, Some(language)) => {
                let comment = std::mem::take(&mut comment);
                open = Some(Block {
                    line: index + 1,
                    language: language.trim().to_owned(),
                    comment,
                    text: String::new(),
                });
            }
            (None, None) => {
                let inner = line.trim().strip_prefix("<!--").and_then(|rest| rest.strip_suffix("-->"));
                comment = inner.map(|inner| inner.trim().to_owned()).unwrap_or_default();
            }
        }
    }
    assert!(open.is_none(), "a block is never closed: {open:?}");
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_its_line_language_comment_and_text() {
        let found = blocks("text\n<!-- stays running -->\n```console\n$ a\nb\n```\n\n```\nplain\n```\n");
        let first = Block {
            line: 3,
            language: "console".to_owned(),
            comment: "stays running".to_owned(),
            text: "$ a\nb\n".to_owned(),
        };
        let second =
            Block { line: 8, language: String::new(), comment: String::new(), text: "plain\n".to_owned() };
        assert_eq!(found, [first, second]);
    }
}
