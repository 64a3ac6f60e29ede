//! Reading JSON field by field, each knowing its path and its place in the text.
//!
//! A field is a slice of the document, found by `serde_json` and decoded only when somebody asks for it as something.
//! So values that pass through keep their text, and every error has a line and a column.
//!
//! People are read strictly. Programs are read leniently, as ColonyOS reads them: keys in any case, the last of several
//! counts, and what is not known is passed over.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, de};
use serde_json::value::RawValue;

use super::error::{SpecError, nearest};
use crate::{
    bounded::{Json, List, Map, Text},
    model::{Limit, Name},
    units::{self, UnitError},
};

/// A value somewhere in a document.
pub(crate) struct Field<'a> {
    document: &'a str,
    raw: &'a str,
    path: String,
    lenient: bool,
}

/// What can be read from a field.
pub(crate) trait FromField: Sized {
    /// Reads it; the field is not null, except as an element of a list.
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError>;
}

impl<'a> Field<'a> {
    /// The whole text, which must be one JSON value.
    pub(crate) fn document(text: &'a str) -> Result<Self, SpecError> {
        // Editors on some systems put a byte-order mark in front.
        let document = text.strip_prefix('\u{feff}').unwrap_or(text);
        if document.trim().is_empty() {
            return Err(SpecError::at(document, 0, "", "there is no JSON: the text is empty"));
        }
        let raw = serde_json::from_str::<&RawValue>(document)
            .map_err(|error| SpecError::syntax(document, &error))?;
        Ok(Self { document, raw: raw.get(), path: String::new(), lenient: false })
    }

    /// The same of a text that a program wrote.
    pub(crate) fn lenient(text: &'a str) -> Result<Self, SpecError> {
        Ok(Self { lenient: true, ..Self::document(text)? })
    }

    /// The text of this value, as it stands.
    pub(crate) const fn raw(&self) -> &'a str {
        self.raw
    }

    /// The path, as messages show it.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn is_null(&self) -> bool {
        self.raw == "null"
    }

    pub(crate) fn is_object(&self) -> bool {
        self.raw.starts_with('{')
    }

    pub(crate) fn is_array(&self) -> bool {
        self.raw.starts_with('[')
    }

    /// An error about this field.
    pub(crate) fn wrong(&self, why: impl Into<String>) -> SpecError {
        SpecError::at(self.document, self.offset(), &self.path, why)
    }

    /// An error about what kind of value this field is.
    pub(crate) fn expected(&self, what: &str) -> SpecError {
        let found = match self.raw.as_bytes().first() {
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b'"') => "text",
            Some(b't' | b'f') => "true or false",
            Some(b'n') => "null",
            _ => "a number",
        };
        self.wrong(format!("expected {what}, found {found}"))
    }

    /// Where the field begins in the text.
    pub(crate) fn offset(&self) -> usize {
        offset(self.document, self.raw)
    }

    fn decode<T: Deserialize<'a>>(&self) -> Result<T, SpecError> {
        serde_json::from_str(self.raw).map_err(|error| {
            let SpecError { why, .. } = SpecError::syntax(self.raw, &error);
            self.wrong(why)
        })
    }

    fn child(&self, raw: &'a RawValue, path: String) -> Self {
        Self { document: self.document, raw: raw.get(), path, lenient: self.lenient }
    }

    /// The elements of an array.
    pub(crate) fn elements(&self) -> Result<Vec<Self>, SpecError> {
        if !self.is_array() {
            return Err(self.expected("an array"));
        }
        let items: Vec<&RawValue> = self.decode()?;
        let child = |(index, raw)| self.child(raw, format!("{}[{index}]", self.path));
        Ok(items.into_iter().enumerate().map(child).collect())
    }

    /// The members of an object, as they stand.
    fn members(&self) -> Result<Vec<Member<'a>>, SpecError> {
        if !self.is_object() {
            return Err(self.expected("an object"));
        }
        let Pairs(pairs) = self.decode()?;
        let member = |(key, value): (&'a RawValue, &'a RawValue)| {
            let at = self.child(key, self.path.clone());
            let key: String = at.decode()?;
            let path = if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            Ok(Member { key_at: at.offset(), value: self.child(value, path), key, taken: false })
        };
        pairs.into_iter().map(member).collect()
    }

    /// The field as an object whose keys are known. Null is an empty one.
    pub(crate) fn object(&self) -> Result<Object<'a>, SpecError> {
        let members = if self.is_null() { Vec::new() } else { self.members()? };
        Ok(Object { document: self.document, members, known: Vec::new(), lenient: self.lenient })
    }

    /// A child by key or by index, for finding a field by its path.
    pub(crate) fn get(&self, key: &str) -> Option<Self> {
        if self.is_array() {
            let index: usize = key.parse().ok()?;
            return self.elements().ok()?.into_iter().nth(index);
        }
        self.members().ok()?.into_iter().find(|member| member.key == key).map(|member| member.value)
    }

    /// The text of an amount: in quotes, or a bare number.
    fn amount(&self) -> Result<String, SpecError> {
        match self.raw.as_bytes().first() {
            Some(b'"') => self.decode(),
            Some(b'{' | b'[' | b't' | b'f' | b'n') => Err(self.expected("an amount, text or a number")),
            _ => Ok(self.raw.to_owned()),
        }
    }

    fn unit(&self, parse: impl Fn(&str, &str) -> Result<u64, UnitError>) -> Result<u64, SpecError> {
        parse(&self.amount()?, &self.path).map_err(|error| {
            let hint = format!("write for example {}", error.example);
            self.wrong(error.why()).hint(hint)
        })
    }

    /// An amount of CPU, in thousandths.
    pub(crate) fn cpu(&self) -> Result<u64, SpecError> {
        self.unit(units::parse_cpu)
    }

    /// An amount of memory or storage, in bytes.
    pub(crate) fn memory(&self) -> Result<u64, SpecError> {
        self.unit(units::parse_memory)
    }
}

/// How far into `document` its part `raw` begins.
fn offset(document: &str, raw: &str) -> usize {
    raw.as_ptr().addr().saturating_sub(document.as_ptr().addr())
}

struct Member<'a> {
    key: String,
    key_at: usize,
    value: Field<'a>,
    taken: bool,
}

/// An object of which each key is asked for once; what is left over is unknown.
pub(crate) struct Object<'a> {
    document: &'a str,
    members: Vec<Member<'a>>,
    known: Vec<&'static str>,
    lenient: bool,
}

impl<'a> Object<'a> {
    /// The field under the first of these names, or one of its aliases. `None` if there is none, or null.
    pub(crate) fn take(&mut self, names: &[&'static str]) -> Result<Option<Field<'a>>, SpecError> {
        if self.lenient {
            return Ok(self.last(names));
        }
        self.known.extend(names.first());
        let mut found: Option<Field<'a>> = None;
        for member in self.members.iter_mut().filter(|member| names.contains(&member.key.as_str())) {
            let value = Field { path: member.value.path.clone(), ..member.value };
            if let Some(first) = found.replace(value) {
                let why = format!("stands twice, first as `{}`", first.path);
                return Err(SpecError::at(self.document, member.key_at, &member.value.path, why));
            }
            member.taken = true;
        }
        Ok(found.filter(|field| !field.is_null()))
    }

    /// The last one under any of these names, whatever their case.
    fn last(&self, names: &[&'static str]) -> Option<Field<'a>> {
        let named = |member: &&Member<'a>| names.iter().any(|name| member.key.eq_ignore_ascii_case(name));
        let found = self.members.iter().rev().find(named)?;
        let field = Field { path: found.value.path.clone(), ..found.value };
        Some(field).filter(|field| !field.is_null())
    }

    /// Reads a field; missing or null means the default.
    pub(crate) fn read<T: FromField + Default>(&mut self, names: &[&'static str]) -> Result<T, SpecError> {
        self.read_with(names, T::from_field)
    }

    /// Reads a field in a particular way; missing or null means the default.
    pub(crate) fn read_with<T: Default>(
        &mut self,
        names: &[&'static str],
        read: impl FnOnce(&Field<'a>) -> Result<T, SpecError>,
    ) -> Result<T, SpecError> {
        self.take(names)?.map_or_else(|| Ok(T::default()), |field| read(&field))
    }

    /// Accepts fields that other programs write and that mean nothing to us.
    pub(crate) fn skip(&mut self, names: &[&str]) {
        for member in self.members.iter_mut().filter(|member| names.contains(&member.key.as_str())) {
            member.taken = true;
        }
    }

    /// Ends the reading: a key nobody asked for is a mistake.
    pub(crate) fn finish(self) -> Result<(), SpecError> {
        if self.lenient {
            return Ok(());
        }
        let Some(member) = self.members.iter().find(|member| !member.taken) else { return Ok(()) };
        let hint = match nearest(&member.key, &self.known) {
            Some(known) => format!("did you mean `{known}`?"),
            None => format!("known fields here: {}", self.known.join(", ")),
        };
        let error = SpecError::at(self.document, member.key_at, &member.value.path, "there is no such field");
        Err(error.hint(hint))
    }
}

/// Keys and values of an object, in order, repeated ones too.
struct Pairs<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Vec<(&'de RawValue, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        deserializer.deserialize_map(Visitor).map(Pairs)
    }
}

impl<const N: usize> FromField for Text<N> {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        match field.raw.as_bytes().first() {
            Some(b'"') => {}
            Some(b'{' | b'[' | b'n') => return Err(field.expected("text")),
            _ => return Err(field.expected("text").hint(format!("write \"{}\"", field.raw))),
        }
        let text: String = field.decode()?;
        Self::new(text).map_err(|error| field.wrong(format!("{error} bytes")))
    }
}

impl FromField for Json {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        Self::new(field.raw).map_err(|error| field.wrong(error.to_string()))
    }
}

impl FromField for bool {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        match field.raw {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(field.expected("true or false")),
        }
    }
}

macro_rules! from_whole_number {
    ($($type:ty),*) => {$(
        impl FromField for $type {
            fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
                if let Ok(number) = field.raw.parse() {
                    return Ok(number);
                }
                let inner = field.raw.trim_matches('"');
                if inner.len() < field.raw.len() && inner.parse::<$type>().is_ok() {
                    return Err(field.expected("a whole number").hint(format!("write {inner} without quotes")));
                }
                if !field.raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
                    return Err(field.expected("a whole number"));
                }
                let why = match field.raw.contains(['.', 'e', 'E']) {
                    true => format!("expected a whole number, found {}", field.raw),
                    false => format!("{} is not between {} and {}", field.raw, <$type>::MIN, <$type>::MAX),
                };
                Err(field.wrong(why))
            }
        }
    )*};
}
from_whole_number!(i32, i64, u32);

impl FromField for Limit {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        i64::from_field(field).map(Self)
    }
}

impl<T: FromField, const N: usize> FromField for List<T, N> {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let items = field.elements()?;
        if items.len() > N {
            return Err(field.wrong(format!("{} elements, but at most {N} are allowed", items.len())));
        }
        let items = items.iter().map(T::from_field).collect::<Result<_, _>>()?;
        Self::new(items).map_err(|error| field.wrong(error.to_string()))
    }
}

impl<T: FromField, const N: usize> FromField for Map<Name, T, N> {
    fn from_field(field: &Field<'_>) -> Result<Self, SpecError> {
        let mut entries = BTreeMap::new();
        for Member { key, key_at, value, .. } in field.members()? {
            let wrong = |why: String| SpecError::at(field.document, key_at, value.path(), why);
            let key = Name::new(key).map_err(|error| wrong(format!("the key is too long: {error} bytes")))?;
            if entries.insert(key, T::from_field(&value)?).is_some() {
                return Err(wrong("stands twice".to_owned()));
            }
        }
        Self::new(entries).map_err(|error| field.wrong(format!("{error} entries")))
    }
}
