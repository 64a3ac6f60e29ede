//! `colony explain`: each condition of a process against each executor, and what holds it back besides.

use colony_node::client::ClientError;
use colony_protocol::{
    model::json,
    query::Query,
    reply::{Answer, Blocker, Check, ExecutorVerdict, Explanation},
};
use serde_json::Value;

use crate::{
    app::{App, Session},
    args::{ProcessRef, Reading},
    error::{Exit, Failure},
    hint::Hint,
    output::{self, Listing, Row, ago, column},
};

/// Characters of a function's name in the headline, which shall fit a line.
const FUNCTION_WIDTH: usize = 24;

/// Explains.
pub(super) async fn run(app: &App, id: ProcessRef, reading: Reading) -> Result<Exit, Failure> {
    let session = app.reading(reading).await?;
    let Answer::Explanation(explanation) = session.client.query(&Query::Explain(id.0)).await? else {
        return Err(ClientError::Unexpected("to explain").into());
    };
    if !session.format().is_human() {
        let json = json::explanation(&explanation, session.seen().context());
        let quiet = explanation.blockers.iter().map(|blocker| sentence(blocker) + "\n").collect();
        let row = Row { cells: Vec::new(), json, quiet };
        session.print_one(Listing { columns: Vec::new(), rows: vec![row], empty: "" })?;
        return Ok(Exit::DONE);
    }
    output::data(&headline(&explanation))?;
    for blocker in &explanation.blockers {
        output::data(&format!("  {}", sentence(blocker)))?;
    }
    if !explanation.executors.is_empty() {
        verdicts(&session, &explanation).print(session.format())?;
    }
    if let Some(hint) = next_step(&explanation) {
        output::report(&Failure::new("").hint(hint), &app.flags);
    }
    Ok(Exit::DONE)
}

fn fitting(explanation: &Explanation) -> usize {
    let fits = |verdict: &&ExecutorVerdict| verdict.checks.iter().all(|check| check.met);
    explanation.executors.iter().filter(fits).count()
}

fn headline(explanation: &Explanation) -> String {
    let process = &explanation.process;
    let function = output::cut(&process.spec.func_name, FUNCTION_WIDTH);
    let name = format!("p{} '{function}' is {}", process.number(), process.state.word());
    if process.state.is_terminal() {
        return name;
    }
    let members = explanation.executors.len();
    let fit = fitting(explanation);
    let ahead = match explanation.ahead {
        0 => String::new(),
        1 => ", 1 process is before it in the queue".to_owned(),
        many => format!(", {many} processes are before it in the queue"),
    };
    match (members, fit) {
        (0, _) => format!("{name}: the colony has no executor{ahead}"),
        (1, 0) => format!("{name}: 1 executor, it does not fit{ahead}"),
        (_, 0) => format!("{name}: {members} executors, none fits{ahead}"),
        _ => format!("{name}: {fit} of {members} executors fit{ahead}"),
    }
}

fn sentence(blocker: &Blocker) -> String {
    match blocker {
        Blocker::Paused => "the colony's owner paused assignment".to_owned(),
        Blocker::NotWaiting(state) => format!("it is not in the queue: it is {}", state.word()),
        Blocker::Parent { process, node_name, state } => {
            format!("its parent p{} '{node_name}' is {}", process.number(), state.word())
        }
        Blocker::NoExecutorOfType(kind) => format!("no executor of type {kind} is registered"),
    }
}

/// Each executor, and what it lacks.
fn verdicts(session: &Session, explanation: &Explanation) -> Listing {
    let now = session.seen().now;
    let rows = explanation
        .executors
        .iter()
        .enumerate()
        .map(|(place, verdict)| {
            // What is missing is what was asked for: it stands where a narrow screen still shows it.
            let (met, unmet): (Vec<_>, Vec<_>) = verdict.checks.iter().partition(|check| check.met);
            let checks: Vec<_> = unmet.into_iter().chain(met).map(check).collect();
            let fits = verdict.checks.iter().all(|check| check.met);
            let closest = place == 0 && !fits && explanation.executors.len() > 1;
            let verdict_word = if fits {
                "fits"
            } else if closest {
                "closest"
            } else {
                ""
            };
            Row {
                cells: vec![
                    verdict.name.to_string(),
                    verdict_word.to_owned(),
                    checks.join("  "),
                    ago(now, verdict.last_heard_at),
                ],
                json: Value::Null,
                quiet: verdict.name.to_string(),
            }
        })
        .collect();
    Listing { columns: ["EXECUTOR", "VERDICT", "CONDITIONS", "HEARD"].map(column).into(), rows, empty: "" }
}

/// `type ok`, or `gpu has 1, wants 2`.
fn check(check: &Check) -> String {
    if check.met {
        return format!("{} ok", check.condition);
    }
    let has = if check.has.is_empty() { "none" } else { &check.has };
    format!("{} {has} (wants {})", check.condition, check.wanted)
}

fn next_step(explanation: &Explanation) -> Option<Hint> {
    let name = format!("p{}", explanation.process.number());
    explanation.blockers.first().map(|blocker| match blocker {
        Blocker::Paused => Hint::Resume,
        Blocker::NoExecutorOfType(kind) => Hint::StartExecutor(kind.to_string()),
        Blocker::NotWaiting(_) => Hint::Get(name),
        Blocker::Parent { process, .. } => Hint::Explain(format!("p{}", process.number())),
    })
}
