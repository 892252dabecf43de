//! Element-wise instructions and reductions.

use half::{bf16, f16};
use scaledown_sdk::tensor::{BinaryOp, CompareOp, ReduceOp, UnaryOp, Value};
use scaledown_sdk::{DType, Result};

use super::{Call, for_any, for_float, for_number};
use crate::elementwise::{self, Binary, Relation, Unary};
use crate::layout::{Walk, broadcast_strides};
use crate::math::{Float, Numeric};
use crate::reduce;
use crate::storage::{Buffer, Scalar, Scratch};

/// An element on its way to another type: integers stay exact.
enum Exact {
    Integer(i64),
    Real(f64),
}

/// An element type that others convert to and from.
trait Convert: Scalar {
    fn exact(self) -> Exact;
    fn from_exact(value: Exact) -> Self;
}

macro_rules! convert {
    ($($type:ty: $x:ident => $exact:expr, $i:ident => $from_integer:expr, $r:ident => $from_real:expr;)*) => {
        $(impl Convert for $type {
            #[inline(always)]
            fn exact(self) -> Exact {
                let $x = self;
                $exact
            }
            #[inline(always)]
            fn from_exact(value: Exact) -> Self {
                match value {
                    Exact::Integer($i) => $from_integer,
                    Exact::Real($r) => $from_real,
                }
            }
        })*
    };
}

// Every f32 is an f64, so that rounding that to 16 bits rounds once.
convert! {
    f64: x => Exact::Real(x), i => i as f64, r => r;
    f32: x => Exact::Real(f64::from(x)), i => i as f32, r => r as f32;
    bf16: x => Exact::Real(f64::from(x)), i => bf16::from_f64(i as f64), r => bf16::from_f64(r);
    f16: x => Exact::Real(f64::from(x)), i => f16::from_f64(i as f64), r => f16::from_f64(r);
    i64: x => Exact::Integer(x), i => i, r => r as i64;
    u32: x => Exact::Integer(i64::from(x)), i => i as u32, r => r as u32;
    u8: x => Exact::Integer(i64::from(x)), i => u8::from(i != 0), r => u8::from(r != 0.0);
}

impl Call<'_> {
    pub(super) fn cast(&self, inputs: &[Value]) -> Result<Buffer> {
        let from = self.input(inputs, 0)?.spec.dtype;
        match (from, self.output.dtype) {
            (DType::BF16, DType::F32) => self.widen::<bf16>(inputs),
            (DType::F16, DType::F32) => self.widen::<f16>(inputs),
            (DType::F32, DType::BF16) => self.narrow::<bf16>(inputs),
            (DType::F32, DType::F16) => self.narrow::<f16>(inputs),
            (DType::Q8_0 | DType::Q4_0, _) => self.dequantize(inputs),
            (_, DType::Q8_0 | DType::Q4_0) => self.quantize(inputs),
            (_, to) => for_any!(self.op, from, A => {
                let x = self.get::<A>(inputs, 0)?;
                for_any!(self.op, to, B => self.build::<B>(|out| elementwise::convert(x, out, |x| B::from_exact(x.exact()))))
            }),
        }
    }

    fn widen<T: Float<Compute = f32> + Scalar>(&self, inputs: &[Value]) -> Result<Buffer> {
        let x = self.get::<T>(inputs, 0)?;
        self.build(|out| elementwise::widen(x, out))
    }

    fn narrow<T: Float<Compute = f32> + Scalar>(&self, inputs: &[Value]) -> Result<Buffer> {
        let x = self.get::<f32>(inputs, 0)?;
        self.build::<T>(|out| elementwise::narrow(x, out))
    }

    pub(super) fn unary(&self, inputs: Vec<Value>, function: UnaryOp) -> Result<Buffer> {
        match function {
            UnaryOp::Neg => self.map(inputs, &elementwise::Neg),
            UnaryOp::Abs => self.map(inputs, &elementwise::Abs),
            UnaryOp::Square => self.map(inputs, &elementwise::Square),
            UnaryOp::Sqrt => self.map(inputs, &elementwise::Sqrt),
            UnaryOp::Rsqrt => self.map(inputs, &elementwise::Rsqrt),
            UnaryOp::Recip => self.map(inputs, &elementwise::Recip),
            UnaryOp::Exp => self.map(inputs, &elementwise::Exp),
            UnaryOp::Log => self.map(inputs, &elementwise::Log),
            UnaryOp::Sin => self.map(inputs, &elementwise::Sin),
            UnaryOp::Cos => self.map(inputs, &elementwise::Cos),
            UnaryOp::Tanh => self.map(inputs, &elementwise::Tanh),
            UnaryOp::Sigmoid => self.map(inputs, &elementwise::Sigmoid),
            UnaryOp::Relu => self.map(inputs, &elementwise::Relu),
            UnaryOp::Silu => self.map(inputs, &elementwise::Silu),
            UnaryOp::Gelu => self.map(inputs, &elementwise::Gelu),
            UnaryOp::GeluTanh => self.map(inputs, &elementwise::GeluTanh),
            UnaryOp::Erf => self.map(inputs, &elementwise::Erf),
        }
    }

    pub(super) fn affine(&self, inputs: Vec<Value>, mul: f64, add: f64) -> Result<Buffer> {
        self.map(inputs, &elementwise::Affine { mul, add })
    }

    fn map(&self, mut inputs: Vec<Value>, function: &impl Unary) -> Result<Buffer> {
        let Some(x) = inputs.pop() else { return self.fail("expected an input") };
        for_float!(self.op, self.output.dtype, T => match x.take::<Buffer>() {
            Ok(mut buffer) => {
                elementwise::unary_in_place::<T, _>(function, self.writable(&mut buffer)?);
                Ok(buffer)
            }
            Err(shared) => {
                let x = self.elements::<T>(&shared)?;
                self.build(|out| elementwise::unary(function, x, out))
            }
        })
    }

    pub(super) fn binary(&self, inputs: Vec<Value>, function: BinaryOp) -> Result<Buffer> {
        match function {
            BinaryOp::Add => self.zip::<elementwise::Add>(inputs, true),
            BinaryOp::Sub => self.zip::<elementwise::Sub>(inputs, false),
            BinaryOp::Mul => self.zip::<elementwise::Mul>(inputs, true),
            BinaryOp::Div => self.zip::<elementwise::Div>(inputs, false),
            BinaryOp::Maximum => self.zip::<elementwise::Maximum>(inputs, false),
            BinaryOp::Minimum => self.zip::<elementwise::Minimum>(inputs, false),
        }
    }

    fn zip<F: Binary>(&self, inputs: Vec<Value>, commutes: bool) -> Result<Buffer> {
        let Ok([a, b]) = <[Value; 2]>::try_from(inputs) else { return self.fail("expected two inputs") };
        for_number!(self.op, self.output.dtype, T => self.zip_as::<T, F>(a, b, commutes))
    }

    fn zip_as<T: Numeric + Scalar, F: Binary>(&self, a: Value, b: Value, commutes: bool) -> Result<Buffer> {
        let (mut a, mut b) = (a, b);
        if a.spec.shape == b.spec.shape {
            match a.take::<Buffer>() {
                Ok(mut buffer) => {
                    elementwise::binary_in_place::<T, F>(self.writable(&mut buffer)?, self.elements(&b)?);
                    return Ok(buffer);
                }
                Err(shared) => a = shared,
            }
            if commutes {
                match b.take::<Buffer>() {
                    Ok(mut buffer) => {
                        elementwise::binary_in_place::<T, F>(self.writable(&mut buffer)?, self.elements(&a)?);
                        return Ok(buffer);
                    }
                    Err(shared) => b = shared,
                }
            }
        }
        let walk = self.walk([&a, &b]);
        let (a, b) = (self.elements(&a)?, self.elements(&b)?);
        self.build(|out| elementwise::binary::<T, F>(&walk, a, b, out))
    }

    pub(super) fn compare(&self, inputs: &[Value], relation: CompareOp) -> Result<Buffer> {
        match relation {
            CompareOp::Eq => self.relate::<elementwise::Eq>(inputs),
            CompareOp::Ne => self.relate::<elementwise::Ne>(inputs),
            CompareOp::Lt => self.relate::<elementwise::Lt>(inputs),
            CompareOp::Le => self.relate::<elementwise::Le>(inputs),
            CompareOp::Gt => self.relate::<elementwise::Gt>(inputs),
            CompareOp::Ge => self.relate::<elementwise::Ge>(inputs),
        }
    }

    fn relate<F: Relation>(&self, inputs: &[Value]) -> Result<Buffer> {
        let (a, b) = (self.input(inputs, 0)?, self.input(inputs, 1)?);
        let walk = self.walk([a, b]);
        for_any!(self.op, a.spec.dtype, T => {
            let (a, b) = (self.elements::<T>(a)?, self.elements::<T>(b)?);
            self.build(|out| elementwise::compare::<T, F>(&walk, a, b, out))
        })
    }

    pub(super) fn select(&self, inputs: &[Value]) -> Result<Buffer> {
        let (condition, a, b) = (self.input(inputs, 0)?, self.input(inputs, 1)?, self.input(inputs, 2)?);
        let walk = self.walk([condition, a, b]);
        let condition = self.elements(condition)?;
        for_any!(self.op, self.output.dtype, T => {
            let (a, b) = (self.elements::<T>(a)?, self.elements::<T>(b)?);
            self.build(|out| elementwise::select(&walk, condition, a, b, out))
        })
    }

    /// A walk over the output with operands that broadcast to it.
    fn walk<const N: usize>(&self, operands: [&Value; N]) -> Walk<N> {
        let strides = operands.map(|operand| broadcast_strides(&operand.spec.shape, &self.output.shape));
        Walk::new(self.output.shape.dims(), strides.each_ref().map(Vec::as_slice))
    }

    pub(super) fn reduce(&self, inputs: &[Value], reduction: ReduceOp, dims: &[usize]) -> Result<Buffer> {
        let x = self.input(inputs, 0)?;
        let reduced: Vec<bool> = (0..x.spec.shape.rank()).map(|dim| dims.contains(&dim)).collect();
        let count: usize = dims.iter().map(|&dim| x.spec.shape.dims()[dim]).product();
        let shape = &x.spec.shape;
        match reduction {
            ReduceOp::Sum => for_number!(self.op, x.spec.dtype, T => {
                let x = self.elements::<T>(x)?;
                self.build(|out| reduce::reduce::<T, reduce::Sum>(shape, &reduced, None, x, out))
            }),
            ReduceOp::Mean => for_float!(self.op, x.spec.dtype, T => {
                let x = self.elements::<T>(x)?;
                self.build(|out| reduce::reduce::<T, reduce::Sum>(shape, &reduced, Some(1.0 / count as f64), x, out))
            }),
            ReduceOp::Max => for_number!(self.op, x.spec.dtype, T => {
                let x = self.elements::<T>(x)?;
                self.build(|out| reduce::reduce::<T, reduce::Max>(shape, &reduced, None, x, out))
            }),
        }
    }

    pub(super) fn top_k(&self, inputs: &[Value], k: usize) -> Result<Vec<Buffer>> {
        let x = self.input(inputs, 0)?;
        let width = x.spec.shape.last();
        for_float!(self.op, x.spec.dtype, T => {
            let x = self.elements::<T>(x)?;
            let count = self.output.shape.count();
            let (mut values, mut indices) = (Scratch::<T>::new(count), Scratch::<i64>::new(count));
            reduce::top_k(width, k, x, &mut values, &mut indices);
            Ok(vec![values.into_buffer(), indices.into_buffer()])
        })
    }

    pub(super) fn arg_max(&self, inputs: &[Value]) -> Result<Buffer> {
        let x = self.input(inputs, 0)?;
        let width = x.spec.shape.last();
        for_any!(self.op, x.spec.dtype, T => {
            let x = self.elements::<T>(x)?;
            if width == 0 && self.output.shape.count() > 0 {
                return self.fail("an empty row has no greatest element");
            }
            self.build(|out| reduce::arg_max(width, x, out))
        })
    }
}
