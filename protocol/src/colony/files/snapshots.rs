//! Snapshots: the newest revisions in a label and below it, kept.
//!
//! Who made one, or the owner, removes it; and so does an executor for whoever gave it work that mounts it and says that it
//! is not to be kept, while it holds that work: ColonyOS's executors clean up like this before they close.

use super::{
    super::{Call, Colony, Outbox, RowKey, members::check_name},
    PINS_MAX, REMOVED_MAX, SNAPSHOTS_MAX,
    adding::check_label,
};
use crate::{
    bounded::{List, Text},
    identity::Identity,
    model::{
        FileId, Name, SnapshotId,
        file::{Label, SNAPSHOT_FILES_MAX, Snapshot, SnapshotKey},
    },
    refusal::Refusal,
    reply::Reply,
};

impl Colony {
    pub(super) fn create_snapshot(
        &mut self,
        call: &Call,
        name: &Name,
        label: &Label,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        check_name("name", name)?;
        check_label(label)?;
        if self.files.snapshot_names.contains_key(name) {
            return Err(Refusal::exists(format!("snapshot `{name}`")));
        }
        let files = self.newest_below(label)?;
        if self.files.snapshots.len() >= SNAPSHOTS_MAX
            || self.files.pinned.saturating_add(files.len()) > PINS_MAX
        {
            return Err(Refusal::Busy(Text::cut("the colony has as many snapshots as it can hold")));
        }
        let number = self.next_object();
        let id = SnapshotId::make(&self.id, &call.by, &call.request, number);
        let added_by = self.name_of(&call.by);
        let (name, label, added_at, initiator) = (name.clone(), label.clone(), self.meta.now, call.by);
        self.files.put_snapshot(Snapshot { id, name, label, files, added_at, added_by, initiator });
        out.touch(RowKey::Object(number));
        Ok(Reply::SnapshotCreated(id))
    }

    fn newest_below(&self, label: &str) -> Result<List<FileId, SNAPSHOT_FILES_MAX>, Refusal> {
        let files = self.files.below(label, None).flat_map(|(_, names)| names.values());
        let newest = files.filter_map(|numbers| self.files.revision(*numbers.last()?));
        let ids: Vec<FileId> =
            newest.map(|revision| revision.id).take(SNAPSHOT_FILES_MAX.saturating_add(1)).collect();
        List::new(ids).map_err(|_| {
            let why =
                format!("there are more than {SNAPSHOT_FILES_MAX} files below it; take a smaller label");
            Refusal::invalid("label", why)
        })
    }

    pub(super) fn remove_snapshot(
        &mut self,
        by: &Identity,
        key: &SnapshotKey,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let Ok(snapshot) = self.files.find_snapshot(key) else { return Ok(Reply::Removed(0)) };
        let Snapshot { id, name, added_by, initiator, .. } = snapshot;
        if !self.has_a_say(by, initiator, added_by) && !self.cleans_up(by, snapshot) {
            let why = format!(
                "`{added_by}` made snapshot `{name}`: only `{added_by}`, or the colony's owner, may remove it"
            );
            return Err(Refusal::denied(*by, why));
        }
        let number = id.number();
        self.files.remove_snapshot(number, out);
        Ok(Reply::Removed(1))
    }

    /// Whether an executor holds work of the snapshot's maker that says that it goes with the work.
    fn cleans_up(&self, by: &Identity, snapshot: &Snapshot) -> bool {
        let held = self.index.leases.of(by);
        let mut held = held.iter().filter_map(|number| self.processes.get(number));
        let id = snapshot.id.to_hex();
        held.any(|process| {
            self.may_end(&process.initiator, &snapshot.initiator, &snapshot.added_by).is_ok()
                && process.spec.fs.snapshots.iter().any(|it| !it.keep_snapshot && *it.snapshot_id == *id)
        })
    }

    /// Removes all that the caller has a say about, or as many of them as one command may.
    pub(super) fn remove_snapshots(&mut self, by: &Identity, out: &mut Outbox) -> Reply {
        let mut room = REMOVED_MAX;
        let own =
            self.files.snapshots.iter().filter(|(_, it)| self.has_a_say(by, &it.initiator, &it.added_by));
        let numbers: Vec<u64> = own
            .map_while(|(number, snapshot)| {
                room = room.checked_sub(snapshot.files.len().max(1))?;
                Some(*number)
            })
            .collect();
        for number in &numbers {
            self.files.remove_snapshot(*number, out);
        }
        Reply::Removed(numbers.len() as u64)
    }
}
