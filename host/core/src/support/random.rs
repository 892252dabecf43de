//! A small seeded random stream whose values are the same on every machine.

/// SplitMix64 (Steele, Lea and Flood, 2014): one 64-bit word of state, full period, integer
/// arithmetic only.
///
/// The crate keeps its own stream because the dataset is a published function of its seed: a new
/// version of a random number library must not change it.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    state: u64,
}

impl Stream {
    /// The stream for one purpose: streams of different labels or indices are independent.
    pub(crate) fn new(seed: u64, label: &str, index: u64) -> Self {
        let mut stream = Self { state: seed };
        let label =
            label.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        stream.state = stream.next_u64() ^ label;
        stream.state = stream.next_u64() ^ index;
        stream
    }

    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A whole number in `0..bound`, by multiply-shift: the bias is below `bound / 2^64`. Zero when
    /// `bound` is zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        ((self.next_u64() >> 11) as f64) < probability * (1_u64 << 53) as f64
    }

    /// One item, or none of an empty slice.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// Puts the items in a random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_pinned() {
        let mut stream = Stream { state: 1234567 };
        assert_eq!(stream.next_u64(), 6457827717110365317, "reference value of SplitMix64");
        assert_eq!(stream.next_u64(), 3203168211198807973);
    }

    #[test]
    fn labels_and_indices_separate_streams() {
        let first = |label, index| Stream::new(7, label, index).next_u64();
        assert_ne!(first("a", 0), first("b", 0));
        assert_ne!(first("a", 0), first("a", 1));
        assert_eq!(first("a", 0), first("a", 0));
    }

    #[test]
    fn bounds_and_chances_hold() {
        let mut stream = Stream::new(1, "test", 0);
        assert!((0..1000).all(|_| stream.below(3) < 3));
        assert_eq!(stream.below(0), 0);
        assert!(!(0..1000).any(|_| stream.chance(0.0)));
        assert!((0..1000).all(|_| stream.chance(1.0)));
        let hits = (0..10_000).filter(|_| stream.chance(0.3)).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
    }
}
