//! Between which numbers integers lie, as far as it can be known without computing them: ids within
//! their range need no check on the device.

use scaledown_sdk::tensor::BinaryOp;
use scaledown_sdk::{DType, Op, TensorSpec};

/// The least and the greatest number that an integer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) least: i64,
    pub(super) greatest: i64,
}

impl Bounds {
    /// The bounds of integers from the host; none if there are no integers.
    pub(super) fn of(dtype: DType, bytes: &[u8]) -> Option<Bounds> {
        fn over(numbers: impl Iterator<Item = i64>) -> Option<Bounds> {
            numbers.fold(None, |known: Option<Bounds>, number| {
                let one = Bounds { least: number, greatest: number };
                Some(known.map_or(one, |known| known.hull(one)))
            })
        }
        match dtype {
            DType::I64 => over(bytes.chunks_exact(8).filter_map(|one| Some(i64::from_le_bytes(one.try_into().ok()?)))),
            DType::U32 => over(bytes.chunks_exact(4).filter_map(|one| Some(i64::from(u32::from_le_bytes(one.try_into().ok()?))))),
            _ => None,
        }
    }

    fn hull(self, other: Bounds) -> Bounds {
        Bounds { least: self.least.min(other.least), greatest: self.greatest.max(other.greatest) }
    }

    /// Whether every integer is one of the first `rows`.
    pub(super) fn within(self, rows: usize) -> bool {
        self.least >= 0 && usize::try_from(self.greatest).is_ok_and(|greatest| greatest < rows)
    }
}

/// The bounds of what an instruction makes of inputs with these bounds; none where nothing is
/// known.
pub(super) fn bounds(op: &Op, inputs: &[(&TensorSpec, Option<Bounds>)], output: &TensorSpec) -> Option<Bounds> {
    let known = |index: usize| inputs.get(index).and_then(|(_, bounds)| *bounds);
    let hull = || {
        // An input without integers puts none into the result.
        let mut all = inputs.iter().filter(|(spec, _)| spec.dtype == output.dtype && spec.shape.count() > 0);
        let (_, first) = all.next()?;
        all.try_fold((*first)?, |hull, (_, bounds)| Some(hull.hull((*bounds)?)))
    };
    match op {
        Op::Arange { start, len } => {
            let last = i64::try_from(*len).ok()?.checked_sub(1)?;
            Some(Bounds { least: *start, greatest: start.checked_add(last)? })
        }
        Op::ArgMax | Op::TopK { .. } if !output.dtype.is_float() => {
            let width = inputs.first().map_or(1, |(spec, _)| spec.shape.last());
            Some(Bounds { least: 0, greatest: i64::try_from(width).ok()? - 1 })
        }
        Op::Permute { .. } | Op::Broadcast { .. } | Op::Slice { .. } => known(0),
        Op::Concat { .. } | Op::WriteSlice { .. } | Op::Select => hull(),
        Op::Cast { dtype: DType::I64 } => known(0),
        Op::Cast { dtype: DType::U32 } => known(0).filter(|known| known.least >= 0 && known.greatest <= i64::from(u32::MAX)),
        Op::Binary(BinaryOp::Add) if output.dtype == DType::I64 => {
            let (a, b) = (known(0)?, known(1)?);
            Some(Bounds { least: a.least.checked_add(b.least)?, greatest: a.greatest.checked_add(b.greatest)? })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> TensorSpec {
        TensorSpec::new(DType::I64, [2])
    }

    #[test]
    fn places_of_a_decoding_stay_known() {
        let start = Bounds::of(DType::I64, &[3_i64, 5].map(i64::to_le_bytes).concat()).unwrap();
        assert_eq!(start, Bounds { least: 3, greatest: 5 });
        let one = Bounds { least: 1, greatest: 1 };
        let next = bounds(&Op::Binary(BinaryOp::Add), &[(&spec(), Some(start)), (&spec(), Some(one))], &spec()).unwrap();
        assert_eq!(next, Bounds { least: 4, greatest: 6 });
        assert!(next.within(7) && !next.within(6));
        assert!(!Bounds { least: -1, greatest: 0 }.within(9));
    }

    #[test]
    fn what_is_not_known_has_no_bounds() {
        let far = Bounds { least: 0, greatest: i64::MAX };
        let add = Op::Binary(BinaryOp::Add);
        assert_eq!(bounds(&add, &[(&spec(), Some(far)), (&spec(), Some(far))], &spec()), None, "the sum overflows");
        assert_eq!(bounds(&add, &[(&spec(), Some(far)), (&spec(), None)], &spec()), None);
        assert_eq!(bounds(&Op::Binary(BinaryOp::Mul), &[(&spec(), Some(far)), (&spec(), Some(far))], &spec()), None);
        let negative = Bounds { least: -1, greatest: 4 };
        let unsigned = TensorSpec::new(DType::U32, [2]);
        assert_eq!(bounds(&Op::Cast { dtype: DType::U32 }, &[(&spec(), Some(negative))], &unsigned), None);
    }
}
