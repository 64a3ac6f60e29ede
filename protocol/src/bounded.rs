//! Values that cannot be larger than their type says: text, bytes, lists and maps from the wire.
//!
//! The decoder refuses element `N + 1` instead of collecting it, so the memory a frame can cost is the frame's own
//! size times a small constant. A value made by our own code goes through the same `new`, so what we send is what
//! others accept.

mod json;

use std::{borrow::Borrow, collections::BTreeMap, fmt, marker::PhantomData, ops::Deref};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

pub use json::{JSON_DEPTH_MAX, JSON_MAX, Json};

/// A value was larger than its type allows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    /// Too many bytes or elements.
    #[error("{len} is more than the limit of {limit}")]
    TooLong {
        /// How many there were.
        len: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The text is not JSON.
    #[error("not valid JSON: {0}")]
    Json(String),
}

/// UTF-8 text of at most `N` bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<const N: usize>(Box<str>);

impl<const N: usize> Text<N> {
    /// Checks the length and wraps the text.
    ///
    /// # Errors
    /// [`BoundError::TooLong`] above `N` bytes.
    pub fn new(text: impl Into<String>) -> Result<Self, BoundError> {
        let text = text.into();
        if text.len() > N {
            return Err(BoundError::TooLong { len: text.len(), limit: N });
        }
        Ok(Self(text.into_boxed_str()))
    }

    /// Wraps the text, cutting it at the last character boundary within `N` bytes. For messages we write ourselves.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let mut end = text.len().min(N);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self(text[..end].into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> Deref for Text<N> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> AsRef<str> for Text<N> {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> Borrow<str> for Text<N> {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<const N: usize> TryFrom<&str> for Text<N> {
    type Error = BoundError;

    fn try_from(text: &str) -> Result<Self, BoundError> {
        Self::new(text)
    }
}

impl<const N: usize> Serialize for Text<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Text<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<const N: usize>;
        impl<const N: usize> de::Visitor<'_> for Visitor<N> {
            type Value = Text<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "text of at most {N} bytes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<N>, E> {
                // Checked before copying.
                if text.len() > N {
                    return Err(E::invalid_length(text.len(), &self));
                }
                Ok(Text(text.into()))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// At most `N` bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes<const N: usize>(Box<[u8]>);

impl<const N: usize> Bytes<N> {
    /// Checks the length and wraps the bytes.
    ///
    /// # Errors
    /// [`BoundError::TooLong`] above `N` bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, BoundError> {
        let bytes = bytes.into();
        if bytes.len() > N {
            return Err(BoundError::TooLong { len: bytes.len(), limit: N });
        }
        Ok(Self(bytes.into_boxed_slice()))
    }
}

impl<const N: usize> Deref for Bytes<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl<const N: usize> Serialize for Bytes<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Bytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<const N: usize>;
        impl<const N: usize> de::Visitor<'_> for Visitor<N> {
            type Value = Bytes<N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {N} bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Bytes<N>, E> {
                if bytes.len() > N {
                    return Err(E::invalid_length(bytes.len(), &self));
                }
                Ok(Bytes(bytes.into()))
            }
        }
        deserializer.deserialize_bytes(Visitor)
    }
}

/// At most `N` elements, in order.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List<T, const N: usize>(Vec<T>);

impl<T, const N: usize> List<T, N> {
    /// Most elements.
    pub const MAX: usize = N;

    /// Checks the length and wraps the elements.
    ///
    /// # Errors
    /// [`BoundError::TooLong`] above `N` elements.
    pub fn new(items: Vec<T>) -> Result<Self, BoundError> {
        if items.len() > N {
            return Err(BoundError::TooLong { len: items.len(), limit: N });
        }
        Ok(Self(items))
    }

    /// Adds one element.
    ///
    /// # Errors
    /// [`BoundError::TooLong`] if `N` are there already.
    pub fn push(&mut self, item: T) -> Result<(), BoundError> {
        if self.0.len() >= N {
            return Err(BoundError::TooLong { len: self.0.len() + 1, limit: N });
        }
        self.0.push(item);
        Ok(())
    }

    /// The elements, without the bound.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const N: usize> Deref for List<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const N: usize> IntoIterator for List<T, N> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T, const N: usize> IntoIterator for &'a List<T, N> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for List<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: Serialize, const N: usize> Serialize for List<T, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Elements are reserved as they arrive: a header that claims many must not allocate for them.
const FIRST_RESERVE: usize = 64;

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for List<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T, const N: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const N: usize> de::Visitor<'de> for Visitor<T, N> {
            type Value = List<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {N} elements")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<List<T, N>, A::Error> {
                let mut items = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(FIRST_RESERVE).min(N));
                while let Some(item) = seq.next_element()? {
                    if items.len() >= N {
                        return Err(de::Error::invalid_length(N.saturating_add(1), &self));
                    }
                    items.push(item);
                }
                Ok(List(items))
            }
        }
        deserializer.deserialize_seq(Visitor(PhantomData))
    }
}

/// Reads a plain vector of at most `N` elements: for `#[serde(deserialize_with)]` where values are made by our own code
/// and only what a peer sends needs the bound.
///
/// # Errors
/// At element `N + 1`.
pub fn at_most<'de, D: Deserializer<'de>, T: Deserialize<'de>, const N: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    List::<T, N>::deserialize(deserializer).map(List::into_vec)
}

/// At most `N` entries, ordered by key; a repeated key is refused.
///
/// Kept as one sorted block: nearly all maps of the wire have no or few entries, are made once and read often, and a tree
/// would take a node of eleven places for the first of them. Colonies keep such maps for every waiting process.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Map<K: Ord, V, const N: usize>(Box<[(K, V)]>);

impl<K: Ord, V, const N: usize> Map<K, V, N> {
    /// Checks the size and wraps the entries.
    ///
    /// # Errors
    /// [`BoundError::TooLong`] above `N` entries.
    pub fn new(entries: BTreeMap<K, V>) -> Result<Self, BoundError> {
        if entries.len() > N {
            return Err(BoundError::TooLong { len: entries.len(), limit: N });
        }
        Ok(Self(entries.into_iter().collect()))
    }

    /// How many entries there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key is there.
    #[must_use]
    pub fn contains_key<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(key).is_some()
    }

    /// The value of a key.
    #[must_use]
    pub fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let place = self.0.binary_search_by(|(known, _)| known.borrow().cmp(key)).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// All entries, in the order of their keys.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &V)> + Clone {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &K> + Clone {
        self.0.iter().map(|(key, _)| key)
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> + Clone {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<K: Ord, V, const N: usize> Default for Map<K, V, N> {
    fn default() -> Self {
        Self(Box::default())
    }
}

impl<K: Ord, V, const N: usize> IntoIterator for Map<K, V, N> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_vec().into_iter()
    }
}

impl<K: Ord + fmt::Debug, V: fmt::Debug, const N: usize> fmt::Debug for Map<K, V, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord + Serialize, V: Serialize, const N: usize> Serialize for Map<K, V, N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, K: Ord + Deserialize<'de>, V: Deserialize<'de>, const N: usize> Deserialize<'de> for Map<K, V, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<K, V, const N: usize>(PhantomData<(K, V)>);
        impl<'de, K: Ord + Deserialize<'de>, V: Deserialize<'de>, const N: usize> de::Visitor<'de>
            for Visitor<K, V, N>
        {
            type Value = Map<K, V, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a map of at most {N} entries")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut access: A) -> Result<Map<K, V, N>, A::Error> {
                let mut entries =
                    Vec::with_capacity(access.size_hint().unwrap_or(0).min(FIRST_RESERVE).min(N));
                while let Some(entry) = access.next_entry::<K, V>()? {
                    if entries.len() >= N {
                        return Err(de::Error::invalid_length(N.saturating_add(1), &self));
                    }
                    entries.push(entry);
                }
                entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                if entries.windows(2).any(|pair| matches!(pair, [(one, _), (next, _)] if one == next)) {
                    return Err(de::Error::custom("a key stands twice in a map"));
                }
                Ok(Map(entries.into_boxed_slice()))
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

#[cfg(test)]
mod tests;
