//! The report's summary.

use super::{metrics::Metrics, metrics::Speed};

/// Summarises quality and speed in up to three sentences, from measured values only.
pub(super) fn headline(metrics: &Metrics) -> String {
    let after = metrics.after.em;
    let mut text = match metrics.compression_rate {
        Some(rate) => format!("With {rate:.0}x compression, exact match is {after:.2}"),
        None => format!("With compressed documents, exact match is {after:.2}"),
    };
    if let Some(before) = &metrics.before {
        text += &format!(" after training and {:.2} before", before.em);
    }
    text.push('.');
    if let Some(full) = &metrics.uncompressed {
        text += &format!(" With full documents, it is {:.2}", full.em);
        if full.em > 0.0 {
            text += &format!(": compression retains {:.0} % of the quality", 100.0 * after / full.em);
        }
        text.push('.');
    }
    if let Some(speed) = &metrics.speed {
        text += &speed_sentence(speed);
    }
    text
}

fn speed_sentence(speed: &Speed) -> String {
    let (compressed, uncompressed) = (speed.compressed.tflop, speed.uncompressed.tflop);
    let flops = match compressed > 0.0 && uncompressed > 0.0 {
        true if uncompressed >= compressed => format!(", with {:.1}x fewer FLOPs", uncompressed / compressed),
        true => format!(", with {:.1}x more FLOPs", compressed / uncompressed),
        false => String::new(),
    };
    if (0.95..1.05).contains(&speed.speedup) {
        format!(" Answers take the same time{flops}.")
    } else if speed.speedup >= 1.0 {
        format!(" Answers are {:.1}x faster{flops}.", speed.speedup)
    } else if speed.speedup > 0.0 {
        format!(" Answers are {:.1}x slower{flops}.", 1.0 / speed.speedup)
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
    fn only_measured_values_are_named() {
        let scores = |em| AnswerScores { em, ..AnswerScores::default() };
        let mut metrics = Metrics { after: scores(0.5), ..Metrics::default() };
        assert_eq!(headline(&metrics), "With compressed documents, exact match is 0.50.");
        metrics.before = Some(scores(0.0));
        metrics.uncompressed = Some(scores(0.0));
        metrics.compression_rate = Some(8.0);
        assert_eq!(
            headline(&metrics),
            "With 8x compression, exact match is 0.50 after training and 0.00 before. With full documents, it is 0.00."
        );
        metrics.uncompressed = Some(scores(0.625));
        let costs = |tflop| PhaseCosts { tflop, ..PhaseCosts::default() };
        metrics.speed = Some(Speed { compressed: costs(1.0), uncompressed: costs(3.0), speedup: 0.5, ..Speed::default() });
        let text = headline(&metrics);
        let expected = "compression retains 80 % of the quality. Answers are 2.0x slower, with 3.0x fewer FLOPs.";
        assert!(text.ends_with(expected), "{text}");
        metrics.speed = Some(Speed { compressed: costs(3.0), uncompressed: costs(2.0), speedup: 2.0, ..Speed::default() });
        assert!(headline(&metrics).ends_with("Answers are 2.0x faster, with 1.5x more FLOPs."));
    }
}
