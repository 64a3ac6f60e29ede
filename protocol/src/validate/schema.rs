//! JSON Schema, as definitions of blueprints use it.
//!
//! The library decides what fits; here is what may be asked of it and how its verdicts are told. Every replica asks it
//! about the same entry, so a schema may hold nothing that reaches outside, that can run for ever, or whose meaning is
//! left open: no references, and patterns only for the engine that takes linear time. Verdicts are told in words of our
//! own, of all that is wrong always the same one.
//!
//! What may never happen: a schema that makes a member fetch something; one that holds up whoever applies it.

use jsonschema::{PatternOptions, ValidationError, Validator, error::TypeKind, error::ValidationErrorKind};
use serde_json::Value;

use crate::{
    bounded::Json,
    model::blueprint::{SCHEMA_BYTES_MAX, SPEC_BYTES_MAX},
    refusal::Refusal,
};

/// Most values in a schema. With [`SPEC_BYTES_MAX`] this bounds a check to some milliseconds.
const NODES_MAX: usize = 2_000;
/// Most levels of a schema.
const DEPTH_MAX: usize = 32;
/// Most bytes a pattern may take when it is compiled.
const PATTERN_BYTES_MAX: usize = 64 * 1024;
/// Words that lead out of a schema, or back into it.
const REFERENCES: [&str; 6] = ["$ref", "$dynamicRef", "$recursiveRef", "$schema", "$id", "$vocabulary"];

/// Checks that a text is a schema the colony can use.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn schema(json: &Json) -> Result<(), Refusal> {
    compile(json).map(|_| ())
}

/// Checks that a spec is an object that satisfies a schema, if there is one.
///
/// # Errors
/// [`Refusal::Invalid`], naming the field.
pub fn against(schema: Option<&Json>, spec: &Json) -> Result<(), Refusal> {
    let value = object("spec", spec)?;
    let Some(schema) = schema else { return Ok(()) };
    let validator = compile(schema)?;
    // The library does not promise an order.
    let first = validator.iter_errors(&value).map(|error| words(&error)).min();
    first.map_or(Ok(()), |(field, why)| Err(Refusal::invalid(&field, why)))
}

/// A JSON object small enough to be kept.
///
/// # Errors
/// [`Refusal::Invalid`].
pub fn object(field: &str, json: &Json) -> Result<Value, Refusal> {
    let bytes = json.as_text().len();
    if bytes > SPEC_BYTES_MAX {
        let why = format!("{bytes} bytes are more than the limit of {SPEC_BYTES_MAX}");
        return Err(Refusal::invalid(field, why));
    }
    let value = json.to_value();
    if !value.is_object() {
        return Err(Refusal::invalid(field, "must be a JSON object"));
    }
    Ok(value)
}

fn compile(json: &Json) -> Result<Validator, Refusal> {
    let invalid = |why: String| Refusal::invalid("schema", why);
    let bytes = json.as_text().len();
    if bytes > SCHEMA_BYTES_MAX {
        return Err(invalid(format!("{bytes} bytes are more than the limit of {SCHEMA_BYTES_MAX}")));
    }
    let mut value = json.to_value();
    if !value.is_object() {
        return Err(invalid("must be a JSON object".to_owned()));
    }
    let mut room = NODES_MAX;
    tidy(&mut value, DEPTH_MAX, &mut room).map_err(invalid)?;
    let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    let options = jsonschema::draft202012::options().with_pattern_options(patterns);
    options.build(&value).map_err(|error| {
        let (field, why) = words(&error);
        invalid(format!("{}: {why}", field.replacen("spec", "schema", 1)))
    })
}

/// Leaves out what ColonyOS's clients write for "nothing", and refuses what a schema may not hold.
fn tidy(value: &mut Value, depth: usize, room: &mut usize) -> Result<(), String> {
    let below = depth.checked_sub(1).ok_or_else(|| format!("more than {DEPTH_MAX} levels deep"))?;
    *room = room.checked_sub(1).ok_or_else(|| format!("more than {NODES_MAX} values"))?;
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| tidy(item, below, room)),
        Value::Object(fields) => {
            if let Some(word) = REFERENCES.iter().find(|word| fields.contains_key(**word)) {
                return Err(format!("`{word}` is not allowed: a schema stands alone"));
            }
            fields.retain(|key, value| !says_nothing(key, value));
            fields.values_mut().try_for_each(|item| tidy(item, below, room))
        }
        _ => Ok(()),
    }
}

fn says_nothing(key: &str, value: &Value) -> bool {
    match key {
        "type" => value.as_str().is_some_and(str::is_empty),
        "enum" => value.is_null() || value.as_array().is_some_and(Vec::is_empty),
        "required" | "properties" | "items" => value.is_null(),
        _ => false,
    }
}

/// The field and what is wrong with it; ColonyOS's words where it has any.
fn words(error: &ValidationError<'_>) -> (String, String) {
    let path = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    let field = if path.is_empty() { "spec".to_owned() } else { format!("spec.{path}") };
    let why = match error.kind() {
        ValidationErrorKind::Required { property } => {
            format!("required field '{}' is missing", plain(property))
        }
        ValidationErrorKind::Enum { options } => {
            let known = options.as_array().map(|known| known.iter().map(plain).collect::<Vec<_>>());
            let known = known.unwrap_or_default().join(" ");
            format!("field '{path}' must be one of [{known}], got {}", plain(error.instance()))
        }
        ValidationErrorKind::Type { kind } => {
            let wanted = match kind {
                TypeKind::Single(kind) => kind.to_string(),
                TypeKind::Multiple(kinds) => {
                    kinds.iter().map(|kind| kind.to_string()).collect::<Vec<_>>().join(" or ")
                }
            };
            format!(
                "field '{path}' must be {} {wanted}, got {}",
                article(&wanted),
                type_word(error.instance())
            )
        }
        other => format!("field '{path}' does not satisfy `{}`", other.keyword()),
    };
    (field, why)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

const fn type_word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::new(text).unwrap()
    }

    fn verdict(schema: &str, spec: &str) -> Result<(), String> {
        against(Some(&json(schema)), &json(spec)).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn what_colonyos_checks_is_checked_in_its_words() {
        let schema = r#"{"type":"object","required":["power"],"properties":{
            "power":{"type":"boolean","description":"","enum":[],"default":true},
            "mode":{"type":"string","enum":["a","b"]},
            "level":{"type":"integer"},
            "list":{"type":"array","items":{"type":"object","required":["x"]}}}}"#;
        for (spec, why) in [
            (r#"{"power":true,"mode":"a","level":2,"list":[{"x":1}],"more":1}"#, None),
            ("{}", Some("spec: required field 'power' is missing")),
            (r#"{"power":true,"mode":"z"}"#, Some("spec.mode: field 'mode' must be one of [a b], got z")),
            (r#"{"power":"on"}"#, Some("spec.power: field 'power' must be a boolean, got string")),
            // Where ColonyOS looks away.
            (
                r#"{"power":true,"level":1.5}"#,
                Some("spec.level: field 'level' must be an integer, got number"),
            ),
            (r#"{"power":true,"list":[{}]}"#, Some("spec.list.0: required field 'x' is missing")),
        ] {
            assert_eq!(verdict(schema, spec).err().as_deref(), why, "{spec}");
        }
        assert_eq!(verdict("{}", "[1]").unwrap_err(), "spec: must be a JSON object");
        assert_eq!(against(None, &json("{}")), Ok(()));
    }

    #[test]
    fn a_schema_stands_alone_and_is_small() {
        let deep = format!("{}1{}", r#"{"properties":"#.repeat(40), "}".repeat(40));
        let many = format!(
            r#"{{"properties":{{{}}}}}"#,
            (0..2_000).map(|n| format!(r#""p{n}":{{}}"#)).collect::<Vec<_>>().join(",")
        );
        for text in [
            r##"{"$ref":"#"}"##,
            r#"{"allOf":[{"$ref":"http://example.org/schema"}]}"#,
            r#"{"$schema":"http://example.org/meta"}"#,
            r#"{"type":"nothing"}"#,
            r#"{"properties":{"a":{"pattern":"("}}}"#,
            r#"{"properties":{"a":{"pattern":"((a{500}){500}){500}"}}}"#,
            "[]",
            deep.as_str(),
            many.as_str(),
        ] {
            let refusal = schema(&json(text)).unwrap_err().to_string();
            assert!(refusal.starts_with("schema: "), "{refusal}");
        }
        assert_eq!(schema(&json(r#"{"properties":{"a":{"pattern":"^(a+)+$"}}}"#)), Ok(()));
    }

    #[test]
    fn of_many_mistakes_always_the_same_one_is_told() {
        let names: Vec<String> = (0..200).map(|n| format!("\"p{n}\"")).collect();
        let schema = format!(r#"{{"required":[{}]}}"#, names.join(","));
        let first = verdict(&schema, "{}");
        assert_eq!(first, Err("spec: required field 'p0' is missing".to_owned()));
        assert!((0..20).all(|_| verdict(&schema, "{}") == first));
    }
}
