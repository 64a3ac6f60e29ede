//! Whether a member is well, and what to do where it is not.
//!
//! Two halves. [`facts`] holds what was measured: by the member's own node, by its colleagues, by the program that asks.
//! The judges ([`member`], [`machine`], [`peer`]) turn facts into [`Check`]s, and are pure: each of them can be shown a
//! case in which it must complain. [`inquiry`] asks others; what the machine is like the command measures itself.

pub mod check;
pub mod facts;
pub mod inquiry;
pub mod machine;
pub mod member;
pub mod peer;
pub mod probe;
mod words;

pub use check::{Check, Health, worst};
