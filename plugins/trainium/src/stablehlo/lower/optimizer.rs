//! The AdamW step.

use scaledown_sdk::Op;

use super::{Lowering, Unsupported};
use crate::stablehlo::{Binary, ComparisonDirection, FunctionBuilder, Id, Unary};

/// One step of one or more parameters. What changes from step to step is a run-time number.
pub(super) fn adamw(at: &mut Lowering, op: &Op, x: &[Id]) -> Result<Vec<Id>, Unsupported> {
    let &Op::AdamW { beta1, beta2, eps, weight_decay: _, masters, .. } = op else {
        return Err(format!("{} is no AdamW step", op.name()));
    };
    let Some((&scale, rest)) = x.split_first() else { return Err("an AdamW step has no inputs".into()) };
    let kind = at.builder.element(scale);
    let (keep, rate, unbias) = (at.number(kind)?, at.number(kind)?, at.number(kind)?);
    let b = &mut at.builder;
    let sound = b.compare(ComparisonDirection::Eq, scale, scale);
    let mut outputs = Vec::new();
    for one in rest.chunks_exact(if masters { 5 } else { 4 }) {
        let [parameter, grad, m, v, ..] = *one else { continue };
        let dims = b.dims(parameter);
        let sound = b.broadcast(sound, &dims);
        let exact = one.get(4).copied().unwrap_or(parameter);
        let exact = b.wide(exact);
        let grad = b.wide(grad);
        let grad = b.binary(Binary::Multiply, grad, scale);
        let new_m = mix(b, m, grad, beta1);
        let square = b.binary(Binary::Multiply, grad, grad);
        let new_v = mix(b, v, square, beta2);
        let root = b.unary(Unary::Sqrt, new_v);
        let root = b.binary(Binary::Multiply, root, unbias);
        let eps = b.constant(kind, eps);
        let denominator = b.binary(Binary::Add, root, eps);
        let decayed = b.binary(Binary::Multiply, exact, keep);
        let quotient = b.binary(Binary::Divide, new_m, denominator);
        let change = b.binary(Binary::Multiply, quotient, rate);
        let updated = b.binary(Binary::Subtract, decayed, change);
        let updated = b.select(sound, updated, exact);
        // A parameter that does not change keeps its bits, whatever its master copy rounds to.
        let rounded = b.convert(updated, b.element(parameter));
        outputs.push(b.select(sound, rounded, parameter));
        outputs.push(b.select(sound, new_m, m));
        outputs.push(b.select(sound, new_v, v));
        outputs.extend(masters.then_some(updated));
    }
    Ok(outputs)
}

/// `beta old + (1 - beta) new`.
fn mix(b: &mut FunctionBuilder, old: Id, new: Id, beta: f64) -> Id {
    let kind = b.element(old);
    let (keep, add) = (b.constant(kind, beta), b.constant(kind, 1.0 - beta));
    let (old, new) = (b.binary(Binary::Multiply, old, keep), b.binary(Binary::Multiply, new, add));
    b.binary(Binary::Add, old, new)
}
