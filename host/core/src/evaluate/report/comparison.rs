//! The report of a sweep: `sweep.json` and `sweep.csv` for programs, `report.html` and a plot for
//! people.

use std::path::{Path, PathBuf};

use minijinja::{AutoEscape, Environment, Value as Page, context};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Map, Value};

use super::error::ReportError;
use super::metrics::Metrics;
use super::plot::{ComparisonPlot, Panel, PlotPoint, render};
use crate::support::artifact::write_file;

/// Runs that differ in some keys of their configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Comparison {
    /// The page's title.
    pub title: String,
    /// The runs, in the order of the sweep.
    pub runs: Vec<ComparedRun>,
}

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ComparedRun {
    /// Its name.
    pub name: String,
    /// The keys that the sweep set for it.
    pub values: Map<String, Value>,
    /// What it measured; none if it is not finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
}

/// A figure of a run, as a column has it.
type Column = (&'static str, fn(&Metrics) -> Option<f64>);

/// The figures that runs are compared by.
const COLUMNS: [Column; 13] = [
    ("examples", |metrics| Some(metrics.examples as f64)),
    ("em", |metrics| Some(metrics.after.em)),
    ("f1", |metrics| Some(metrics.after.f1)),
    ("match", |metrics| Some(metrics.after.matched)),
    ("rouge_l", |metrics| Some(metrics.after.rouge_l)),
    ("em_full_documents", |metrics| Some(metrics.uncompressed?.em)),
    ("em_kept", em_kept),
    ("compression_rate", |metrics| metrics.compression_rate),
    ("speedup", |metrics| Some(metrics.speed.as_ref()?.speedup)),
    ("flops_ratio", flops_ratio),
    ("compressed_ms", |metrics| Some(metrics.speed.as_ref()?.compressed.total_ms)),
    ("full_documents_ms", |metrics| Some(metrics.speed.as_ref()?.uncompressed.total_ms)),
    ("training_seconds", |metrics| Some(metrics.training?.seconds)),
];

/// The part of the full documents' exact match that is left.
fn em_kept(metrics: &Metrics) -> Option<f64> {
    let full = metrics.uncompressed?.em;
    (full > 0.0).then(|| metrics.after.em / full)
}

/// The FLOPs of full documents over those of compressed ones.
fn flops_ratio(metrics: &Metrics) -> Option<f64> {
    let speed = metrics.speed.as_ref()?;
    (speed.compressed.tflop > 0.0).then(|| speed.uncompressed.tflop / speed.compressed.tflop)
}

impl Comparison {
    /// The keys that any run sets, in the order in which they appear.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        let mut keys: Vec<&str> = Vec::new();
        for key in self.runs.iter().flat_map(|run| run.values.keys()) {
            if !keys.contains(&key.as_str()) {
                keys.push(key);
            }
        }
        keys
    }

    /// A header and a row a run, for people: numbers with three digits after the point, `-` where
    /// there is none.
    #[must_use]
    pub fn table(&self) -> (Vec<String>, Vec<Vec<String>>) {
        const SHOWN: [(&str, &str); 7] = [
            ("EM", "em"),
            ("F1", "f1"),
            ("MATCH", "match"),
            ("EM KEPT", "em_kept"),
            ("RATE", "compression_rate"),
            ("SPEED-UP", "speedup"),
            ("FLOPS RATIO", "flops_ratio"),
        ];
        let header = ["", "RUN"].into_iter().chain(SHOWN.map(|(title, _)| title)).map(str::to_owned).collect();
        let cell = |metrics: Option<&Metrics>, name: &str| {
            let value = COLUMNS.iter().find(|column| column.0 == name).and_then(|column| column.1(metrics?));
            value.map_or_else(|| "-".into(), |value| format!("{value:.3}"))
        };
        let row = |(index, run): (usize, &ComparedRun)| {
            let cells = SHOWN.map(|(_, name)| cell(run.metrics.as_ref(), name));
            [(index + 1).to_string(), run.name.clone()].into_iter().chain(cells).collect()
        };
        (header, self.runs.iter().enumerate().map(row).collect())
    }

    /// All figures as CSV (RFC 4180), a run a line.
    fn csv(&self) -> String {
        let keys = self.keys();
        let header: Vec<&str> =
            std::iter::once("run").chain(keys.iter().copied()).chain(COLUMNS.map(|column| column.0)).collect();
        let mut csv = line(header.into_iter().map(str::to_owned));
        for run in &self.runs {
            let value = |key: &&str| match run.values.get(*key) {
                None => String::new(),
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
            };
            let figure = |(_, of): Column| run.metrics.as_ref().and_then(of).map(|figure| figure.to_string()).unwrap_or_default();
            csv.push_str(&line(std::iter::once(run.name.clone()).chain(keys.iter().map(value)).chain(COLUMNS.map(figure))));
        }
        csv
    }

    /// Quality against what compression gives.
    fn plot(&self) -> ComparisonPlot {
        let panel = |axis: &'static str, of: fn(&Metrics) -> Option<f64>| {
            let point = |(index, run): (usize, &ComparedRun)| {
                let metrics = run.metrics.as_ref()?;
                Some(PlotPoint { label: (index + 1).to_string(), x: of(metrics)?, y: metrics.after.em })
            };
            Panel { axis, points: self.runs.iter().enumerate().filter_map(point).collect() }
        };
        ComparisonPlot {
            panels: [
                panel("speed-up over full documents", |metrics| Some(metrics.speed.as_ref()?.speedup)),
                panel("document tokens per vector", |metrics| metrics.compression_rate),
            ],
            full: self.runs.iter().find_map(|run| Some(run.metrics.as_ref()?.uncompressed?.em)),
        }
    }

    fn page(&self, picture: &str) -> Result<String, ReportError> {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_template("comparison.html", include_str!("comparison.html"))?;
        environment.add_template("style.css", include_str!("style.css"))?;
        let (header, rows) = self.table();
        let settings =
            |run: &ComparedRun| run.values.iter().map(|(key, value)| format!("{key} = {value}")).collect::<Vec<_>>().join("\n");
        let runs: Vec<Page> = self
            .runs
            .iter()
            .zip(rows)
            .map(|(run, cells)| {
                let href = utf8_percent_encode(&run.name, NON_ALPHANUMERIC).to_string();
                let finished = run.metrics.is_some();
                context! { name => run.name, href => href, settings => settings(run), cells => cells, finished => finished }
            })
            .collect();
        Ok(environment.get_template("comparison.html")?.render(context! {
            title => self.title,
            header => header,
            runs => runs,
            // Drawn by this program, so the one thing on the page that is not escaped.
            picture => Page::from_safe_string(picture.to_owned()),
        })?)
    }
}

/// Cells as a line of CSV.
fn line(cells: impl Iterator<Item = String>) -> String {
    let quoted = |cell: String| {
        if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
    };
    cells.map(quoted).collect::<Vec<_>>().join(",") + "\r\n"
}

/// Writes `sweep.json`, `sweep.csv`, `plots/comparison.*` and `report.html` into `directory`.
/// Returns the page.
///
/// # Errors
/// If a file cannot be written or the picture cannot be drawn.
pub fn write_comparison(directory: &Path, comparison: &Comparison) -> Result<PathBuf, ReportError> {
    let mut json = serde_json::to_vec_pretty(comparison)?;
    json.push(b'\n');
    write_file(&directory.join("sweep.json"), &json)?;
    write_file(&directory.join("sweep.csv"), comparison.csv().as_bytes())?;
    let picture = render(&comparison.plot())?;
    for (ending, content) in [("png", picture.png.as_slice()), ("svg", picture.svg.as_bytes())] {
        write_file(&directory.join("plots").join(format!("{}.{ending}", picture.name)), content)?;
    }
    let page = directory.join("report.html");
    write_file(&page, comparison.page(&picture.svg)?.as_bytes())?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::metrics::AnswerScores;
    use crate::evaluate::report::{PhaseCosts, Speed};

    fn run(name: &str, values: Value, em: f64) -> ComparedRun {
        let scores = |em| AnswerScores { em, ..AnswerScores::default() };
        let costs = |total_ms, tflop| PhaseCosts { total_ms, tflop, ..PhaseCosts::default() };
        let speed = Speed { compressed: costs(10.0, 1.0), uncompressed: costs(25.0, 3.0), speedup: 2.5, ..Speed::default() };
        let metrics = Metrics {
            after: scores(em),
            uncompressed: Some(scores(0.8)),
            speed: Some(speed),
            examples: 5,
            compression_rate: Some(16.0),
            ..Metrics::default()
        };
        ComparedRun { name: name.into(), values: values.as_object().unwrap().clone(), metrics: Some(metrics) }
    }

    #[test]
    fn runs_are_compared_in_every_format() {
        let mut unfinished = run("c", serde_json::json!({ "a.b": "x, \"y\" <z>" }), 0.0);
        unfinished.metrics = None;
        let runs =
            vec![run("a", serde_json::json!({ "a.b": 1 }), 0.6), run("b", serde_json::json!({ "a.c": [1, 2] }), 0.4), unfinished];
        let comparison = Comparison { title: "T".into(), runs };
        let directory = tempfile::tempdir().unwrap();
        let page = std::fs::read_to_string(write_comparison(directory.path(), &comparison).unwrap()).unwrap();
        let csv = std::fs::read_to_string(directory.path().join("sweep.csv")).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert!(lines[0].starts_with("run,a.b,a.c,examples,em,"), "{csv}");
        assert!(lines[1].starts_with("a,1,,5,0.6,0,0,0,0.8,0.7499999999999999,16,2.5,3,10,25,"), "{csv}");
        assert!(lines[2].starts_with("b,,\"[1,2]\",5,0.4,"), "{csv}");
        assert_eq!(lines[3], "c,\"x, \"\"y\"\" <z>\",,,,,,,,,,,,,,");
        assert!(page.contains("0.750") && page.contains("&lt;z&gt;") && page.contains("<svg"), "{page}");
        assert!(page.contains("not finished"));
        for name in ["sweep.json", "plots/comparison.png", "plots/comparison.svg"] {
            assert!(directory.path().join(name).is_file(), "{name}");
        }
    }

    #[test]
    fn a_sweep_without_a_finished_run_has_a_report() {
        let comparison = Comparison { title: "T".into(), runs: vec![ComparedRun::default()] };
        let directory = tempfile::tempdir().unwrap();
        write_comparison(directory.path(), &comparison).unwrap();
    }
}
