//! How people name a process or a workflow: `p7`, `w3`, the first hex characters of an id, or `last`.

use std::str::FromStr;

use clap::Args;
use colony_protocol::{bounded::Text, query::Selector};

/// Hex characters of a whole id.
const ID_CHARS: usize = 64;

/// A process or a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AnyId {
    /// `p7`, a prefix, `last`.
    Process(Selector),
    /// `w3`.
    Workflow(Selector),
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProcessRef(pub(crate) Selector);

/// A workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WorkflowRef(pub(crate) Selector);

/// Why a text names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IdError {
    /// Neither of the forms.
    #[error("not an id: write {0}7, the first hex characters of the id, or last")]
    Form(char),
    /// The id of the other kind of thing.
    #[error("{0}")]
    Kind(&'static str),
}

/// Reads `<letter>7`, a hex prefix or `last`.
fn selector(text: &str, letter: char) -> Result<Selector, IdError> {
    if text == "last" {
        return Ok(Selector::Last);
    }
    if let Some(number) = text.strip_prefix(letter).and_then(|digits| digits.parse().ok()) {
        return Ok(Selector::Number(number));
    }
    let hex = !text.is_empty() && text.len() <= ID_CHARS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !hex {
        return Err(IdError::Form(letter));
    }
    Ok(Selector::Prefix(Text::cut(&text.to_ascii_lowercase())))
}

fn is_numbered(text: &str, letter: char) -> bool {
    text.strip_prefix(letter)
        .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

impl FromStr for ProcessRef {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if is_numbered(text, 'w') {
            return Err(IdError::Kind("this is a workflow; a process is wanted here, such as p7"));
        }
        selector(text, 'p').map(Self)
    }
}

impl FromStr for WorkflowRef {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if is_numbered(text, 'p') {
            return Err(IdError::Kind("this is a process; a workflow is wanted here, such as w3"));
        }
        selector(text, 'w').map(Self)
    }
}

impl FromStr for AnyId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if is_numbered(text, 'w') {
            return selector(text, 'w').map(Self::Workflow);
        }
        selector(text, 'p').map(Self::Process)
    }
}

/// Names one process.
#[derive(Args, Debug, Clone)]
pub(crate) struct ProcessArgs {
    /// The process: p7, the first characters of its id, or last
    #[arg(value_name = "ID")]
    pub(crate) id: ProcessRef,
}

/// Names one process or workflow.
#[derive(Args, Debug, Clone)]
pub(crate) struct AnyArgs {
    /// The process or workflow: p7, w3, the first characters of a process id, or last
    #[arg(value_name = "ID")]
    pub(crate) id: AnyId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_by_number_prefix_or_last() {
        assert_eq!("p7".parse(), Ok(ProcessRef(Selector::Number(7))));
        assert_eq!("last".parse(), Ok(ProcessRef(Selector::Last)));
        assert_eq!("AB12".parse(), Ok(ProcessRef(Selector::Prefix(Text::cut("ab12")))));
    }

    #[test]
    fn a_workflow_is_told_from_a_process() {
        assert_eq!("w3".parse(), Ok(AnyId::Workflow(Selector::Number(3))));
        assert_eq!("p3".parse(), Ok(AnyId::Process(Selector::Number(3))));
        assert!(matches!("w3".parse::<ProcessRef>(), Err(IdError::Kind(_))));
        assert!(matches!("p3".parse::<WorkflowRef>(), Err(IdError::Kind(_))));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "p", "p-1", "w", "xyz", "p7x", "p99999999999999999999", &"a".repeat(65)] {
            assert!(text.parse::<ProcessRef>().is_err(), "{text}");
        }
    }
}
