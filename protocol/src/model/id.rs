//! Ids that look random to people and clients, yet tell their number.
//!
//! A process id is 32 bytes: the process's number within its colony, scattered by a fixed bijection so that short
//! prefixes differ, and 24 bytes of a hash over colony, caller and request. So a row keyed by the number is found from
//! an id without an index of random keys, which would cost the store four to seven times as much.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    envelope::RequestId,
    identity::{Digest, Identity, IdentityError},
};

/// Scatters consecutive numbers over 64 bits (the finaliser of `SplitMix64`, Steele et al. 2014).
const fn scatter(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Undoes [`scatter`]: each step is inverted, the multiplications by the inverses modulo 2^64.
const fn gather(scattered: u64) -> u64 {
    let mut x = scattered ^ (scattered >> 31) ^ (scattered >> 62);
    x = x.wrapping_mul(0x3196_42B2_D24D_8EC3);
    x = x ^ (x >> 27) ^ (x >> 54);
    x = x.wrapping_mul(0x96DE_1B17_3F11_9089);
    x = x ^ (x >> 30) ^ (x >> 60);
    x.wrapping_sub(0x9E37_79B9_7F4A_7C15)
}

/// Bytes of the id that carry the scattered number.
const NUMBER_BYTES: usize = 8;

fn make(tag: &[u8], colony: &Identity, by: &Identity, request: &RequestId, number: u64) -> Identity {
    let hash =
        Digest::of(&[tag, colony.as_bytes(), by.as_bytes(), request.as_bytes(), &number.to_be_bytes()]);
    let mut bytes = hash.0;
    bytes[..NUMBER_BYTES].copy_from_slice(&scatter(number).to_be_bytes());
    Identity::from_bytes(bytes)
}

fn number(id: &Identity) -> u64 {
    let mut head = [0; NUMBER_BYTES];
    head.copy_from_slice(&id.as_bytes()[..NUMBER_BYTES]);
    gather(u64::from_be_bytes(head))
}

macro_rules! object_id {
    ($(#[$doc:meta])* $name:ident, $tag:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Identity);

        impl $name {
            /// The id of the `number`-th such object of a colony, made by `request` of `by`.
            #[must_use]
            pub fn make(colony: &Identity, by: &Identity, request: &RequestId, number: u64) -> Self {
                Self(make($tag, colony, by, request, number))
            }

            /// Wraps 32 bytes from storage or wire. Any bytes are an id; most belong to nothing.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(Identity::from_bytes(bytes))
            }

            /// The per-colony number inside the id.
            #[must_use]
            pub fn number(&self) -> u64 {
                number(&self.0)
            }

            /// The first eight bytes of the ids that carry this number: what a prefix search compares with.
            #[must_use]
            pub const fn prefix_of(number: u64) -> [u8; NUMBER_BYTES] {
                scatter(number).to_be_bytes()
            }

            /// The 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                self.0.as_bytes()
            }

            /// 64 lower-case hex characters.
            #[must_use]
            pub fn to_hex(&self) -> String {
                self.0.to_hex()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = IdentityError;

            fn from_str(text: &str) -> Result<Self, IdentityError> {
                text.parse().map(Self)
            }
        }
    };
}

object_id!(
    /// The id of a process. People write its number: `p7`.
    ProcessId, b"colony/process/1\n"
);
object_id!(
    /// The id of a workflow. People write its number: `w3`.
    WorkflowId, b"colony/workflow/1\n"
);
object_id!(
    /// The id of a cron. People write its name, or its number: `c1`.
    CronId, b"colony/cron/1\n"
);
object_id!(
    /// The id of a generator. People write its name, or its number: `g1`.
    GeneratorId, b"colony/generator/1\n"
);
object_id!(
    /// The id of one revision of a file. Its number is ColonyOS's `sequencenr`.
    FileId, b"colony/file/1\n"
);
object_id!(
    /// The id of a snapshot.
    SnapshotId, b"colony/snapshot/1\n"
);
object_id!(
    /// The id of a blueprint definition.
    DefinitionId, b"colony/blueprint-definition/1\n"
);
object_id!(
    /// The id of a blueprint.
    BlueprintId, b"colony/blueprint/1\n"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_survives_the_scattering() {
        for number in [0, 1, 2, 7, 1 << 31, u64::MAX / 3, u64::MAX - 1, u64::MAX] {
            assert_eq!(gather(scatter(number)), number);
        }
    }

    #[test]
    fn an_id_tells_its_number_and_depends_on_who_asked() {
        let colony = Identity::from_bytes([1; 32]);
        let request = RequestId::from_bytes([2; 16]);
        let one = ProcessId::make(&colony, &Identity::from_bytes([3; 32]), &request, 9);
        let two = ProcessId::make(&colony, &Identity::from_bytes([4; 32]), &request, 9);
        assert_eq!((one.number(), two.number()), (9, 9));
        assert_ne!(one, two);
        assert_eq!(one.to_hex().parse(), Ok(one));
    }
}
