//! Takes work and ends it; a careless one also falls silent, dies, gives work back, tries old tokens, and those of others.

use std::time::Duration;

use colony_node::client::ClientError;
use colony_protocol::{
    bounded::List,
    command::{Assign, Closing, Command, LeaseRef, Release},
    model::{Errors, Process, State},
    refusal::Refusal,
    reply::Reply,
    time::Span,
};

use super::{Context, is_maybe};
use crate::observed::{
    Seen,
    act::{Act, Ending, Told, output},
    clock::Moment,
};

/// What executors promise: the shortest there is, so that lost work comes back soon.
const HEARTBEAT: Span = Span::from_secs(1);
/// Silence after which every lease of a silent executor is gone, were it not for an election in between.
const SILENCE: Duration = Duration::from_millis(2_500);

pub(super) async fn run(mut context: Context, is_careless: bool) {
    while context.goes_on() {
        let held = assign(&mut context, is_careless).await;
        if held.is_empty() {
            continue;
        }
        let mut held = held;
        if is_careless {
            match context.chance.below(25) {
                // Silent for too long, and then with results that nobody should take any more.
                0 => {
                    tokio::time::sleep(SILENCE).await;
                    renew(&context, &held).await;
                }
                1..=4 => renew(&context, &held).await,
                5 => held = give_back(&mut context, held).await,
                // Dies, and is started again without knowing what it held: others do it once its promise has run out.
                6 => continue,
                _ => {}
            }
        }
        let accepted = close(&mut context, &held).await;
        if is_careless && context.chance.below(5) == 0 {
            // Once more, with other results, and with tokens of a lease before.
            close(&mut context, &accepted).await;
            let older = held.iter().filter(|lease| lease.token > 1);
            let older: Vec<_> = older.map(|lease| LeaseRef { token: lease.token - 1, ..*lease }).collect();
            close(&mut context, &older).await;
            // What another executor was granted, with the right token.
            let foreign = context.record.lease(&mut context.chance);
            close(&mut context, foreign.as_slice()).await;
        }
    }
}

async fn assign(context: &mut Context, is_careless: bool) -> Vec<LeaseRef> {
    let max = if is_careless { context.chance.between(1, 10) } else { 100 };
    let max = u16::try_from(max).unwrap_or(1);
    let ask = Assign { max, wait: Span::from_millis(500), heartbeat: Some(HEARTBEAT), ..Assign::default() };
    let begin = Moment::now();
    let answer = context.client.assign(ask).await;
    let end = Moment::now();
    let by = context.client.identity();
    let mut observed = context.record.observed();
    match answer {
        Ok(processes) => {
            if end.since(begin) >= HEARTBEAT.to_std() {
                // An answer that had to be asked for again names only what is still held: some of what was granted at
                // first may have gone back to the queue by then.
                let told = u16::try_from(processes.len()).unwrap_or(max);
                observed.maybe_told(max.saturating_sub(told));
            }
            for process in &processes {
                observed.granted(by, begin, end, process);
            }
            let held: Vec<_> = processes.iter().map(lease).collect();
            context.record.remember_leases(&held);
            held
        }
        Err(error) => {
            if is_maybe(&error) {
                observed.maybe_granted(max);
            } else {
                observed.surprise(format!("an assign was refused: {error}"));
            }
            Vec::new()
        }
    }
}

async fn renew(context: &Context, held: &[LeaseRef]) {
    let begin = Moment::now();
    let answer = context.client.renew(held.to_vec()).await;
    let end = Moment::now();
    let by = context.client.identity();
    let mut observed = context.record.observed();
    match answer {
        Ok(statuses) => {
            if statuses.len() != held.len() {
                observed.surprise(format!("{} statuses for {} leases", statuses.len(), held.len()));
            }
            for (lease, status) in held.iter().zip(statuses) {
                let act = Act::Renew { token: lease.token, status };
                observed.acted(lease.process, Seen { by, begin, end: Some(end), act });
            }
        }
        // What was not told changed nothing that the model knows of.
        Err(error) if is_maybe(&error) => {}
        Err(error) => observed.surprise(format!("a renew was refused: {error}")),
    }
}

/// Gives one lease back; gives the others.
async fn give_back(context: &mut Context, mut held: Vec<LeaseRef>) -> Vec<LeaseRef> {
    let Some(lease) = held.pop() else { return held };
    let items = List::new(vec![Release { lease, began: false }]).unwrap_or_default();
    let begin = Moment::now();
    let answer = context.client.command(&Command::Release { items }).await;
    let outcomes = answer.and_then(|reply| match reply {
        Reply::Closed(outcomes) => Ok(outcomes),
        _ => Err(ClientError::Unexpected("to release")),
    });
    record(context, begin, &[lease], outcomes, |lease, _, told| Act::Release { token: lease.token, told });
    held
}

/// Gives the leases whose close was accepted.
async fn close(context: &mut Context, leases: &[LeaseRef]) -> Vec<LeaseRef> {
    if leases.is_empty() {
        return Vec::new();
    }
    let endings: Vec<Ending> = leases.iter().map(|_| ending(context)).collect();
    let items = leases.iter().zip(&endings).map(|(lease, ending)| closing(*lease, *ending)).collect();
    let begin = Moment::now();
    let outcomes = context.client.close(items).await;
    record(context, begin, leases, outcomes, |lease, place, told| Act::Close {
        token: lease.token,
        ending: endings[place],
        told,
    })
}

/// Records what became of each item; gives those that were carried out.
fn record(
    context: &Context,
    begin: Moment,
    leases: &[LeaseRef],
    outcomes: Result<Vec<Result<(), Refusal>>, ClientError>,
    act: impl Fn(&LeaseRef, usize, Told) -> Act,
) -> Vec<LeaseRef> {
    let end = Moment::now();
    let by = context.client.identity();
    let mut observed = context.record.observed();
    let told: Vec<Option<Told>> = match &outcomes {
        Ok(outcomes) => outcomes.iter().map(Told::of).collect(),
        Err(error) if is_maybe(error) => vec![Some(Told::Nothing); leases.len()],
        Err(error) => {
            observed.surprise(format!("a close was refused as a whole: {error}"));
            return Vec::new();
        }
    };
    if told.len() != leases.len() {
        observed.surprise(format!("{} outcomes for {} items", told.len(), leases.len()));
    }
    let mut accepted = Vec::new();
    for (place, (lease, told)) in leases.iter().zip(told).enumerate() {
        let Some(told) = told else {
            observed.surprise(format!("{}: refused in a strange way: {outcomes:?}", lease.process));
            continue;
        };
        if told == Told::Done {
            accepted.push(*lease);
        }
        let end = (told != Told::Nothing).then_some(end);
        observed.acted(lease.process, Seen { by, begin, end, act: act(lease, place, told) });
    }
    accepted
}

fn ending(context: &mut Context) -> Ending {
    let state = if context.chance.below(4) == 0 { State::Failed } else { State::Success };
    Ending { state, mark: context.record.mark() }
}

const fn lease(process: &Process) -> LeaseRef {
    LeaseRef { process: process.id, token: process.token }
}

fn closing(lease: LeaseRef, ending: Ending) -> Closing {
    Closing {
        lease,
        success: ending.state == State::Success,
        output: output(ending.mark),
        errors: Errors::default(),
        attributes: List::default(),
        lines: List::default(),
        receipt: None,
    }
}
