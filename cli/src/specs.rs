//! Work read from a file, with errors that name the file, the line and the column.

use colony_protocol::{
    bounded::{List, Text},
    model::{
        FunctionSpec, WorkflowSpec,
        json::{Parsed, SpecError, parse_submission, parse_workflow},
    },
};

use crate::error::Failure;

/// What a file holds.
#[derive(Debug)]
pub(crate) enum Specs {
    /// Function specs that do not depend on each other.
    Functions(Vec<FunctionSpec>),
    /// A workflow.
    Workflow(Box<WorkflowSpec>),
}

/// Reads a file's text; `as_workflow` insists on a workflow, as `colony workflow submit` does.
pub(crate) fn parse(file: &str, text: &str, as_workflow: bool) -> Result<Specs, Failure> {
    let named = |error| failure(file, &error);
    if as_workflow {
        return parse_workflow(text).map(|spec| Specs::Workflow(Box::new(spec))).map_err(named);
    }
    Ok(match parse_submission(text).map_err(named)? {
        Parsed::Spec(spec) => Specs::Functions(vec![spec]),
        Parsed::Specs(specs) => Specs::Functions(specs),
        Parsed::Workflow(spec) => Specs::Workflow(Box::new(spec)),
    })
}

/// Reads what starts by itself: a workflow, or a function spec, which is a workflow of one node.
pub(crate) fn as_workflow(file: &str, text: &str) -> Result<WorkflowSpec, Failure> {
    let mut node = match parse(file, text, false) {
        Ok(Specs::Workflow(spec)) => return Ok(*spec),
        Ok(Specs::Functions(specs)) if specs.len() == 1 => specs.into_iter().next().unwrap_or_default(),
        // Several nodes without names: let the mistake be told as one in a workflow.
        Ok(Specs::Functions(_)) => {
            return match parse(file, text, true)? {
                Specs::Workflow(spec) => Ok(*spec),
                Specs::Functions(_) => Err(Failure::usage(format!("{file} holds no workflow"))),
            };
        }
        Err(failure) => return Err(failure),
    };
    if node.node_name.is_empty() {
        node.node_name = Text::cut(if node.func_name.is_empty() { "node" } else { &node.func_name });
    }
    let nodes = List::new(vec![node]).map_err(|error| Failure::usage(error.to_string()))?;
    Ok(WorkflowSpec { nodes, ..WorkflowSpec::default() })
}

/// `spec.json:3:7: conditions.mem: not an amount of memory`, as compilers write it and editors read it.
pub(crate) fn failure(file: &str, error: &SpecError) -> Failure {
    let file = if file == "-" { "standard input" } else { file };
    let place = match (error.line, error.column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        (Some(line), None) => format!("{file}:{line}"),
        (None, _) => file.to_owned(),
    };
    let field = if error.field.is_empty() { String::new() } else { format!("{}: ", error.field) };
    let advice = error.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
    Failure::usage(format!("{place}: {field}{}{advice}", error.why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_named_with_file_line_and_column() {
        let failure = parse("spec.json", "{\n  \"funcname\": \"a\",\n  oops\n}", false).unwrap_err();
        assert!(failure.what.starts_with("spec.json:3:"), "{}", failure.what);
        let failure = parse("spec.json", "{\"funcnam\": \"a\"}", false).unwrap_err();
        assert!(failure.what.contains("funcnam") && failure.what.contains("funcname"), "{}", failure.what);
    }

    #[test]
    fn one_spec_a_list_and_a_workflow_are_told_apart() {
        let one = r#"{"funcname":"a","conditions":{"executortype":"cli"}}"#;
        assert!(matches!(parse("-", one, false).unwrap(), Specs::Functions(specs) if specs.len() == 1));
        assert!(matches!(parse("-", &format!("[{one},{one}]"), false).unwrap(), Specs::Functions(_)));
        let node = r#"{"nodename":"n","funcname":"a","conditions":{"executortype":"cli"}}"#;
        assert!(matches!(parse("-", &format!("[{node}]"), true).unwrap(), Specs::Workflow(_)));
    }
}
