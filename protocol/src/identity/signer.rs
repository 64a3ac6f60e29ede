//! Who signed: recovering a public key from a signature, and checking a signature against a key that is known.
//!
//! A recoverable signature fits exactly one key. Finding that key takes a square root and the multiplication of a point
//! nobody has seen before; whether a key one has a table of is the one takes half of that. So whoever hears the same
//! signer again and again keeps a [`KnownSigner`] and asks it first. Both ways give the same answer for every
//! signature, which the tests hold against the library's own recovery.
//!
//! What may never happen: a signature that one of the two accepts and the other does not.

use std::sync::LazyLock;

use k256::{
    AffinePoint, ProjectivePoint, Scalar, U256,
    ecdsa::{RecoveryId, VerifyingKey},
    elliptic_curve::{
        BatchNormalize, PrimeField as _,
        bigint::CheckedAdd as _,
        ops::{MulVartime as _, Reduce},
        point::{AffineCoordinates as _, DecompressPoint as _},
        scalar::IsHigh as _,
    },
};

use super::{Digest, Identity, IdentityError, SIGNATURE_LEN, Signature, comb::Comb};

/// The generator's multiples, for all signatures: 1.2 MB, made in a few milliseconds when the first one is checked.
static GENERATOR: LazyLock<Comb<10>> = LazyLock::new(|| Comb::new(ProjectivePoint::GENERATOR));

/// The multiples of a signer's key: two thirds of the additions of windows of four bits, for three times the memory.
type KeyComb = Comb<6>;

/// The order of the curve: what an x-coordinate is reduced by to become `r`.
const ORDER: U256 = U256::from_be_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");

/// A signature taken apart, every part within its range.
struct Parts {
    r: Scalar,
    s: Scalar,
    /// The digest as a scalar.
    z: Scalar,
    /// The x-coordinate that `r` was made of.
    x: [u8; 32],
    /// Whether its y-coordinate is odd.
    odd: bool,
}

impl Parts {
    fn of(signature: &Signature, digest: &Digest) -> Result<Self, IdentityError> {
        let (scalars, id) = signature.0.split_at(SIGNATURE_LEN - 1);
        let scalars = k256::ecdsa::Signature::from_slice(scalars).map_err(|_| IdentityError::Signature)?;
        let (r, s) = scalars.split_scalars();
        // A high-S twin of a signature verifies too; accepting it would give one message two valid byte forms.
        if bool::from(s.is_high()) {
            return Err(IdentityError::Signature);
        }
        let id = id.first().copied().and_then(RecoveryId::from_byte).ok_or(IdentityError::Signature)?;
        let mut x: [u8; 32] = r.to_repr().into();
        if id.is_x_reduced() {
            let whole = U256::from_be_slice(&x).checked_add(&ORDER).into_option();
            x = whole.ok_or(IdentityError::Signature)?.to_be_bytes().into();
        }
        let z = <Scalar as Reduce<U256>>::reduce(&U256::from_be_slice(&digest.0));
        Ok(Self { r: *r, s: *s, z, x, odd: id.is_y_odd() })
    }

    /// The one key that the signature fits.
    fn key(&self) -> Result<AffinePoint, IdentityError> {
        let point = AffinePoint::decompress(&self.x.into(), u8::from(self.odd).into());
        let point = ProjectivePoint::from(point.into_option().ok_or(IdentityError::Signature)?);
        let inverse = self.r.invert_vartime().into_option().ok_or(IdentityError::Signature)?;
        let of_point = point.mul_vartime(&(inverse * self.s));
        Ok(affine(GENERATOR.multiply_add(&-(inverse * self.z), of_point)))
    }

    /// Whether the signature fits the key with these multiples.
    fn fits(&self, key: &KeyComb) -> bool {
        let Some(inverse) = self.s.invert_vartime().into_option() else { return false };
        let of_key = key.multiply_add(&(inverse * self.r), ProjectivePoint::IDENTITY);
        let sum = GENERATOR.multiply_add(&(inverse * self.z), of_key);
        if sum == ProjectivePoint::IDENTITY {
            return false;
        }
        let point = affine(sum);
        point.x().as_slice() == self.x && bool::from(point.y_is_odd()) == self.odd
    }
}

/// The coordinates of a point. What is signed and by whom is public, so the time it takes may tell.
fn affine(point: ProjectivePoint) -> AffinePoint {
    let [affine] = ProjectivePoint::batch_normalize_vartime(&[point]);
    affine
}

/// Who made a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signer {
    key: VerifyingKey,
    identity: Identity,
}

impl Signer {
    pub(super) fn of(signature: &Signature, digest: &Digest) -> Result<Self, IdentityError> {
        let key = Parts::of(signature, digest)?.key()?;
        let key = VerifyingKey::from_affine(key).map_err(|_| IdentityError::Signature)?;
        Ok(Self { key, identity: Identity::of_key(&key) })
    }

    /// Who it is.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }
}

/// A signer whose signatures are checked in half the time: worth it from about thirty of them on.
///
/// It takes 121 KB, so keep few, and as long to make as several recoveries.
#[derive(Clone)]
pub struct KnownSigner {
    identity: Identity,
    multiples: KeyComb,
}

impl KnownSigner {
    /// Computes what makes checking fast.
    #[must_use]
    pub fn new(signer: &Signer) -> Self {
        let point = ProjectivePoint::from(*signer.key.as_affine());
        Self { identity: signer.identity, multiples: Comb::new(point) }
    }

    /// Who it is.
    #[must_use]
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether [`Signature::recover`] would find this signer.
    #[must_use]
    pub fn signed(&self, digest: &Digest, signature: &Signature) -> bool {
        Parts::of(signature, digest).is_ok_and(|parts| parts.fits(&self.multiples))
    }
}

impl std::fmt::Debug for KnownSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KnownSigner").field(&self.identity).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::SecretKey;

    /// As the library recovers, and with its rule about high S, for all it accepts.
    fn by_the_library(signature: &Signature, digest: &Digest) -> Option<Identity> {
        let scalars = k256::ecdsa::Signature::from_slice(&signature.0[..64]).ok()?;
        let id = RecoveryId::from_byte(signature.0[64])?;
        if scalars.normalize_s() != scalars {
            return None;
        }
        let key = VerifyingKey::recover_from_prehash(&digest.0, &scalars, id).ok()?;
        Some(Identity::of_key(&key))
    }

    fn known(key: &SecretKey) -> KnownSigner {
        let digest = Digest::of(&[b"hello"]);
        KnownSigner::new(&Signer::of(&key.sign(&digest), &digest).unwrap())
    }

    /// All three ways give one answer; `key` is somebody whose signature it might be.
    fn check(signature: &Signature, digest: &Digest, key: &KnownSigner) {
        let expected = by_the_library(signature, digest);
        assert_eq!(Signer::of(signature, digest).ok().map(|signer| signer.identity()), expected);
        assert_eq!(key.signed(digest, signature), expected == Some(key.identity()), "{signature:?}");
    }

    proptest! {
        #[test]
        fn a_signature_has_one_signer_however_it_is_looked_at(seed: [u8; 8], message: [u8; 16], other: [u8; 8]) {
            let key = SecretKey::derive(&seed);
            let digest = Digest::of(&[&message]);
            let signature = key.sign(&digest);
            let signer = known(&key);
            assert!(signer.signed(&digest, &signature));
            check(&signature, &digest, &signer);
            check(&signature, &digest, &known(&SecretKey::derive(&other)));
            check(&signature, &Digest::of(&[&message, &seed]), &signer);
        }

        #[test]
        fn a_changed_signature_is_judged_alike(seed: [u8; 8], place in 0..65_usize, bit in 0..8_u8, id: u8) {
            let key = SecretKey::derive(&seed);
            let digest = Digest::of(&[&seed]);
            let signer = known(&key);
            let mut changed = key.sign(&digest);
            changed.0[place] ^= 1 << bit;
            check(&changed, &digest, &signer);
            let mut changed = key.sign(&digest);
            changed.0[64] = id % 5;
            check(&changed, &digest, &signer);
        }
    }

    #[test]
    fn numbers_at_the_edges_of_their_range_are_judged_alike() {
        let signer = known(&SecretKey::derive(b"somebody"));
        let below = |bytes: U256, less: u64| -> [u8; 32] {
            bytes.wrapping_sub(&U256::from(less)).to_be_bytes().into()
        };
        // The field's modulus: an x-coordinate is below it, and those not below the order are the ones reduced.
        let modulus = U256::from_be_hex("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f");
        let edges = [U256::ZERO, ORDER, modulus, modulus.wrapping_sub(&ORDER), ORDER >> 1, U256::ZERO];
        let numbers: Vec<[u8; 32]> = edges
            .iter()
            .flat_map(|edge| (0..4).map(|less| below(edge.wrapping_add(&U256::from(2_u64)), less)))
            .collect();
        let mut found = 0;
        for digest in [[0; 32], [0xff; 32], ORDER.to_be_bytes().into(), [7; 32]].map(Digest) {
            for (r, s, id) in numbers
                .iter()
                .flat_map(|r| numbers.iter().flat_map(move |s| (0..5).map(move |id| (r, s, id))))
            {
                let mut signature = Signature([id; SIGNATURE_LEN]);
                signature.0[..32].copy_from_slice(r);
                signature.0[32..64].copy_from_slice(s);
                check(&signature, &digest, &signer);
                // Whoever is recovered is known from then on.
                if let Ok(signer) = Signer::of(&signature, &digest) {
                    found += 1;
                    if found % 20 == 0 {
                        assert!(KnownSigner::new(&signer).signed(&digest, &signature));
                    }
                }
            }
        }
        assert!(found > 100, "{found}");
    }
}
