//! The protocol of gossip, with bounds on what a peer can make us hold or do.
//!
//! Peers are scored by one thing above all: whether what they pass on is genuine. How many machines share an address,
//! or how much a peer delivers, says nothing here: clusters sit behind one NAT, and a colony may be silent for days.

use std::time::Duration;

use colony_protocol::{
    announcement::{ANNOUNCEMENT_MAX, mesh},
    identity::Digest,
};
use libp2p::{
    gossipsub::{
        self, ConfigBuilder, IdentityTransform, MaxCountSubscriptionFilter, Message, MessageAuthenticity,
        MessageId, PeerScoreParams, PeerScoreThresholds, TopicScoreParams, ValidationMode,
    },
    identity::Keypair,
};

use super::topics::{TOPICS_MAX, Topics};

/// The frame around an announcement: topic, author, number and signature.
const FRAME: usize = 1024;
/// Messages that wait to be sent to one peer. Announcements grow old: late ones are better dropped.
const QUEUE: usize = 256;
/// How long a message may wait there.
const QUEUE_PATIENCE: Duration = Duration::from_secs(2);
/// How long a message is known again: longer than any announcement counts, so that no replay is judged twice.
const REMEMBER: Duration = Duration::from_secs(120);
/// Messages in one frame of a peer; ours carry one.
const MESSAGES_PER_FRAME: usize = 16;
/// Message ids told or asked for between two heartbeats: ten announcements a second of a few colonies.
const IDS_PER_HEARTBEAT: usize = 256;
/// Frames that tell ids, of one peer between two heartbeats.
const TELLS_PER_HEARTBEAT: usize = 10;
/// Before a new node puts its mesh in order for the first time: its first peers have subscribed by then.
const FIRST_HEARTBEAT: Duration = Duration::from_millis(500);
/// One rejected message costs this much, two four times as much: the second silences whoever passed both on.
const REJECTED: f64 = -20.0;
/// How long a rejected message is remembered against a peer.
const GRUDGE: Duration = Duration::from_secs(600);

/// Gossip as this node speaks it.
pub(in crate::net) type Behaviour =
    gossipsub::Behaviour<IdentityTransform, MaxCountSubscriptionFilter<Topics>>;

/// Gossip about `topics`, with every message signed by its author and none forwarded unjudged.
///
/// # Errors
/// What is wrong with the configuration.
pub(in crate::net) fn behaviour(key: &Keypair, topics: &Topics) -> Result<Behaviour, String> {
    let config = ConfigBuilder::default()
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(ANNOUNCEMENT_MAX.saturating_add(FRAME))
        .connection_handler_queue_len(QUEUE)
        .publish_queue_duration(QUEUE_PATIENCE)
        .forward_queue_duration(QUEUE_PATIENCE)
        .duplicate_cache_time(REMEMBER)
        .max_publish_messages(MESSAGES_PER_FRAME)
        .max_control_messages_sent(IDS_PER_HEARTBEAT)
        .max_ihave_messages_heartbeat(TELLS_PER_HEARTBEAT)
        .mesh_n(mesh::PEERS)
        .mesh_n_low(mesh::PEERS_LOW)
        .mesh_n_high(mesh::PEERS_HIGH)
        .heartbeat_interval(mesh::HEARTBEAT)
        .heartbeat_initial_delay(FIRST_HEARTBEAT)
        .build()
        .map_err(|error| error.to_string())?;
    let filter = MaxCountSubscriptionFilter {
        filter: topics.clone(),
        max_subscribed_topics: TOPICS_MAX,
        max_subscriptions_per_request: TOPICS_MAX,
    };
    let signed = MessageAuthenticity::Signed(key.clone());
    let mut behaviour = Behaviour::new_with_subscription_filter(signed, config, filter)?;
    behaviour.with_peer_score(scores(), thresholds())?;
    Ok(behaviour)
}

/// By content: a message sent again, by whomever, is the same message. The hash cannot be met by another message, so
/// nobody can make a genuine one look known.
fn message_id(message: &Message) -> MessageId {
    MessageId::from(Digest::of(&[message.topic.as_str().as_bytes(), b"\n", &message.data]).0)
}

fn scores() -> PeerScoreParams {
    PeerScoreParams {
        topic_score_cap: 10.0,
        app_specific_weight: 1.0,
        ip_colocation_factor_weight: 0.0,
        // A few broken promises are the network's fault.
        behaviour_penalty_weight: -10.0,
        behaviour_penalty_threshold: 6.0,
        behaviour_penalty_decay: gossipsub::score_parameter_decay(GRUDGE),
        retain_score: GRUDGE,
        ..PeerScoreParams::default()
    }
}

/// Who has been caught once is told nothing and listened to; who has been caught twice is not even listened to.
fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: REJECTED / 2.0,
        publish_threshold: 2.0 * REJECTED,
        graylist_threshold: 3.0 * REJECTED,
        accept_px_threshold: 0.0,
        opportunistic_graft_threshold: 1.0,
    }
}

/// How peers are scored for what they say in a topic.
pub(super) fn topic_scores() -> TopicScoreParams {
    TopicScoreParams {
        topic_weight: 1.0,
        // A point a minute, to prefer those who stay.
        time_in_mesh_weight: 1.0,
        time_in_mesh_quantum: Duration::from_secs(60),
        time_in_mesh_cap: 5.0,
        first_message_deliveries_weight: 0.5,
        first_message_deliveries_decay: gossipsub::score_parameter_decay(GRUDGE),
        first_message_deliveries_cap: 10.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: REJECTED,
        invalid_message_deliveries_decay: gossipsub::score_parameter_decay(GRUDGE),
        ..TopicScoreParams::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::keypair;
    use colony_protocol::identity::SecretKey;

    #[test]
    fn the_configuration_and_the_scores_are_accepted() {
        let key = keypair(&SecretKey::derive(b"node")).unwrap();
        behaviour(&key, &Topics::default()).unwrap();
        scores().validate().unwrap();
        thresholds().validate().unwrap();
        topic_scores().validate().unwrap();
    }

    #[test]
    fn a_second_rejected_message_silences_a_peer_however_good_it_was() {
        let best = scores().topic_score_cap;
        assert!(best + REJECTED > thresholds().graylist_threshold);
        assert!(best + 4.0 * REJECTED < thresholds().graylist_threshold);
    }
}
