//! A value as YAML: maps and lists in blocks, every text in double quotes, so that nothing is taken for something else.

use serde_json::Value;

/// The text of a value.
pub(super) fn text(value: &Value) -> String {
    let mut out = String::new();
    block(value, 0, &mut out);
    out
}

fn block(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                out.push_str(&"  ".repeat(depth));
                out.push_str(key);
                out.push(':');
                below(value, depth, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                out.push_str(&"  ".repeat(depth));
                out.push('-');
                below(item, depth, out);
            }
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn below(value: &Value, depth: usize, out: &mut String) {
    let nested = match value {
        Value::Object(map) => !map.is_empty(),
        Value::Array(items) => items.iter().any(|item| item.is_object() || item.is_array()),
        _ => false,
    };
    if nested {
        out.push('\n');
        block(value, depth + 1, out);
    } else {
        // Flat lists, and texts as JSON writes them, are YAML as they are.
        out.push_str(&format!(" {value}\n"));
    }
}
