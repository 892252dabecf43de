//! The page.

use minijinja::{AutoEscape, Environment, Value, context};

use super::{
    error::ReportError,
    figures::{bytes, duration, flop_unit, significant},
    headline::headline,
    metrics::{Metrics, PhaseCosts, Speed, StageSummary},
    plot::Picture,
    write::EvaluationReport,
};
use crate::evaluate::metrics::AnswerScores;

/// Renders `report` as one HTML page that holds its pictures and needs no other file.
pub(super) fn page(report: &EvaluationReport, pictures: &[Picture]) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("report.html", include_str!("report.html"))?;
    environment.add_template("style.css", include_str!("style.css"))?;
    let pictures: Vec<Value> = pictures
        .iter()
        // Drawn by this program, so the one thing on the page that is not escaped.
        .map(|picture| context! { name => picture.name, svg => Value::from_safe_string(picture.svg.clone()) })
        .collect();
    let metrics = &report.metrics;
    let page = environment.get_template("report.html")?.render(context! {
        title => report.title,
        headline => headline(metrics),
        metrics => metrics,
        quality => quality_rows(metrics),
        speed => metrics.speed.as_ref().map(speed_table),
        stats => stats(metrics),
        stages => stages(metrics),
        pictures => pictures,
        config => report.config,
        samples => report.samples,
    })?;
    Ok(page)
}

/// A model a row: its name and its five scores.
fn quality_rows(metrics: &Metrics) -> Vec<(&'static str, Vec<String>)> {
    let row = |(name, scores): (&'static str, Option<AnswerScores>)| {
        let AnswerScores { em, f1, matched, rouge_l, rouge_l_kilt } = scores?;
        Some((name, [em, f1, matched, rouge_l, rouge_l_kilt].map(|score| format!("{score:.3}")).to_vec()))
    };
    [
        ("Compressed, before training", metrics.before),
        ("Compressed, after training", Some(metrics.after)),
        ("Uncompressed", metrics.uncompressed),
        ("Without documents", metrics.without_documents),
    ]
    .into_iter()
    .filter_map(row)
    .collect()
}

/// The unit of FLOPs and one row per phase: its name, then time and FLOPs of both models.
fn speed_table(speed: &Speed) -> Value {
    type Cost = fn(&PhaseCosts) -> f64;
    let (compressed, uncompressed) = (&speed.compressed, &speed.uncompressed);
    let (unit, size) = flop_unit(compressed.tflop.max(uncompressed.tflop));
    let phases: [(&'static str, Cost, Cost); 4] = [
        ("Compress", |costs| costs.compress_ms, |costs| costs.compress_tflop),
        ("Prefill", |costs| costs.prefill_ms, |costs| costs.prefill_tflop),
        ("Decode", |costs| costs.decode_ms, |costs| costs.decode_tflop),
        ("Total", |costs| costs.total_ms, |costs| costs.tflop),
    ];
    let ratio = |cost: Cost| match (cost(uncompressed), cost(compressed)) {
        (full, small) if full > 0.0 && small > 0.0 => format!("{:.2}×", full / small),
        _ => "–".to_owned(),
    };
    let row = |(name, time, flops): (&'static str, Cost, Cost)| {
        let (ms, flop) = (|costs| significant(time(costs)), |costs| significant(flops(costs) / size));
        let cells = [ms(compressed), ms(uncompressed), ratio(time), flop(compressed), flop(uncompressed), ratio(flops)];
        (name, cells.to_vec())
    };
    context! { unit => unit, rows => phases.into_iter().map(row).collect::<Vec<_>>() }
}

/// The single figures, each with its name.
fn stats(metrics: &Metrics) -> Vec<(&'static str, String)> {
    let mut stats = vec![("Questions", metrics.examples.to_string())];
    if let Some(rate) = metrics.compression_rate {
        stats.push(("Compression rate", format!("{rate:.1}× (document tokens per vector, as achieved)")));
    }
    if let Some(read) = &metrics.documents {
        stats.push(("Documents cut", format!("{} of {}", read.cut, read.documents)));
    }
    if let Some(test) = &metrics.paired_f1 {
        let text = format!("{:+.3} (p = {:.4}, paired over {} questions)", test.difference, test.p, test.questions);
        stats.push(("F1, compressed less full documents", text));
    }
    if let Some(kept) = metrics.kept_facts.filter(|kept| kept.gold > 0) {
        let share = kept.lost_share().map_or_else(String::new, |share| format!(" ({:.0} %)", 100.0 * share));
        let text = format!("{} of {} that full documents gave{share}", kept.lost, kept.uncompressed);
        stats.push(("Numbers and names lost", text));
    }
    if let Some(memory) = &metrics.peak_memory_bytes {
        stats.push(("Peak memory, compressed", bytes(memory.compressed)));
        stats.push(("Peak memory, uncompressed", bytes(memory.uncompressed)));
        stats.extend(memory.training.map(|peak| ("Peak memory, training", bytes(peak))));
    }
    if let Some(speed) = &metrics.speed {
        let rate = |costs: &PhaseCosts| costs.queries_per_second.map(|rate| format!("{rate:.1} per second"));
        stats.extend(rate(&speed.compressed).map(|rate| ("Throughput, compressed", rate)));
        stats.extend(rate(&speed.uncompressed).map(|rate| ("Throughput, uncompressed", rate)));
    }
    if let Some(ranking) = &metrics.ranking {
        let of = |value: f64| format!("{value:.3} (against the teacher, {} questions)", ranking.queries);
        stats.push(("Relevance nDCG@10", of(ranking.ndcg_at_10)));
        stats.push(("Relevance MRR", of(ranking.mrr)));
    }
    if let Some(training) = &metrics.training {
        stats.push(("Training steps", training.steps.to_string()));
        stats.push(("Training time", duration(training.seconds)));
        stats.push(("Final loss", format!("{:.4}", training.final_loss)));
    }
    if let Some(environment) = &metrics.environment {
        let (processor, threads, memory) = (&environment.processor, environment.threads, bytes(environment.memory_bytes));
        stats.push(("Device", environment.device.clone()));
        stats.push(("Machine", format!("{processor}, {threads} threads, {memory}")));
        stats.push(("System", format!("{}, ScaleDown {}", environment.system, environment.version)));
    }
    stats
}

/// A stage a row: name, description, steps, time, final loss, exact match.
fn stages(metrics: &Metrics) -> Vec<Vec<String>> {
    let dash = || "–".to_owned();
    let row = |stage: &StageSummary| {
        vec![
            stage.name.clone(),
            stage.description.clone(),
            stage.steps.map_or_else(dash, |steps| steps.to_string()),
            duration(stage.seconds),
            stage.final_loss.map_or_else(dash, |loss| format!("{loss:.4}")),
            stage.em.map_or_else(dash, |em| format!("{em:.3}")),
        ]
    };
    metrics.stages.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::report::Sample;

    #[test]
    fn data_is_never_markup() {
        let evil = "<script>alert(\"x\")</script>&";
        let report = EvaluationReport {
            title: evil.into(),
            config: evil.into(),
            samples: vec![Sample {
                question: evil.into(),
                gold: vec![evil.into()],
                uncompressed: Some(evil.into()),
                before: Some(evil.into()),
                after: evil.into(),
                documents: vec![evil.into()],
                relevance: None,
            }],
            ..EvaluationReport::default()
        };
        let page = page(&report, &[]).expect("rendered");
        assert!(!page.contains("<script"), "something was not escaped");
        assert_eq!(page.matches("&lt;script&gt;").count(), 9, "something is missing");
    }
}
