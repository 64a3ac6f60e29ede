//! What a spec must satisfy before it becomes a process, and an address before it is a member's: checked by the core,
//! and by clients before they send.
//!
//! Lengths and counts are the business of the types in [`crate::bounded`]; here stand the rules that types cannot
//! say. A message names the field as the user wrote it, so that it can be found in a file.
//!
//! What may never happen: a spec refused that ColonyOS runs, a cost above linear in the size of the spec (but for
//! the logarithm of looking up a name), recursion over the nodes of a workflow.

mod addresses;
mod function_spec;
mod schema;
mod workflow;

pub use addresses::addresses;
pub use function_spec::{CHANNELS_MAX, PRIORITY_MAX, RETRIES_MAX, function_spec};
pub use schema::{against, object, schema};
pub use workflow::{CHILDREN_MAX, Parent, Plan, PlannedNode, workflow};
