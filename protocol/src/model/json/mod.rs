//! The JSON that people write and ColonyOS clients read: another form of the nouns in [`crate::model`].
//!
//! Reading is strict, because a misspelt limit that is silently ignored costs a night of computing: unknown and
//! repeated keys are errors, with the line, the column, the field's path and the nearest key we know. Keys are the
//! lower-case ones of ColonyOS plus the aliases its own documentation and clients use. `null` means the default.
//!
//! What programs send is read by the same code, but leniently, as ColonyOS reads it ([`crate::colonyos`]).
//!
//! Writing follows ColonyOS key by key, with what its clients need where they differ (null or empty, the year 1 for
//! "never"), plus a few keys of ours.
//!
//! What may never happen: a value changed on its way through (arguments keep their text), a panic on any text.

mod blueprint;
mod error;
mod executor;
mod function_spec;
mod locate;
mod print;
pub(crate) mod read;
mod submission;

pub(crate) use blueprint::{blueprint as blueprint_field, definition as definition_field};
pub use blueprint::{parse_blueprint, parse_definition};
pub use error::SpecError;
pub use executor::parse_executor;
pub(crate) use executor::{allocations, identity};
pub use print::{
    ColonyContext, blueprint, blueprint_change, channel_entry, cron, definition, executor, explanation, file,
    file_entry, function, function_spec, generator, label, location, log_line, member, next_runs, process,
    rfc3339, snapshot, statistics, status, user, workflow, workflow_spec,
};
pub use submission::{Parsed, parse_function_spec, parse_submission, parse_workflow};
