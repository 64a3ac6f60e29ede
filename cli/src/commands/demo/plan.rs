//! The workflow: one process a piece, and one that adds what they say. Plain programs of any Unix do the work.

use colony_protocol::{
    bounded::{BoundError, Json, List, Text},
    model::{Conditions, FunctionSpec, Name, WorkflowSpec},
};

use super::{
    colony::TYPE,
    text::{Piece, Source},
};
use crate::error::Failure;

/// Counts the words of its first argument. The fifth of a second stands for work that takes its time, so that a machine that
/// stops has something in its hands.
const COUNT_TEXT: &str = r#"sleep 0.2; printf %s "$1" | awk '{ n += NF } END { print n + 0 }'"#;
/// Counts the words of a file from the byte after the second argument on, for as many bytes as the third says.
const COUNT_RANGE: &str =
    r#"sleep 0.2; tail -c +"$(($2 + 1))" "$1" | head -c "$3" | awk '{ n += NF } END { print n + 0 }'"#;
/// Adds the numbers on its standard input: the outputs of its parents.
const ADD: &str = "awk '{ sum += $1 } END { print sum + 0 }'";
/// Tries per process, should an executor be lost.
const RETRIES: i64 = 3;

/// The whole graph.
pub(super) fn workflow(source: &Source, pieces: &[Piece]) -> Result<WorkflowSpec, Failure> {
    build(source, pieces)
        .map_err(|error| Failure::usage(format!("the pieces do not fit one workflow: {error}")))
}

fn build(source: &Source, pieces: &[Piece]) -> Result<WorkflowSpec, BoundError> {
    let names: Vec<Name> = (0..pieces.len()).map(|index| Text::cut(&format!("count-{index}"))).collect();
    let mut nodes = Vec::with_capacity(pieces.len().saturating_add(1));
    for (name, piece) in names.iter().zip(pieces) {
        nodes.push(node(name.clone(), &arguments(source, piece), Vec::new())?);
    }
    nodes.push(node(Text::cut("sum"), &[ADD.to_owned()], names)?);
    Ok(WorkflowSpec { nodes: List::new(nodes)?, ..WorkflowSpec::default() })
}

fn arguments(source: &Source, piece: &Piece) -> Vec<String> {
    match source {
        Source::Licence => vec![COUNT_TEXT.to_owned(), "count".to_owned(), Source::text(piece).to_owned()],
        Source::File(path) => vec![
            COUNT_RANGE.to_owned(),
            "count".to_owned(),
            path.display().to_string(),
            piece.start.to_string(),
            piece.end.saturating_sub(piece.start).to_string(),
        ],
    }
}

fn node(node_name: Name, words: &[String], dependencies: Vec<Name>) -> Result<FunctionSpec, BoundError> {
    let args = std::iter::once("-c").chain(words.iter().map(String::as_str)).map(Json::string).collect();
    Ok(FunctionSpec {
        node_name,
        func_name: Text::new("sh")?,
        args: List::new(args)?,
        max_retries: RETRIES,
        conditions: Conditions {
            executor_type: Text::new(TYPE)?,
            dependencies: List::new(dependencies)?,
            ..Conditions::default()
        },
        ..FunctionSpec::default()
    })
}
