//! A verified request's payload, which its signer may have filled with anything: a command or a query.
#![no_main]

use colony_protocol::{command::Command, query::Query, validate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(query) = Query::decode(bytes) {
        let again = query.encode().and_then(|bytes| Query::decode(&bytes));
        assert!(again.is_ok_and(|again| again == query));
    }
    let Ok(command) = Command::decode(bytes) else { return };
    let again = command.encode().and_then(|bytes| Command::decode(&bytes));
    assert!(again.is_ok_and(|again| again == command));
    match &command {
        Command::Submit { items } => {
            for item in items.iter() {
                let _ = validate::function_spec(&item.spec, "");
            }
        }
        Command::SubmitWorkflow { spec, .. } => {
            if let Ok(plan) = validate::workflow(spec) {
                assert_eq!(plan.order.len(), spec.nodes.len());
            }
        }
        _ => {}
    }
});
