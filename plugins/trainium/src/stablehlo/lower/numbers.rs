//! The numbers that a program takes at run time.

use scaledown_sdk::{DType, Op};

/// Run-time numbers of a program, in the order in which its instructions take them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers {
    /// Seeds, in halves, and places.
    pub words: Vec<u32>,
    /// Rates, in single precision.
    pub singles: Vec<f32>,
    /// Rates, in double precision.
    pub doubles: Vec<f64>,
}

impl Numbers {
    fn add(&mut self, dtype: DType, value: f64) {
        match dtype {
            DType::F64 => self.doubles.push(value),
            _ => self.singles.push(value as f32),
        }
    }
}

/// Adds those of one instruction, whose sums are computed in `dtype`.
pub fn numbers(op: &Op, dtype: DType, numbers: &mut Numbers) {
    match *op {
        // The first index, too: without it, compilers fold the constant part of each element.
        Op::Uniform { seed, .. } => numbers.words.extend([1, (seed >> 32) as u32, seed as u32]),
        Op::WriteSlice { start, .. } => numbers.words.push(u32::try_from(start).unwrap_or(u32::MAX)),
        Op::AdamW { beta1, beta2, weight_decay, lr, step, .. } => {
            let correction = |beta: f64| 1.0 - beta.powf(step as f64);
            numbers.add(dtype, 1.0 - lr * weight_decay);
            numbers.add(dtype, lr / correction(beta1));
            numbers.add(dtype, correction(beta2).sqrt().recip());
        }
        _ => {}
    }
}
