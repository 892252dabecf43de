//! Whether two readings of the same questions differ: a paired randomisation test (Noreen 1989).

use scaledown_sdk::tensor::uniform_bits;

/// How many times the signs of the differences are drawn.
const DRAWS: u64 = 10_000;
const SEED: u64 = 0x005E_ED0F_9A17;

/// The mean difference of two scores of the same questions, and how often chance alone makes one as
/// large.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct PairedTest {
    /// The mean of the first less the second.
    pub difference: f64,
    /// The share of random exchanges of the two readings whose mean difference is as large, either
    /// way.
    pub p: f64,
    /// The questions.
    pub questions: u64,
}

impl PairedTest {
    /// Compares scores of the same questions, in the same order; `None` if there are none.
    #[must_use]
    pub fn of(first: &[f64], second: &[f64]) -> Option<Self> {
        let differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
        let count = differences.len() as f64;
        let found = differences.iter().sum::<f64>();
        let as_large = |draw: &u64| {
            let sign =
                |at: usize| if uniform_bits(SEED ^ draw.wrapping_mul(0x9E37_79B9), at as u64) & 1 == 0 { 1.0 } else { -1.0 };
            let sum: f64 = differences.iter().enumerate().map(|(at, difference)| sign(at) * difference).sum();
            sum.abs() >= found.abs() - 1e-9
        };
        let chance = (0..DRAWS).filter(as_large).count() as f64;
        // The exchange that leaves all as it is counts, too.
        let p = (chance + 1.0) / (DRAWS as f64 + 1.0);
        (!differences.is_empty()).then_some(PairedTest { difference: found / count, p, questions: differences.len() as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_readings_do_not_differ_and_others_do() {
        let scores: Vec<f64> = (0..40).map(|i| f64::from(i % 3) / 2.0).collect();
        let same = PairedTest::of(&scores, &scores).unwrap();
        assert_eq!((same.difference, same.questions), (0.0, 40));
        assert!(same.p > 0.99, "{same:?}");
        let worse: Vec<f64> = scores.iter().map(|score| score - 0.3).collect();
        let differs = PairedTest::of(&scores, &worse).unwrap();
        assert!((differs.difference - 0.3).abs() < 1e-9 && differs.p < 0.001, "{differs:?}");
        // Two questions can be exchanged in four ways, two of which are as far apart.
        let few = PairedTest::of(&[1.0, 1.0], &[0.0, 0.0]).unwrap();
        assert!((few.p - 0.5).abs() < 0.03, "{few:?}");
        assert_eq!(PairedTest::of(&[], &[]), None);
    }
}
