//! One who listens: to which colony, as whom, until when.

use std::{sync::Arc, time::Duration};

use colony_protocol::{
    colonyos::{Fault, Place},
    identity::Identity,
    model::Name,
    query::Query,
    refusal::Refusal,
    reply::{Answer, Response},
    time::Span,
};
use serde_json::Value;

use super::{
    super::{Shared, place},
    Frames, Gone,
};
use crate::{client::whole, service::Colony};

/// How long one question waits; a subscription is several.
const STEP: Duration = Duration::from_secs(60);

/// One who listens.
pub(super) struct Listener {
    shared: Arc<Shared>,
    by: Identity,
    /// To what is told of this colony.
    pub(super) colony: Colony,
    /// Its name.
    pub(super) name: Name,
    /// When its time is over.
    end: Duration,
    frames: Frames,
}

impl Listener {
    /// Finds out which colony is meant; says so, if there is none.
    pub(super) async fn find(
        shared: &Arc<Shared>,
        by: Identity,
        place: &Place,
        wait: Span,
        frames: Frames,
    ) -> Result<Self, Gone> {
        let colony = match place::find(shared.behind.service.served(), place, &by) {
            Ok(colony) => colony,
            Err(fault) => {
                frames.fault(&fault).await?;
                return Err(Gone);
            }
        };
        let name = colony.desk.name().unwrap_or_default();
        let end = shared.behind.runtime.elapsed().saturating_add(wait.to_std());
        Ok(Self { shared: Arc::clone(shared), by, colony, name, end, frames })
    }

    /// How much of its time is left.
    pub(super) fn left(&self) -> Duration {
        self.end.saturating_sub(self.shared.behind.runtime.elapsed())
    }

    /// How long the next question may wait.
    pub(super) fn step(&self) -> Span {
        Span::from_micros(u64::try_from(self.left().min(STEP).as_micros()).unwrap_or(u64::MAX))
    }

    /// Completes when its time is over.
    pub(super) async fn over(&self) {
        self.shared.behind.runtime.sleep(self.left()).await;
    }

    /// Asks in its name.
    pub(super) async fn ask(&self, query: Query) -> Result<Answer, Refusal> {
        match query {
            Query::Channels(query) => whole(query, |query| self.ask_once(query)).await,
            query => self.ask_once(query).await,
        }
    }

    async fn ask_once(&self, query: Query) -> Result<Answer, Refusal> {
        let behind = &self.shared.behind;
        let relayed = behind.service.relay_query(&self.colony, self.by, query, &behind.key)?;
        match behind.service.follow(relayed).await? {
            Response::Answer(answer) => Ok(answer),
            Response::Reply(_) => Err(Refusal::Malformed(Default::default())),
        }
    }

    /// Whether it may be told of what happens now.
    pub(super) fn may_read(&self) -> bool {
        self.colony.desk.may_read(&self.by)
    }

    /// Shows it something.
    pub(super) async fn show(&self, shown: Result<Value, Fault>) -> Result<(), Gone> {
        match shown {
            Ok(value) => self.frames.send(&value).await,
            Err(fault) => self.frames.fault(&fault).await,
        }
    }

    /// Tells it why it hears no more.
    pub(super) async fn refuse(&self, fault: impl Into<Fault>) -> Result<(), Gone> {
        self.frames.fault(&fault.into()).await
    }

    /// The node answered what was not asked.
    pub(super) async fn misled(&self) -> Result<(), Gone> {
        self.refuse(Fault::new(500, "the node answered another question")).await
    }

    /// Waits until all it was shown is on its way.
    pub(super) async fn clear(&self) -> Result<(), Gone> {
        self.frames.clear().await
    }
}
