//! Bytes that claim more than they hold, that nest, repeat or multiply.

use colony_protocol::{
    announcement::{Announcement, SignedAnnouncement},
    bounded::List,
    charter::{Charter, Delegation, SignedCharter},
    codec,
    command::Command,
    entry::Batch,
    envelope::{Body, EnvelopeError, SIGNED_MAX, Signed},
    model::{FunctionSpec, NODES_MAX, Process, WorkflowSpec, member::Member},
    query::{self, Query},
    rpc,
    ticket::{SignedTicket, Ticket},
};
use proptest::prelude::*;

/// What decoding one request frame may take at the peak, whatever it holds: 64 bytes for each of a full frame. Measured,
/// the dearest are a list of one-digit JSON values (two bytes each on the wire, 16 bytes of list and an allocation of
/// its own in memory) and lists of objects that are all default (one byte each), which the bounds of the lists stop.
pub(crate) const COST_MAX: u64 = 64 * SIGNED_MAX as u64;

/// Decodes bytes and says how much memory that took at its peak.
fn cost<T, E>(decode: impl FnOnce() -> Result<T, E>) -> u64 {
    allocation_counter::measure(|| drop(decode())).bytes_max
}

/// Decodes bytes as everything a peer could have meant by them.
pub(crate) fn decode_as_everything(bytes: &[u8]) -> u64 {
    let costs = [
        cost(|| Signed::from_bytes(bytes)),
        cost(|| SignedAnnouncement::from_bytes(bytes)),
        cost(|| codec::decode::<Announcement>(bytes)),
        cost(|| codec::decode::<Body>(bytes)),
        cost(|| codec::decode::<Ticket>(bytes)),
        cost(|| codec::decode::<SignedTicket>(bytes)),
        cost(|| SignedCharter::from_bytes(bytes)),
        cost(|| codec::decode::<Charter>(bytes)),
        cost(|| codec::decode::<Delegation>(bytes)),
        cost(|| codec::decode::<Member>(bytes)),
        cost(|| Command::decode(bytes)),
        cost(|| Query::decode(bytes)),
        cost(|| rpc::decode_outcome(bytes)),
        cost(|| codec::decode::<Batch>(bytes)),
        cost(|| codec::decode::<Process>(bytes)),
        cost(|| codec::decode::<FunctionSpec>(bytes)),
        cost(|| codec::decode::<WorkflowSpec>(bytes)),
    ];
    costs.into_iter().max().unwrap_or_default()
}

/// The head of a CBOR item with a 32-bit length.
fn head(major: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![major << 5 | 26];
    bytes.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
    bytes
}

/// A path of keys, `[]` for a list of one, with a list (or map) of `count` times `item` at its end.
fn at_path(path: &str, major: u8, item: &[u8], count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for step in path.split('.') {
        if step == "[]" {
            bytes.push(0x81);
        } else {
            bytes.push(0xa1);
            bytes.extend(head(3, step.len()));
            bytes.extend_from_slice(step.as_bytes());
        }
    }
    bytes.extend(head(major, count));
    bytes.extend(item.repeat(count));
    bytes
}

type Decoder = fn(&[u8]) -> u64;

/// Every list and map that a peer can fill: what decodes it, and the paths to it.
const LISTS: &[(Decoder, &[&str])] = &[
    (
        |bytes| cost(|| Command::decode(bytes)),
        &[
            "Submit.items",
            "Submit.items.[].spec.args",
            "Submit.items.[].spec.kwargs",
            "Submit.items.[].spec.env",
            "Submit.items.[].spec.channels",
            "Submit.items.[].spec.conditions.executor_names",
            "Submit.items.[].spec.conditions.dependencies",
            "Submit.items.[].spec.fs.snapshots",
            "Submit.items.[].spec.fs.dirs",
            "SubmitWorkflow.spec.nodes",
            "SubmitWorkflow.spec.nodes.[].args",
            "SubmitWorkflow.spec.given",
            "SubmitWorkflow.spec.given.[].output",
            "Renew.leases",
            "Close.items",
            "Close.items.[].output",
            "Close.items.[].errors",
            "Close.items.[].attributes",
            "Close.items.[].lines",
            "SetOutput.output",
            "AddLog.lines",
            "AddExecutor.executor.capabilities.hardware",
            "AddExecutor.executor.capabilities.hardware.[].network",
            "AddExecutor.executor.capabilities.software",
            "Join.member.addresses",
            "Join.member.executor.capabilities.hardware",
            "AddMember.member.addresses",
            "UpdateMember.addresses",
        ],
    ),
    (
        |bytes| cost(|| rpc::decode_outcome(bytes)),
        &[
            "Ok.Reply.Submitted",
            "Ok.Reply.WorkflowSubmitted.processes",
            "Ok.Reply.Assigned.processes",
            "Ok.Reply.Renewed",
            "Ok.Reply.Closed",
            "Ok.Answer.Processes",
            "Ok.Answer.Workflow.processes",
            "Ok.Answer.Workflows",
            "Ok.Answer.Executors",
            "Ok.Answer.Users",
            "Ok.Answer.Functions",
            "Ok.Answer.Members",
            "Ok.Answer.Members.[].member.addresses",
            "Ok.Reply.Joined.nodes",
            "Ok.Reply.Joined.nodes.[].addresses",
            "Ok.Answer.Log",
            "Ok.Answer.Watch.lines",
            "Ok.Answer.Status.voters",
            "Ok.Answer.Status.learners",
            "Ok.Answer.Explanation.blockers",
            "Ok.Answer.Explanation.executors",
            "Ok.Answer.Explanation.executors.[].checks",
        ],
    ),
    (|bytes| cost(|| codec::decode::<Body>(bytes)), &["grants"]),
    (|bytes| cost(|| codec::decode::<Ticket>(bytes)), &["a"]),
    (|bytes| cost(|| codec::decode::<Charter>(bytes)), &["v", "v.[].a"]),
    (|bytes| cost(|| codec::decode::<Delegation>(bytes)), &["k"]),
    (|bytes| cost(|| codec::decode::<Batch>(bytes)), &["heard", "items"]),
    (
        |bytes| cost(|| codec::decode::<Process>(bytes)),
        &["parents", "children", "input", "output", "errors", "attributes"],
    ),
];

fn lists() -> impl Iterator<Item = (Decoder, &'static str)> {
    LISTS.iter().flat_map(|(decoder, paths)| paths.iter().map(|path| (*decoder, *path)))
}

#[test]
fn deep_nesting_is_refused_without_memory_or_stack() {
    let deep: [(&str, &[u8]); 6] = [
        ("arrays", &[0x81]),
        ("indefinite arrays", &[0x9f]),
        ("maps", &[0xa1]),
        ("maps under a key", &[0xa1, 0x61, b'a']),
        ("indefinite maps", &[0xbf, 0x61, b'a']),
        ("tags", &[0xc1]),
    ];
    for (what, unit) in deep {
        let bytes = unit.repeat(SIGNED_MAX / unit.len());
        let cost = decode_as_everything(&bytes);
        assert!(cost < 4096, "{what} cost {cost}");
        // Below a field nobody knows, where values are skipped.
        let skipped = [&[0xa1, 0x61, b'?'][..], &bytes].concat();
        let cost = decode_as_everything(&skipped);
        assert!(cost < 4096, "skipped {what} cost {cost}");
    }
}

#[test]
fn headers_that_claim_more_than_follows_cost_nothing() {
    for major in 2..=5_u8 {
        let claims = [
            vec![major << 5 | 26, 0xff, 0xff, 0xff, 0xff],
            [&[major << 5 | 27][..], &[0xff; 8]].concat(),
            [&[major << 5 | 27][..], &(1_u64 << 32).to_be_bytes()].concat(),
        ];
        for claim in &claims {
            assert!(decode_as_everything(claim) < 64 * 1024);
            for (decode, path) in lists() {
                let mut bytes = at_path(path, 4, &[], 0);
                bytes.truncate(bytes.len() - 5);
                bytes.extend_from_slice(claim);
                let cost = decode(&bytes);
                // Serde itself reserves up to a mebibyte for a plain vector, and gives it back.
                assert!(cost <= 1024 * 1024 + 4096, "{path} with a header of type {major} cost {cost}");
            }
        }
    }
}

#[test]
fn a_mebibyte_of_nothing_in_any_list_is_refused_at_its_bound() {
    let fillers: [(&str, &[u8]); 8] = [
        ("nulls", &[0xf6]),
        ("zeros", &[0]),
        ("empty texts", &[0x60]),
        ("empty bytes", &[0x40]),
        ("empty lists", &[0x80]),
        ("empty maps", &[0xa0]),
        ("one-digit texts", &[0x61, b'1']),
        ("the word Paused", &[0x66, b'P', b'a', b'u', b's', b'e', b'd']),
    ];
    for (decode, path) in lists() {
        for (what, item) in fillers {
            let bytes = at_path(path, 4, item, (SIGNED_MAX - 200) / item.len());
            let cost = decode(&bytes);
            assert!(cost <= COST_MAX, "{what} in {path} cost {cost}");
            // As a map each key would come again and again.
            let cost = decode(&at_path(path, 5, &item.repeat(2), 10_000));
            assert!(cost <= COST_MAX, "a map of {what} in {path} cost {cost}");
        }
    }
}

#[test]
fn the_most_elements_a_frame_can_buy_stay_below_the_bound() {
    // Many nodes, each full of the shortest values there are.
    let node = at_path("args", 4, b"\x611", 4096);
    let nodes = at_path("SubmitWorkflow.spec.nodes", 4, &node, (SIGNED_MAX - 200) / node.len());
    assert!(Command::decode(&nodes).is_ok());
    let paid = cost(|| Command::decode(&nodes));
    assert!(paid <= COST_MAX, "short arguments cost {paid}");

    // Nodes of one byte each: here their number is what protects us.
    let nodes = at_path("SubmitWorkflow.spec.nodes", 4, &[0xa0], NODES_MAX);
    assert!(Command::decode(&nodes).is_ok());
    let paid = cost(|| Command::decode(&nodes));
    assert!(paid <= COST_MAX, "empty nodes cost {paid}");
    assert!(Command::decode(&at_path("SubmitWorkflow.spec.nodes", 4, &[0xa0], NODES_MAX + 1)).is_err());
}

#[test]
fn repeated_commands_and_keys_are_refused() {
    let pause = Command::Pause.encode().unwrap();
    assert!(Command::decode(&[pause.as_slice(), &pause].concat()).is_err());
    // Two commands in one map of two.
    let both =
        [&[0xa2][..], &at_path("Submit.items", 4, &[], 0)[1..], &at_path("Renew.leases", 4, &[], 0)[1..]]
            .concat();
    assert!(Command::decode(&both).is_err());
    let env = [at_path("env", 5, &[0x61, b'A', 0x61, b'1'], 2)].concat();
    assert!(codec::decode::<FunctionSpec>(&env).is_err());
}

#[test]
fn a_frame_above_the_limit_is_refused_before_it_is_decoded() {
    let bytes = vec![0; SIGNED_MAX + 1];
    let cost = allocation_counter::measure(|| {
        assert_eq!(Signed::from_bytes(&bytes), Err(EnvelopeError::TooLarge));
    });
    assert_eq!(cost.bytes_total, 0);
}

#[test]
fn a_query_never_passes_for_a_command_nor_a_command_for_a_query() {
    for query in [Query::Status, Query::Statistics, Query::Executors, Query::Users, Query::Members] {
        assert!(Command::decode(&query.encode().unwrap()).is_err());
    }
    for command in
        [Command::Pause, Command::Resume, Command::Leave, Command::Renew { leases: List::default() }]
    {
        assert!(Query::decode(&command.encode().unwrap()).is_err());
        assert!(command.kind() != query::KIND && command.kind() != query::STALE_KIND);
    }
}

proptest! {
    #[test]
    fn altered_payloads_never_panic(
        seed in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
    ) {
        let (decode, path) = lists().nth(seed.index(lists().count())).unwrap();
        let mut bytes = at_path(path, 4, &[0xa0], 3);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert!(decode(&bytes) <= COST_MAX);
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        prop_assert!(decode_as_everything(&bytes) <= COST_MAX);
    }
}
