//! From how people name a process or a workflow to its number.
//!
//! An id begins with its scattered number, so a prefix is compared with the numbers given so far instead of with an
//! index of ids: a million of them take milliseconds.

use colony_protocol::{
    bounded::Text,
    model::{ProcessId, WorkflowId},
    query::Selector,
    refusal::Refusal,
};
/// Hex characters of an id that carry its number.
const NUMBER_DIGITS: usize = 16;
/// Most objects that fit a prefix and are looked up to say how many there are.
const FITS_MAX: usize = 1_000;
/// How many removed objects "the newest one" steps over.
const STEPS_MAX: u64 = 10_000;

/// The number of the process a selector names; `id` looks up the ids that exist.
pub(super) fn process(
    selector: &Selector,
    last: u64,
    id: impl Fn(u64) -> Result<Option<ProcessId>, Refusal>,
) -> Result<u64, Refusal> {
    let hex = |number| Ok(id(number)?.map(|id| id.to_hex()));
    resolve("process", selector, last, ProcessId::prefix_of, hex)
}

/// The number of the workflow a selector names; `id` looks up the ids that exist.
pub(super) fn workflow(
    selector: &Selector,
    last: u64,
    id: impl Fn(u64) -> Result<Option<WorkflowId>, Refusal>,
) -> Result<u64, Refusal> {
    let hex = |number| Ok(id(number)?.map(|id| id.to_hex()));
    resolve("workflow", selector, last, WorkflowId::prefix_of, hex)
}

/// The refusal when nothing fits.
pub(super) fn missing(what: &str, selector: &Selector) -> Refusal {
    let letter = what.get(..1).unwrap_or_default();
    match selector {
        Selector::Number(number) => Refusal::not_found(format!("{what} {letter}{number}")),
        Selector::Prefix(prefix) => Refusal::not_found(format!("{what} {prefix}")),
        Selector::Last => Refusal::not_found(format!("a {what}")),
    }
}

fn resolve(
    what: &str,
    selector: &Selector,
    last: u64,
    prefix_of: impl Fn(u64) -> [u8; 8],
    id: impl Fn(u64) -> Result<Option<String>, Refusal>,
) -> Result<u64, Refusal> {
    match selector {
        Selector::Number(number) => Ok(*number),
        Selector::Last => newest(last, id)?.ok_or_else(|| missing(what, selector)),
        Selector::Prefix(prefix) => {
            let prefix = prefix.to_ascii_lowercase();
            if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(Refusal::invalid(what, format!("`{prefix}` is not the beginning of an id")));
            }
            let fits = fitting(&prefix, last, prefix_of, id)?;
            match fits.as_slice() {
                [] => Err(missing(what, selector)),
                [one] => Ok(*one),
                many => Err(Refusal::Ambiguous {
                    what: Text::cut(&format!("{what} {prefix}")),
                    fits: u64::try_from(many.len()).unwrap_or(u64::MAX),
                }),
            }
        }
    }
}

/// The newest number that still exists.
fn newest(last: u64, id: impl Fn(u64) -> Result<Option<String>, Refusal>) -> Result<Option<u64>, Refusal> {
    for number in (last.saturating_sub(STEPS_MAX).max(1)..=last).rev() {
        if id(number)?.is_some() {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// The numbers of existing objects whose id begins with a prefix.
fn fitting(
    prefix: &str,
    last: u64,
    prefix_of: impl Fn(u64) -> [u8; 8],
    id: impl Fn(u64) -> Result<Option<String>, Refusal>,
) -> Result<Vec<u64>, Refusal> {
    let wanted = Head::of(prefix);
    let mut fits = Vec::new();
    for number in (1..=last).filter(|number| wanted.fits(u64::from_be_bytes(prefix_of(*number)))) {
        if id(number)?.is_some_and(|id| id.starts_with(prefix)) {
            fits.push(number);
        }
        if fits.len() >= FITS_MAX {
            break;
        }
    }
    Ok(fits)
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
}

#[cfg(test)]
mod tests {
    use colony_protocol::{envelope::RequestId, identity::Identity};

    use super::*;

    fn id_of(number: u64) -> ProcessId {
        ProcessId::make(&Identity::NOBODY, &Identity::NOBODY, &RequestId::from_bytes([0; 16]), number)
    }

    fn select(selector: &Selector, last: u64, exists: impl Fn(u64) -> bool) -> Result<u64, Refusal> {
        process(selector, last, |number| Ok(exists(number).then(|| id_of(number))))
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
