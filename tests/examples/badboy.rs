//! The attacker on a command line, for nodes of one's own:
//! `cargo run --release -p colony-tests --example badboy -- [--seconds N] [--seed N] [--colony ID] MULTIADDR...`

use std::{process::ExitCode, time::Duration};

use colony_tests::badboy::{Attack, Damage};

const USAGE: &str = "badboy [--seconds N] [--attackers N] [--seed N] [--colony ID] /ip4/ADDRESS/tcp/PORT...";

#[tokio::main]
async fn main() -> ExitCode {
    match attack(std::env::args().skip(1)).await {
        Ok(damage) => {
            println!("{damage:?}");
            if damage.accepted == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(why) => {
            eprintln!("{why}\nusage: {USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Attacks all nodes that are named, at once.
async fn attack(mut words: impl Iterator<Item = String>) -> Result<Damage, String> {
    let (mut seconds, mut attackers, mut seed, mut colony) = (60, 4, 1, None);
    let mut targets = Vec::new();
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            value.parse::<u64>().map_err(|error| format!("{word} {value}: {error}"))
        };
        match word.as_str() {
            "--seconds" => seconds = number()?,
            "--attackers" => attackers = number()?,
            "--seed" => seed = number()?,
            "--colony" => {
                let id = words.next().ok_or("--colony needs an id")?;
                colony = Some(id.parse().map_err(|error| format!("--colony {id}: {error}"))?);
            }
            target => targets.push(target.parse().map_err(|error| format!("{target}: {error}"))?),
        }
    }
    if targets.is_empty() {
        return Err("nobody to attack".to_owned());
    }
    let limit = Duration::from_secs(seconds);
    let attacks = targets.into_iter().zip(seed..).map(|(target, seed)| {
        let attack = Attack::new(target, u64::MAX);
        let colony = colony.unwrap_or(attack.colony);
        Attack { colony, limit, attackers, seed, ..attack }.run()
    });
    let mut sum = Damage::default();
    futures::future::join_all(attacks).await.into_iter().for_each(|damage| sum.add(damage));
    Ok(sum)
}
