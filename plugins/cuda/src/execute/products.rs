//! Matrix products, linear maps and low-rank adapters.

use scaledown_sdk::tensor::Value;
use scaledown_sdk::{DType, Shape, TensorSpec};

use super::layout::Side;
use super::strided::broadcast_strides;
use super::{Call, arguments, float, lanes, parameter, u};
use crate::driver::{Matrix, Product, ProductShape};
use crate::error::{CudaError, Result};
use crate::kernels::kernel;
use crate::memory::Buffer;

/// Rows up to which a linear map is matrix-vector products.
const FEW_ROWS: usize = 4;
/// Threads of their blocks, of which each warp has an output feature.
const MATVEC_THREADS: usize = 128;

/// Rows and columns of a tile of a plain product.
const PLAIN_TILE: usize = 16;

/// A plain product, as `product.cu` declares it.
#[repr(C)]
#[derive(Clone, Copy)]
struct PlainShape {
    extents: [i64; 3],
    a: [i64; 3],
    b: [i64; 3],
    alpha: f32,
    beta: f32,
}
parameter!(PlainShape);

/// A matrix on the device, stored row by row or, if `transposed`, column by column.
#[derive(Clone, Copy)]
pub(super) struct Factor {
    address: u64,
    transposed: bool,
}

impl Factor {
    fn new(address: u64, transposed: bool) -> Self {
        Factor { address, transposed }
    }
}

/// What is done with a product.
#[derive(Clone, Copy)]
struct Ending {
    alpha: f64,
    /// Added to every row, or 0.
    bias: u64,
    /// Whether the product is added to what stands in the result.
    accumulate: bool,
}

const PLAIN: Ending = Ending { alpha: 1.0, bias: 0, accumulate: false };

/// The extents but the last two, and those two.
fn matrices(shape: &Shape) -> (Shape, [usize; 2]) {
    let (leading, last) = shape.dims().split_at(shape.rank().saturating_sub(2));
    (Shape::from(leading), [last.first().copied().unwrap_or(1), last.get(1).copied().unwrap_or(1)])
}

impl Call<'_> {
    pub(super) fn matmul(&self, inputs: &[Value], transpose_a: bool, transpose_b: bool) -> Result<Buffer> {
        let (a, b, spec) = (self.input(inputs, 0)?, self.input(inputs, 1)?, self.output(0)?);
        let y = self.make(spec)?;
        let ((a_leading, a_dims), (b_leading, _)) = (matrices(&a.spec.shape), matrices(&b.spec.shape));
        let (leading, [m, n]) = matrices(&spec.shape);
        let k = a_dims[usize::from(!transpose_a)];
        let strides = [broadcast_strides(&a_leading, &leading), broadcast_strides(&b_leading, &leading)];
        let (from_a, from_b) = (self.address(a)?, self.address(b)?);
        let size = u(spec.dtype.size());
        // All batches in one product where each factor's matrices are equally far apart, else those
        // of the last dimension.
        let together = inner_batches(leading.dims(), &strides);
        let outer = leading.count() / together.count.max(1);
        for index in 0..outer {
            let offset =
                |strides: &[usize], matrix: usize| u(offset_of(leading.dims(), strides, index * together.count) * matrix);
            let shape = ProductShape {
                m,
                n,
                k,
                batch: together.count,
                a: Matrix { dtype: spec.dtype, transposed: transpose_a, batch_stride: together.strides[0] * m * k },
                b: Matrix { dtype: spec.dtype, transposed: transpose_b, batch_stride: together.strides[1] * k * n },
                d: Matrix { dtype: spec.dtype, transposed: false, batch_stride: m * n },
                bias: false,
                accumulate: false,
            };
            self.multiply(&Product {
                shape,
                a: from_a + offset(&strides[0], m * k) * size,
                b: from_b + offset(&strides[1], k * n) * size,
                d: y.address() + u(index * together.count * m * n) * size,
                bias: 0,
                alpha: 1.0,
            })?;
        }
        Ok(y)
    }

    /// Runs a product of any extents.
    fn multiply(&self, product: &Product) -> Result<()> {
        let ProductShape { m, n, k, batch, d, bias, accumulate, .. } = product.shape;
        let rows = batch * m;
        if rows * n == 0 {
            return Ok(());
        }
        if k > 0 {
            return match self.driver.multiply(product) {
                Err(error @ CudaError::Product { .. }) => {
                    tracing::debug!(%error, "a slower kernel runs the product");
                    self.multiply_plainly(product)
                }
                other => other,
            };
        }
        // A sum of nothing.
        let size = d.dtype.size();
        match (bias, accumulate) {
            (true, _) => {
                let from = Side { address: product.bias, strides: &[0, 1] };
                self.copy_strided(size, &[rows, n], &from, &Side { address: product.d, strides: &[n, 1] })
            }
            (false, true) => Ok(()),
            (false, false) => self.driver.clear(product.d, rows * n * size),
        }
    }

    /// Runs a product for which the library has no algorithm.
    fn multiply_plainly(&self, product: &Product) -> Result<()> {
        let ProductShape { m, n, k, batch, a, b, d, accumulate, .. } = product.shape;
        // Elements between neighbours in rows and columns.
        let strides = |matrix: &Matrix, rows: usize, columns: usize| match matrix.transposed {
            true => (1, rows as i64),
            false => (columns as i64, 1),
        };
        let ((a_row, a_column), (b_row, b_column)) = (strides(&a, m, k), strides(&b, k, n));
        let shape = PlainShape {
            extents: [m as i64, n as i64, k as i64],
            a: [a_row, a_column, a.batch_stride as i64],
            b: [b_row, b_column, b.batch_stride as i64],
            alpha: product.alpha,
            beta: if accumulate { 1.0 } else { 0.0 },
        };
        let grid = [n.div_ceil(PLAIN_TILE), m.div_ceil(PLAIN_TILE), batch];
        let arguments = arguments![product.a, product.b, product.bias, product.d, &shape];
        self.launch_grid(kernel!(Product, "product_{}", float(d.dtype)?), grid, (PLAIN_TILE * PLAIN_TILE, 0), arguments)
    }

    /// `to [m, n] = alpha a b`, and what `ending` says.
    fn product(&self, dtype: DType, [m, k, n]: [usize; 3], a: Factor, b: Factor, to: u64, ending: Ending) -> Result<()> {
        let matrix = |transposed| Matrix { dtype, transposed, batch_stride: 0 };
        let shape = ProductShape {
            m,
            n,
            k,
            batch: 1,
            a: matrix(a.transposed),
            b: matrix(b.transposed),
            d: matrix(false),
            bias: ending.bias != 0,
            accumulate: ending.accumulate,
        };
        self.multiply(&Product { shape, a: a.address, b: b.address, d: to, bias: ending.bias, alpha: ending.alpha as f32 })
    }

    pub(super) fn linear(&self, inputs: &[Value]) -> Result<Buffer> {
        let (x, weight, spec) = (self.input(inputs, 0)?, self.input(inputs, 1)?, self.output(0)?);
        let bias = self.optional(inputs, 2)?;
        let (m, k, n) = (x.spec.shape.rows(), x.spec.shape.last(), spec.shape.last());
        let (y, from) = (self.make(spec)?, self.address(x)?);
        let dtype = spec.dtype;
        if m <= FEW_ROWS && m * n * k > 0 {
            self.matvec(from, weight, bias, y.address(), dtype, [m, k, n])?;
            return Ok(y);
        }
        // A weight of another type stands for what its cast is.
        let unpacked = if weight.spec.dtype == dtype { None } else { Some(self.cast_to(weight, dtype)?) };
        let weight = unpacked.as_ref().map_or_else(|| self.address(weight), |buffer| Ok(buffer.address()))?;
        let ending = Ending { bias, ..PLAIN };
        self.product(dtype, [m, k, n], Factor::new(from, false), Factor::new(weight, true), y.address(), ending)?;
        Ok(y)
    }

    fn matvec(&self, x: u64, weight: &Value, bias: u64, y: u64, dtype: DType, [m, k, n]: [usize; 3]) -> Result<()> {
        let (stored, data) = (weight.spec.dtype, self.address(weight)?);
        let rows = if m == 1 { "single" } else { "several" };
        let (name, scales) = match stored {
            DType::Q8_0 => (kernel!(Matvec, "matvec_{}_q8_0_{rows}", float(dtype)?), self.scales(weight)?),
            DType::Q4_0 => (kernel!(Matvec, "matvec_{}_q4_0_{rows}", float(dtype)?), self.scales(weight)?),
            _ => {
                let aligned = if k % lanes(stored) == 0 { "" } else { "_unaligned" };
                (kernel!(Matvec, "matvec_{}_{}{aligned}_{rows}", float(dtype)?, float(stored)?), 0)
            }
        };
        let arguments = arguments![x, data, scales, bias, y, u(m), u(n), u(k)];
        self.launch_grid(name, [n.div_ceil(MATVEC_THREADS / 32), 1, 1], (MATVEC_THREADS, 0), arguments)
    }

    pub(super) fn adapter(&self, inputs: Vec<Value>, scale: f64, dropout: (f64, u64)) -> Result<Vec<Buffer>> {
        let Ok([y, x, down, up]) = <[Value; 4]>::try_from(inputs) else {
            return Err(CudaError::Unsupported("an adapter takes four inputs".into()));
        };
        let low_spec = self.output(1)?;
        let (dtype, m, i) = (x.spec.dtype, x.spec.shape.rows(), x.spec.shape.last());
        let (r, o) = (low_spec.shape.last(), up.spec.shape.rows());
        let low = self.make(low_spec)?;
        let sum = self.owned(y)?;
        let (_kept, dropped) = self.dropped(&x, dropout)?;
        let (down, up) = (Factor::new(self.address(&down)?, true), Factor::new(self.address(&up)?, true));
        self.product(dtype, [m, i, r], Factor::new(dropped, false), down, low.address(), PLAIN)?;
        let ending = Ending { alpha: scale, bias: 0, accumulate: true };
        self.product(dtype, [m, r, o], Factor::new(low.address(), false), up, sum.address(), ending)?;
        Ok(vec![sum, low])
    }

    /// `x` after dropout, where there is any: its memory, and where it stands.
    fn dropped(&self, x: &Value, (p, seed): (f64, u64)) -> Result<(Buffer, u64)> {
        if p == 0.0 {
            return Ok((Buffer::default(), self.address(x)?));
        }
        let dropped = self.dropout(x, (p, seed))?;
        let address = dropped.address();
        Ok((dropped, address))
    }

    pub(super) fn adapter_backward(
        &self,
        inputs: &[Value],
        scale: f64,
        dropout: (f64, u64),
        [input, of_down, of_up]: [bool; 3],
    ) -> Result<Vec<Buffer>> {
        let (x, down, up) = (self.input(inputs, 0)?, self.input(inputs, 1)?, self.input(inputs, 2)?);
        let (dtype, m, i) = (x.spec.dtype, x.spec.shape.rows(), x.spec.shape.last());
        let (r, o) = (down.spec.shape.rows(), up.spec.shape.rows());
        let (low, grad) = (self.at(inputs, 3)?, self.at(inputs, 4)?);
        let scaled = Ending { alpha: scale, ..PLAIN };
        let mut gradients = Vec::new();
        if input || of_down {
            let dlow = self.make(&TensorSpec::new(dtype, [m, r]))?;
            let up = Factor::new(self.address(up)?, false);
            self.product(dtype, [m, o, r], Factor::new(grad, false), up, dlow.address(), scaled)?;
            if input {
                let dx = self.make(&x.spec)?;
                let down = Factor::new(self.address(down)?, false);
                self.product(dtype, [m, r, i], Factor::new(dlow.address(), false), down, dx.address(), PLAIN)?;
                if dropout.0 > 0.0 {
                    self.drop_out(x, dx.address(), &dx, dropout)?;
                }
                gradients.push(dx);
            }
            if of_down {
                let ddown = self.make(&down.spec)?;
                let (_kept, dropped) = self.dropped(x, dropout)?;
                let left = Factor::new(dlow.address(), true);
                self.product(dtype, [r, m, i], left, Factor::new(dropped, false), ddown.address(), PLAIN)?;
                gradients.push(ddown);
            }
        }
        if of_up {
            let dup = self.make(&up.spec)?;
            self.product(dtype, [o, m, r], Factor::new(grad, true), Factor::new(low, false), dup.address(), scaled)?;
            gradients.push(dup);
        }
        Ok(gradients)
    }
}

/// Batches that one product covers: how many, and for each factor the matrices between neighbours.
struct Together {
    count: usize,
    strides: [usize; 2],
}

/// All batches if neighbours are equally far apart throughout, else those of the last dimension.
fn inner_batches(dims: &[usize], strides: &[Vec<usize>; 2]) -> Together {
    let mut together = Together { count: 1, strides: [0, 0] };
    for (dim, &extent) in dims.iter().enumerate().rev() {
        let here = [strides[0][dim], strides[1][dim]];
        if extent == 1 {
            continue;
        }
        if together.count == 1 {
            together = Together { count: extent, strides: here };
        } else if (0..2).all(|k| here[k] == together.strides[k] * together.count) {
            together.count *= extent;
        } else {
            break;
        }
    }
    together
}

/// The offset, in matrices, of batch `index`.
fn offset_of(dims: &[usize], strides: &[usize], index: usize) -> usize {
    let mut rest = index;
    let mut offset = 0;
    for (&extent, &stride) in dims.iter().zip(strides).rev() {
        offset += rest % extent.max(1) * stride;
        rest /= extent.max(1);
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_joined_where_they_lie_in_line() {
        let together = |dims: &[usize], a: &[usize], b: &[usize]| {
            let Together { count, strides } = inner_batches(dims, &[a.to_vec(), b.to_vec()]);
            (count, strides)
        };
        assert_eq!(together(&[2, 3], &[3, 1], &[3, 1]), (6, [1, 1]));
        assert_eq!(together(&[2, 3], &[3, 1], &[0, 0]), (6, [1, 0]));
        assert_eq!(together(&[3, 5], &[1, 0], &[0, 1]), (5, [0, 1]));
        assert_eq!(together(&[], &[], &[]), (1, [0, 0]));
        assert_eq!(offset_of(&[3, 5], &[1, 0], 7), 1);
        assert_eq!(offset_of(&[3, 5], &[0, 1], 7), 2);
    }
}
