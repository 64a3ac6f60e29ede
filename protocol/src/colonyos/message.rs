//! From a message's text to what it asks: one table of all kinds.

use super::{
    Ask, Fault, blueprints, channels, colonies, crons, executors, files, keys, logs, places, processes,
    workflows,
};
use crate::{
    bounded::Text,
    model::{
        Name,
        json::{
            SpecError,
            read::{Field, FromField, Object},
        },
    },
};

/// A message whose fields are being read.
pub(super) struct Message<'a>(Object<'a>);

impl Message<'_> {
    /// A field; the default if it is missing or null.
    pub(super) fn get<T: FromField + Default>(&mut self, names: &[&'static str]) -> Result<T, Fault> {
        Ok(self.0.read(names)?)
    }

    /// A field, read in a particular way; the default if it is missing or null.
    pub(super) fn get_with<T: Default>(
        &mut self,
        names: &[&'static str],
        read: impl FnOnce(&Field<'_>) -> Result<T, SpecError>,
    ) -> Result<T, Fault> {
        Ok(self.0.read_with(names, read)?)
    }

    /// A field that must be there.
    pub(super) fn need<T: FromField>(&mut self, names: &[&'static str]) -> Result<T, Fault> {
        let name = names.first().copied().unwrap_or_default();
        let field = self.0.take(names)?.ok_or_else(|| Fault::bad(format!("{name} is missing")))?;
        Ok(T::from_field(&field)?)
    }

    /// An object within this one that must be there.
    pub(super) fn inner<T>(
        &mut self,
        names: &[&'static str],
        read: impl FnOnce(&mut Message<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let name = names.first().copied().unwrap_or_default();
        let field = self.0.take(names)?.ok_or_else(|| Fault::bad(format!("{name} is nil")))?;
        if !field.is_object() {
            return Err(field.expected("an object").into());
        }
        read(&mut Message(field.object()?))
    }

    /// The colony's name, under whichever of the two names ColonyOS has for it.
    pub(super) fn colony(&mut self) -> Result<super::Place, Fault> {
        Ok(super::Place::Colony(self.get(&["colonyname", "namespace"])?))
    }

    /// An object within this one, read in a particular way, and the colony that is named in it: in itself, or in what
    /// it has under `metadata`.
    pub(super) fn object<T>(
        &mut self,
        names: &[&'static str],
        read: impl FnOnce(&Field<'_>) -> Result<T, SpecError>,
    ) -> Result<(super::Place, T), Fault> {
        let name = names.first().copied().unwrap_or_default();
        let field = self.0.take(names)?.ok_or_else(|| Fault::bad(format!("{name} is nil")))?;
        let mut object = field.object()?;
        let mut colony: Name = object.read(&["colonyname"])?;
        if let (true, Some(metadata)) = (colony.is_empty(), object.take(&["metadata"])?) {
            colony = metadata.object()?.read(&["colonyname"])?;
        }
        Ok((super::Place::Colony(colony), read(&field)?))
    }

    /// A name in a field.
    pub(super) fn name(&mut self, names: &[&'static str]) -> Result<Name, Fault> {
        self.get(names)
    }
}

/// What kind of message a text says it is.
pub(super) fn kind(json: &str) -> Result<Text<128>, Fault> {
    Ok(Field::lenient(json)?.object()?.read(&["msgtype"])?)
}

/// What a message asks. `outer` is the kind that stands beside the message, unsigned.
///
/// # Errors
/// [`Fault`] if there is no such kind of message, or it is not what it should be.
pub fn read(outer: &str, json: &str) -> Result<Ask, Fault> {
    let mut message = open(outer, json)?;
    let rooms = [
        colonies::read,
        executors::read,
        processes::read,
        workflows::read,
        crons::read,
        logs::read,
        files::read,
        places::read,
        blueprints::read,
        channels::read,
        keys::read,
    ];
    for room in rooms {
        if let Some(ask) = room(outer, &mut message)? {
            return Ok(ask);
        }
    }
    Err(Fault::denied(format!("invalid rpcMsg.PayloadType: {outer}")))
}

/// The fields of a message, which must be of the kind that stands beside it.
pub(super) fn open<'a>(outer: &str, json: &'a str) -> Result<Message<'a>, Fault> {
    let document = Field::lenient(json)?;
    if !document.is_object() {
        return Err(document.expected("an object").into());
    }
    let mut message = Message(document.object()?);
    let kind: Text<128> = message.get(&["msgtype"])?;
    if kind.as_str() != outer {
        return Err(Fault::bad(format!("msg.MsgType does not match payloadType: `{kind}` in `{outer}`")));
    }
    Ok(message)
}

/// A count of rows that ColonyOS bounds.
pub(super) fn count(message: &mut Message<'_>, most: u16) -> Result<u16, Fault> {
    let count: i64 = message.get(&["count"])?;
    match u16::try_from(count) {
        Ok(count) if count <= most => Ok(count),
        Err(_) if count < 0 => Err(Fault::bad("Count is negative")),
        _ => Err(Fault::bad(format!("Count is larger than MaxCount limit <{most}>"))),
    }
}
