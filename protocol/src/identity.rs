//! Keys, identities and signatures, byte for byte as ColonyOS makes them.
//!
//! Owns the only use of elliptic-curve arithmetic in the project. Everybody who signs or checks a message comes
//! here. A secret key never leaves this module except through [`SecretKey::to_hex`], for writing a key file, and
//! [`SecretKey::to_bytes`], for giving the node's transport the same key.
//!
//! Source: ColonyOS `internal/crypto` (secp256k1 with public-key recovery, SHA3-256).

mod comb;
mod known;
mod signer;

use std::{fmt, str::FromStr};

use k256::ecdsa::{SigningKey, VerifyingKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha3::{Digest as _, Sha3_256};

pub use signer::{KnownSigner, Signer};

/// Bytes of a hash, an identity and a secret key.
pub const HASH_LEN: usize = 32;
/// Bytes of a compressed public key.
pub const PUBLIC_KEY_LEN: usize = 33;
/// Bytes of a recoverable signature: `r`, `s` and the recovery id.
pub const SIGNATURE_LEN: usize = 65;

/// SHA3-256 (FIPS 202) of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; HASH_LEN]);

impl Digest {
    /// Hashes `parts` as if they were one byte string.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha3_256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

/// Who signed: SHA3-256 of the lower-case hex text of the uncompressed public key.
///
/// A colony's id is its owner's identity; a node's `PeerId` reveals the same value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Identity([u8; HASH_LEN]);

impl Identity {
    /// The identity whose bytes are all zero: nobody. No key has it.
    pub const NOBODY: Self = Self([0; HASH_LEN]);

    /// Wraps 32 bytes that came from storage or from the wire.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; HASH_LEN]) -> Self {
        Self(bytes)
    }

    /// The identity of a public key given in any SEC1 form (33 or 65 bytes).
    ///
    /// # Errors
    /// [`IdentityError::PublicKey`] if the bytes are no point of the curve.
    pub fn of_public_key(sec1: &[u8]) -> Result<Self, IdentityError> {
        let unpack = || VerifyingKey::from_sec1_bytes(sec1).map_err(|_| IdentityError::PublicKey);
        known::identity(sec1, || unpack().map(|key| Self::of_key(&key)))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_LEN] {
        &self.0
    }

    /// 64 lower-case hex characters, as ColonyOS writes ids.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    fn of_key(key: &VerifyingKey) -> Self {
        // The hash is over the hex *text*, not over the 65 raw bytes.
        let text = hex::encode(key.to_sec1_point(false).as_bytes());
        Self(Digest::of(&[text.as_bytes()]).0)
    }
}

/// The compressed form of a public key given in any SEC1 form (33 or 65 bytes).
///
/// # Errors
/// [`IdentityError::PublicKey`] if the bytes are no point of the curve.
pub fn compress_public_key(sec1: &[u8]) -> Result<[u8; PUBLIC_KEY_LEN], IdentityError> {
    if let Ok(compressed) = sec1.try_into() {
        // It has one such form; whether it is a point may be known.
        return Identity::of_public_key(sec1).map(|_| compressed);
    }
    let key = VerifyingKey::from_sec1_bytes(sec1).map_err(|_| IdentityError::PublicKey)?;
    key.to_sec1_point(true).as_bytes().try_into().map_err(|_| IdentityError::PublicKey)
}

/// A secp256k1 secret key.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// Makes a key from a 32-byte big-endian scalar.
    ///
    /// # Errors
    /// [`IdentityError::SecretKey`] if the scalar is zero or not below the curve order.
    pub fn from_bytes(bytes: &[u8; HASH_LEN]) -> Result<Self, IdentityError> {
        SigningKey::from_slice(bytes).map(Self).map_err(|_| IdentityError::SecretKey)
    }

    /// Derives a valid key from any seed bytes, so that a caller only needs a random source, never curve knowledge.
    #[must_use]
    pub fn derive(seed: &[u8]) -> Self {
        let mut digest = Digest::of(&[b"colony/key/1\n", seed]);
        loop {
            // A hash is zero or at least the order with probability 2^-127; then the next hash is taken.
            if let Ok(key) = Self::from_bytes(&digest.0) {
                return key;
            }
            digest = Digest::of(&[&digest.0]);
        }
    }

    /// The identity this key signs as.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::of_key(self.0.verifying_key())
    }

    /// The 65-byte uncompressed public key.
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.0.verifying_key().to_sec1_point(false).as_bytes().to_vec()
    }

    /// The 32-byte scalar, for key files and for the transport's key.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HASH_LEN] {
        self.0.to_bytes().into()
    }

    /// The scalar as 64 lower-case hex characters, for key files.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.to_bytes())
    }

    /// Signs a digest. Deterministic (RFC 6979), low-S, so equal input gives equal bytes in every SDK.
    #[must_use]
    pub fn sign(&self, digest: &Digest) -> Signature {
        let (signature, recovery) = self.0.sign_prehash_recoverable(&digest.0);
        let mut bytes = [0; SIGNATURE_LEN];
        bytes[..64].copy_from_slice(&signature.to_bytes());
        bytes[64] = recovery.to_byte();
        Signature(bytes)
    }
}

impl FromStr for SecretKey {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; HASH_LEN];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| IdentityError::SecretKeyText)?;
        Self::from_bytes(&bytes)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.identity())
    }
}

/// A recoverable signature: `r` (32 bytes), `s` (32 bytes, low), recovery id (0..=3).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; SIGNATURE_LEN]);

impl Signature {
    /// Recovers who signed `digest`.
    ///
    /// # Errors
    /// [`IdentityError::Signature`] if `r` or `s` is out of range, `s` is high, the recovery id is above 3, or
    /// no key fits.
    pub fn recover(&self, digest: &Digest) -> Result<Identity, IdentityError> {
        Ok(self.signer(digest)?.identity())
    }

    /// Recovers the key behind it, so that further signatures by it can be checked faster.
    ///
    /// # Errors
    /// As [`Self::recover`].
    pub fn signer(&self, digest: &Digest) -> Result<Signer, IdentityError> {
        Signer::of(self, digest)
    }

    /// 130 lower-case hex characters, as ColonyOS sends signatures.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl FromStr for Signature {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; SIGNATURE_LEN];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| IdentityError::Signature)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

/// Why key material or a signature was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The scalar is zero or not below the curve order.
    #[error("not a valid secp256k1 private key")]
    SecretKey,
    /// The text is not 64 hex characters.
    #[error("a private key is 64 hex characters")]
    SecretKeyText,
    /// The bytes are no point of the curve.
    #[error("not a valid secp256k1 public key")]
    PublicKey,
    /// The text is not 64 hex characters.
    #[error("an id is 64 hex characters")]
    IdentityText,
    /// The signature is malformed, malleated, or fits no key.
    #[error("not a valid signature")]
    Signature,
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; HASH_LEN];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| IdentityError::IdentityText)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Serialises a fixed array as a CBOR byte string, which is half the size of an array of integers.
macro_rules! serde_as_bytes {
    ($type:ident, $len:expr) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Exact;
                impl de::Visitor<'_> for Exact {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "{} bytes", $len)
                    }

                    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<$type, E> {
                        bytes.try_into().map($type).map_err(|_| E::invalid_length(bytes.len(), &self))
                    }
                }
                deserializer.deserialize_bytes(Exact)
            }
        }
    };
}
serde_as_bytes!(Identity, HASH_LEN);
serde_as_bytes!(Digest, HASH_LEN);
serde_as_bytes!(Signature, SIGNATURE_LEN);

#[cfg(test)]
mod tests;
