//! A workflow of real work: count the words of twenty files, each in a process of its own, then add the counts.

use colony_tests::{dev::Dev, home::Home};
use serde_json::{Value, json};

use crate::{SUCCESS, until_state};

/// Files, and so processes before the last one.
const FILES: u64 = 20;

/// Writes the files; gives how many words they have together.
fn write_files(home: &Home) -> u64 {
    (1..=FILES)
        .map(|file| {
            let words = file * file + 7;
            home.write(&format!("text-{file}.txt"), "word ".repeat(usize::try_from(words).unwrap()));
            words
        })
        .sum()
}

fn word_count_workflow(home: &Home) -> Value {
    let count = |file: u64| {
        let path = home.path().join(format!("text-{file}.txt"));
        json!({
            "nodename": format!("count-{file}"),
            "func": "wc", "args": ["-w", path],
            "maxexectime": 60, "maxretries": 1,
            "conditions": { "executortype": "cli" }
        })
    };
    let mut nodes: Vec<Value> = (1..=FILES).map(count).collect();
    let parents: Vec<String> = (1..=FILES).map(|file| format!("count-{file}")).collect();
    nodes.push(json!({
        "nodename": "sum",
        "func": "awk", "args": ["{ sum += $1 } END { print sum }"],
        "maxexectime": 60, "maxretries": 1,
        "conditions": { "executortype": "cli", "dependencies": parents }
    }));
    json!({ "functionspecs": nodes })
}

#[test]
fn the_words_of_twenty_files_are_counted_and_added() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    let words = write_files(&home);
    home.write("count.json", word_count_workflow(&home).to_string());

    drop(home.run(["submit", "count.json", "--wait"]).ok());

    // The last process of the workflow saw all its parents' outputs.
    let sum = until_state(&home, "last", SUCCESS);
    assert_eq!(sum["spec"]["nodename"], "sum", "{sum:#}");
    assert_eq!(sum["in"].as_array().map(Vec::len), usize::try_from(FILES).ok(), "{sum:#}");
    assert_eq!(sum["out"][0].as_str().map(str::trim), Some(words.to_string().as_str()), "{sum:#}");
}

#[test]
fn a_workflow_with_a_cycle_is_refused_whole() {
    let home = Home::new();
    let _dev = Dev::start(&home, &[]);
    let node = |name: &str, parent: &str| {
        json!({
            "nodename": name, "func": "true",
            "conditions": { "executortype": "cli", "dependencies": [parent] }
        })
    };
    home.write("cycle.json", json!({ "functionspecs": [node("a", "b"), node("b", "a")] }).to_string());

    let refused = home.run(["submit", "cycle.json"]).without_panic();
    assert_ne!(refused.code, Some(0), "{refused:#?}");
    assert!(refused.stderr.contains("cycle"), "{refused:#?}");

    // Nothing of it was stored: the queue is empty.
    let waiting = home.run(["ps", "-o", "json", "--state", "waiting"]).ok().json();
    assert_eq!(waiting, json!([]), "{waiting:#}");
}
