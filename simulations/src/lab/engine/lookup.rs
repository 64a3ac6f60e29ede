//! Lookups in the table of peers, as Kademlia makes them with the shipped bounds.
//!
//! Nobody's routing table is kept: which peers a node knows in a region of the key space is worked out from a hash when it
//! is asked, among those whose keys share as many bits with its own as a bucket says. So a hundred thousand tables take no
//! memory and are the same in every run. False nodes lie close to the key that is looked for and name only each other.

use std::collections::{BTreeMap, BTreeSet};

use colony_protocol::{announcement::Listener, identity::Identity};

use super::{World, node::Protocol, word};
use crate::lab::dice;

/// Peers in a bucket, and holders of a record.
const BUCKET: usize = 20;
/// Questions under way at once on each of the paths.
const PARALLEL: usize = 3;
/// Paths that share no peer, as shipped.
const PATHS: usize = 3;
/// A peer that does not answer is given up after this.
const PATIENCE: u64 = 2_000_000;
/// Rounds after which a lookup is given up.
const ROUNDS: u32 = 20;
/// Bytes of a question and of an answer with a bucket of addresses.
const QUESTION: u64 = 120;
/// See [`QUESTION`].
const BUCKETFUL: u64 = 1_900;

/// Who can be found, and who is who.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Executors by identity.
    pub(super) execs: BTreeMap<Identity, u32>,
    /// The executor on each node.
    pub(super) exec_at: Vec<Option<u32>>,
    /// Names of types of executors.
    pub(super) types: Vec<String>,
    /// Keys of nodes that serve the table, with the nodes.
    keys: Vec<(u64, u32)>,
    /// False keys.
    false_keys: BTreeSet<u64>,
}

impl Table {
    pub(super) fn serve(&mut self, key: u64, node: u32) {
        self.keys.push((key, node));
        self.keys.sort_unstable();
    }

    pub(super) fn serve_all(&mut self, mut keys: Vec<(u64, u32)>) {
        self.keys.append(&mut keys);
        self.keys.sort_unstable();
    }

    pub(super) fn lie(&mut self, key: u64, node: u32) {
        self.false_keys.insert(key);
        self.serve(key, node);
    }

    /// A listener of each type.
    pub(super) fn listeners(&self) -> Vec<Listener> {
        self.types.iter().map(|executor_type| word::listener(executor_type)).collect()
    }

    /// Places of keys that share their first `bits` with `key`.
    fn with_prefix(&self, key: u64, bits: u32) -> (usize, usize) {
        let mask = u64::MAX.checked_shr(bits).unwrap_or(0);
        let (low, high) = (key & !mask, key | mask);
        let start = self.keys.partition_point(|(other, _)| *other < low);
        (start, self.keys.partition_point(|(other, _)| *other <= high))
    }

    /// Whom the peer at `key` names when asked for `target`.
    fn named(&self, seed: u64, key: u64, target: u64) -> Vec<(u64, u32)> {
        if self.false_keys.contains(&key) {
            let near = self.false_keys.range(target..).chain(&self.false_keys).take(BUCKET);
            let near: BTreeSet<u64> = near.copied().collect();
            return self.keys.iter().filter(|(key, _)| near.contains(key)).copied().take(BUCKET).collect();
        }
        let shared = (key ^ target).leading_zeros();
        // Its bucket for the target: keys that share one bit more with the target than it does; if nobody is there, the
        // ones around it.
        let mut bits = shared + 1;
        let (mut start, mut end) = self.with_prefix(target, bits);
        while start == end && bits > 0 {
            bits -= 1;
            (start, end) = self.with_prefix(target, bits);
        }
        let all = self.keys.get(start..end).unwrap_or_default();
        let mut named: Vec<(u64, u32)> = if all.len() <= BUCKET {
            all.to_vec()
        } else {
            let place = |lot: u64| (dice::hash(seed, key, lot) % all.len() as u64) as usize;
            (0..BUCKET as u64).filter_map(|lot| all.get(place(lot)).copied()).collect()
        };
        named.sort_unstable_by_key(|(other, _)| other ^ target);
        named.dedup();
        named
    }

    /// The holders of a record.
    fn holders(&self, target: u64) -> BTreeSet<u64> {
        let mut bits = 64;
        let (mut start, mut end) = self.with_prefix(target, bits);
        while end - start < BUCKET.min(self.keys.len()) && bits > 0 {
            bits -= 1;
            (start, end) = self.with_prefix(target, bits);
        }
        let mut near: Vec<u64> =
            self.keys.get(start..end).unwrap_or_default().iter().map(|(key, _)| *key).collect();
        near.sort_unstable_by_key(|key| key ^ target);
        near.truncate(BUCKET);
        near.into_iter().filter(|key| !self.false_keys.contains(key)).collect()
    }
}

impl World {
    /// Looks for a colony's record from a node; how long that takes. Nobody serves: it knows the way already.
    pub(super) fn look_up(&mut self, node: u32, colony: u16) -> u64 {
        if self.table.keys.len() < 2 {
            return 0;
        }
        self.measure.lookups += 1;
        let target = dice::hash(self.seed, u64::from(colony), 0xC01);
        let holders = self.table.holders(target);
        let mut asked: BTreeSet<u64> = BTreeSet::new();
        let mut best: Option<(u64, u32)> = None;
        for path in 0..PATHS as u64 {
            let found = self.follow(node, target, path, &holders, &mut asked);
            best = match (best, found) {
                (Some((time, hops)), Some(found)) => Some(found.min((time, hops))),
                (best, found) => best.or(found),
            };
        }
        match best {
            Some((time, hops)) => {
                self.measure.lookups_found += 1;
                self.measure.lookup_time.add(time);
                self.measure.lookup_hops.add(u64::from(hops));
                time
            }
            None => u64::from(ROUNDS) * 1_000_000,
        }
    }

    /// One of the disjoint paths: time and hops until a holder answers.
    fn follow(
        &mut self,
        node: u32,
        target: u64,
        path: u64,
        holders: &BTreeSet<u64>,
        asked: &mut BTreeSet<u64>,
    ) -> Option<(u64, u32)> {
        let count = self.table.keys.len() as u64;
        let first = |lot: u64| (dice::hash(self.seed, u64::from(node), path * 8 + lot) % count) as usize;
        let mut known: Vec<(u64, u32)> =
            (0..PARALLEL as u64).filter_map(|lot| self.table.keys.get(first(lot)).copied()).collect();
        let (mut time, mut hops) = (0, 0);
        while hops < ROUNDS {
            known.sort_unstable_by_key(|(key, _)| key ^ target);
            let next = known.iter().filter(|(key, _)| !asked.contains(key)).take(PARALLEL);
            let next: Vec<(u64, u32)> = next.copied().collect();
            if next.is_empty() {
                return None;
            }
            hops += 1;
            let mut slowest = 0;
            let mut found = false;
            for (key, peer) in next {
                asked.insert(key);
                let there = self.carry(node, peer, QUESTION, Protocol::Lookups);
                let back = self.carry(peer, node, BUCKETFUL, Protocol::Lookups);
                let (Some(there), Some(back)) = (there, back) else {
                    slowest = slowest.max(PATIENCE);
                    continue;
                };
                slowest = slowest.max(there + back);
                found |= holders.contains(&key);
                known.extend(self.table.named(self.seed, key, target));
            }
            time += slowest;
            if found {
                return Some((time, hops));
            }
            known.sort_unstable();
            known.dedup();
        }
        None
    }
}
