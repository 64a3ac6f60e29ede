//! What this node keeps for the network: other colonies' charters, and who serves them. All of it comes from strangers.
//!
//! Everything here has been judged before it comes: charters by their signatures, providers by their connection. What
//! this module adds are the bounds - how much in all, how much from one peer, how much about one colony - and the rule
//! that of two charters of a colony the greater rank stays. When there is no room, what is farther from this node's own
//! place in the key space gives way: those who look for it ask others first.

use std::{borrow::Cow, collections::BTreeMap, time::Duration, vec};

use colony_protocol::{
    charter::{CHARTER_MAX, Rank, SignedCharter},
    identity::Identity,
};
use libp2p::{
    PeerId,
    kad::{
        KBucketKey, ProviderRecord, Record, RecordKey,
        store::{Error, RecordStore, Result},
    },
};

use crate::runtime::Runtime;

/// Before a colony's id in the key of its charter.
const CHARTER: &[u8] = b"/colony/charter/";
/// The same in the key of who serves it.
const SERVES: &[u8] = b"/colony/serves/";
/// Charters in all: at most 16 MiB.
const CHARTERS: usize = 2048;
/// Charters that one peer brought: it may serve many colonies, but not fill the shelf.
const CHARTERS_PER_PEER: usize = 64;
/// Colonies whose servers are known.
const SERVED: usize = 4096;
/// Servers of one colony: more than it seats voters, and a few liars.
const SERVERS: usize = 16;
/// Colonies that one peer says it serves.
const SERVED_PER_PEER: usize = 64;
/// Addresses kept of one server.
const ADDRESSES: usize = 8;
/// How long a server is believed without being heard again. It says so anew each hour.
const SERVES_FOR: Duration = Duration::from_secs(4 * 3600);

/// What a key of ours is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// The charter of a colony.
    Charter(Identity),
    /// Who serves a colony.
    Serves(Identity),
}

impl Subject {
    pub(super) fn key(self) -> RecordKey {
        let (prefix, colony) = match self {
            Self::Charter(colony) => (CHARTER, colony),
            Self::Serves(colony) => (SERVES, colony),
        };
        RecordKey::from([prefix, colony.as_bytes()].concat())
    }

    /// What a key is about; `None` for a key of no use here.
    pub(super) fn of(key: &RecordKey) -> Option<Self> {
        let identity = |rest: &[u8]| rest.try_into().ok().map(Identity::from_bytes);
        let key = key.as_ref();
        if let Some(rest) = key.strip_prefix(CHARTER) {
            return identity(rest).map(Self::Charter);
        }
        key.strip_prefix(SERVES).and_then(identity).map(Self::Serves)
    }
}

/// A charter, what it counts, and who brought it.
#[derive(Debug)]
struct Kept {
    record: Record,
    rank: Rank,
}

/// Somebody who serves a colony, and until when that is believed.
#[derive(Debug)]
struct Server {
    record: ProviderRecord,
    until: Duration,
}

/// The node's share of what the network keeps.
#[derive(Debug)]
pub(in crate::net) struct Shelf {
    me: PeerId,
    runtime: Runtime,
    charters: BTreeMap<Vec<u8>, Kept>,
    servers: BTreeMap<Vec<u8>, Vec<Server>>,
}

impl Shelf {
    pub(super) const fn new(me: PeerId, runtime: Runtime) -> Self {
        Self { me, runtime, charters: BTreeMap::new(), servers: BTreeMap::new() }
    }

    /// Whether exactly these bytes are kept already: nothing is to be verified then.
    pub(super) fn holds(&self, key: &RecordKey, value: &[u8]) -> bool {
        self.charters.get(key.as_ref()).is_some_and(|kept| kept.record.value == value)
    }

    /// Colonies that this node itself serves.
    pub(super) fn own(&self) -> usize {
        self.provided().count()
    }

    /// How many charters are kept.
    pub(super) fn charters(&self) -> usize {
        self.charters.len()
    }

    fn brought_by(&self, peer: Option<PeerId>) -> usize {
        self.charters.values().filter(|kept| kept.record.publisher == peer).count()
    }

    /// Makes room for one more charter by giving up the one that is farthest from here. Says whether there is room.
    fn make_room(&mut self, key: &[u8], is_own: bool) -> bool {
        if self.charters.len() < CHARTERS {
            return true;
        }
        let here = KBucketKey::from(self.me);
        let distance = |key: &[u8]| here.distance(&KBucketKey::new(key.to_vec()));
        let own = Some(self.me);
        let others = self.charters.iter().filter(|(_, kept)| kept.record.publisher != own);
        let Some(farthest) = others.map(|(key, _)| key).max_by_key(|key| distance(key)).cloned() else {
            return false;
        };
        if !is_own && distance(&farthest) <= distance(key) {
            return false;
        }
        self.charters.remove(&farthest);
        true
    }

    fn served_by(&self, peer: &PeerId) -> usize {
        self.servers.values().flatten().filter(|server| server.record.provider == *peer).count()
    }

    /// Forgets servers that have not been heard for too long.
    fn forget_silent(&mut self) {
        let (now, me) = (self.runtime.elapsed(), self.me);
        for servers in self.servers.values_mut() {
            servers.retain(|server| server.until > now || server.record.provider == me);
        }
        self.servers.retain(|_, servers| !servers.is_empty());
    }
}

impl RecordStore for Shelf {
    type RecordsIter<'a> = vec::IntoIter<Cow<'a, Record>>;
    type ProvidedIter<'a> = vec::IntoIter<Cow<'a, ProviderRecord>>;

    fn get(&self, key: &RecordKey) -> Option<Cow<'_, Record>> {
        self.charters.get(key.as_ref()).map(|kept| Cow::Borrowed(&kept.record))
    }

    /// Keeps a charter that was found good. The rank is read again, which needs no signature.
    fn put(&mut self, record: Record) -> Result<()> {
        if record.value.len() > CHARTER_MAX {
            return Err(Error::ValueTooLarge);
        }
        let rank = SignedCharter::from_bytes(&record.value).and_then(|signed| signed.claimed_rank());
        let rank = rank.map_err(|_| Error::MaxRecords)?;
        if let Some(kept) = self.charters.get_mut(record.key.as_ref()) {
            if rank < kept.rank {
                return Err(Error::MaxRecords);
            }
            *kept = Kept { record, rank };
            return Ok(());
        }
        let is_own = record.publisher == Some(self.me);
        let has_room = is_own || self.brought_by(record.publisher) < CHARTERS_PER_PEER;
        if !has_room || !self.make_room(record.key.as_ref(), is_own) {
            return Err(Error::MaxRecords);
        }
        self.charters.insert(record.key.to_vec(), Kept { record, rank });
        Ok(())
    }

    fn remove(&mut self, key: &RecordKey) {
        self.charters.remove(key.as_ref());
    }

    fn records(&self) -> Self::RecordsIter<'_> {
        self.charters.values().map(|kept| Cow::Borrowed(&kept.record)).collect::<Vec<_>>().into_iter()
    }

    fn add_provider(&mut self, mut record: ProviderRecord) -> Result<()> {
        self.forget_silent();
        record.addresses.truncate(ADDRESSES);
        let until = self.runtime.elapsed().saturating_add(SERVES_FOR);
        let (key, provider) = (record.key.to_vec(), record.provider);
        let is_new = |servers: &Vec<Server>| servers.iter().all(|known| known.record.provider != provider);
        let known = self.servers.get(&key);
        if known.is_none_or(is_new) && provider != self.me {
            let is_full = known.map_or(self.servers.len() >= SERVED, |servers| servers.len() >= SERVERS);
            if is_full || self.served_by(&provider) >= SERVED_PER_PEER {
                return Err(Error::MaxProvidedKeys);
            }
        }
        let servers = self.servers.entry(key).or_default();
        servers.retain(|known| known.record.provider != provider);
        servers.push(Server { record, until });
        Ok(())
    }

    fn providers(&self, key: &RecordKey) -> Vec<ProviderRecord> {
        let now = self.runtime.elapsed();
        let servers = self.servers.get(key.as_ref()).into_iter().flatten();
        let heard = servers.filter(|server| server.until > now || server.record.provider == self.me);
        heard.map(|server| server.record.clone()).collect()
    }

    fn provided(&self) -> Self::ProvidedIter<'_> {
        let all = self.servers.values().flatten();
        let own = all.filter(|server| server.record.provider == self.me);
        own.map(|server| Cow::Borrowed(&server.record)).collect::<Vec<_>>().into_iter()
    }

    fn remove_provider(&mut self, key: &RecordKey, provider: &PeerId) {
        if let Some(servers) = self.servers.get_mut(key.as_ref()) {
            servers.retain(|server| server.record.provider != *provider);
        }
        self.servers.retain(|_, servers| !servers.is_empty());
    }
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
