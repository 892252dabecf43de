//! Answer quality before and after training, against the uncompressed model.

use plotters::{coord::Shift, prelude::*};

use super::{
    BLUE, FAINT, GREY, GRID, INK, ORANGE,
    canvas::{Drawn, Pen, Plot},
};
use crate::evaluate::metrics::AnswerScores;

/// Bars by metric, one for each of the models that were measured.
pub(crate) struct QualityPlot {
    /// How many questions the scores are means over.
    pub(crate) examples: u64,
    /// The compressed model before training.
    pub(crate) before: Option<AnswerScores>,
    /// The compressed model after training.
    pub(crate) after: AnswerScores,
    /// The generator reading full documents.
    pub(crate) uncompressed: Option<AnswerScores>,
}

/// The metrics of a group of bars, as they are labelled.
type Metric = (&'static str, fn(&AnswerScores) -> f64);

const METRICS: [Metric; 5] = [
    ("exact match", |scores| scores.em),
    ("token F1", |scores| scores.f1),
    ("match", |scores| scores.matched),
    ("ROUGE-L", |scores| scores.rouge_l),
    ("ROUGE-L (KILT)", |scores| scores.rouge_l_kilt),
];

impl Plot for QualityPlot {
    const NAME: &'static str = "quality";

    fn size(&self) -> (u32, u32) {
        (900, 400)
    }

    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, pen: Pen) -> Drawn<DB> {
        let series: Vec<(&str, RGBColor, &AnswerScores)> = [
            ("compressed, before training", GREY, self.before.as_ref()),
            ("compressed, after training", BLUE, Some(&self.after)),
            ("uncompressed", ORANGE, self.uncompressed.as_ref()),
        ]
        .into_iter()
        .filter_map(|(name, color, scores)| scores.map(|scores| (name, color, scores)))
        .collect();
        let legend: Vec<_> = series.iter().map(|(name, color, _)| (*name, *color)).collect();
        let subtitle = format!("mean score (0 to 1) over {} questions; higher is better", self.examples);
        let below = pen.header(area, "Answer quality", &subtitle, &legend)?;

        let mut chart = ChartBuilder::on(&below)
            .margin_right(pen.length(16.0))
            .margin_top(pen.length(8.0))
            .y_label_area_size(pen.length(48.0))
            .x_label_area_size(pen.length(36.0))
            .build_cartesian_2d(0.0..METRICS.len() as f64, 0.0..1.08)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.stroke_width(pen.length(1.0)))
            .axis_style(FAINT.stroke_width(pen.length(1.0)))
            .y_labels(6)
            .y_label_formatter(&|value| format!("{value:.1}"))
            .set_all_tick_mark_size(pen.length(5.0))
            .label_style(pen.text(14.0, INK))
            .draw()?;

        let width = 0.78 / series.len() as f64;
        let (value_style, name_style) = (pen.centred(14.0, INK), pen.centred(16.0, INK));
        for (group, (name, metric)) in METRICS.iter().enumerate() {
            for (bar, (_, color, scores)) in series.iter().enumerate() {
                let value = metric(scores).clamp(0.0, 1.0);
                let left = group as f64 + 0.11 + bar as f64 * width;
                chart.plotting_area().draw(&Rectangle::new([(left, 0.0), (left + width * 0.92, value)], color.filled()))?;
                let (x, y) = chart.backend_coord(&(left + width * 0.46, value));
                area.draw_text(&format!("{value:.2}"), &value_style, (x, y - pen.px(9.0)))?;
            }
            let (x, y) = chart.backend_coord(&(group as f64 + 0.5, 0.0));
            area.draw_text(name, &name_style, (x, y + pen.px(18.0)))?;
        }
        let plane = chart.plotting_area();
        plane.draw(&PathElement::new([(0.0, 0.0), (METRICS.len() as f64, 0.0)], FAINT.stroke_width(pen.length(1.0))))
    }
}
