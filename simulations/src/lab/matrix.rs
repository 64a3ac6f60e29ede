//! How far regions are from each other.
//!
//! The shipped numbers are round trips as public measurements between data centres show them, rounded; they stand for
//! the order of things, not for a day. Who has measured for himself gives a file.

/// Round trips between regions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matrix {
    /// What the regions are called.
    pub names: Vec<String>,
    /// How many of a thousand nodes are in each, where a scenario does not say.
    pub weights: Vec<u32>,
    /// Round trips in microseconds, row by row.
    round_trips: Vec<u64>,
}

/// One region, half a millisecond wide.
const LAN: (&[&str], &[u32], &[u64]) = (&["lan"], &[1], &[400]);

/// Round trips in milliseconds between eight regions of the world, and the people there, in thousandths.
#[rustfmt::skip]
const INTERNET: (&[&str], &[u32], &[u64]) = (
    &["na-east", "na-west", "south-america", "europe", "africa", "west-asia", "east-asia", "australia"],
    &[220, 130, 70, 300, 40, 60, 140, 40],
    &[
         12,  65, 125,  82, 230, 185, 165, 205,
         65,  12, 180, 140, 290, 230, 110, 145,
        125, 180,  18, 195, 340, 300, 265, 310,
         82, 140, 195,  18, 155, 110, 225, 255,
        230, 290, 340, 155,  25, 220, 330, 390,
        185, 230, 300, 110, 220,  25, 130, 190,
        165, 110, 265, 225, 330, 130,  30, 115,
        205, 145, 310, 255, 390, 190, 115,  15,
    ],
);

/// Three ground stations far from each other, and low orbits: up and down in some milliseconds of light and twice as many
/// of modems.
#[rustfmt::skip]
const CONSTELLATION: (&[&str], &[u32], &[u64]) = (
    &["kiruna", "svalbard", "awarua", "orbit"],
    &[1, 1, 1, 1],
    &[
          2,  35, 290,  20,
         35,   2, 310,  20,
        290, 310,   2,  20,
         20,  20,  20,  40,
    ],
);

impl Matrix {
    /// A shipped one; `None` if there is none of this name.
    #[must_use]
    pub fn shipped(name: &str) -> Option<Self> {
        let ((names, weights, numbers), unit) = match name {
            "lan" => (LAN, 1),
            "internet" => (INTERNET, 1_000),
            "constellation" => (CONSTELLATION, 1_000),
            _ => return None,
        };
        Some(Self {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            weights: weights.to_vec(),
            round_trips: numbers.iter().map(|number| number.saturating_mul(unit)).collect(),
        })
    }

    /// From CSV: the names in the first line after one empty field, then a line for each region with its name and the
    /// round trips in milliseconds.
    ///
    /// # Errors
    /// What is wrong with which line.
    pub fn from_csv(text: &str) -> Result<Self, String> {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let header = lines.next().ok_or("the file is empty")?;
        let names: Vec<String> = header.split(',').skip(1).map(|name| name.trim().to_owned()).collect();
        if names.is_empty() || names.len() > 64 {
            return Err("the first line names the regions: 1 to 64 of them, after an empty field".to_owned());
        }
        let mut round_trips = Vec::with_capacity(names.len() * names.len());
        for (place, name) in names.iter().enumerate() {
            let line = lines.next().ok_or_else(|| format!("the line of `{name}` is missing"))?;
            let mut fields = line.split(',').map(str::trim);
            if fields.next() != Some(name) {
                return Err(format!("line {} must begin with `{name}`, as in the first line", place + 2));
            }
            for field in fields {
                let millis: f64 = field.parse().map_err(|_| format!("`{field}` of `{name}` is no number"))?;
                if !(0.0..=60_000.0).contains(&millis) {
                    return Err(format!(
                        "`{field}` of `{name}` is no round trip: write milliseconds from 0 to 60000"
                    ));
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "at most a minute, as checked above"
                )]
                round_trips.push((millis * 1_000.0).round() as u64);
            }
            if round_trips.len() != (place + 1) * names.len() {
                return Err(format!("the line of `{name}` needs {} numbers", names.len()));
            }
        }
        let weights = vec![1; names.len()];
        Ok(Self { names, weights, round_trips })
    }

    /// One way between two regions, in microseconds.
    #[must_use]
    pub fn one_way(&self, from: u8, to: u8) -> u64 {
        let place = usize::from(from) * self.names.len() + usize::from(to);
        self.round_trips.get(place).copied().unwrap_or_default() / 2
    }

    /// The number of a region.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<u8> {
        self.names.iter().position(|known| known == name).and_then(|place| u8::try_from(place).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_is_square_and_the_same_both_ways() {
        for name in ["lan", "internet", "constellation"] {
            let matrix = Matrix::shipped(name).unwrap();
            let count = matrix.names.len();
            assert_eq!((matrix.weights.len(), matrix.round_trips.len()), (count, count * count));
            for from in 0..count as u8 {
                for to in 0..count as u8 {
                    assert_eq!(matrix.one_way(from, to), matrix.one_way(to, from), "{name} {from} {to}");
                    assert!(matrix.one_way(from, to) > 0);
                }
            }
        }
    }

    #[test]
    fn a_file_is_read_or_says_what_is_wrong() {
        let matrix = Matrix::from_csv(",a,b\na,1,20.5\nb,20.5,2\n").unwrap();
        assert_eq!((matrix.one_way(0, 1), matrix.place("b")), (10_250, Some(1)));
        for (text, why) in [
            ("", "empty"),
            (",a,b\na,1,2\n", "missing"),
            (",a\nx,1\n", "begin with"),
            (",a\na,-5\n", "no round trip"),
            (",a\na,1,2\n", "needs 1"),
            (",a\na,x\n", "no number"),
        ] {
            assert!(Matrix::from_csv(text).unwrap_err().contains(why), "{text:?}");
        }
    }
}
