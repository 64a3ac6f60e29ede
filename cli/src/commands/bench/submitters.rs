//! Clients that queue processes as fast as they are answered.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use colony_protocol::{
    bounded::Text,
    command::Submission,
    model::{Conditions, FunctionSpec},
};

use super::{Load, News, Phase};
use crate::{args::BenchArgs, connect, error::Failure};

/// Starts them; together they queue exactly as many processes as asked for.
pub(super) fn start(load: &Arc<Load>, args: &BenchArgs) {
    let left = Arc::new(AtomicU64::new(args.processes));
    for _ in 0..args.submitters {
        let (load, left) = (Arc::clone(load), Arc::clone(&left));
        let runtime = load.session.app.runtime.clone();
        runtime.spawn("submitter", async move {
            if let Err(failure) = submit(&load, &left).await {
                load.news.send(News::Failed(failure)).await.ok();
            }
        });
    }
}

/// Takes up to a batch of what is left to be queued.
fn take(left: &AtomicU64, batch: u64) -> u64 {
    let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        (left > 0).then(|| left.saturating_sub(batch))
    });
    taken.map_or(0, |before| before.min(batch))
}

async fn submit(load: &Load, left: &AtomicU64) -> Result<(), Failure> {
    let context = &load.session.chosen.context;
    let runtime = &load.session.app.runtime;
    let key = load.session.chosen.key.clone();
    let client = connect::client(&context.nodes, context.colony_id, key, runtime)?;
    let spec = FunctionSpec {
        func_name: Text::cut("noop"),
        conditions: Conditions { executor_type: load.kind.clone(), ..Conditions::default() },
        ..FunctionSpec::default()
    };
    loop {
        let count = take(left, u64::from(load.batch));
        if count == 0 || load.stop.is_cancelled() {
            return Ok(());
        }
        let items = (0..count).map(|_| Submission { spec: spec.clone(), retry_of: None }).collect();
        let begun = runtime.elapsed();
        client.submit(items).await?;
        let took = runtime.elapsed().saturating_sub(begun);
        load.news.send(News::Done(Phase::Submit, took, count)).await.ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submitters_together_take_exactly_what_there_is() {
        let left = AtomicU64::new(25);
        let taken: Vec<_> = std::iter::repeat_with(|| take(&left, 10)).take(4).collect();
        assert_eq!(taken, [10, 10, 5, 0]);
    }
}
