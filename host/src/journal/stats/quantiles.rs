//! Count, mean, median, 95th percentile and maximum of numbers that come one by one. Pure.
//!
//! The first [`EXACT`] numbers are kept, and quantiles of them are exact. Beyond that they are counted in buckets, 64 between
//! each power of two and the next, so that a quantile is at most 1 % off, however many there are and in whatever order they
//! come. Count, mean and maximum stay exact. A quantile is the nearest rank: the smallest number that at least
//! that share of all numbers does not exceed.

use std::collections::BTreeMap;

/// Numbers that are kept as they are.
pub const EXACT: usize = 256;
/// Bits of a number that tell nothing of its bucket: the mantissa (52 bits) without its first six.
const WITHIN: u32 = 52 - 6;
/// Numbers below this are counted as nothing; no time, rate or size that is told is smaller.
const SMALLEST: f64 = 1e-9;

/// What is kept of the numbers.
#[derive(Clone, Debug, Default)]
pub struct Quantiles {
    count: u64,
    sum: f64,
    max: f64,
    kept: Vec<f64>,
    /// How many numbers each bucket has.
    buckets: BTreeMap<u64, u64>,
}

impl Quantiles {
    /// One more number. What is negative or no number counts as 0.
    pub fn add(&mut self, number: f64) {
        let number = if number.is_finite() { number.max(0.0) } else { 0.0 };
        self.count += 1;
        self.sum += number;
        self.max = self.max.max(number);
        if self.buckets.is_empty() && self.kept.len() < EXACT {
            self.kept.push(number);
            return;
        }
        for kept in std::mem::take(&mut self.kept) {
            *self.buckets.entry(bucket(kept)).or_default() += 1;
        }
        *self.buckets.entry(bucket(number)).or_default() += 1;
    }

    /// All that another has seen, too: as if its numbers had come here.
    pub fn merge(&mut self, other: &Quantiles) {
        self.count += other.count;
        self.sum += other.sum;
        self.max = self.max.max(other.max);
        let is_exact = self.buckets.is_empty() && other.buckets.is_empty();
        self.kept.extend_from_slice(&other.kept);
        if is_exact && self.kept.len() <= EXACT {
            return;
        }
        for kept in std::mem::take(&mut self.kept) {
            *self.buckets.entry(bucket(kept)).or_default() += 1;
        }
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The largest; 0 where there is none.
    pub fn max(&self) -> f64 {
        self.max
    }

    /// Their mean; 0 where there is none.
    #[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^52")]
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }

    /// The number below or at which this share (0 to 1) of them lies; 0 where there is none.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank lies between 1 and the count, and nobody counts to 2^52"
    )]
    pub fn at(&self, share: f64) -> f64 {
        let rank = ((self.count as f64 * share).ceil() as u64).clamp(1, self.count.max(1));
        if !self.kept.is_empty() {
            let mut sorted = self.kept.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            return sorted[usize::try_from(rank - 1).unwrap_or(0)];
        }
        if rank == self.count {
            return self.max;
        }
        let mut passed = 0;
        for (bucket, count) in &self.buckets {
            passed += count;
            if passed >= rank {
                return middle(*bucket).min(self.max);
            }
        }
        self.max
    }
}

/// The bucket of a number: its exponent and the first bits of its mantissa; 0 for nothing. Of positive numbers those rise with
/// the number.
fn bucket(number: f64) -> u64 {
    if number < SMALLEST { 0 } else { number.to_bits() >> WITHIN }
}

/// The number in the middle of a bucket.
fn middle(bucket: u64) -> f64 {
    if bucket == 0 { 0.0 } else { f64::from_bits((bucket << WITHIN) | (1 << (WITHIN - 1))) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(numbers: &[f64]) -> Quantiles {
        let mut quantiles = Quantiles::default();
        numbers.iter().for_each(|number| quantiles.add(*number));
        quantiles
    }

    /// By the definition: the smallest that at least this share does not exceed.
    fn naive(numbers: &[f64], share: f64) -> f64 {
        let mut sorted = numbers.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let enough =
            |number: f64| sorted.iter().filter(|other| **other <= number).count() as f64 >= share * sorted.len() as f64;
        sorted.iter().copied().find(|number| enough(*number)).unwrap_or_default()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn quantiles_of_few_numbers_are_exact(
            numbers in prop::collection::vec(0.0..1e9_f64, 1..=EXACT),
            share in 0.01..1.0_f64,
        ) {
            let quantiles = of(&numbers);
            prop_assert_eq!(quantiles.at(share), naive(&numbers, share));
            prop_assert_eq!(quantiles.max(), naive(&numbers, 1.0));
            prop_assert_eq!(quantiles.count(), numbers.len() as u64);
        }

        #[test]
        fn quantiles_of_many_numbers_are_a_hundredth_off_at_most(
            numbers in prop::collection::vec(prop_oneof![Just(0.0), 1e-6..1e-3_f64, 0.5..20.0_f64, 1e3..1e12_f64], 300..900),
        ) {
            let quantiles = of(&numbers);
            for share in [0.01, 0.5, 0.95, 0.99, 1.0] {
                let (exact, told) = (naive(&numbers, share), quantiles.at(share));
                prop_assert!((told - exact).abs() <= 0.0101 * exact, "{share}: {told} for {exact}");
            }
            let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
            prop_assert!((quantiles.mean() - mean).abs() <= 1e-9 * mean);
        }
    }

    proptest! {
        #[test]
        fn what_was_seen_apart_and_put_together_is_as_if_it_had_been_seen_at_once(
            numbers in prop::collection::vec(1e-6..1e6_f64, 1..700),
            cut in any::<prop::sample::Index>(),
        ) {
            let cut = cut.index(numbers.len());
            let (mut both, at_once) = (of(&numbers[..cut]), of(&numbers));
            both.merge(&of(&numbers[cut..]));
            for share in [0.01, 0.5, 0.99, 1.0] {
                prop_assert_eq!(both.at(share), at_once.at(share));
            }
            prop_assert_eq!((both.count(), both.max()), (at_once.count(), at_once.max()));
            prop_assert!((both.mean() - at_once.mean()).abs() <= 1e-9 * at_once.mean());
        }
    }

    #[test]
    fn memory_stays_small_whatever_comes() {
        let mut quantiles = Quantiles::default();
        let mut number = 1e-12;
        while number < 1e300 {
            quantiles.add(number);
            number *= 1.01;
        }
        quantiles.add(f64::MAX);
        quantiles.add(f64::NAN);
        quantiles.add(-1.0);
        assert!(quantiles.buckets.len() < 70_000 && quantiles.kept.is_empty());
        assert_eq!(quantiles.at(1.0), f64::MAX);
    }

    #[test]
    fn of_nothing_everything_is_0() {
        let none = Quantiles::default();
        assert_eq!((none.count(), none.mean(), none.at(0.5), none.max()), (0, 0.0, 0.0, 0.0));
    }
}
