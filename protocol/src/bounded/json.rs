//! JSON that passes through us unread: arguments, inputs and outputs.
//!
//! What may never happen: a text accepted here that later cannot be decoded, because then a result would silently
//! turn into null.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, DeserializeSeed},
};

use super::BoundError;

/// Bytes of one JSON value: what fits comfortably in a process row. Larger data belongs in files.
pub const JSON_MAX: usize = 256 * 1024;

/// Levels of nesting of one JSON value. Readers commonly stop at 128 (`serde_json` after 127); a value must still be
/// readable where we show it, a few levels down: in a field, of a process, in a list.
pub const JSON_DEPTH_MAX: usize = 120;

/// A JSON value kept as its text: arguments, inputs and outputs, which pass through us unread.
///
/// Kept as text because a decoded tree would cost many times its size, and because numbers above 2^53 survive.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Json(Box<str>);

impl Json {
    /// Checks that the text is one JSON value, at most [`JSON_MAX`] bytes and [`JSON_DEPTH_MAX`] levels deep.
    ///
    /// # Errors
    /// [`BoundError::TooLong`] or [`BoundError::Json`].
    pub fn new(text: impl Into<String>) -> Result<Self, BoundError> {
        let text = text.into();
        Self::check(&text)?;
        Ok(Self(text.into_boxed_str()))
    }

    /// A JSON string, cut at the last character that fits [`JSON_MAX`] bytes with its escapes.
    #[must_use]
    pub fn string(text: &str) -> Self {
        let mut json = serde_json::Value::from(text).to_string();
        if json.len() > JSON_MAX {
            json = serde_json::Value::from(fitting(text, JSON_MAX - 2)).to_string();
        }
        Self(json.into_boxed_str())
    }

    /// Any JSON value.
    ///
    /// # Errors
    /// [`BoundError::TooLong`] above [`JSON_MAX`] bytes, [`BoundError::Json`] if it is nested too deep.
    pub fn from_value(value: &serde_json::Value) -> Result<Self, BoundError> {
        Self::new(value.to_string())
    }

    /// The JSON text.
    #[must_use]
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// The value; null if the text somehow is none, which `new` rules out.
    #[must_use]
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// As a person or a command line writes it: a string without its quotes, anything else as JSON.
    #[must_use]
    pub fn to_plain(&self) -> String {
        match self.to_value() {
            serde_json::Value::String(text) => text,
            _ => self.0.to_string(),
        }
    }

    fn check(text: &str) -> Result<(), BoundError> {
        if text.len() > JSON_MAX {
            return Err(BoundError::TooLong { len: text.len(), limit: JSON_MAX });
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = Walk { levels: JSON_DEPTH_MAX }.deserialize(&mut reader).and_then(|()| reader.end());
        read.map_err(|error| BoundError::Json(error.to_string()))
    }
}

/// The longest start of `text` whose JSON form, without quotes, has at most `limit` bytes.
fn fitting(text: &str, limit: usize) -> &str {
    let mut room = limit;
    let end = text.char_indices().find_map(|(at, character)| {
        let width = match character {
            '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
            '\0'..='\u{1f}' => 6,
            other => other.len_utf8(),
        };
        match room.checked_sub(width) {
            Some(left) => {
                room = left;
                None
            }
            None => Some(at),
        }
    });
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// Reads a JSON value as a decoder into a tree would, with every number and escape checked, but keeps nothing: what
/// passes can be decoded later. (`serde::de::IgnoredAny` looks neither at depth nor at numbers nor at escapes.)
struct Walk {
    levels: usize,
}

impl Walk {
    fn inside<E: de::Error>(&self) -> Result<Self, E> {
        let too_deep = || E::custom(format_args!("nested more than {JSON_DEPTH_MAX} levels deep"));
        self.levels.checked_sub(1).map(|levels| Self { levels }).ok_or_else(too_deep)
    }
}

impl<'de> DeserializeSeed<'de> for Walk {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> de::Visitor<'de> for Walk {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let levels = self.inside::<A::Error>()?.levels;
        while seq.next_element_seed(Self { levels })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let levels = self.inside::<A::Error>()?.levels;
        while map.next_key_seed(Self { levels })?.is_some() {
            map.next_value_seed(Self { levels })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text that is one JSON value")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Json, E> {
                Json::check(text).map_err(E::custom)?;
                Ok(Json(text.into()))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}
