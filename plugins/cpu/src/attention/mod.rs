//! Scaled dot-product attention. Queries, keys and values are read where they lie, as
//! `[batch, position, head, size]`.

mod backward;
mod decode;
mod forward;
mod mask;
#[cfg(test)]
mod tests;

pub(crate) use backward::{AttentionGradient, backward};
pub(crate) use decode::decode;
pub(crate) use forward::forward;
pub(crate) use mask::Mask;

/// The extents of an attention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) batch: usize,
    /// Query positions.
    pub(crate) queries: usize,
    /// Key positions.
    pub(crate) keys: usize,
    /// Query heads.
    pub(crate) heads: usize,
    /// Key and value heads; a divisor of `heads`.
    pub(crate) groups: usize,
    /// The size of a head.
    pub(crate) size: usize,
}

impl Shape {
    /// Elements between neighbouring positions of the queries.
    fn query_row(&self) -> usize {
        self.heads * self.size
    }

    /// Elements between neighbouring positions of the keys and values.
    fn key_row(&self) -> usize {
        self.groups * self.size
    }

    /// Where the first query of a head stands.
    fn query_at(&self, batch: usize, position: usize, head: usize) -> usize {
        ((batch * self.queries + position) * self.heads + head) * self.size
    }

    /// Where the first key of a head stands.
    fn key_at(&self, batch: usize, position: usize, group: usize) -> usize {
        ((batch * self.keys + position) * self.groups + group) * self.size
    }

    /// Query heads that read the same key head.
    fn repeats(&self) -> usize {
        self.heads / self.groups.max(1)
    }
}
