//! Files come and go.
//!
//! Any member may add revisions of any file: the older ones stay. Unlike in ColonyOS, only who added a revision, or the
//! owner, takes it away; a file or a label with another's revision in it goes whole or not at all.

use super::{
    super::{Call, Colony, Outbox, RowKey},
    REMOVED_MAX, REVISIONS_MAX,
};
use crate::{
    bounded::Text,
    command::FilesCommand,
    identity::Identity,
    model::{
        FileId,
        file::{File, FileKey, NewFile, Place},
    },
    refusal::Refusal,
    reply::Reply,
};

/// What marks an address that carries a right with it: a presigned URL of S3.
const SIGNED_MARKS: [&str; 3] = ["X-Amz-Signature", "X-Amz-Credential", "AWSAccessKeyId"];

impl Colony {
    pub(in super::super) fn files(
        &mut self,
        call: &Call,
        command: &FilesCommand,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        self.member(&call.by)?;
        match command {
            FilesCommand::Add { file } => self.add_file(call, file, out),
            FilesCommand::Remove { file } => self.remove_file(&call.by, file, out),
            FilesCommand::RemoveLabel { label } => {
                let numbers = self.files.below(label, None).flat_map(|(_, names)| names.values().flatten());
                let numbers = numbers.copied().take(REMOVED_MAX).collect();
                self.remove_revisions(&call.by, numbers, out)
            }
            FilesCommand::CreateSnapshot { name, label } => self.create_snapshot(call, name, label, out),
            FilesCommand::RemoveSnapshot { snapshot } => self.remove_snapshot(&call.by, snapshot, out),
            FilesCommand::RemoveSnapshots => Ok(self.remove_snapshots(&call.by, out)),
        }
    }

    fn add_file(&mut self, call: &Call, file: &NewFile, out: &mut Outbox) -> Result<Reply, Refusal> {
        check_label(&file.label)?;
        check_file_name(&file.name)?;
        check_place(&file.place)?;
        if self.files.revisions.len() >= REVISIONS_MAX {
            return Err(Refusal::Busy(Text::cut("the colony has as many files as it can hold")));
        }
        let number = self.next_object();
        let id = FileId::make(&self.id, &call.by, &call.request, number);
        let added_by = self.name_of(&call.by);
        let (file, initiator) = (file.clone(), call.by);
        self.files.put(File { id, file, added_at: self.meta.now, added_by, removed: false, initiator });
        out.touch(RowKey::Object(number));
        Ok(Reply::FileAdded(id))
    }

    fn remove_file(&mut self, by: &Identity, key: &FileKey, out: &mut Outbox) -> Result<Reply, Refusal> {
        let numbers = match key {
            FileKey::Id(id) => self.files.by_id(id).map(|found| found.id.number()).into_iter().collect(),
            FileKey::Named { label, name } => {
                let numbers = self.files.numbers(label, name);
                numbers.map(|numbers| numbers.iter().copied().take(REMOVED_MAX).collect()).unwrap_or_default()
            }
        };
        self.remove_revisions(by, numbers, out)
    }

    fn remove_revisions(
        &mut self,
        by: &Identity,
        numbers: Vec<u64>,
        out: &mut Outbox,
    ) -> Result<Reply, Refusal> {
        let found = numbers.iter().filter_map(|number| self.files.revision(*number));
        for File { file, added_by, initiator, .. } in found {
            if !self.has_a_say(by, initiator, added_by) {
                let why = format!(
                    "`{}` in `{}` has a revision that `{added_by}` added: only `{added_by}`, or the colony's owner, \
                     may remove it",
                    file.name, file.label
                );
                return Err(Refusal::denied(*by, why));
            }
        }
        for number in &numbers {
            self.files.remove(*number, out);
        }
        Ok(Reply::Removed(numbers.len() as u64))
    }

    /// The next number of a file, a snapshot, a location, a blueprint or a definition: one count for all.
    pub(in super::super) fn next_object(&mut self) -> u64 {
        self.meta.last_object = self.meta.last_object.saturating_add(1);
        self.meta.last_object
    }
}

/// Labels become directories on people's machines: none may lead out of where it is put.
pub(super) fn check_label(label: &str) -> Result<(), Refusal> {
    let wrong = |why: &str| Err(Refusal::invalid("label", why));
    if label.is_empty() {
        return wrong("a file needs a label, for example `/data`");
    }
    if label.contains('\0') || label.split('/').any(|part| part == "..") {
        return wrong("a label may contain neither `..` as a part of its path nor a NUL character");
    }
    Ok(())
}

fn check_file_name(name: &str) -> Result<(), Refusal> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        return Err(Refusal::invalid(
            "name",
            "a file's name is neither empty nor `.` nor `..`, and has no `/`",
        ));
    }
    Ok(())
}

/// Whoever reads the row could use what is in it.
fn check_place(place: &Place) -> Result<(), Refusal> {
    let Place::S3(object) = place else { return Ok(()) };
    let secret = object.server.contains('@')
        || SIGNED_MARKS.iter().any(|mark| object.object.contains(mark) || object.server.contains(mark));
    if secret {
        let why = "it carries a key or a signature, which every member could read and use; name the server, the \
                   bucket and the object only";
        return Err(Refusal::invalid("ref.s3object", why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_names_do_not_lead_out_of_a_directory() {
        for label in ["/", "/a", "a/b/", "/a..b/c", "//"] {
            assert_eq!(check_label(label), Ok(()), "{label}");
        }
        for label in ["", "..", "/a/../../etc", "a/..", "/\0"] {
            assert!(check_label(label).is_err(), "{label}");
        }
        for name in ["", ".", "..", "a/b", "\0"] {
            assert!(check_file_name(name).is_err(), "{name}");
        }
        assert_eq!(check_file_name("..a.txt"), Ok(()));
    }

    /// One of ColonyOS's holes: credentials are stored and returned in clear.
    #[test]
    fn hole_08_credentials_are_not_stored_in_files() {
        use crate::{bounded::Text, model::file::S3Object};
        let place = |server, object| {
            Place::S3(S3Object {
                server: Text::cut(server),
                object: Text::cut(object),
                ..S3Object::default()
            })
        };
        assert_eq!(check_place(&place("s3.example:9000", "ab12/x?y")), Ok(()));
        assert!(check_place(&place("key:secret@s3.example", "ab12")).is_err());
        assert!(check_place(&place("s3.example", "ab12?X-Amz-Credential=AKIA&X-Amz-Signature=f00")).is_err());
        // There is no field for keys at all: this is all that a row can say.
        let row = crate::codec::encode(&S3Object::default()).unwrap();
        let words = String::from_utf8_lossy(&row).to_lowercase();
        assert!(!words.contains("secret") && !words.contains("access"), "{words}");
    }
}
