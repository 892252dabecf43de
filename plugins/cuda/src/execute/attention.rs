//! Attention.

use scaledown_sdk::tensor::{AttentionSpec, Value};
use scaledown_sdk::{DType, TensorSpec};

use super::{Call, arguments, float, parameter, u};
use crate::error::{CudaError, Result};
use crate::kernels::kernel;
use crate::memory::Buffer;

/// The greatest size of a head that there are kernels for.
pub(super) const WIDEST: usize = 256;
/// The greatest size of a head on matrix units.
const WIDEST_TILE: usize = 128;
/// Rows and columns of a tile, and the threads of a block.
const TILE: usize = 64;
const THREADS: usize = 128;
/// Blocks that keep a card busy: with fewer, the keys are cut into parts.
const BUSY: usize = 256;
/// The most parts, and the fewest keys of one.
const MOST_PARTS: usize = 32;
const PART: usize = 128;

/// Extents and settings, as `attention.h` declares them.
#[repr(C)]
#[derive(Clone, Copy)]
struct AttentionShape {
    s: i32,
    t: i32,
    h: i32,
    g: i32,
    d: i32,
    causal: i32,
    window: i32,
    parts: i32,
    scale: f32,
}

/// Addresses of what says where queries and keys stand, 0 for what is not given.
#[repr(C)]
#[derive(Clone, Copy)]
struct AttentionPlaces {
    spans: u64,
    queries: u64,
    keys: u64,
}
parameter!(AttentionShape, AttentionPlaces);

/// The inputs of an attention.
struct Attended {
    dtype: DType,
    b: usize,
    shape: AttentionShape,
    q: u64,
    k: u64,
    v: u64,
    places: AttentionPlaces,
    /// The size of a tile's row, if matrix units can be used.
    tile: Option<usize>,
}

impl Attended {
    fn extents(&self) -> [usize; 5] {
        let AttentionShape { s, t, h, g, d, .. } = self.shape;
        [s, t, h, g, d].map(|extent| usize::try_from(extent).unwrap_or(0))
    }

    /// Queries times heads.
    fn rows(&self) -> usize {
        let [s, _, h, ..] = self.extents();
        self.b * s * h
    }
}

impl Call<'_> {
    fn attended(&self, inputs: &[Value], spec: &AttentionSpec) -> Result<Attended> {
        let (q, k) = (self.input(inputs, 0)?, self.input(inputs, 1)?);
        let (&[b, s, h, d], &[_, t, g, _]) = (q.spec.shape.dims(), k.spec.shape.dims()) else {
            return Err(CudaError::Unsupported("attention takes tensors of four dimensions".into()));
        };
        let number = |extent: usize| {
            i32::try_from(extent).map_err(|_| CudaError::Unsupported(format!("attention over an extent of {extent}")))
        };
        let after = 3 + usize::from(spec.spans);
        let given = |wanted: bool, index: usize| if wanted { self.at(inputs, index) } else { Ok(0) };
        let window = spec.window.map_or(-1, |window| i32::try_from(window).unwrap_or(i32::MAX).min(1 << 30));
        let shape = AttentionShape {
            s: number(s)?,
            t: number(t)?,
            h: number(h)?,
            g: number(g)?,
            d: number(d)?,
            causal: i32::from(spec.causal),
            window,
            parts: 1,
            scale: spec.scale as f32,
        };
        // A tile's rows are copied 16 bytes at a time.
        let fits = q.spec.dtype != DType::F32 && d % 8 == 0 && d <= WIDEST_TILE;
        Ok(Attended {
            dtype: q.spec.dtype,
            b,
            shape,
            q: self.address(q)?,
            k: self.address(k)?,
            v: self.at(inputs, 2)?,
            places: AttentionPlaces {
                spans: given(spec.spans, 3)?,
                queries: given(spec.positions, after)?,
                keys: given(spec.positions, after + 1)?,
            },
            tile: fits.then_some(if d <= TILE { TILE } else { WIDEST_TILE }),
        })
    }

    pub(super) fn attention(&self, inputs: &[Value], spec: &AttentionSpec) -> Result<Vec<Buffer>> {
        let x = self.attended(inputs, spec)?;
        let (out, lse) = (self.make(self.output(0)?)?, self.make(self.output(1)?)?);
        let name = float(x.dtype)?;
        let rows = x.rows();
        let Some(tile) = x.tile else {
            let arguments = arguments![x.q, x.k, x.v, &x.places, out.address(), lse.address(), u(rows), &x.shape];
            let grid = [rows.div_ceil(THREADS / 32), 1, 1];
            self.launch_grid(kernel!(AttentionPlain, "attention_plain_{name}"), grid, (THREADS, 0), arguments)?;
            return Ok(vec![out, lse]);
        };
        let [s, t, h, g, d] = x.extents();
        let tiles = (s * (h / g.max(1))).div_ceil(TILE);
        let parts = parts(tiles * g * x.b, t);
        let shape = AttentionShape { parts: parts as i32, ..x.shape };
        let several = if parts > 1 { parts } else { 0 };
        let (part_out, part_lse) = (self.scratch(several * rows * d)?, self.scratch(several * rows)?);
        let shared = (TILE + 4 * TILE) * tile * size_of::<u16>() + 2 * TILE * size_of::<i32>();
        let arguments =
            arguments![x.q, x.k, x.v, &x.places, out.address(), lse.address(), part_out.address(), part_lse.address(), &shape];
        let kernel = kernel!(AttentionForward, "attention_{name}_{tile}");
        self.launch_grid(kernel, [tiles, g, x.b * parts], (THREADS, shared), arguments)?;
        if parts > 1 {
            let (from, kernel) = ((part_out.address(), part_lse.address()), kernel!(AttentionForward, "join_parts_{name}"));
            let arguments = arguments![from.0, from.1, out.address(), lse.address(), u(rows), &shape];
            self.launch_grid(kernel, [rows.div_ceil(THREADS / 32), 1, 1], (THREADS, 0), arguments)?;
        }
        Ok(vec![out, lse])
    }

    pub(super) fn attention_backward(&self, inputs: &[Value], spec: &AttentionSpec) -> Result<Vec<Buffer>> {
        let x = self.attended(inputs, spec)?;
        let last = inputs.len().saturating_sub(3);
        let (out, lse, grad) = (self.at(inputs, last)?, self.at(inputs, last + 1)?, self.at(inputs, last + 2)?);
        let [dq, dk, dv] = [self.make(self.output(0)?)?, self.make(self.output(1)?)?, self.make(self.output(2)?)?];
        let (name, rows) = (float(x.dtype)?, x.rows());
        let [s, t, h, g, _] = x.extents();
        let delta = self.make(&TensorSpec::new(DType::F32, [x.b, h, s]))?;
        let warps = |count: usize| [count.div_ceil(THREADS / 32), 1, 1];
        let delta = delta.address();
        let Some(tile) = x.tile else {
            let arguments = arguments![out, grad, delta, u(rows), &x.shape];
            let kernel = kernel!(AttentionPlain, "attention_delta_{name}");
            self.launch_grid(kernel, [rows.div_ceil(THREADS), 1, 1], (THREADS, 0), arguments)?;
            let arguments = arguments![x.q, x.k, x.v, &x.places, grad, lse, delta, dq.address(), u(rows), &x.shape];
            let kernel = kernel!(AttentionPlain, "attention_plain_queries_{name}");
            self.launch_grid(kernel, warps(rows), (THREADS, 0), arguments)?;
            let keys = x.b * t * g;
            let to = (dk.address(), dv.address());
            let arguments = arguments![x.q, x.k, x.v, &x.places, grad, lse, delta, to.0, to.1, u(keys), &x.shape];
            let kernel = kernel!(AttentionPlain, "attention_plain_keys_{name}");
            self.launch_grid(kernel, warps(keys), (THREADS, 0), arguments)?;
            return Ok(vec![dq, dk, dv]);
        };
        let arguments = arguments![out, grad, delta, u(rows), &x.shape];
        let kernel = kernel!(AttentionBackward, "attention_delta_{name}_{tile}");
        self.launch_grid(kernel, [rows.div_ceil(TILE), 1, 1], (THREADS, 2 * TILE * tile * size_of::<u16>()), arguments)?;
        // Rows of queries at a time, as many as registers hold.
        let queries = if tile == TILE { TILE } else { TILE / 2 };
        let shared = (2 * TILE + 4 * queries) * tile * size_of::<u16>() + 2 * queries * ROW_DATA;
        let to = (dk.address(), dv.address());
        let arguments = arguments![x.q, x.k, x.v, &x.places, grad, lse, delta, to.0, to.1, &x.shape];
        let kernel = kernel!(AttentionBackward, "attention_keys_{name}_{tile}");
        self.launch_grid(kernel, [t.div_ceil(TILE), g, x.b], (THREADS, shared), arguments)?;
        let shared = (2 * TILE + 4 * TILE) * tile * size_of::<u16>() + 2 * TILE * size_of::<i32>();
        let arguments = arguments![x.q, x.k, x.v, &x.places, grad, lse, delta, dq.address(), &x.shape];
        let kernel = kernel!(AttentionBackward, "attention_queries_{name}_{tile}");
        self.launch_grid(kernel, [(s * (h / g.max(1))).div_ceil(TILE), g, x.b], (THREADS, shared), arguments)?;
        Ok(vec![dq, dk, dv])
    }
}

/// Bytes of what the gradient of keys keeps of a row of queries.
const ROW_DATA: usize = 12;

/// Into how many parts the keys are cut where there are so few blocks.
fn parts(blocks: usize, t: usize) -> usize {
    BUSY.div_ceil(blocks.max(1)).min(t / PART).clamp(1, MOST_PARTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_cut_where_a_card_has_nothing_to_do() {
        assert_eq!(parts(1000, 4096), 1, "a training step fills the card");
        assert_eq!(parts(8, 4096), 32);
        assert_eq!(parts(8, 1000), 7);
        assert_eq!(parts(8, 100), 1);
        assert_eq!(parts(0, 0), 1);
    }
}
