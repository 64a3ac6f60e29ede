//! Multiples of one point, computed ahead: multiplying that point by any number becomes a row of additions.
//!
//! A table holds, for each window of a few bits, the multiples of the point that the window can stand for. It is large
//! and takes as long to make as several multiplications, so it pays for points that come again and again: the curve's
//! generator, and the keys of those who sign one request after the other. Which additions are done depends on the
//! number, so no secret number may ever come here.

use k256::{AffinePoint, ProjectivePoint, Scalar, elliptic_curve::BatchNormalize};

/// Bits of a scalar, and one for the carry of the last window.
const BITS: u32 = 257;

/// Multiples of a point, in windows of `WIDTH` bits, 1..=16.
#[derive(Clone)]
pub(super) struct Comb<const WIDTH: u32> {
    /// For each window from the lowest on: its unit once, twice, up to `HALF` times.
    windows: Vec<AffinePoint>,
}

impl<const WIDTH: u32> Comb<WIDTH> {
    /// The largest digit. Digits go from `1 - HALF` to `HALF`: a point is negated for nothing, so half a table is enough.
    const HALF: usize = 1 << (WIDTH - 1);
    /// The bits of a window.
    const MASK: u64 = (1 << WIDTH) - 1;

    /// Computes the table of a point.
    pub(super) fn new(point: ProjectivePoint) -> Self {
        let windows = BITS.div_ceil(WIDTH) as usize;
        let mut multiples = Vec::with_capacity(windows * Self::HALF);
        let mut unit = point;
        for _ in 0..windows {
            let mut multiple = unit;
            multiples.push(multiple);
            for _ in 1..Self::HALF {
                multiple += unit;
                multiples.push(multiple);
            }
            unit = multiple.double();
        }
        Self { windows: ProjectivePoint::batch_normalize_vartime(multiples.as_slice()) }
    }

    /// `sum` plus `factor` times the point.
    pub(super) fn multiply_add(&self, factor: &Scalar, mut sum: ProjectivePoint) -> ProjectivePoint {
        let limbs = limbs(factor);
        let mut carry = 0;
        for (window, multiples) in (0..).zip(self.windows.chunks_exact(Self::HALF)) {
            let digit = bits(&limbs, window * WIDTH) & Self::MASK;
            let digit = digit as usize + carry;
            carry = usize::from(digit > Self::HALF);
            if carry == 0 {
                if let Some(multiple) = digit.checked_sub(1).and_then(|at| multiples.get(at)) {
                    sum += multiple;
                }
            } else if let Some(multiple) =
                (2 * Self::HALF - digit).checked_sub(1).and_then(|at| multiples.get(at))
            {
                sum -= multiple;
            }
        }
        sum
    }
}

/// The scalar's bits, lowest first.
fn limbs(scalar: &Scalar) -> [u64; 4] {
    let bytes = scalar.to_bytes();
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.rchunks_exact(8)) {
        *limb = chunk.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    }
    limbs
}

/// The bits from `from` on, zeros above the last.
fn bits(limbs: &[u64; 4], from: u32) -> u64 {
    let limb = |at: u32| limbs.get(at as usize).copied().unwrap_or_default();
    let (at, shift) = (from / 64, from % 64);
    let high = if shift == 0 { 0 } else { limb(at + 1) << (64 - shift) };
    limb(at) >> shift | high
}

#[cfg(test)]
mod tests {
    use k256::elliptic_curve::{Field as _, PrimeField as _};
    use proptest::prelude::*;

    use super::*;

    fn scalar(bytes: [u8; 32]) -> Scalar {
        use k256::{U256, elliptic_curve::ops::Reduce};
        <Scalar as Reduce<U256>>::reduce(&U256::from_be_slice(&bytes))
    }

    /// Numbers at the edges of windows, of limbs and of the field.
    fn edges() -> Vec<Scalar> {
        let powers = (0..256).map(|bit| Scalar::from(2_u64).pow_vartime([bit]));
        let around = powers.flat_map(|power| [power - Scalar::ONE, power, -power]);
        around.chain([Scalar::ZERO, Scalar::ONE, -Scalar::ONE, Scalar::ROOT_OF_UNITY]).collect()
    }

    #[test]
    fn multiples_are_those_of_the_library_at_every_edge() {
        let narrow = Comb::<4>::new(ProjectivePoint::GENERATOR);
        let wide = Comb::<8>::new(ProjectivePoint::GENERATOR);
        for factor in edges() {
            let expected = ProjectivePoint::GENERATOR * factor;
            assert_eq!(narrow.multiply_add(&factor, ProjectivePoint::IDENTITY), expected);
            assert_eq!(wide.multiply_add(&factor, ProjectivePoint::IDENTITY), expected);
        }
    }

    proptest! {
        #[test]
        fn multiples_of_any_point_are_those_of_the_library(point: [u8; 32], factor: [u8; 32], sum: [u8; 32]) {
            let point = ProjectivePoint::GENERATOR * scalar(point);
            let sum = ProjectivePoint::GENERATOR * scalar(sum);
            let factor = scalar(factor);
            prop_assert_eq!(Comb::<4>::new(point).multiply_add(&factor, sum), point * factor + sum);
        }
    }
}
