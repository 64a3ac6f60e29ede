//! Places that executors and processes are in, for people and for blueprints.

use serde::{Deserialize, Serialize};

use super::{Name, is_default};
use crate::bounded::Text;

/// Degrees of longitude or latitude, in thousand millionths: less than a millimetre on the ground. Whole numbers,
/// because what is replicated must compare and encode in one way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Degrees(i64);

/// Parts of a degree.
const PARTS: f64 = 1e9;
/// Half a turn: no place is farther east or west.
const HALF_TURN: f64 = 180.0;

impl Degrees {
    /// From a number of degrees; `None` if it is no place's: not a number, or more than half a turn.
    #[must_use]
    pub fn from_f64(degrees: f64) -> Option<Self> {
        if !(-HALF_TURN..=HALF_TURN).contains(&degrees) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 180 thousand millions")]
        Some(Self((degrees * PARTS).round() as i64))
    }

    /// As a number of degrees.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "at most 180 thousand millions fit exactly")]
        let parts = self.0 as f64;
        parts / PARTS
    }
}

/// A place.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Location {
    /// What its writer's program calls it; the colony gives none.
    #[serde(skip_serializing_if = "is_default")]
    pub id: Text<64>,
    /// Its name, unique in the colony; no `:`.
    pub name: Name,
    /// For people to read.
    #[serde(skip_serializing_if = "is_default")]
    pub description: Text<1024>,
    /// Degrees east.
    pub longitude: Degrees,
    /// Degrees north.
    pub latitude: Degrees,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_survive_and_what_is_no_place_is_refused() {
        for degrees in [0.0, 1.5, -179.999_999, 180.0, 20.256_3, -0.1] {
            assert_eq!(Degrees::from_f64(degrees).map(Degrees::to_f64), Some(degrees));
        }
        for degrees in [f64::NAN, f64::INFINITY, 180.1, -1e300] {
            assert_eq!(Degrees::from_f64(degrees), None);
        }
    }
}
