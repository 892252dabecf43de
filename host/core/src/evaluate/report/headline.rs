//! The report's first sentences.

use super::{metrics::Metrics, metrics::Speed};

/// Says what the run gained, in one or two sentences, of what was measured.
pub(super) fn headline(metrics: &Metrics) -> String {
    let after = metrics.after.em;
    let mut sentence = match metrics.compression_rate {
        Some(rate) => format!("With documents compressed {rate:.0} times, exact match is {after:.2}"),
        None => format!("With compressed documents, exact match is {after:.2}"),
    };
    if let Some(before) = &metrics.before {
        sentence += &format!(" after training and was {:.2} before", before.em);
    }
    if let Some(full) = &metrics.uncompressed {
        sentence += &format!("; the generator that reads the full documents reaches {:.2}", full.em);
        if full.em > 0.0 {
            sentence += &format!(", so {:.0} % of its quality is retained", 100.0 * after / full.em);
        }
    }
    sentence.push('.');
    if let Some(speed) = &metrics.speed {
        sentence += &speed_sentence(speed);
    }
    sentence
}

fn speed_sentence(speed: &Speed) -> String {
    let arithmetic = if speed.compressed.tflop > 0.0 && speed.uncompressed.tflop > 0.0 {
        format!(", with {:.1}x fewer FLOPs", speed.uncompressed.tflop / speed.compressed.tflop)
    } else {
        String::new()
    };
    if (0.95..1.05).contains(&speed.speedup) {
        format!(" Answers take as long{arithmetic}.")
    } else if speed.speedup >= 1.0 {
        format!(" Answers come {:.1} times faster{arithmetic}.", speed.speedup)
    } else if speed.speedup > 0.0 {
        format!(" Answers come {:.1} times slower{arithmetic}.", 1.0 / speed.speedup)
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::metrics::AnswerScores;
    use crate::evaluate::report::PhaseCosts;

    #[test]
    fn only_what_was_measured_is_said() {
        let scores = |em| AnswerScores { em, ..AnswerScores::default() };
        let mut metrics = Metrics { after: scores(0.5), ..Metrics::default() };
        assert_eq!(headline(&metrics), "With compressed documents, exact match is 0.50.");
        metrics.before = Some(scores(0.0));
        metrics.uncompressed = Some(scores(0.0));
        metrics.compression_rate = Some(8.0);
        assert_eq!(
            headline(&metrics),
            "With documents compressed 8 times, exact match is 0.50 after training and was 0.00 before; the generator that \
             reads the full documents reaches 0.00."
        );
        metrics.uncompressed = Some(scores(0.625));
        let costs = |tflop| PhaseCosts { tflop, ..PhaseCosts::default() };
        metrics.speed = Some(Speed { compressed: costs(1.0), uncompressed: costs(3.0), speedup: 0.5, ..Speed::default() });
        let told = headline(&metrics);
        assert!(
            told.ends_with("so 80 % of its quality is kept. Answers come 2.0 times slower, with 3.0x fewer FLOPs."),
            "{told}"
        );
    }
}
