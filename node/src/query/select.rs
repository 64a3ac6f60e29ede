//! From how people and programs name a process or a workflow to what they mean.
//!
//! An id begins with its scattered number, so a prefix is compared with the numbers given so far instead of with an
//! index of ids: a million of them take milliseconds. A whole id, which is what programs say, takes one look.

use colony_protocol::{
    bounded::Text,
    model::{Process, ProcessId, Workflow, WorkflowId},
    query::Selector,
    refusal::Refusal,
};
/// Hex characters of an id that carry its number.
const NUMBER_DIGITS: usize = 16;
/// Most objects that fit a prefix and are looked up to say how many there are.
const FITS_MAX: u64 = 1_000;
/// How many removed objects "the newest one" steps over.
const STEPS_MAX: u64 = 10_000;

/// The process a selector names; `find` looks up those that exist.
pub(super) fn process(
    selector: &Selector,
    last: u64,
    find: impl Fn(u64) -> Result<Option<Process>, Refusal>,
) -> Result<Process, Refusal> {
    let hex = |found: &Process| found.id.to_hex();
    Search { what: "process", last, prefix_of: ProcessId::prefix_of, find, hex }.resolve(selector)
}

/// The workflow a selector names; `find` looks up those that exist.
pub(super) fn workflow(
    selector: &Selector,
    last: u64,
    find: impl Fn(u64) -> Result<Option<Workflow>, Refusal>,
) -> Result<Workflow, Refusal> {
    let hex = |found: &Workflow| found.id.to_hex();
    Search { what: "workflow", last, prefix_of: WorkflowId::prefix_of, find, hex }.resolve(selector)
}

/// The refusal when nothing fits.
fn missing(what: &str, selector: &Selector) -> Refusal {
    let letter = what.get(..1).unwrap_or_default();
    match selector {
        Selector::Number(number) => Refusal::not_found(format!("{what} {letter}{number}")),
        Selector::Prefix(prefix) => Refusal::not_found(format!("{what} {prefix}")),
        Selector::Last => Refusal::not_found(format!("a {what}")),
    }
}

/// Where something is looked for.
struct Search<F, H> {
    what: &'static str,
    /// The highest number given so far.
    last: u64,
    prefix_of: fn(u64) -> [u8; 8],
    find: F,
    hex: H,
}

impl<T, F, H> Search<F, H>
where
    F: Fn(u64) -> Result<Option<T>, Refusal>,
    H: Fn(&T) -> String,
{
    fn resolve(&self, selector: &Selector) -> Result<T, Refusal> {
        let found = match selector {
            Selector::Number(number) => (self.find)(*number)?,
            Selector::Last => self.newest()?,
            Selector::Prefix(prefix) => {
                let prefix = prefix.to_ascii_lowercase();
                if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    let why = format!("`{prefix}` is not the beginning of an id");
                    return Err(Refusal::invalid(self.what, why));
                }
                self.only(&prefix)?
            }
        };
        found.ok_or_else(|| missing(self.what, selector))
    }

    /// The newest one that still exists.
    fn newest(&self) -> Result<Option<T>, Refusal> {
        for number in (self.last.saturating_sub(STEPS_MAX).max(1)..=self.last).rev() {
            let found = (self.find)(number)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The only one whose id begins with a prefix.
    fn only(&self, prefix: &str) -> Result<Option<T>, Refusal> {
        let head = Head::of(prefix);
        // Enough of an id tells its number; of less, all numbers are tried.
        let (first, last) = match head.number() {
            Some(number) => (number, number.min(self.last)),
            None => (1, self.last),
        };
        let fitting =
            (first..=last).filter(|number| head.fits(u64::from_be_bytes((self.prefix_of)(*number))));
        let (mut found, mut fits) = (None, 0_u64);
        for number in fitting {
            if let Some(one) = (self.find)(number)?.filter(|one| (self.hex)(one).starts_with(prefix)) {
                found = Some(one);
                fits = fits.saturating_add(1);
            }
            if fits >= FITS_MAX {
                break;
            }
        }
        match fits {
            0 | 1 => Ok(found),
            fits => Err(Refusal::Ambiguous { what: Text::cut(&format!("{} {prefix}", self.what)), fits }),
        }
    }
}

/// The beginning of a prefix as a number with the bits it fixes.
struct Head {
    value: u64,
    mask: u64,
}

impl Head {
    fn of(prefix: &str) -> Self {
        let digits = prefix.get(..NUMBER_DIGITS).unwrap_or(prefix);
        let fixed = u32::try_from(digits.len()).unwrap_or(0).saturating_mul(4);
        let free = u64::BITS.saturating_sub(fixed);
        let value = u64::from_str_radix(digits, 16).unwrap_or(0);
        Self { value: value.checked_shl(free).unwrap_or(0), mask: u64::MAX.checked_shl(free).unwrap_or(0) }
    }

    const fn fits(&self, head: u64) -> bool {
        head & self.mask == self.value
    }

    /// The number of all ids with this beginning, if there is but one. All kinds of ids scatter their numbers alike.
    fn number(&self) -> Option<u64> {
        let mut bytes = [0; 32];
        bytes[..size_of::<u64>()].copy_from_slice(&self.value.to_be_bytes());
        (self.mask == u64::MAX).then(|| ProcessId::from_bytes(bytes).number())
    }
}

#[cfg(test)]
mod tests {
    use colony_protocol::{envelope::RequestId, identity::Identity};

    use super::*;

    fn id_of(number: u64) -> ProcessId {
        ProcessId::make(&Identity::NOBODY, &Identity::NOBODY, &RequestId::from_bytes([0; 16]), number)
    }

    fn select(selector: &Selector, last: u64, exists: impl Fn(u64) -> bool) -> Result<u64, Refusal> {
        let find = |number| Ok(exists(number).then(|| id_of(number)));
        let search =
            Search { what: "process", last, prefix_of: ProcessId::prefix_of, find, hex: ProcessId::to_hex };
        search.resolve(selector).map(|id| id.number())
    }

    #[test]
    fn a_whole_id_takes_one_look_however_many_there_are() {
        let looks = std::cell::Cell::new(0);
        let selector = Selector::from(id_of(77));
        let exists = |_| {
            looks.set(looks.get() + 1);
            true
        };
        assert_eq!(select(&selector, u64::MAX, exists), Ok(77));
        assert_eq!(looks.get(), 1);
        // None beyond the last.
        assert!(matches!(select(&selector, 76, |_| true), Err(Refusal::NotFound { .. })));
    }

    #[test]
    fn a_whole_id_and_a_unique_prefix_find_their_process() {
        let id = id_of(77).to_hex();
        for length in [10, 15, 16, 17, 40, 64] {
            let selector = Selector::Prefix(Text::cut(&id[..length]));
            assert_eq!(select(&selector, 1_000, |_| true), Ok(77), "{length} characters");
        }
        assert_eq!(select(&Selector::Prefix(Text::cut(&id.to_uppercase())), 1_000, |_| true), Ok(77));
    }

    #[test]
    fn a_prefix_of_many_is_ambiguous_and_one_of_none_is_missing() {
        let first = &id_of(5).to_hex()[..1];
        let selector = Selector::Prefix(Text::cut(first));
        assert!(
            matches!(select(&selector, 1_000, |_| true), Err(Refusal::Ambiguous { fits, .. }) if fits > 1)
        );
        // Removed processes do not make a prefix ambiguous.
        assert_eq!(select(&selector, 1_000, |number| number == 5), Ok(5));
        assert!(matches!(select(&selector, 1_000, |_| false), Err(Refusal::NotFound { .. })));
    }

    #[test]
    fn an_id_that_differs_behind_its_number_is_another_one() {
        let mut id = id_of(7).to_hex();
        id.replace_range(63.., if id.ends_with('0') { "1" } else { "0" });
        assert!(matches!(
            select(&Selector::Prefix(Text::cut(&id)), 10, |_| true),
            Err(Refusal::NotFound { .. })
        ));
    }

    #[test]
    fn the_newest_steps_over_removed_ones() {
        assert_eq!(select(&Selector::Last, 9, |number| number < 8), Ok(7));
        assert!(matches!(select(&Selector::Last, 0, |_| true), Err(Refusal::NotFound { .. })));
    }

    #[test]
    fn what_is_no_hex_is_invalid() {
        for text in ["", "p7x", "zz"] {
            assert!(matches!(
                select(&Selector::Prefix(Text::cut(text)), 9, |_| true),
                Err(Refusal::Invalid { .. })
            ));
        }
    }
}
