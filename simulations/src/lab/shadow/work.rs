//! When each submitter sends what: drawn with the scenario's own laws, as lines for its script.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{ExportError, Host};
use crate::{
    chance::Chance,
    lab::{
        amounts::{Time, WHOLE},
        dice,
        scenario::{Arrivals, Class, Function, Work, sweep::Plan},
    },
};

/// Most submissions: each starts a program.
const SUBMISSIONS_MAX: usize = 100_000;

/// The lines of each submitter, by its place among the hosts.
pub(super) fn schedules(plan: &Plan, hosts: &[Host<'_>]) -> Result<BTreeMap<usize, String>, ExportError> {
    let mut chance = Chance::new(dice::hash(plan.seed, 0x5348, 0x4144));
    let mut sends: BTreeMap<usize, Vec<(u64, Value)>> = BTreeMap::new();
    let mut count = 0;
    for colony in 0..plan.scenario.colonies {
        let of = |class: Class| {
            let own = hosts.iter().filter(move |host| host.node.colony == colony && host.node.class == class);
            own.map(|host| host.place).collect::<Vec<_>>()
        };
        // Without submitters the founder sends, as in the laboratory voters do: it has a key that may.
        let from = match of(Class::Submitter) {
            none if none.is_empty() => of(Class::Voter).into_iter().take(1).collect(),
            some => some,
        };
        for work in plan.scenario.work.iter().filter(|work| work.colony.is_none_or(|named| named == colony)) {
            for at in arrivals(work, plan.scenario.stop.after, &mut chance) {
                count += 1;
                if count > SUBMISSIONS_MAX {
                    return Err(ExportError::Large {
                        what: format!("more than {count} submissions"),
                        most: SUBMISSIONS_MAX,
                    });
                }
                if let Some(place) = chance.one_of(&from).copied() {
                    let what = submission(work, &mut chance);
                    sends.entry(place).or_default().push((at, what));
                }
            }
        }
    }
    Ok(sends.into_iter().map(|(place, sends)| (place, lines(sends))).collect())
}

/// As many as fit in one too many, so that whoever counts sees it.
fn arrivals(work: &Work, after: Time, chance: &mut Chance) -> Vec<u64> {
    let until = work.until.unwrap_or(after).0.min(after.0);
    let most = work.count.unwrap_or(u64::MAX).min(SUBMISSIONS_MAX as u64 + 1);
    let mean = Time(libm::round(1e6 / work.rate) as u64);
    let (mut at, mut all) = (work.from.0, Vec::new());
    while (all.len() as u64) < most && at <= until {
        all.push(at);
        at = at.saturating_add(match work.arrivals {
            Arrivals::Burst => 0,
            Arrivals::Steady => mean.0.max(1),
            Arrivals::Poisson => dice::exponential(chance, mean).max(1),
        });
    }
    all
}

fn lines(mut sends: Vec<(u64, Value)>) -> String {
    sends.sort_by_key(|(at, _)| *at);
    let (mut text, mut last) = (String::new(), 0);
    for (at, what) in sends {
        let pause = at.saturating_sub(last);
        text.push_str(&format!("{}.{:06}\t{what}\n", pause / 1_000_000, pause % 1_000_000));
        last = at;
    }
    text
}

fn submission(work: &Work, chance: &mut Chance) -> Value {
    match work.workflow {
        Some(flow) => {
            let mut nodes = Vec::new();
            for stage in 0..flow.depth {
                for place in 0..flow.width {
                    let mut spec = spec(work, chance);
                    let before = stage.checked_sub(1).map(|before| {
                        (0..flow.width).map(|place| format!("{before}-{place}")).collect::<Vec<_>>()
                    });
                    if let Some(spec) = spec.as_object_mut() {
                        spec.insert("nodename".to_owned(), json!(format!("{stage}-{place}")));
                        if let Some(conditions) = spec.get_mut("conditions").and_then(Value::as_object_mut) {
                            conditions.insert("dependencies".to_owned(), json!(before.unwrap_or_default()));
                        }
                    }
                    nodes.push(spec);
                }
            }
            json!({ "functionspecs": nodes })
        }
        None if work.batch == 1 => spec(work, chance),
        None => json!((0..work.batch).map(|_| spec(work, chance)).collect::<Vec<_>>()),
    }
}

/// A run of a function is a program that sleeps as long, and fails where the run would.
fn spec(work: &Work, chance: &mut Chance) -> Value {
    let Some(function) = pick(&work.functions, chance) else { return json!({}) };
    let takes = dice::duration(chance, function.takes, function.spread).max(1);
    let takes = format!("{}.{:06}", takes / 1_000_000, takes % 1_000_000);
    let (func, args) = if dice::happens(chance, function.fails) {
        ("sh", json!(["-c", format!("sleep {takes}; exit 1")]))
    } else {
        ("sleep", json!([takes]))
    };
    let seconds = |time: Option<Time>| time.map_or(-1, |time| time.0.div_ceil(1_000_000) as i64);
    json!({
        "func": func,
        "args": args,
        "maxwaittime": seconds(work.max_wait),
        "maxexectime": seconds(work.max_exec),
        "maxretries": work.retries,
        "conditions": { "executortype": function.executor_type },
    })
}

fn pick<'a>(functions: &'a [Function], chance: &mut Chance) -> Option<&'a Function> {
    let mut lot = chance.below(u64::from(WHOLE));
    for function in functions {
        match lot.checked_sub(u64::from(function.share.0)) {
            None => return Some(function),
            Some(rest) => lot = rest,
        }
    }
    functions.first()
}
