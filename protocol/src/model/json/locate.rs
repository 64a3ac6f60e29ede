//! From a field's path back to its place in the text, for rules that are checked on the decoded value.

use super::{error::SpecError, read::Field};
use crate::refusal::Refusal;

/// Most steps of a path; no spec is deeper.
const STEPS_MAX: usize = 16;

/// Puts line and column to a refusal of something that was read from `document`. A field that is missing, or stands
/// there under an alias, is placed at what should contain it. `root` is what paths call the document itself.
pub(super) fn place(refusal: &Refusal, document: &Field<'_>, root: &str) -> SpecError {
    let Refusal::Invalid { field, why } = refusal else { return document.wrong(refusal.to_string()) };
    let path = field.strip_prefix(root).unwrap_or(field);
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty()).take(STEPS_MAX);
    let mut found: Option<Field<'_>> = None;
    for step in steps {
        match found.as_ref().unwrap_or(document).get(step) {
            Some(next) => found = Some(next),
            None => break,
        }
    }
    let error = found.as_ref().unwrap_or(document).wrong(why.as_str());
    SpecError { field: path.to_owned(), ..error }
}
