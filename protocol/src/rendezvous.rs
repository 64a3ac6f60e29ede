//! Who asks first when work is announced to many: rendezvous hashing of a wave of work and an executor.
//!
//! Every executor that hears of a wave finds its own place in it without talking to the others: a [`weight`] that is
//! uniform over executors and differs from wave to wave. The announcement carries a *reach*, chosen so that about as
//! many executors weigh no more than it as there is work; they ask at once. The others hold back, each for a [`delay`]
//! that grows with its weight: of every further round twice as many ask as before, until an announcement says that the
//! work is gone. So one process wakes one executor, and one that nobody takes is soon looked at by all.
//!
//! Nothing depends on an executor's honesty here: one that asks out of turn costs a request.

use crate::{identity::Identity, time::Span};

/// The reach that calls everybody.
pub const EVERYBODY: u64 = u64::MAX;

/// The weight of an executor in a wave; the lightest ask first. Uniform over `u64`.
#[must_use]
pub fn weight(wave: u64, executor: &Identity) -> u64 {
    // An identity is a cryptographic hash, so any eight bytes of it differ; mixing keeps waves apart.
    let [a, b, c, d, e, f, g, h, ..] = *executor.as_bytes();
    mix(u64::from_le_bytes([a, b, c, d, e, f, g, h]).wrapping_add(mix(wave)))
}

/// How long an executor of this weight holds back; `pause` is the time within which the executors of one round are
/// answered and the others are told.
#[must_use]
pub fn delay(weight: u64, reach: u64, pause: Span) -> Span {
    if weight <= reach {
        return Span::ZERO;
    }
    let (mut low, mut rounds) = (reach.max(1), 1_u64);
    while weight > low.saturating_mul(2) && low <= EVERYBODY / 2 {
        low = low.saturating_mul(2);
        rounds = rounds.saturating_add(1);
    }
    // Within a round asks are spread out: an announcement that comes in its midst stops the rest.
    let share = u128::from(weight.saturating_sub(low)).saturating_mul(u128::from(pause.as_micros()));
    let share = share.checked_div(u128::from(low)).unwrap_or_default();
    let whole = pause.as_micros().saturating_mul(rounds);
    Span::from_micros(whole.saturating_add(u64::try_from(share).unwrap_or(u64::MAX)))
}

/// The reach that calls `wanted` of these weights at once: everybody, if there are not more.
#[must_use]
pub fn reach(mut weights: Vec<u64>, wanted: u64) -> u64 {
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    match wanted.checked_sub(1) {
        None => 0,
        Some(_) if weights.len() <= wanted => EVERYBODY,
        Some(last) => *weights.select_nth_unstable(last).1,
    }
}

/// A bijection of 64 bits in which every input bit reaches every output bit: the finaliser of `SplitMix64`.
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::identity::Digest;

    const PAUSE: Span = Span::from_millis(100);

    /// Identities as they are: hashes.
    fn executors(seed: u64, count: u64) -> Vec<Identity> {
        let hash = |number: u64| Digest::of(&[&seed.to_le_bytes(), &number.to_le_bytes()]).0;
        (0..count).map(|number| Identity::from_bytes(hash(number))).collect()
    }

    fn weights(wave: u64, executors: &[Identity]) -> Vec<u64> {
        executors.iter().map(|executor| weight(wave, executor)).collect()
    }

    proptest! {
        #[test]
        fn as_many_are_called_at_once_as_are_wanted(seed: u64, wave: u64, count in 1_u64..200, wanted in 0_u64..250) {
            let weights = weights(wave, &executors(seed, count));
            let reach = reach(weights.clone(), wanted);
            let called = weights.iter().filter(|weight| delay(**weight, reach, PAUSE) == Span::ZERO).count();
            prop_assert_eq!(called as u64, wanted.min(count));
        }

        #[test]
        fn a_weight_stays_and_no_executor_is_preferred_over_many_waves(seed: u64, first: u64) {
            let executors = executors(seed, 10);
            let mut won = [0_u32; 10];
            for wave in (0..1_000).map(|step| first.wrapping_add(step)) {
                let weights = weights(wave, &executors);
                prop_assert_eq!(&weights, &self::weights(wave, &executors));
                let winner = (0..10).min_by_key(|place| weights[*place]).unwrap();
                won[winner] += 1;
            }
            // A hundred expected, with a deviation of less than ten.
            prop_assert!(won.iter().all(|won| (50..=150).contains(won)), "{won:?}");
        }

        #[test]
        fn who_leaves_changes_nobody_elses_place(seed: u64, wave: u64, gone in 0_usize..20) {
            let mut executors = executors(seed, 20);
            let order = |executors: &[Identity]| {
                let mut order = executors.to_vec();
                order.sort_by_key(|executor| weight(wave, executor));
                order
            };
            let mut before = order(&executors);
            let left = executors.remove(gone);
            before.retain(|executor| *executor != left);
            prop_assert_eq!(before, order(&executors));
        }

        #[test]
        fn the_heavier_hold_back_longer_and_nobody_for_ever(a: u64, b: u64, reach: u64) {
            let (light, heavy) = (a.min(b), a.max(b));
            prop_assert!(delay(light, reach, PAUSE) <= delay(heavy, reach, PAUSE));
            prop_assert!(delay(heavy, reach, PAUSE) <= Span::from_millis(100 * 66));
        }
    }

    #[test]
    fn each_round_calls_twice_as_many_as_the_one_before() {
        let reach = EVERYBODY / 1_000;
        let after = |times: u64| delay(reach * times, reach, PAUSE).as_micros() / 1_000;
        assert_eq!([after(1), after(2), after(4), after(8)], [0, 200, 300, 400]);
        assert_eq!(delay(reach + 1, reach, PAUSE), PAUSE);
        assert!(delay(EVERYBODY, reach, PAUSE) < Span::from_millis(1_200));
    }

    #[test]
    fn a_reach_of_nobody_still_lets_everybody_ask_in_the_end() {
        assert_eq!(reach(vec![5, 6], 0), 0);
        assert_eq!(delay(0, 0, PAUSE), Span::ZERO);
        assert!(delay(EVERYBODY, 0, PAUSE) < Span::from_secs(7));
    }
}
