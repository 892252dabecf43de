//! The AdamW step.

use crate::math::{Float, Number, Numeric, Real};
use crate::parallel::{self, GRAIN};
use multiversion::multiversion;

/// The settings of one step.
#[derive(Clone, Copy)]
pub(crate) struct AdamW {
    pub(crate) lr: f64,
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) eps: f64,
    pub(crate) weight_decay: f64,
    pub(crate) step: u64,
    pub(crate) grad_scale: f64,
}

/// The constants of one step, in the type it is computed in.
#[derive(Clone, Copy)]
struct Step<R> {
    grad_scale: R,
    beta1: R,
    rest1: R,
    beta2: R,
    rest2: R,
    /// The learning rate over the bias correction of the first moment.
    rate: R,
    /// The reciprocal root of the bias correction of the second moment.
    correction: R,
    eps: R,
    /// The parameter's factor after weight decay.
    keep: R,
}

impl<R: Number> Step<R> {
    fn new(settings: &AdamW) -> Self {
        let step = settings.step as f64;
        let correction1 = 1.0 - settings.beta1.powf(step);
        let correction2 = 1.0 - settings.beta2.powf(step);
        Step {
            grad_scale: R::of(settings.grad_scale),
            beta1: R::of(settings.beta1),
            rest1: R::of(1.0 - settings.beta1),
            beta2: R::of(settings.beta2),
            rest2: R::of(1.0 - settings.beta2),
            rate: R::of(settings.lr / correction1),
            correction: R::of(1.0 / correction2.sqrt()),
            eps: R::of(settings.eps),
            keep: R::of(1.0 - settings.lr * settings.weight_decay),
        }
    }
}

impl<R: Real> Step<R> {
    #[inline(always)]
    fn update(&self, parameter: R, grad: R, m: &mut R, v: &mut R) -> R {
        let grad = grad * self.grad_scale;
        *m = *m * self.beta1 + grad * self.rest1;
        *v = *v * self.beta2 + grad * grad * self.rest2;
        parameter * self.keep - self.rate * *m / (v.sqrt() * self.correction + self.eps)
    }
}

/// Updates a parameter and its moments in place. The gradient may be of a narrower type (where the
/// parameter is a master copy).
pub(crate) fn adamw<P: Numeric<Compute: Real>, G: Float<Compute = P::Compute>>(
    settings: &AdamW,
    parameter: &mut [P],
    grad: &[G],
    m: &mut [P::Compute],
    v: &mut [P::Compute],
) {
    #[multiversion(targets = "simd")]
    fn run<P: Numeric<Compute: Real>, G: Float<Compute = P::Compute>>(
        step: Step<P::Compute>,
        parameter: &mut [P],
        grad: &[G],
        m: &mut [P::Compute],
        v: &mut [P::Compute],
    ) {
        for (((parameter, grad), m), v) in parameter.iter_mut().zip(grad).zip(m).zip(v) {
            *parameter = P::store(step.update(parameter.load(), grad.load(), m, v));
        }
    }
    let step = Step::new(settings);
    parallel::chunks3((parameter, GRAIN), (m, GRAIN), (v, GRAIN), |i, parameter, m, v| {
        run(step, parameter, &grad[i * GRAIN..], m, v);
    });
}
