//! Creation and layout.

use scaledown_sdk::Result;
use scaledown_sdk::tensor::{Value, uniform_run};

use super::{Call, for_any};
use crate::elementwise;
use crate::layout::{broadcast_strides, copy_strided, write_slice};
use crate::storage::{Buffer, Scalar, Scratch};

/// An element converted from the f64 that an instruction carries.
trait FromF64 {
    fn from_f64(value: f64) -> Self;
}

macro_rules! from_f64 {
    ($($type:ty: $x:ident => $body:expr;)*) => {
        $(impl FromF64 for $type {
            fn from_f64($x: f64) -> Self {
                $body
            }
        })*
    };
}

from_f64! {
    f64: x => x;
    f32: x => x as f32;
    half::bf16: x => half::bf16::from_f64(x);
    half::f16: x => half::f16::from_f64(x);
    i64: x => x as i64;
    u32: x => x as u32;
    u8: x => u8::from(x != 0.0);
}

impl Call<'_> {
    pub(super) fn fill(&self, value: f64) -> Result<Buffer> {
        for_any!(self.op, self.output.dtype, T => self.build::<T>(|out| out.fill(T::from_f64(value))))
    }

    pub(super) fn arange(&self, start: i64, len: usize) -> Result<Buffer> {
        self.build::<i64>(|out| {
            debug_assert_eq!(out.len(), len, "the output has the instruction's length");
            elementwise::generate(out, |i| start.wrapping_add(i as i64));
        })
    }

    pub(super) fn uniform(&self, seed: u64) -> Result<Buffer> {
        self.build::<f32>(|out| elementwise::uniform(seed, uniform_run(&self.output.shape), out))
    }

    pub(super) fn copy(&self, inputs: &[Value]) -> Result<Buffer> {
        for_any!(self.op, self.output.dtype, T => Ok(Scratch::<T>::copy_of(self.get(inputs, 0)?).into_buffer()))
    }

    pub(super) fn permute(&self, inputs: &[Value], dims: &[usize]) -> Result<Buffer> {
        let own = self.input(inputs, 0)?.spec.shape.strides();
        let strides: Vec<usize> = dims.iter().map(|&dim| own[dim]).collect();
        self.strided(inputs, 0, &strides)
    }

    pub(super) fn broadcast(&self, inputs: &[Value]) -> Result<Buffer> {
        let strides = broadcast_strides(&self.input(inputs, 0)?.spec.shape, &self.output.shape);
        self.strided(inputs, 0, &strides)
    }

    pub(super) fn slice(&self, inputs: &[Value], dim: usize, start: usize) -> Result<Buffer> {
        let strides = self.input(inputs, 0)?.spec.shape.strides();
        self.strided(inputs, start * strides[dim], &strides)
    }

    fn strided(&self, inputs: &[Value], offset: usize, strides: &[usize]) -> Result<Buffer> {
        for_any!(self.op, self.output.dtype, T => {
            let x = self.get::<T>(inputs, 0)?;
            self.build(|out| copy_strided(x, offset, self.output.shape.dims(), strides, out))
        })
    }

    pub(super) fn write_slice(&self, inputs: Vec<Value>, dim: usize, start: usize) -> Result<Buffer> {
        let Ok([base, update]) = <[Value; 2]>::try_from(inputs) else { return self.fail("expected two inputs") };
        fn write<T: Scalar>(call: &Call<'_>, base: Value, update: &Value, dim: usize, start: usize) -> Result<Buffer> {
            let mut buffer = call.owned::<T>(base)?;
            let len = update.spec.shape.dims()[dim];
            let elements = call.elements(update)?;
            write_slice(call.writable::<T>(&mut buffer)?, call.output.shape.dims(), elements, dim, start, len);
            Ok(buffer)
        }
        for_any!(self.op, self.output.dtype, T => write::<T>(self, base, &update, dim, start))
    }

    pub(super) fn concat(&self, inputs: &[Value], dim: usize) -> Result<Buffer> {
        for_any!(self.op, self.output.dtype, T => {
            let mut parts = Vec::with_capacity(inputs.len());
            for input in inputs {
                parts.push((self.elements::<T>(input)?, input.spec.shape.dims()[dim]));
            }
            self.build(|out| {
                let mut start = 0;
                for (elements, len) in parts {
                    write_slice(out, self.output.shape.dims(), elements, dim, start, len);
                    start += len;
                }
            })
        })
    }
}
