//! JSON that people, and scripts, write: specs, workflows and executors.
#![no_main]

use colony_protocol::model::json::{self, ColonyContext, Parsed};
use libfuzzer_sys::fuzz_target;

const COLONY: ColonyContext<'static> = ColonyContext { name: "dev" };

fuzz_target!(|text: &str| {
    let _ = json::parse_executor(text);
    let spec = match json::parse_submission(text) {
        Ok(Parsed::Spec(spec)) => spec,
        Ok(_) => return,
        Err(error) => {
            assert!(error.line.is_some() && !error.to_string().is_empty());
            return;
        }
    };
    // What we write, we read; and the second time nothing is left to normalise.
    let written = json::function_spec(&spec, COLONY);
    let again = json::parse_function_spec(&written.to_string()).expect("what we write is a spec");
    assert_eq!(json::function_spec(&again, COLONY), written);
});
