//! The loss and the optimizer.

use scaledown_sdk::tensor::Value;
use scaledown_sdk::{DType, Result};

use super::{Call, for_float};
use crate::math::{Float, Numeric};
use crate::optimizer::AdamW;
use crate::storage::{Buffer, Scalar, Scratch};
use crate::{elementwise, loss, optimizer, reduce};

impl Call<'_> {
    pub(super) fn cross_entropy(&self, inputs: &[Value]) -> Result<Vec<Buffer>> {
        let logits = self.input(inputs, 0)?;
        let width = logits.spec.shape.last();
        let targets = self.get::<i64>(inputs, 1)?;
        self.check_targets(targets, width)?;
        for_float!(self.op, logits.spec.dtype, T => {
            let mut loss = Scratch::<<T as Numeric>::Compute>::new(targets.len());
            let mut lse = Scratch::<<T as Numeric>::Compute>::new(targets.len());
            loss::cross_entropy(width, self.elements::<T>(logits)?, targets, &mut loss, &mut lse);
            Ok(vec![loss.into_buffer(), lse.into_buffer()])
        })
    }

    pub(super) fn cross_entropy_backward(&self, inputs: &[Value]) -> Result<Buffer> {
        let width = self.output.shape.last();
        let targets = self.get::<i64>(inputs, 1)?;
        self.check_targets(targets, width)?;
        for_float!(self.op, self.output.dtype, T => {
            let logits = self.get::<T>(inputs, 0)?;
            let rows = (self.get::<<T as Numeric>::Compute>(inputs, 2)?, self.get::<<T as Numeric>::Compute>(inputs, 3)?);
            self.build(|out| loss::cross_entropy_backward(width, (logits, targets), rows, out))
        })
    }

    fn check_targets(&self, targets: &[i64], classes: usize) -> Result<()> {
        match targets.iter().enumerate().find(|(_, target)| usize::try_from(**target).is_ok_and(|target| target >= classes)) {
            None => Ok(()),
            Some((row, target)) => self.fail(format!("target {target} of row {row} is not among the classes 0..{classes}")),
        }
    }

    pub(super) fn sum_squares(&self, inputs: &[Value]) -> Result<Buffer> {
        let mut sum = 0.0;
        for input in inputs {
            sum += for_float!(self.op, input.spec.dtype, T => Ok(reduce::sum_squares(self.elements::<T>(input)?)))?;
        }
        match self.output.dtype {
            DType::F64 => self.build(|out| out.fill(sum)),
            _ => self.build(|out| out.fill(sum as f32)),
        }
    }

    pub(super) fn adamw(&self, inputs: Vec<Value>, settings: AdamW, masters: bool) -> Result<Vec<Buffer>> {
        let mut inputs = inputs.into_iter();
        let Some(scale) = inputs.next() else { return self.fail("expected a factor on the gradients") };
        let grad_scale = match scale.spec.dtype {
            DType::F64 => self.elements::<f64>(&scale)?.first().copied(),
            _ => self.elements::<f32>(&scale)?.first().copied().map(f64::from),
        };
        let settings = AdamW { grad_scale: grad_scale.unwrap_or(f64::NAN), ..settings };
        let mut outputs = Vec::new();
        while let (Some(parameter), Some(grad), Some(m), Some(v)) = (inputs.next(), inputs.next(), inputs.next(), inputs.next()) {
            let (dtype, own) = (parameter.spec.dtype, parameter.spec.dtype == grad.spec.dtype);
            let mut one = vec![parameter, grad, m, v];
            one.extend(if masters { inputs.next() } else { None });
            outputs.extend(for_float!(self.op, dtype, T => match own {
                true => self.adamw_as::<T, T>(one, &settings),
                false => self.adamw_as::<T, <T as Numeric>::Compute>(one, &settings),
            })?);
        }
        Ok(outputs)
    }

    /// AdamW of a parameter of type `T` with a gradient of type `G`: its own, or the type that it
    /// is computed in.
    fn adamw_as<T, G>(&self, inputs: Vec<Value>, settings: &AdamW) -> Result<Vec<Buffer>>
    where
        T: Float + Scalar + Numeric<Compute = <G as Numeric>::Compute>,
        T::Compute: Scalar,
        G: Float + Scalar,
    {
        let mut inputs = inputs.into_iter();
        let (Some(parameter), Some(grad), Some(m), Some(v)) = (inputs.next(), inputs.next(), inputs.next(), inputs.next()) else {
            return self.fail("expected a parameter, its gradient and two moments");
        };
        let grad = self.elements::<G>(&grad)?;
        let mut parameter = self.owned::<T>(parameter)?;
        let (mut m, mut v) = (self.owned::<T::Compute>(m)?, self.owned::<T::Compute>(v)?);
        if settings.grad_scale.is_nan() {
            let master = inputs.next().map(|master| self.owned::<T::Compute>(master)).transpose()?;
            return Ok([Some(parameter), Some(m), Some(v), master].into_iter().flatten().collect());
        }
        let moments = (self.writable(&mut m)?, self.writable(&mut v)?);
        let Some(master) = inputs.next() else {
            optimizer::adamw(settings, self.writable::<T>(&mut parameter)?, grad, moments.0, moments.1);
            return Ok(vec![parameter, m, v]);
        };
        let mut master = self.owned::<T::Compute>(master)?;
        let exact = self.writable::<T::Compute>(&mut master)?;
        optimizer::adamw(settings, exact, grad, moments.0, moments.1);
        elementwise::narrow(exact, self.writable::<T>(&mut parameter)?);
        Ok(vec![parameter, m, v, master])
    }
}
