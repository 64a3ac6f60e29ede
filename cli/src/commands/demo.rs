//! `colony demo`: proof in a few seconds that it works, with nothing prepared.
//!
//! Three members and an executor on each in this process, talking over real connections on the loopback interface. The
//! text is cut into pieces, a process counts the words of each, one more adds the outputs of its parents. Half-way the
//! machine that coordinates is stopped, as a crash would stop it, with work in its hands. Then everything is checked:
//! the sum against a direct count, and each process for exactly one end and one result.

mod check;
mod colony;
mod outage;
mod plan;
mod text;

use std::time::Duration;

use serde_json::json;

use self::{check::Checked, colony::DemoColony, outage::Outage, text::Source};
use crate::{
    app::App,
    args::DemoArgs,
    error::{Exit, Failure},
    output::{self, Bar, Format},
    stop,
};

/// What happened.
struct Story {
    checked: Checked,
    outage: Outage,
    took: Duration,
}

/// Runs it.
pub(super) async fn run(app: &App, args: DemoArgs) -> Result<Exit, Failure> {
    let stop = stop::on_signals(&app.runtime)?;
    let work = show(app, args);
    tokio::select! {
        biased;
        outcome = work => outcome,
        () = stop.cancelled() => Err(Failure::new("interrupted").exit(Exit::INTERRUPTED)),
    }
}

async fn show(app: &App, args: DemoArgs) -> Result<Exit, Failure> {
    let begun = app.runtime.elapsed();
    let source = args.input.as_deref().map_or(Ok(Source::Licence), Source::file)?;
    let pieces = source.pieces(usize::from(args.tasks))?;
    let expected = source.words()?;
    let mut colony = DemoColony::start(&app.runtime).await?;
    output::note(&format!("a colony of three members, each with an executor: {}", colony.machines()));
    output::note(&format!("counting the words of {} in {} pieces", source.name(), pieces.len()));
    let outcome = work(app, &mut colony, &source, &pieces).await;
    colony.stop().await;
    let (processes, outage) = outcome?;
    let checked = check::all(&processes, expected)?;
    let took = app.runtime.elapsed().saturating_sub(begun);
    report(app.format(), &Story { checked, outage, took })?;
    Ok(Exit::DONE)
}

async fn work(
    app: &App,
    colony: &mut DemoColony,
    source: &Source,
    pieces: &[text::Piece],
) -> Result<(Vec<colony_protocol::model::Process>, Outage), Failure> {
    let client = colony.client().clone();
    let (workflow, ids) = client.submit_workflow(plan::workflow(source, pieces)?, None).await?;
    let bar = Bar::start(u64::try_from(ids.len()).unwrap_or(u64::MAX), "processes");
    let outage = outage::cause(app, colony, workflow, &bar).await?;
    for id in ids {
        client.wait(id.into()).await?;
        bar.reach(done(&colony.processes(workflow).await?));
    }
    bar.stop();
    Ok((colony.processes(workflow).await?, outage))
}

/// How many have ended.
fn done(processes: &[colony_protocol::model::Process]) -> usize {
    processes.iter().filter(|process| process.state.is_terminal()).count()
}

fn report(format: Format, story: &Story) -> Result<(), Failure> {
    let Story { checked, outage, took } = story;
    let Checked { words, processes, again } = *checked;
    match format {
        Format::Table | Format::Wide => output::data(&format!(
            "words    {words}, added up from {} parts; a direct count says the same\n\
             checked  {processes} processes: each ended exactly once, with one result\n\
             again    {again} that {} had in its hands were run again\n\
             election {} took over after {:.2}s\n\
             took     {:.1}s\n",
            processes.saturating_sub(1),
            outage.stopped,
            outage.elected,
            outage.election.as_secs_f64(),
            took.as_secs_f64()
        )),
        Format::Quiet => output::data(&words.to_string()),
        Format::Json | Format::Jsonl => output::data(
            &json!({
                "event": "done",
                "words": words,
                "processes": processes,
                "again": again,
                "members": 3,
                "stopped": outage.stopped.as_str(),
                "coordinator": outage.elected.as_str(),
                "election_millis": millis(outage.election),
                "millis": millis(*took),
            })
            .to_string(),
        ),
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
