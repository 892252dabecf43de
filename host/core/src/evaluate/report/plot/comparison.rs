//! Runs of a sweep: quality against speed and against the compression rate.

use plotters::{coord::Shift, prelude::*};

use super::{
    BLUE, FAINT, GRID, INK, ORANGE,
    canvas::{Drawn, Pen, Plot},
};
use crate::evaluate::report::figures::tick;

/// A panel for each thing that quality is compared with.
pub(crate) struct ComparisonPlot {
    pub(crate) panels: [Panel; 2],
    /// The exact match of full documents, drawn as a line.
    pub(crate) full: Option<f64>,
}

/// Runs by one figure and their exact match.
pub(crate) struct Panel {
    pub(crate) axis: &'static str,
    pub(crate) points: Vec<PlotPoint>,
}

/// A run.
pub(crate) struct PlotPoint {
    /// Its number in the table.
    pub(crate) label: String,
    pub(crate) x: f64,
    pub(crate) y: f64,
}

impl Plot for ComparisonPlot {
    const NAME: &'static str = "comparison";

    fn size(&self) -> (u32, u32) {
        (900, 400)
    }

    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, pen: Pen) -> Drawn<DB> {
        let mut legend = vec![("a run, by its number in the table", BLUE)];
        legend.extend(self.full.map(|_| ("full documents", ORANGE)));
        let subtitle = "exact match (0 to 1); higher and further right is better";
        let below = pen.header(area, "Quality against speed and compression rate", subtitle, &legend)?;
        let (left, right) = below.split_horizontally(below.dim_in_pixel().0 / 2);
        self.panels.iter().zip([left, right]).try_for_each(|(panel, part)| self.draw_panel(&part, panel, pen))
    }
}

impl ComparisonPlot {
    fn draw_panel<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, panel: &Panel, pen: Pen) -> Drawn<DB> {
        let points: Vec<&PlotPoint> = panel.points.iter().filter(|point| point.x.is_finite() && point.y.is_finite()).collect();
        let end = points.iter().map(|point| point.x).fold(1.0, f64::max) * 1.12;
        let mut chart = ChartBuilder::on(area)
            .margin_right(pen.length(16.0))
            .margin_top(pen.length(8.0))
            .y_label_area_size(pen.length(48.0))
            .x_label_area_size(pen.length(48.0))
            .build_cartesian_2d(0.0..end, 0.0..1.08)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID.stroke_width(pen.length(1.0)))
            .axis_style(FAINT.stroke_width(pen.length(1.0)))
            .x_labels(6)
            .y_labels(6)
            .x_label_formatter(&|value| tick(*value))
            .y_label_formatter(&|value| format!("{value:.1}"))
            .x_desc(panel.axis)
            .set_all_tick_mark_size(pen.length(5.0))
            .axis_desc_style(pen.text(15.0, INK))
            .label_style(pen.text(14.0, INK))
            .draw()?;
        if let Some(full) = self.full {
            let line = PathElement::new(vec![(0.0, full), (end, full)], ORANGE.stroke_width(pen.length(2.0)));
            chart.plotting_area().draw(&line)?;
        }
        for point in points {
            let at = (point.x.max(0.0), point.y.clamp(0.0, 1.08));
            chart.plotting_area().draw(&Circle::new(at, pen.px(5.0), BLUE.filled()))?;
            let label = Text::new(point.label.clone(), (at.0, (at.1 + 0.05).min(1.06)), pen.centred(14.0, INK));
            chart.plotting_area().draw(&label)?;
        }
        Ok(())
    }
}
