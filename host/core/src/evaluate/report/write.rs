//! Writes a report's files.

use std::path::{Path, PathBuf};

use super::{
    error::ReportError,
    html,
    metrics::Metrics,
    plot::{Picture, QualityPlot, SpeedPlot, TrainingPlot, render},
    sample::Sample,
};
use crate::evaluate::AnsweredQuestion;
use crate::support::artifact::write_file;
use crate::train::tracking::Point;

/// All that a report shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EvaluationReport {
    /// The page's title, such as the experiment's name.
    pub title: String,
    /// The measurements.
    pub metrics: Metrics,
    /// The training's log, as [`crate::train::tracking::read`] gives it.
    pub training: Vec<Point>,
    /// The resolved configuration.
    pub config: String,
    /// Sample answers.
    pub samples: Vec<Sample>,
}

/// The files of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenReport {
    /// `metrics.json`.
    pub metrics: PathBuf,
    /// `report.html`, which needs no other file.
    pub page: PathBuf,
    /// The plots, as PNG and SVG, in `plots`.
    pub plots: Vec<PathBuf>,
}

/// Writes `metrics.json`, `plots/*.png`, `plots/*.svg` and `report.html` into `directory`,
/// replacing those of an earlier run.
///
/// Writes the metrics first: they exist even if a plot fails.
///
/// # Errors
/// If a file cannot be written or a picture cannot be drawn.
pub fn write(directory: &Path, report: &EvaluationReport) -> Result<WrittenReport, ReportError> {
    let metrics = write_metrics(directory, &report.metrics)?;
    let pictures = draw(report)?;
    let mut plots = Vec::new();
    for picture in &pictures {
        let files = [("png", picture.png.as_slice()), ("svg", picture.svg.as_bytes())];
        for (ending, content) in files {
            let path = directory.join("plots").join(format!("{}.{ending}", picture.name));
            write_file(&path, content)?;
            plots.push(path);
        }
    }
    let page = directory.join("report.html");
    write_file(&page, html::page(report, &pictures)?.as_bytes())?;
    Ok(WrittenReport { metrics, page, plots })
}

/// Writes `metrics.json` alone; returns its path.
///
/// # Errors
/// If the file cannot be written.
pub fn write_metrics(directory: &Path, metrics: &Metrics) -> Result<PathBuf, ReportError> {
    let path = directory.join("metrics.json");
    let mut content = serde_json::to_vec_pretty(metrics)?;
    content.push(b'\n');
    write_file(&path, &content)?;
    Ok(path)
}

/// Writes `answers.jsonl`, a question with its answers a line; returns its path.
///
/// # Errors
/// If the file cannot be written.
pub fn write_answers(directory: &Path, rows: &[AnsweredQuestion<'_>]) -> Result<PathBuf, ReportError> {
    let path = directory.join("answers.jsonl");
    let mut content = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut content, row)?;
        content.push(b'\n');
    }
    write_file(&path, &content)?;
    Ok(path)
}

fn draw(report: &EvaluationReport) -> Result<Vec<Picture>, ReportError> {
    let metrics = &report.metrics;
    let mut pictures = vec![render(&QualityPlot {
        examples: metrics.examples,
        before: metrics.before,
        after: metrics.after,
        uncompressed: metrics.uncompressed,
    })?];
    if !report.training.is_empty() {
        pictures.push(render(&TrainingPlot { points: &report.training })?);
    }
    if let Some(speed) = &metrics.speed {
        pictures.push(render(&SpeedPlot { speed })?);
    }
    Ok(pictures)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::evaluate::metrics::AnswerScores;
    use crate::evaluate::report::{PhaseCosts, Speed, TrainingSummary};

    fn report() -> EvaluationReport {
        let scores = |em| AnswerScores { em, ..AnswerScores::default() };
        EvaluationReport {
            title: "A run".into(),
            metrics: Metrics {
                before: Some(scores(0.0)),
                after: scores(0.8),
                uncompressed: Some(scores(1.0)),
                speed: Some(Speed {
                    compressed: PhaseCosts { compress_ms: 1.0, total_ms: 1.0, ..PhaseCosts::default() },
                    uncompressed: PhaseCosts { prefill_ms: 2.0, total_ms: 2.0, ..PhaseCosts::default() },
                    speedup: 2.0,
                    protocol: "batch 1".into(),
                }),
                training: Some(TrainingSummary { steps: 1, seconds: 2.0, final_loss: 0.5 }),
                examples: 10,
                ..Metrics::default()
            },
            training: vec![Point { step: 1, values: [("loss".to_owned(), Some(0.5))].into() }],
            config: "[device]\nplugin = \"cpu\"\n".into(),
            samples: vec![Sample { question: "Who?".into(), after: "No one".into(), ..Sample::default() }],
        }
    }

    #[test]
    fn everything_is_written_and_the_page_needs_nothing_else() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let written = write(directory.path(), &report()).expect("written");
        assert_eq!(written.plots.len(), 6);
        for path in &written.plots {
            let content = fs::read(path).expect("a plot");
            match path.extension().and_then(|ending| ending.to_str()) {
                Some("png") => has_text(&content),
                _ => assert!(content.starts_with(b"<svg") && content.ends_with(b"</svg>\n")),
            }
        }
        let page = fs::read_to_string(&written.page).expect("a page");
        assert_eq!(page.matches("<svg").count(), 3);
        let namespace = "http://www.w3.org/2000/svg";
        assert!(!page.replace(namespace, "").contains("http") && !page.contains("src="), "the page refers to something outside");
        for message in ["A run", "exact match is 0.80", "plugin = &quot;cpu&quot;", "Who?", "No one", "batch 1"] {
            assert!(page.contains(message), "{message:?} is missing");
        }
    }

    #[test]
    fn the_metrics_have_the_shape_that_programs_read() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = write_metrics(directory.path(), &report().metrics).expect("written");
        let content = fs::read(&path).expect("readable");
        let json: serde_json::Value = serde_json::from_slice(&content).expect("it is JSON");
        for model in ["before", "after", "uncompressed"] {
            for metric in ["em", "f1", "match", "rouge_l", "rouge_l_kilt"] {
                assert!(json[model][metric].is_number(), "{model}.{metric}");
            }
        }
        for model in ["compressed", "uncompressed"] {
            for cost in ["compress_ms", "prefill_ms", "decode_ms", "total_ms", "tflop"] {
                assert!(json["speed"][model][cost].is_number(), "speed.{model}.{cost}");
            }
        }
        assert_eq!(json["speed"]["speedup"], 2.0);
        assert_eq!(json["training"], serde_json::json!({"steps": 1, "seconds": 2.0, "final_loss": 0.5}));
        assert_eq!(json["examples"], 10);
        assert_eq!(serde_json::from_slice::<Metrics>(&content).expect("it is read back"), report().metrics);
    }

    #[test]
    fn a_run_that_measured_little_still_has_a_report() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let written = write(directory.path(), &EvaluationReport::default()).expect("written");
        assert_eq!(written.plots.len(), 2);
    }

    /// `SCALEDOWN_WRITE_FIXTURES=1` draws them again, after `metrics.json` was replaced by that of
    /// a new run.
    #[test]
    fn the_readmes_plots_are_drawn_from_its_metrics() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plots");
        let text = fs::read_to_string(directory.join("metrics.json")).expect("docs/plots/metrics.json");
        let report = EvaluationReport { metrics: serde_json::from_str(&text).expect("metrics"), ..EvaluationReport::default() };
        for picture in draw(&report).expect("drawn") {
            let path = directory.join(format!("{}.svg", picture.name));
            if std::env::var_os("SCALEDOWN_WRITE_FIXTURES").is_some() {
                fs::write(&path, &picture.svg).expect("written");
            }
            assert!(fs::read_to_string(&path).unwrap_or_default() == picture.svg, "{} is out of date", path.display());
        }
    }

    /// The title's place in a picture holds dark pixels on white ones.
    fn has_text(png: &[u8]) {
        let mut reader = png::Decoder::new(png).read_info().expect("a PNG");
        let mut pixels = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut pixels).expect("a frame");
        assert_eq!(info.width, 1800);
        let title = (20..70).flat_map(|y| (32..120).map(move |x| (y * 1800 + x) * 3));
        let dark = title.filter(|at| pixels[*at] < 128).count();
        assert!((100..2000).contains(&dark), "{dark} dark pixels");
    }
}
