//! What waiting work costs in memory.

use colony_protocol::{
    bounded::{List, Text},
    colony::{Call, Colony, Outbox},
    command::{Command, Submission},
    envelope::RequestId,
    model::FunctionSpec,
    time::Timestamp,
};

use crate::people::id;

/// Processes in the queue, in requests of [`BATCH`].
const COUNT: usize = 20_000;
const BATCH: usize = 1_000;
/// What a waiting process may cost beside its spec.
const BESIDE_SPEC: i64 = 1024;

fn spec() -> FunctionSpec {
    let mut spec = FunctionSpec { func_name: Text::new("echo").unwrap(), ..FunctionSpec::default() };
    spec.conditions.executor_type = Text::new("cli").unwrap();
    spec
}

fn call(number: usize, command: Command) -> Call {
    let mut request = [0; 16];
    request[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let expires = Timestamp::from_micros(1_000_000);
    Call { by: id(1), term: 1, request: RequestId::from_bytes(request), expires, command: command.into() }
}

fn colony() -> Colony {
    let mut colony = Colony::new(id(1));
    let mut tell = |call: &Call| colony.apply(call, &mut Outbox::default()).map(drop).unwrap();
    tell(&call(0, Command::Found { name: Text::new("dev").unwrap() }));
    for number in 1..=COUNT / BATCH {
        let items = vec![Submission { spec: spec(), retry_of: None }; BATCH];
        tell(&call(number, Command::Submit { items: List::new(items).unwrap() }));
    }
    colony
}

#[test]
fn a_waiting_process_costs_at_most_a_kibibyte_beside_its_spec() {
    let (mut specs, mut whole) = (Vec::new(), None);
    let of_specs = allocation_counter::measure(|| specs = (0..COUNT).map(|_| Box::new(spec())).collect());
    let of_colony = allocation_counter::measure(|| whole = Some(colony()));
    let beside = (of_colony.bytes_current - of_specs.bytes_current) / i64::try_from(COUNT).unwrap();
    assert!((1..=BESIDE_SPEC).contains(&beside), "{beside} bytes");
    drop((specs, whole));
}
