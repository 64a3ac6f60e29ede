//! Snapshots: the newest revisions in a label and below it, kept.

use super::{
    super::{Call, Colony, Outbox, RowKey, members::check_name},
    PINS_MAX, REMOVED_MAX, SNAPSHOTS_MAX,
    adding::check_label,
};
use crate::{
    bounded::{List, Text},
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
        let (name, label) = (name.clone(), label.clone());
        self.files.put_snapshot(Snapshot { id, name, label, files, added_at: self.meta.now, added_by });
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

    pub(super) fn remove_snapshot(&mut self, key: &SnapshotKey, out: &mut Outbox) -> Reply {
        let Ok(number) = self.files.find_snapshot(key).map(|snapshot| snapshot.id.number()) else {
            return Reply::Removed(0);
        };
        self.files.remove_snapshot(number, out);
        Reply::Removed(1)
    }

    /// Removes all, or as many as one command may.
    pub(super) fn remove_snapshots(&mut self, out: &mut Outbox) -> Reply {
        let mut room = REMOVED_MAX;
        let mut removed = 0;
        while let Some((number, snapshot)) = self.files.snapshots.first_key_value() {
            let Some(left) = room.checked_sub(snapshot.files.len().max(1)) else { break };
            room = left;
            removed += 1;
            self.files.remove_snapshot(*number, out);
        }
        Reply::Removed(removed)
    }
}
