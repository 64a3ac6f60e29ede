//! What a console block shows: commands, and the output a reader may expect.

/// Stands for anything in a shown line.
const ANYTHING: char = '…';

/// One command and the output shown below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The command; a trailing `\` goes on in the next line.
    pub(super) command: String,
    /// The lines shown.
    pub(super) shown: Vec<String>,
}

/// Splits a console block.
pub(super) fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step { command: command.to_owned(), shown: Vec::new() }),
            (None, Some(step)) if step.command.ends_with('\\') => {
                step.command.push('\n');
                step.command.push_str(line);
            }
            (None, Some(step)) => step.shown.push(line.to_owned()),
            (None, None) => panic!("a console block starts with a command, not with: {line}"),
        }
    }
    steps
}

/// The first shown line that is not in the output at or after the place of the one before.
pub(super) fn missing_line(shown: &[String], output: &str) -> Option<String> {
    let mut lines = output.lines();
    let wanted = shown.iter().filter(|line| !line.trim().is_empty() && line.trim() != "…");
    wanted.into_iter().find(|wanted| !lines.any(|line| fits(wanted, line))).cloned()
}

/// Whether a line fits a shown one. Runs of blanks are equal, so that a column may be wider.
fn fits(shown: &str, line: &str) -> bool {
    let line = squeeze(line);
    let shown = squeeze(shown);
    let mut parts = shown.split(ANYTHING).map(str::trim);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(middle) = last.replace(part) {
            let Some((_, after)) = split_once(rest, middle) else { return false };
            rest = after;
        }
    }
    last.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

fn split_once<'a>(text: &'a str, part: &str) -> Option<(&'a str, &'a str)> {
    text.find(part).map(|at| (&text[..at], &text[at + part.len()..]))
}

fn squeeze(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_their_output_are_told_apart() {
        let found = steps("$ one \\\n  more\nout\n$ two\n");
        assert_eq!(found[0].command, "one \\\n  more");
        assert_eq!(found[0].shown, ["out"]);
        assert_eq!(found[1], Step { command: "two".to_owned(), shown: vec![] });
    }

    #[test]
    fn an_ellipsis_stands_for_anything() {
        assert!(fits("│ p1 … sleep … │", "│ p1   │ 6681 │ sleep │ 100 │"));
        assert!(fits("ready in …", "ready in 12 ms"));
        assert!(fits("same", "  same "));
        assert!(!fits("same", "same, but longer"));
        assert!(!fits("a … b … c", "a c b"));
    }

    #[test]
    fn shown_lines_appear_in_order_with_anything_between() {
        let shown = ["one".to_owned(), "…".to_owned(), "three".to_owned()];
        assert_eq!(missing_line(&shown, "zero\none\ntwo\nthree\n"), None);
        assert_eq!(missing_line(&shown, "three\none\n"), Some("three".to_owned()));
    }
}
