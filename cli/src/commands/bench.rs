//! `colony bench`: load on the context's colony, and what it took.
//!
//! Submitters queue processes of a type made up for this run; executors of that type take and close them at once.
//! Each has a connection and a signature of its own, as in real life. The executors are removed afterwards.
//! A change of coordinator under it is no reason to end: requests without an answer are sent again, the same signed bytes,
//! and how long nobody was answered is told.

mod executors;
mod meter;
mod submitters;

use std::{sync::Arc, time::Duration};

use colony_protocol::{bounded::Text, model::Name};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use self::meter::{Meter, Phase};
use crate::{
    app::{App, Session},
    args::BenchArgs,
    error::{Exit, Failure},
    output::{self, Bar, Listing, Row, column},
};

/// Messages from workers that may wait for the counter; it only adds numbers.
const NEWS: usize = 1024;
/// Nothing at all happening for this long means that something is wrong.
const STUCK: Duration = Duration::from_secs(60);

/// What one worker has measured.
#[derive(Debug)]
enum News {
    /// One request: how long it took, and for how many processes.
    Done(Phase, Duration, u64),
    /// How long each of some processes was in the queue, by the coordinator's clock.
    Queued(Vec<Duration>),
    /// A worker cannot go on.
    Failed(Failure),
}

/// What all workers share.
#[derive(Debug, Clone)]
struct Load {
    session: Session,
    kind: Name,
    batch: u16,
    news: mpsc::Sender<News>,
    stop: tokio_util::sync::CancellationToken,
}

/// Runs it.
pub(super) async fn run(app: &App, args: BenchArgs) -> Result<Exit, Failure> {
    let session = app.session()?;
    let owner = session.owner()?;
    let tag = u64::from_be_bytes(app.runtime.random());
    let kind: Name = Text::cut(&format!("bench-{tag:016x}"));
    let (news, inbox) = mpsc::channel(NEWS);
    let stop = crate::stop::on_signals(&app.runtime)?;
    let load = Arc::new(Load { session, kind: kind.clone(), batch: args.batch, news, stop: stop.clone() });
    let names = executors::admit(&owner, &load, args.executors).await?;
    let measured = measure(app, &load, &names, &args, inbox).await;
    load.stop.cancel();
    executors::remove(&owner, &names).await;
    let meter = measured?;
    print(app, &kind, &meter)?;
    Ok(Exit::DONE)
}

async fn measure(
    app: &App,
    load: &Arc<Load>,
    workers: &[executors::Worker],
    args: &BenchArgs,
    mut inbox: mpsc::Receiver<News>,
) -> Result<Meter, Failure> {
    let begun = app.runtime.elapsed();
    let mut meter = Meter::new()?;
    executors::start(load, workers);
    submitters::start(load, args);
    let bar = Bar::start(args.processes, "processes closed");
    while meter.closed() < args.processes {
        let news = tokio::select! {
            biased;
            news = inbox.recv() => news,
            () = load.stop.cancelled() => return Err(Failure::new("interrupted").exit(Exit::INTERRUPTED)),
            () = app.runtime.sleep(STUCK) => {
                return Err(Failure::new(format!("nothing happened for {} s", STUCK.as_secs())).exit(Exit::TIMED_OUT));
            }
        };
        let at = app.runtime.elapsed().saturating_sub(begun);
        match news {
            Some(News::Done(phase, took, count)) => {
                meter.done(phase, took, count, at);
                if phase == Phase::Close {
                    bar.advance(count);
                }
            }
            Some(News::Queued(spans)) => spans.into_iter().for_each(|span| meter.queued(span)),
            Some(News::Failed(failure)) => return Err(failure),
            None => return Err(Failure::new("all workers ended early")),
        }
    }
    bar.stop();
    Ok(meter)
}

fn print(app: &App, kind: &Name, meter: &Meter) -> Result<(), Failure> {
    let figures = meter.figures();
    if !app.format().is_human() {
        let mut fields: Map<String, Value> =
            figures.iter().map(|figure| (figure.name.to_owned(), figure.json())).collect();
        // By it the processes of this run are found afterwards.
        fields.insert("executortype".to_owned(), kind.as_str().into());
        return output::data(&Value::Object(fields).to_string());
    }
    let columns = ["PHASE", "PROCESSES", "PER SECOND", "REQUESTS", "P50", "P90", "P99", "MAX"].map(column);
    let rows = figures
        .iter()
        .map(|figure| Row { cells: figure.cells(), json: Value::Null, quiet: String::new() })
        .collect();
    Listing { columns: columns.into(), rows, empty: "" }.print(app.format())?;
    let [submit, assign, close, _] = &figures;
    output::note(&format!(
        "longest time without an answer: {}, {}, {}",
        submit.gap(),
        assign.gap(),
        close.gap()
    ));
    Ok(())
}
