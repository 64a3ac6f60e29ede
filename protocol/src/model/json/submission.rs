//! What a file given to `colony submit` can hold.

use super::{
    error::SpecError,
    locate::place,
    read::{Field, FromField},
};
use crate::{
    bounded::List,
    model::{FunctionSpec, NODES_MAX, WorkflowSpec},
    validate,
};

/// What a text turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "made once for a file, never collected")]
pub enum Parsed {
    /// One function spec.
    Spec(FunctionSpec),
    /// A list of function specs that do not depend on each other.
    Specs(Vec<FunctionSpec>),
    /// A workflow.
    Workflow(WorkflowSpec),
}

/// Reads and checks whatever work a text describes.
///
/// An object with `functionspecs` is a workflow, another object a function spec. ColonyOS writes workflows also as a
/// bare array: an array is a workflow if one of its elements has dependencies, or if all have a `nodename`; else it is
/// a list of separate function specs.
///
/// # Errors
/// [`SpecError`], with line, column and field. A text with any mistake is refused whole.
pub fn parse_submission(text: &str) -> Result<Parsed, SpecError> {
    let document = Field::document(text)?;
    if document.is_object() && document.get("functionspecs").is_some() {
        return read_workflow(&document).map(Parsed::Workflow);
    }
    if document.is_object() {
        return read_spec(&document).map(Parsed::Spec);
    }
    if !document.is_array() {
        return Err(document.expected("a function spec, a list of them or a workflow"));
    }
    let specs = read_specs(&document)?;
    let depends = |spec: &FunctionSpec| !spec.conditions.dependencies.is_empty();
    if specs.iter().any(depends) || specs.iter().all(|spec| !spec.node_name.is_empty()) {
        return bare_workflow(&document, specs).map(Parsed::Workflow);
    }
    for (index, spec) in specs.iter().enumerate() {
        validate::function_spec(spec, &format!("[{index}]"))
            .map_err(|refusal| place(&refusal, &document, ""))?;
    }
    Ok(Parsed::Specs(specs))
}

/// Reads and checks one function spec.
///
/// # Errors
/// [`SpecError`], with line, column and field.
pub fn parse_function_spec(text: &str) -> Result<FunctionSpec, SpecError> {
    read_spec(&Field::document(text)?)
}

/// Reads and checks a workflow: `{"colonyname": …, "functionspecs": […]}`, or the bare array of its nodes.
///
/// # Errors
/// [`SpecError`], with line, column and field.
pub fn parse_workflow(text: &str) -> Result<WorkflowSpec, SpecError> {
    let document = Field::document(text)?;
    if document.is_array() {
        let specs = read_specs(&document)?;
        return bare_workflow(&document, specs);
    }
    read_workflow(&document)
}

fn read_spec(document: &Field<'_>) -> Result<FunctionSpec, SpecError> {
    let spec = FunctionSpec::from_field(document)?;
    validate::function_spec(&spec, "").map_err(|refusal| place(&refusal, document, ""))?;
    Ok(spec)
}

fn read_specs(array: &Field<'_>) -> Result<Vec<FunctionSpec>, SpecError> {
    let elements = array.elements()?;
    match elements.len() {
        0 => Err(array.wrong("the list is empty")),
        1..=NODES_MAX => elements.iter().map(FunctionSpec::from_field).collect(),
        more => Err(array.wrong(format!("{more} elements, but at most {NODES_MAX} are allowed"))),
    }
}

impl FromField for WorkflowSpec {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        if !field.is_object() {
            return Err(field.expected("a workflow"));
        }
        let mut object = field.object()?;
        let spec = Self {
            colony_name: object.read(&["colonyname"])?,
            nodes: object.read(&["functionspecs"])?,
            given: List::default(),
        };
        object.finish()?;
        Ok(spec)
    }
}

fn read_workflow(document: &Field<'_>) -> Result<WorkflowSpec, SpecError> {
    let spec = WorkflowSpec::from_field(document)?;
    validate::workflow(&spec).map_err(|refusal| place(&refusal, document, ""))?;
    Ok(spec)
}

fn bare_workflow(document: &Field<'_>, specs: Vec<FunctionSpec>) -> Result<WorkflowSpec, SpecError> {
    let nodes = List::new(specs).map_err(|error| document.wrong(error.to_string()))?;
    let spec = WorkflowSpec { nodes, ..Default::default() };
    validate::workflow(&spec).map_err(|refusal| place(&refusal, document, "functionspecs"))?;
    Ok(spec)
}

#[cfg(test)]
mod tests;
