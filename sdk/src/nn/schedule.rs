//! Learning-rate schedules.

/// How the learning rate goes over the steps of a training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Up to the peak over the warm-up, then down to 0 at the last step, both linearly (the
    /// paper's).
    #[default]
    Linear,
    /// Up to the peak over the warm-up, then down to 0 along half a cosine.
    Cosine,
    /// Up to the peak over the warm-up, then constant.
    Constant,
}

impl Schedule {
    /// The share of the peak learning rate for step `step` (from 0) of `total`, of which the first
    /// `warmup` are the warm-up. Equal to `transformers.get_*_schedule_with_warmup`.
    #[must_use]
    pub fn factor(self, step: u64, warmup: u64, total: u64) -> f64 {
        if step < warmup {
            return step as f64 / warmup as f64;
        }
        let progress = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
        match self {
            Schedule::Linear => (1.0 - progress).max(0.0),
            Schedule::Cosine => (0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos())).max(0.0),
            Schedule::Constant => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Schedule;

    #[test]
    fn linear_goes_up_and_down() {
        let at = |step| Schedule::Linear.factor(step, 10, 110);
        assert_eq!((at(0), at(5), at(10), at(60), at(110), at(200)), (0.0, 0.5, 1.0, 0.5, 0.0, 0.0));
    }

    #[test]
    fn no_warm_up_starts_at_the_peak() {
        for schedule in [Schedule::Linear, Schedule::Cosine, Schedule::Constant] {
            assert_eq!(schedule.factor(0, 0, 10), 1.0);
        }
        assert!(Schedule::Cosine.factor(10, 0, 10).abs() < 1e-12);
    }
}
