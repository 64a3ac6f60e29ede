//! How fast a node serves ColonyOS's clients: its HTTP door in the reference's own request form, one signed request each.
//!
//! ```text
//! cargo run --release -p colony-tests --example gateway -- [submit|cycles|assigned|depth|workflow|memory]...
//! ```
//!
//! Without an argument, everything. Each subject starts `colony dev` of its own, which makes everything durable before it
//! answers; `TMPDIR` chooses the disk, `COLONY_BIN` the binary. Clients share the machine with the node: each is a thread
//! with one connection that signs, sends, and reads the answer before it goes on.

mod depth;
mod load;
mod node;
mod tasks;
mod timed;

/// What can be measured.
const SUBJECTS: [(&str, fn()); 6] = [
    ("submit", load::submits),
    ("cycles", load::cycles),
    ("assigned", load::assigned),
    ("depth", depth::assigns),
    ("workflow", tasks::workflow),
    ("memory", depth::memory),
];

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    for name in &asked {
        assert!(
            SUBJECTS.iter().any(|(known, _)| known == name),
            "no subject {name:?}; there are {}",
            SUBJECTS.map(|(known, _)| known).join(", ")
        );
    }
    for (name, measure) in SUBJECTS {
        if asked.is_empty() || asked.iter().any(|wanted| wanted == name) {
            println!("{name}");
            measure();
        }
    }
}
