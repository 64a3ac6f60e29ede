//! The same scenario for Shadow, which runs real programs on a simulated network: <https://shadow.github.io>.
//!
//! What is written: `shadow.yaml` and `network.gml` in the form that Shadow 3 documents ([`yaml`]), a script for each
//! class of host, and for each submitter the work that it sends and when. Hosts are where the laboratory puts them for the
//! same seed. Shadow has no NATs, no wrong clocks, no slow disks and no links that come and go: what a scenario says
//! of those is left out, and [`Export::left_out`] names it. Nothing here touches a disk.

mod work;
mod yaml;

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use colony_protocol::timing::Timing;
use serde_json::{Value, json};

use super::{
    engine::{self, node::Node},
    scenario::{Class, Deed, Happening, Topology, sweep::Plan},
};

/// Where nodes listen.
const PORT: u16 = 4001;
/// Between the starts of two hosts, in microseconds: nobody starts a cluster in one moment.
const BETWEEN: u64 = 50_000;
/// The host that founds a colony.
const FOUNDER: &str = "voter0";
/// How long after its start the founder invites: its colony is made by then.
const INVITES: u64 = 1_000_000;
/// How long before the end the founder tells what became of the work.
const TELLS: u64 = 10_000_000;
/// When submitters begin: colonies are founded and joined by then.
const SETTLED: u64 = 60_000_000;
/// Most hosts: each is one to three real processes.
const HOSTS_MAX: usize = 5_000;

/// Files of a configuration.
#[derive(Debug)]
pub struct Export {
    /// Texts, by path.
    pub files: BTreeMap<String, String>,
    /// What the scenario says and Shadow cannot be told.
    pub left_out: Vec<String>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// Too large.
    #[error("{what}: Shadow runs real programs; keep it at {most} or below")]
    Large {
        /// What is how large.
        what: String,
        /// The most.
        most: usize,
    },
}

// What Shadow 3.3 lacks, no script may do: make a directory (`mkdirat`), or wait for what runs beside it (`rt_sigsuspend`).

/// The founder's script: it founds the colony, and runs a node.
const FOUND: &str = r#"#!/bin/sh
# found.sh COLONY_BINARY NAME ADDRESS TIMING
[ -e home ] || "$1" init --home home --name "$2" --node-name founder --listen "$3" --timing "$4"
exec "$1" up --home home --lab
"#;

/// The founder's second script: it writes tickets for those who join.
const INVITE: &str = r#"#!/bin/sh
# invite.sh COLONY_BINARY
for role in voter executor user observer; do
    until "$1" invite --home home --role "$role" --uses 10000 --ttl 24h -o quiet > "$role.new"; do sleep 1; done
    mv "$role.new" "$role.ticket"
done
"#;

/// The founder's last script: what became of the newest thousand pieces of work.
const TELL: &str = r#"#!/bin/sh
# tell.sh COLONY_BINARY
exec "$1" ps --home home --limit 1000 -o jsonl > processes.jsonl
"#;

/// The script of everybody else: waits for a ticket of its role, and joins.
const JOIN: &str = r#"#!/bin/sh
# join.sh COLONY_BINARY FOUNDER ROLE NAME ADDRESS TIMING TYPE
# All hosts share one `/tmp`, and what is drawn at random is the same in every run.
export TMPDIR="$PWD"
until [ -s "$2/$3.ticket" ]; do sleep 1; done
if [ -e home ]; then
    # Its second life: it has joined already.
    if [ "$3" = executor ]; then exec "$1" executor start --home home --name "$4" --type "$7"; fi
    exec "$1" up --home home --lab
fi
case "$3" in
    executor) exec "$1" join "$(cat "$2/$3.ticket")" --home home --name "$4" --listen "$5" --timing "$6" --lab --executor "$7" ;;
    user) exec "$1" join "$(cat "$2/$3.ticket")" --home home --name "$4" --lab ;;
    *) exec "$1" join "$(cat "$2/$3.ticket")" --home home --name "$4" --listen "$5" --timing "$6" --lab ;;
esac
"#;

/// A submitter's script: lines of a pause in seconds, a tab, and a spec.
const SUBMIT: &str = r#"#!/bin/sh
# submit.sh COLONY_BINARY WORK
while IFS="$(printf '\t')" read -r pause spec; do
    sleep "$pause"
    printf '%s' "$spec" | "$1" submit --home home - &
done < "$2"
"#;

/// A host.
#[derive(Debug)]
struct Host<'a> {
    name: String,
    node: &'a Node,
    address: Ipv4Addr,
    /// Among all hosts.
    place: usize,
}

/// Writes a scenario as a configuration of Shadow that runs the program `colony`, a path.
///
/// # Errors
/// [`ExportError`].
pub fn export(plan: &Plan, colony: &str) -> Result<Export, ExportError> {
    let (nodes, timing) = engine::nodes(Arc::new(plan.clone()));
    let timing = match timing {
        Timing::Local => "local",
        Timing::Internet => "internet",
    };
    let hosts = hosts(&nodes);
    if hosts.len() > HOSTS_MAX {
        return Err(ExportError::Large { what: format!("{} hosts", hosts.len()), most: HOSTS_MAX });
    }
    let mut files = BTreeMap::from([
        ("found.sh".to_owned(), FOUND.to_owned()),
        ("invite.sh".to_owned(), INVITE.to_owned()),
        ("tell.sh".to_owned(), TELL.to_owned()),
        ("join.sh".to_owned(), JOIN.to_owned()),
        ("submit.sh".to_owned(), SUBMIT.to_owned()),
        ("network.gml".to_owned(), gml(plan)),
    ]);
    let sends = work::schedules(plan, &hosts)?;
    let described: serde_json::Map<String, Value> = hosts
        .iter()
        .map(|host| {
            let file = sends.get(&host.place).map(|_| format!("work/{}.tsv", host.name));
            (host.name.clone(), describe(plan, host, (colony, timing), file.as_deref()))
        })
        .collect();
    for (place, text) in sends {
        if let Some(host) = hosts.get(place) {
            files.insert(format!("work/{}.tsv", host.name), text);
        }
    }
    let whole = whole(plan);
    let config = json!({
        "general": {
            "stop_time": time(whole),
            "seed": plan.seed % u64::from(u32::MAX),
            "model_unblocked_syscall_latency": true,
        },
        "network": {
            "graph": { "type": "gml", "file": { "path": "network.gml" } },
            "use_shortest_path": false,
        },
        "hosts": described,
    });
    files.insert("shadow.yaml".to_owned(), yaml::text(&config));
    let left_out = left_out(plan);
    files.insert("README.md".to_owned(), readme(plan, &left_out));
    Ok(Export { files, left_out })
}

fn hosts(nodes: &[Node]) -> Vec<Host<'_>> {
    // Without NATs nobody needs a relay.
    let taken = nodes.iter().filter(|node| node.class != Class::Relay).enumerate();
    let mut counts: BTreeMap<(u16, Class), u32> = BTreeMap::new();
    let hosts = taken.map(|(place, node)| {
        let number = counts.entry((node.colony, node.class)).or_default();
        let name = format!("c{}-{}{number}", node.colony, word(node.class));
        *number += 1;
        // Addresses that Shadow gives out itself, too; the last byte is never 0 or 255.
        let (high, low) = ((place / 254) as u32, (place % 254) as u32 + 1);
        let address = Ipv4Addr::from((11 << 24) + (high << 8) + low);
        Host { name, node, address, place }
    });
    hosts.collect()
}

const fn word(class: Class) -> &'static str {
    match class {
        Class::Voter => "voter",
        Class::Executor => "executor",
        Class::Submitter => "submitter",
        Class::Relay => "relay",
        Class::Observer => "observer",
    }
}

/// A host as Shadow is told of it.
fn describe(plan: &Plan, host: &Host<'_>, (colony, timing): (&str, &str), work: Option<&str>) -> Value {
    let node = host.node;
    // Shadow runs each process in `shadow.data/hosts/NAME`, below where it was started.
    let founder = format!("c{}-{FOUNDER}", node.colony);
    let founds = host.name == founder;
    let founder = format!("../{founder}");
    let listen = format!("/ip4/{}/tcp/{PORT}", host.address);
    let args = if founds {
        json!(["../../../found.sh", colony, plan.scenario.name, listen, timing])
    } else {
        let role = match node.class {
            Class::Submitter => "user",
            other => word(other),
        };
        let kind =
            plan.scenario.nodes.get(usize::from(node.group)).map_or("", |nodes| nodes.executor_type.as_str());
        json!(["../../../join.sh", colony, founder, role, host.name, listen, timing, kind])
    };
    let begin = host.place as u64 * BETWEEN;
    let mut processes = Vec::new();
    let lives = lives(plan, host, begin);
    for (start, end) in &lives {
        let mut process = json!({ "path": "/bin/sh", "args": args, "start_time": time(*start) });
        if let Some(process) = process.as_object_mut() {
            match end {
                Some(end) => {
                    process.insert("shutdown_time".to_owned(), json!(time(*end)));
                    process.insert("shutdown_signal".to_owned(), json!("SIGKILL"));
                    process.insert("expected_final_state".to_owned(), json!({ "signaled": "SIGKILL" }));
                }
                // A user has joined when the command ends.
                None if node.class == Class::Submitter => {}
                None => {
                    process.insert("expected_final_state".to_owned(), json!("running"));
                }
            }
        }
        processes.push(process);
    }
    if founds {
        let mut script = |script: &str, at: u64| {
            let args = json!([format!("../../../{script}"), colony]);
            processes.push(json!({ "path": "/bin/sh", "args": args, "start_time": time(at) }));
        };
        script("invite.sh", begin + INVITES);
        if lives.last().is_some_and(|(_, end)| end.is_none()) {
            script("tell.sh", whole(plan).saturating_sub(TELLS));
        }
    }
    if let Some(work) = work {
        let args = json!(["../../../submit.sh", colony, format!("../../../{work}")]);
        processes.push(json!({ "path": "/bin/sh", "args": args, "start_time": time(SETTLED) }));
    }
    json!({
        "network_node_id": node.region,
        "ip_addr": host.address.to_string(),
        "bandwidth_up": format!("{} Kbit", node.up_rate),
        "bandwidth_down": format!("{} Kbit", node.down_rate),
        "processes": processes,
    })
}

/// How long all of it takes.
fn whole(plan: &Plan) -> u64 {
    plan.scenario.stop.after.0.saturating_add(plan.scenario.stop.drain.0).saturating_add(SETTLED)
}

/// When a host runs, by the kills and starts of the timeline that are about all of a group or region.
fn lives(plan: &Plan, host: &Host<'_>, begin: u64) -> Vec<(u64, Option<u64>)> {
    let mut changes: Vec<(u64, bool)> = Vec::new();
    for deed in plan.scenario.timeline.iter().filter(|deed| is_plain(deed) && concerns(plan, deed, host)) {
        let starts = deed.what == Deed::Start;
        changes.push((SETTLED.saturating_add(deed.at.0), starts));
        changes.extend(deed.lasts.map(|lasts| (SETTLED.saturating_add(deed.at.0 + lasts.0), !starts)));
    }
    changes.sort_unstable();
    let mut lives = vec![(begin, None)];
    for (at, starts) in changes {
        match lives.last_mut() {
            Some((_, Some(_))) if starts => lives.push((at, None)),
            Some((_, end @ None)) if !starts => *end = Some(at),
            _ => {}
        }
    }
    lives
}

/// A kill or start of everybody that it names: of some of them, chance would have to choose.
fn is_plain(deed: &Happening) -> bool {
    matches!(deed.what, Deed::Kill | Deed::Start)
        && !deed.coordinator
        && deed.count.is_none()
        && deed.share.is_none()
}

fn concerns(plan: &Plan, deed: &Happening, host: &Host<'_>) -> bool {
    let group = plan.scenario.nodes.get(usize::from(host.node.group)).map(|nodes| nodes.name.as_str());
    let region = plan.files.matrix.names.get(usize::from(host.node.region));
    (deed.regions.is_empty() || region.is_some_and(|region| deed.regions.contains(region)))
        && deed.group.as_deref().is_none_or(|named| group == Some(named))
}

/// Regions, and how far they are from each other.
fn gml(plan: &Plan) -> String {
    let matrix = &plan.files.matrix;
    let loss = plan.scenario.network.loss.value();
    let mut text = String::from("graph [\n  directed 0\n");
    for (place, name) in matrix.names.iter().enumerate() {
        text.push_str(&format!("  node [\n    id {place}\n    label \"{name}\"\n  ]\n"));
    }
    for from in 0..matrix.names.len() as u8 {
        for to in from..matrix.names.len() as u8 {
            let latency = matrix.one_way(from, to).max(1);
            text.push_str(&format!(
                "  edge [\n    source {from}\n    target {to}\n    latency \"{latency} us\"\n    packet_loss {loss:?}\n  ]\n"
            ));
        }
    }
    text.push_str("]\n");
    text
}

/// As Shadow reads it: whole milliseconds.
fn time(micros: u64) -> String {
    format!("{} ms", micros / 1_000)
}

/// Everything that the scenario says and this cannot.
fn left_out(plan: &Plan) -> Vec<String> {
    let scenario = &plan.scenario;
    let mut all = Vec::new();
    let mut no = |wrong: bool, what: &str| {
        if wrong && !all.iter().any(|told| told == what) {
            all.push(what.to_owned());
        }
    };
    no(scenario.network.jitter.0 > 0, "network.jitter: Shadow's links have none");
    for nodes in &scenario.nodes {
        let nat = nodes.nat;
        no(nat.cone.0 + nat.symmetric.0 + nat.blocked.0 > 0, "nat: every host can be dialled");
        no(nodes.class == Class::Relay, "relays: without NATs nobody needs one");
        no(nodes.churn.is_some(), "churn: all hosts stay");
        no(nodes.contacts.is_some(), "contacts: all hosts can always be reached");
        no(nodes.clock.offset.0 > 0 || nodes.clock.drift_ppm > 0, "clock: all clocks are right");
        no(nodes.parallel > 1, "parallel: as many programs at once as the machine has cores");
    }
    no(true, "disk: writes take no virtual time");
    for deed in scenario.timeline.iter().filter(|deed| !is_plain(deed)) {
        no(true, &format!("timeline at {} s: {:?} of these", deed.at.0 / 1_000_000, deed.what));
    }
    no(scenario.mesh.topology != Topology::Gossipsub, "mesh.topology: as gossipsub builds it");
    let rules = scenario.rules;
    no(!(rules.announcements && rules.ranking && rules.contact_windows), "rules: all shipped rules are on");
    all
}

fn readme(plan: &Plan, left_out: &[String]) -> String {
    let mut text = format!(
        "# {} for Shadow\n\nRun it in this directory, where `shadow.data/` must not be yet:\n\n```sh\nshadow shadow.yaml\n```\n\n\
         Work begins after {} s of virtual time, when the colonies stand. What commands printed is in `shadow.data/hosts/`; what \
         became of the work is in each founder's `processes.jsonl` there.\n",
        plan.scenario.name,
        SETTLED / 1_000_000
    );
    text.push_str("\nLeft out of the scenario:\n\n");
    left_out.iter().for_each(|what| text.push_str(&format!("* {what}\n")));
    text
}

#[cfg(test)]
mod tests;
