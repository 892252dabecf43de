//! The order in which records are visited: a function of the seed and the position alone, so that a
//! data position is one number.

use scaledown_sdk::tensor::uniform_bits;

/// Visits all of `count` records once an epoch, each epoch in another order.
#[derive(Clone, Debug)]
pub struct EpochSampler {
    seed: u64,
    count: usize,
    epoch: u64,
    permutation: Vec<u32>,
}

impl EpochSampler {
    /// The order of `count` records under `seed`.
    #[must_use]
    pub fn new(seed: u64, count: usize) -> Self {
        EpochSampler { seed, count, epoch: 0, permutation: permutation(seed, 0, count) }
    }

    /// The records at positions `start..start + len` of the endless sequence of epochs; none if
    /// there are no records.
    pub fn take(&mut self, start: u64, len: usize) -> Vec<usize> {
        let len = if self.count == 0 { 0 } else { len };
        (start..start + len as u64).map(|position| self.at(position)).collect()
    }

    fn at(&mut self, position: u64) -> usize {
        let (epoch, index) = (position / self.count as u64, position % self.count as u64);
        if epoch != self.epoch {
            self.epoch = epoch;
            self.permutation = permutation(self.seed, epoch, self.count);
        }
        self.permutation[index as usize] as usize
    }
}

/// A Fisher-Yates shuffle of `0..count`.
fn permutation(seed: u64, epoch: u64, count: usize) -> Vec<u32> {
    let seed = seed ^ epoch.wrapping_mul(0xA076_1D64_78BD_642F);
    let mut order: Vec<u32> = (0..count).map(|i| i as u32).collect();
    for i in (1..count).rev() {
        // 48 random bits over a range far below 2^32: the bias is below 2^-16.
        let bits = u64::from(uniform_bits(seed, 2 * i as u64)) << 24 | u64::from(uniform_bits(seed, 2 * i as u64 + 1));
        order.swap(i, (bits % (i as u64 + 1)) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::EpochSampler;

    #[test]
    fn every_epoch_visits_all_records_in_its_own_order() {
        let mut order = EpochSampler::new(1, 100);
        let (mut first, mut second) = (order.take(0, 100), order.take(100, 100));
        assert_ne!(first, second);
        first.sort_unstable();
        second.sort_unstable();
        assert_eq!(first, (0..100).collect::<Vec<_>>());
        assert_eq!(first, second);
    }

    #[test]
    fn a_position_does_not_depend_on_what_was_taken_before() {
        let whole = EpochSampler::new(3, 7).take(0, 50);
        assert_eq!(EpochSampler::new(3, 7).take(20, 10), whole[20..30]);
        assert!(EpochSampler::new(3, 0).take(0, 5).is_empty());
    }
}
