//! How near two tensors are, and a report of all that are too far apart.

use scaledown_sdk::{Tensor, TensorData};

/// How near a result must be to what PyTorch computed.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// The least cosine between the two, all elements taken as one vector.
    pub cosine: f64,
    /// The greatest absolute difference of any element.
    pub absolute: f64,
}

impl Tolerance {
    /// For computations in f32.
    pub const F32: Tolerance = Tolerance { cosine: 0.99999, absolute: 1e-4 };
    /// For computations in bf16, which round differently at every step: the direction must agree.
    pub const BF16: Tolerance = Tolerance { cosine: 0.999, absolute: f64::INFINITY };
}

/// The length of a vector whose direction means nothing.
const NEGLIGIBLE: f64 = 1e-4;

/// How near two equally long vectors are.
#[derive(Clone, Copy, Debug)]
pub struct Deviation {
    /// Their cosine; 1 if both are negligible, since what is left of an exact zero is rounding in
    /// any direction.
    pub cosine: f64,
    /// The greatest absolute difference of any element; infinite where only one of the two is
    /// finite.
    pub absolute: f64,
}

impl Deviation {
    /// Compares two vectors. Elements that are the same infinity in both count as equal.
    #[must_use]
    pub fn of(ours: &[f64], theirs: &[f64]) -> Self {
        let (mut dot, mut norm_ours, mut norm_theirs, mut absolute) = (0.0, 0.0, 0.0, 0.0_f64);
        for (&a, &b) in ours.iter().zip(theirs) {
            if a.is_infinite() && a == b {
                continue;
            }
            let difference = (a - b).abs();
            absolute = absolute.max(if difference.is_nan() { f64::INFINITY } else { difference });
            dot += a * b;
            norm_ours += a * a;
            norm_theirs += b * b;
        }
        let scale = f64::sqrt(norm_ours * norm_theirs);
        let cosine = if f64::max(norm_ours, norm_theirs).sqrt() <= NEGLIGIBLE { 1.0 } else { dot / scale };
        Deviation { cosine, absolute }
    }

    fn within(self, tolerance: Tolerance) -> bool {
        self.cosine >= tolerance.cosine && self.absolute <= tolerance.absolute
    }
}

/// Collects comparisons, so that a failing test shows every tensor that differs and not only the
/// first.
pub struct ComparisonReport {
    subject: String,
    tolerance: Tolerance,
    compared: usize,
    problems: Vec<String>,
}

impl ComparisonReport {
    /// An empty report on `subject`.
    #[must_use]
    pub fn new(subject: &str, tolerance: Tolerance) -> Self {
        ComparisonReport { subject: subject.to_owned(), tolerance, compared: 0, problems: Vec::new() }
    }

    /// Compares a tensor with PyTorch's; type may differ, shape may not.
    ///
    /// # Panics
    /// If the tensor cannot be brought to the host.
    pub fn tensor(&mut self, name: &str, ours: &Tensor, theirs: &TensorData) {
        let ours = ours.to_data().unwrap_or_else(|error| panic!("{}: {name}: {error}", self.subject));
        if ours.spec().shape == theirs.spec().shape {
            self.values(name, &ours.to_f64(), &theirs.to_f64());
        } else {
            self.problem(&format!("{name} has shape {}, PyTorch's {}", ours.spec().shape, theirs.spec().shape));
        }
    }

    /// Compares those rows (along all dimensions but the last) of two tensors that `mask` marks.
    ///
    /// # Panics
    /// If the tensor cannot be brought to the host.
    pub fn rows(&mut self, name: &str, ours: &Tensor, theirs: &TensorData, mask: &[bool]) {
        let ours = ours.to_data().unwrap_or_else(|error| panic!("{}: {name}: {error}", self.subject));
        if ours.spec().shape != theirs.spec().shape || ours.spec().shape.rows() != mask.len() {
            let (ours, theirs) = (&ours.spec().shape, &theirs.spec().shape);
            self.problem(&format!("{name} has shape {ours}, PyTorch's {theirs}, {} rows are marked or not", mask.len()));
            return;
        }
        let size = ours.spec().shape.last();
        let marked = |values: Vec<f64>| -> Vec<f64> {
            let rows = values.chunks(size).zip(mask).filter(|(_, keep)| **keep);
            rows.flat_map(|(row, _)| row.to_vec()).collect()
        };
        self.values(name, &marked(ours.to_f64()), &marked(theirs.to_f64()));
    }

    /// Compares elements.
    pub fn values(&mut self, name: &str, ours: &[f64], theirs: &[f64]) {
        self.compared += 1;
        let found = Deviation::of(ours, theirs);
        if ours.len() != theirs.len() {
            self.problem(&format!("{name} has {} elements, PyTorch's {}", ours.len(), theirs.len()));
        } else if !found.within(self.tolerance) {
            self.problem(&format!("{name}: cosine {:.7}, greatest difference {:.2e}", found.cosine, found.absolute));
        }
    }

    /// Notes something that is wrong whatever the numbers are.
    pub fn problem(&mut self, problem: &str) {
        self.problems.push(problem.to_owned());
    }

    /// Ends the comparison.
    ///
    /// # Panics
    /// If anything differed, or nothing was compared.
    pub fn finish(self) {
        assert!(self.compared > 0, "{}: nothing was compared", self.subject);
        let ComparisonReport { subject, tolerance, compared, problems } = self;
        assert!(
            problems.is_empty(),
            "{subject}: {} of {compared} tensors differ (required: {tolerance:?}):\n  {}",
            problems.len(),
            problems.join("\n  ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_vectors_are_near_whatever_they_hold() {
        let values = [1.0, f64::NEG_INFINITY, 0.0];
        assert!(Deviation::of(&values, &values).within(Tolerance::F32));
        assert!(Deviation::of(&[0.0], &[1e-6]).within(Tolerance::F32));
    }

    #[test]
    fn a_missing_gradient_a_nan_and_an_infinity_are_far() {
        assert!(!Deviation::of(&[0.0, 0.0], &[1e-3, 0.0]).within(Tolerance::BF16));
        assert!(!Deviation::of(&[f64::NAN, 1.0], &[1.0, 1.0]).within(Tolerance::BF16));
        assert!(!Deviation::of(&[f64::INFINITY], &[1.0]).within(Tolerance::F32));
        assert!(!Deviation::of(&[1.0, 2.0], &[1.0, 2.001]).within(Tolerance::F32));
    }
}
