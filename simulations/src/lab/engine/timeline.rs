//! What a scenario's timeline does to nodes, and how it is undone.

use super::{Event, World, measure::What};
use crate::lab::{
    amounts::WHOLE,
    dice,
    scenario::{Class, Deed, Happening},
};

impl World {
    /// Plans all of it.
    pub(super) fn plan_timeline(&mut self) {
        let plan = std::sync::Arc::clone(&self.plan);
        for (place, happening) in plan.scenario.timeline.iter().enumerate() {
            self.plan(happening.at.0, Event::Deed(place as u32, true));
            if let Some(lasts) = happening.lasts {
                self.plan(happening.at.0.saturating_add(lasts.0), Event::Deed(place as u32, false));
            }
        }
    }

    /// An entry of the timeline happens, or is undone.
    pub(super) fn deed(&mut self, deed: u32, begins: bool) {
        let plan = std::sync::Arc::clone(&self.plan);
        let Some(happening) = plan.scenario.timeline.get(deed as usize) else { return };
        self.note(What::Deed, 0, 0, u64::from(deed), u64::from(begins));
        if !begins {
            return self.undo(deed, happening.what);
        }
        let nodes = self.selected(happening);
        match happening.what {
            Deed::Partition => {
                self.sides = self.sides.saturating_add(1);
                let side = self.sides;
                for node in &nodes {
                    if let Some(node) = self.node_mut(*node) {
                        node.side = side;
                    }
                }
                self.stir_all();
            }
            Deed::Heal => {
                for node in &mut self.nodes {
                    node.side = 0;
                }
                self.stir_all();
            }
            Deed::Kill => nodes.iter().for_each(|node| self.set_up(*node, false)),
            Deed::Start => nodes.iter().for_each(|node| self.set_up(*node, true)),
            Deed::FlashCrowd => self.crowd(happening.processes.unwrap_or_default()),
            Deed::Sybil => self.infiltrate(happening.count.unwrap_or_default()),
            Deed::ClockJump => {
                let by = i64::try_from(happening.by.unwrap_or_default().0).unwrap_or(i64::MAX / 4);
                for node in &nodes {
                    if let Some(node) = self.node_mut(*node) {
                        node.offset = node.offset.saturating_add(by);
                    }
                }
                for colony in 0..self.offices.len() as u16 {
                    self.propose(colony, false);
                }
            }
        }
        self.moved.insert(deed, nodes);
    }

    fn undo(&mut self, deed: u32, what: Deed) {
        let nodes = self.moved.remove(&deed).unwrap_or_default();
        match what {
            Deed::Partition => {
                for node in nodes {
                    if let Some(node) = self.node_mut(node) {
                        node.side = 0;
                    }
                }
                self.stir_all();
            }
            Deed::Kill => nodes.into_iter().for_each(|node| self.set_up(node, true)),
            Deed::Start => nodes.into_iter().for_each(|node| self.set_up(node, false)),
            Deed::Heal | Deed::FlashCrowd | Deed::Sybil | Deed::ClockJump => {}
        }
    }

    /// The nodes a deed is done to.
    fn selected(&mut self, happening: &Happening) -> Vec<u32> {
        if happening.coordinator {
            return self.offices.first().and_then(super::office::Office::leader_node).into_iter().collect();
        }
        if happening.regions.is_empty() && happening.group.is_none() {
            return Vec::new();
        }
        let matrix = &self.plan.files.matrix;
        let regions: Vec<u8> = happening.regions.iter().filter_map(|name| matrix.place(name)).collect();
        let groups = &self.plan.scenario.nodes;
        let group = happening.group.as_ref();
        let group = group.map(|name| groups.iter().position(|nodes| nodes.name == *name));
        let fits = self.nodes.iter().enumerate().filter(|(_, node)| {
            (regions.is_empty() || regions.contains(&node.region))
                && group.is_none_or(|group| group == Some(usize::from(node.group)))
        });
        let mut nodes: Vec<u32> = fits.map(|(place, _)| place as u32).collect();
        let share = happening.share.map(|share| nodes.len() as u64 * u64::from(share.0) / u64::from(WHOLE));
        let wanted = happening.count.map(u64::from).or(share).unwrap_or(nodes.len() as u64);
        // Any of them: the last of a shuffle that stops early.
        let mut taken = Vec::new();
        while (taken.len() as u64) < wanted && !nodes.is_empty() {
            let place = self.chance.below(nodes.len() as u64) as usize;
            taken.push(nodes.swap_remove(place));
        }
        taken.sort_unstable();
        taken
    }

    fn crowd(&mut self, processes: u64) {
        for colony in 0..self.offices.len() as u16 {
            let Some(stream) = self.streams.iter().find(|stream| stream.colony == colony) else { continue };
            let crowd = stream.crowd(processes.div_ceil(self.batch(stream).max(1)));
            self.streams.push(crowd);
            let number = self.streams.len() as u32 - 1;
            self.plan(0, Event::Submit(number));
        }
    }

    /// False nodes: in the table of peers close to each colony's key, and in each colony's mesh.
    fn infiltrate(&mut self, count: u32) {
        for colony in 0..self.offices.len() as u16 {
            let target = dice::hash(self.seed, u64::from(colony), 0xC01);
            let mut nodes = Vec::new();
            for number in 0..count {
                let node = self.add_stranger(colony);
                // As close to the key as somebody who searched through a million keys gets.
                let key = target ^ (dice::hash(self.seed, u64::from(node), u64::from(number)) >> 20);
                self.table.lie(key, node);
                nodes.push(node);
            }
            let Some(office) = self.offices.get_mut(usize::from(colony)) else { continue };
            office.mesh.infiltrate(&nodes, &mut self.chance);
        }
    }

    /// Adds a node that belongs to nobody's group.
    fn add_stranger(&mut self, colony: u16) -> u32 {
        let number = self.nodes.len() as u32;
        let pattern = self.nodes.iter().find(|node| node.class == Class::Voter).cloned();
        if let Some(mut node) = pattern {
            (node.class, node.colony, node.up, node.side) = (Class::Observer, colony, true, 0);
            (node.sent, node.received) = ([0; 5], 0);
            node.region = (self.chance.below(self.plan.files.matrix.names.len() as u64)) as u8;
            self.nodes.push(node);
            self.lives.push(0);
            self.table.exec_at.push(None);
        }
        number
    }
}
