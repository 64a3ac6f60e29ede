use std::collections::BTreeSet;

use serde_yaml_ng::Value as Yaml;

use super::*;
use crate::lab::{
    library::{self, LIBRARY},
    scenario::sweep,
};

/// The options that Shadow's specification of its configuration names, of those that are used.
const PROCESS: [&str; 6] =
    ["path", "args", "start_time", "shutdown_time", "shutdown_signal", "expected_final_state"];
/// See [`PROCESS`].
const HOST: [&str; 5] = ["network_node_id", "ip_addr", "bandwidth_up", "bandwidth_down", "processes"];

fn exported(name: &str, set: &[(&str, &str)]) -> Result<Export, ExportError> {
    let mut source = library::source(name).unwrap().unwrap();
    source.set(set).unwrap();
    let plan = sweep::plans(&source, None).unwrap().remove(0);
    export(&plan, "/usr/local/bin/colony")
}

fn keys(value: &Yaml) -> Vec<String> {
    value.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap().to_owned()).collect()
}

/// `120 ms`, in microseconds.
fn micros(value: &Yaml) -> u64 {
    value.as_str().unwrap().strip_suffix(" ms").unwrap().parse::<u64>().unwrap() * 1_000
}

/// Ids of nodes, and edges, of a graph.
fn graph(text: &str) -> (BTreeSet<u64>, BTreeSet<(u64, u64)>) {
    let (mut nodes, mut edges, mut from) = (BTreeSet::new(), BTreeSet::new(), 0);
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (word, number) = (words.next().unwrap(), words.next().and_then(|number| number.parse().ok()));
        match word {
            "id" => assert!(nodes.insert(number.unwrap())),
            "source" => from = number.unwrap(),
            "target" => assert!(edges.insert((from, number.unwrap()))),
            _ => {}
        }
    }
    assert_eq!(text.matches('[').count(), text.matches(']').count());
    (nodes, edges)
}

#[test]
fn every_scenario_is_a_configuration_as_shadow_specifies_it() {
    for (name, _) in LIBRARY {
        let small = [("nodes.executors.count", "12"), ("work.0.rate", "0.5")];
        // The satellites' thousand orbits are not for real programs.
        let small = if name == "satellites" { vec![("stop.after", "1h")] } else { small.to_vec() };
        let export = exported(name, &small).unwrap();
        let (nodes, edges) = graph(&export.files["network.gml"]);
        let count = nodes.len();
        assert_eq!(edges.len(), count * (count + 1) / 2, "{name}: a complete graph with loops");
        let yaml: Yaml = serde_yaml_ng::from_str(&export.files["shadow.yaml"]).unwrap();
        assert_eq!(keys(&yaml), ["general", "hosts", "network"]);
        assert_eq!(yaml["network"]["graph"]["type"].as_str(), Some("gml"));
        assert_eq!(yaml["network"]["graph"]["file"]["path"].as_str(), Some("network.gml"));
        let stop = micros(&yaml["general"]["stop_time"]);
        let mut addresses = BTreeSet::new();
        for (host, described) in yaml["hosts"].as_mapping().unwrap() {
            let host = host.as_str().unwrap();
            assert!(host.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{host}");
            assert!(keys(described).iter().all(|key| HOST.contains(&key.as_str())), "{host}");
            assert!(nodes.contains(&described["network_node_id"].as_u64().unwrap()), "{host}");
            assert!(addresses.insert(described["ip_addr"].as_str().unwrap().to_owned()), "{host}");
            for process in described["processes"].as_sequence().unwrap() {
                assert!(keys(process).iter().all(|key| PROCESS.contains(&key.as_str())), "{host}");
                assert!(micros(&process["start_time"]) < stop, "{name} {host}");
                let script = process["args"][0].as_str().unwrap().strip_prefix("../../../").unwrap();
                assert!(export.files.contains_key(script), "{script}");
            }
        }
        assert!(!export.left_out.is_empty());
        assert!(export.files.keys().any(|file| file.starts_with("work/")), "{name}");
    }
}

#[test]
fn each_colony_has_one_founder_and_submitters_send_as_much_as_arrives() {
    let set = [("colonies", "2"), ("nodes.executors.count", "3")];
    let export = exported("many-colonies", &set).unwrap();
    let yaml = &export.files["shadow.yaml"];
    assert_eq!(yaml.matches("found.sh").count(), 2);
    let lines: usize = export
        .files
        .iter()
        .filter(|(name, _)| name.starts_with("work/"))
        .map(|(_, text)| text.lines().count())
        .sum();
    let pause = |line: &str| line.split_once('\t').unwrap().0.parse::<f64>().unwrap();
    for (_, text) in export.files.iter().filter(|(name, _)| name.starts_with("work/")) {
        assert!(text.lines().map(pause).sum::<f64>() <= 301.0);
        for line in text.lines() {
            let spec: serde_json::Value = serde_json::from_str(line.split_once('\t').unwrap().1).unwrap();
            assert!(spec["conditions"]["executortype"].is_string());
        }
    }
    assert!(lines > 100, "{lines}");
}

#[test]
fn a_host_that_is_killed_and_comes_back_has_two_lives() {
    let set = [
        ("timeline.0.do", "kill"),
        ("timeline.0.regions", "[]"),
        ("timeline.0.group", "voters"),
        ("timeline.0.at", "20s"),
        ("timeline.0.for", "30s"),
    ];
    let export = exported("partition", &set).unwrap();
    let yaml: Yaml = serde_yaml_ng::from_str(&export.files["shadow.yaml"]).unwrap();
    let lives = yaml["hosts"]["c0-voter1"]["processes"].as_sequence().unwrap();
    assert_eq!(lives.len(), 2);
    assert_eq!(micros(&lives[0]["shutdown_time"]), SETTLED + 20_000_000);
    assert_eq!(micros(&lives[1]["start_time"]), SETTLED + 50_000_000);
}

#[test]
fn what_real_programs_cannot_bear_is_refused() {
    let error = exported("lan", &[("nodes.executors.count", "6000")]).unwrap_err().to_string();
    assert!(error.contains("5000 or below"), "{error}");
    let error = exported("lan", &[("work.0.rate", "10000.0")]).unwrap_err().to_string();
    assert!(error.contains("100000 or below"), "{error}");
}
