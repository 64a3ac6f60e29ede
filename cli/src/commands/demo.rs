//! `colony demo`: proof in a few seconds that it works, with nothing prepared.
//!
//! One member and one executor in this process, talking over real connections on the loopback interface. The text is
//! cut into pieces, a process counts the words of each, one more adds the outputs of its parents. Then everything is
//! checked: the sum against a direct count, and each process for exactly one end and one result.

mod check;
mod colony;
mod plan;
mod text;

use serde_json::json;

use self::{check::Checked, colony::DemoColony, text::Source};
use crate::{
    app::App,
    args::DemoArgs,
    error::{Exit, Failure},
    output::{self, Bar, Format},
    stop,
};

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
    let colony = DemoColony::start(&app.runtime).await?;
    output::note(&format!("a colony of one member and one executor, over {}", colony.place()));
    output::note(&format!("counting the words of {} in {} pieces", source.name(), pieces.len()));
    let outcome = work(&colony, &source, &pieces).await;
    colony.stop().await;
    let checked = check::all(&outcome?, expected)?;
    let took = app.runtime.elapsed().saturating_sub(begun);
    report(app.format(), &checked, took)?;
    Ok(Exit::DONE)
}

async fn work(
    colony: &DemoColony,
    source: &Source,
    pieces: &[text::Piece],
) -> Result<Vec<colony_protocol::model::Process>, Failure> {
    let client = colony.client();
    let (workflow, ids) = client.submit_workflow(plan::workflow(source, pieces)?, None).await?;
    let bar = Bar::start(u64::try_from(ids.len()).unwrap_or(u64::MAX), "processes");
    for id in ids {
        client.wait(id.into()).await?;
        bar.step();
    }
    bar.stop();
    colony.processes(workflow).await
}

fn report(format: Format, checked: &Checked, took: std::time::Duration) -> Result<(), Failure> {
    let Checked { words, processes } = *checked;
    match format {
        Format::Table | Format::Wide => output::data(&format!(
            "words    {words}, added up from {} parts; a direct count says the same\n\
             checked  {processes} processes: each ended exactly once, with one result\n\
             took     {:.1}s\n",
            processes.saturating_sub(1),
            took.as_secs_f64()
        )),
        Format::Quiet => output::data(&words.to_string()),
        Format::Json | Format::Jsonl => output::data(
            &json!({
                "event": "done",
                "words": words,
                "processes": processes,
                "members": 1,
                "millis": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            })
            .to_string(),
        ),
    }
}
