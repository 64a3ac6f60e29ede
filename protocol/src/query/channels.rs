//! Questions about a process's channels. Its submitter and whoever holds it may ask, and nobody else.

use serde::{Deserialize, Serialize};

use super::Selector;
use crate::{model::Name, time::Span};

/// A question about channels.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum ChannelsQuery {
    /// Entries of a channel. Answered with [`crate::reply::Answer::Channel`].
    Read {
        /// The process.
        process: Selector,
        /// The channel.
        channel: Name,
        /// The first place wanted: how many entries were read so far.
        from: u64,
        /// At most this many, up to [`super::PAGE_MAX`].
        limit: u16,
        /// How long to wait for one if there is none and the channel is open, at most [`crate::command::WAIT_MAX`].
        wait: Span,
    },
    /// The pieces of a large message, all but the last, which is in the channel. Answered with
    /// [`crate::reply::Answer::Channel`].
    Pieces {
        /// The process.
        process: Selector,
        /// The channel.
        channel: Name,
        /// The message's place in it.
        place: u64,
        /// The first piece wanted.
        from: u64,
    },
    /// The channels of a process. Answered with [`crate::reply::Answer::Channels`].
    List {
        /// The process.
        process: Selector,
    },
}
