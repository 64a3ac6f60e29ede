//! Whole commands, as people and scripts type them: what they print, what they say when they fail, how they exit.
//!
//! Every test has a home of its own and, if it needs one, a development colony of its own on a free port.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by panicking")]
#![expect(clippy::disallowed_methods, reason = "tests of whole processes wait in real time")]

mod automation;
mod clock;
mod colonyos;
mod doors;
mod errors;
mod exec;
mod executors;
mod founding;
mod keys;
mod lab;
mod local;
mod machine;
mod objects;
mod output;
mod quorum;
mod submit;
mod workflows;
