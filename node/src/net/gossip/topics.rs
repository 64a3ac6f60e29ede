//! The topics this node takes part in, and nothing else: what peers subscribe to beyond them is not kept.
//!
//! A colony's topic is named by a hash, so that the name on the wire does not give the colony's id away to those who do
//! not know it. Shared between the room, which joins and leaves, and the filter inside the protocol.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError, RwLock},
};

use colony_protocol::identity::{Digest, Identity};
use libp2p::gossipsub::{IdentTopic, TopicHash, TopicSubscriptionFilter};

/// Topics of one node, and of one peer as we know it. With more colonies than this, the further ones are polled; a
/// peer's subscriptions to all of them fit one frame.
pub(super) const TOPICS_MAX: usize = 256;
/// First bytes of what is hashed: the topic is this protocol's.
const DOMAIN: &[u8] = b"colony/topic/1\n";
/// Bytes of the hash in a topic's name: too many to meet another colony's by chance, few enough for a short frame.
const NAME: usize = 16;

/// The topic of a colony.
pub(super) fn topic(colony: &Identity) -> IdentTopic {
    let hash = Digest::of(&[DOMAIN, colony.as_bytes()]).0;
    let name: String = hash.iter().take(NAME).map(|byte| format!("{byte:02x}")).collect();
    IdentTopic::new(name)
}

/// The topics taken part in.
#[derive(Debug, Clone, Default)]
pub(in crate::net) struct Topics(Arc<RwLock<BTreeSet<TopicHash>>>);

impl Topics {
    /// Adds a topic; says no if there are too many.
    pub(super) fn add(&self, topic: TopicHash) -> bool {
        let mut topics = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if topics.len() >= TOPICS_MAX && !topics.contains(&topic) {
            return false;
        }
        topics.insert(topic);
        true
    }

    pub(super) fn remove(&self, topic: &TopicHash) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(topic);
    }

    fn contains(&self, topic: &TopicHash) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(topic)
    }
}

impl TopicSubscriptionFilter for Topics {
    fn can_subscribe(&mut self, topic: &TopicHash) -> bool {
        self.contains(topic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colonies_have_topics_of_their_own_that_do_not_name_them() {
        let [one, two] = [1, 2].map(|byte| Identity::from_bytes([byte; 32]));
        assert_eq!(topic(&one).hash(), topic(&one).hash());
        assert_ne!(topic(&one).hash(), topic(&two).hash());
        assert!(!one.to_string().starts_with(topic(&one).hash().as_str()));
    }

    #[test]
    fn only_topics_taken_part_in_are_let_through_and_not_too_many() {
        let mut topics = Topics::default();
        let numbered = |number: usize| TopicHash::from_raw(number.to_string());
        assert!((0..TOPICS_MAX).all(|number| topics.add(numbered(number))));
        assert!(!topics.add(numbered(TOPICS_MAX)) && topics.add(numbered(0)));
        assert!(topics.can_subscribe(&numbered(0)) && !topics.can_subscribe(&numbered(TOPICS_MAX)));
        topics.remove(&numbered(0));
        assert!(!topics.can_subscribe(&numbered(0)) && topics.add(numbered(TOPICS_MAX)));
    }
}
