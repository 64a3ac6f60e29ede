//! The protocol of gossip, with bounds on what a peer can make us hold.

use colony_protocol::announcement::ANNOUNCEMENT_MAX;
use libp2p::{
    gossipsub::{self, MessageAuthenticity, ValidationMode},
    identity::Keypair,
};

/// The frame around an announcement: topic, author, number and signature.
const FRAME: usize = 1024;
/// Messages that wait to be sent to one peer. Announcements grow old: late ones are better dropped.
const QUEUE: usize = 256;

/// Gossip, with every message signed by its author and none forwarded unjudged.
///
/// # Errors
/// What is wrong with the configuration.
pub(in crate::net) fn behaviour(key: &Keypair) -> Result<gossipsub::Behaviour, String> {
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .max_transmit_size(ANNOUNCEMENT_MAX.saturating_add(FRAME))
        .connection_handler_queue_len(QUEUE)
        .build()
        .map_err(|error| error.to_string())?;
    gossipsub::Behaviour::new(MessageAuthenticity::Signed(key.clone()), config).map_err(str::to_owned)
}
