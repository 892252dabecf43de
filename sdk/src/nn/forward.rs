//! The mode of a forward pass.

/// The mode of a forward pass, and its stream of dropout seeds.
///
/// A segment under [`checkpoint`](crate::autodiff::checkpoint) runs twice and must drop the same
/// elements both times: it captures a [`fork`](ForwardMode::fork) and clones that at each run.
#[derive(Clone, Debug)]
pub struct ForwardMode {
    /// Whether dropout is active.
    pub training: bool,
    /// Whether layers drop their intermediate tensors and compute them again in the backward pass.
    pub checkpointing: bool,
    seed: u64,
}

impl ForwardMode {
    /// A pass without dropout.
    #[must_use]
    pub fn inference() -> Self {
        ForwardMode { training: false, checkpointing: false, seed: 0 }
    }

    /// A training pass whose dropout depends on `seed` alone.
    #[must_use]
    pub fn training(seed: u64, checkpointing: bool) -> Self {
        ForwardMode { training: true, checkpointing, seed }
    }

    /// The seed with which [`ForwardMode::training`] makes the stream that is left of this one.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A seed that no earlier call gave.
    pub fn next_seed(&mut self) -> u64 {
        // The increment of splitmix64; the mixing is done where the seed is used.
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.seed.rotate_left(17) ^ 0x5851_F42D_4C95_7F2D
    }

    /// An independent stream of the same mode.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        ForwardMode { seed: self.next_seed(), ..self.clone() }
    }
}
