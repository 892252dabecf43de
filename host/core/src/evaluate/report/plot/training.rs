//! How a training went: loss, learning rates and whatever else was logged that has a panel here.

use std::collections::BTreeSet;

use plotters::{coord::Shift, prelude::*};

use super::{
    BLUE, FAINT, GREEN, GRID, INK, ORANGE, VERMILION,
    canvas::{Drawn, Pen, Plot},
};
use crate::train::tracking::Point;

/// The maximum points of a line. Longer lines are averaged.
const POINTS: usize = 800;

/// One panel above the other, with the step as their common axis.
pub(crate) struct TrainingPlot<'a> {
    /// The log, by step.
    pub(crate) points: &'a [Point],
}

/// The contents of a panel.
struct CurvePanel {
    title: &'static str,
    /// Whether a metric of this name belongs here.
    names: fn(&str) -> bool,
    /// Whether a noisy line gets a smooth one over it.
    smooth: bool,
    height: u32,
}

const PANELS: [CurvePanel; 4] = [
    CurvePanel {
        title: "loss",
        names: |name| matches!(name, "loss" | "answer_loss" | "validation_loss"),
        smooth: true,
        height: 250,
    },
    CurvePanel { title: "relevance loss", names: |name| name == "relevance_loss", smooth: true, height: 170 },
    CurvePanel {
        title: "token accuracy",
        names: |name| matches!(name, "accuracy" | "validation_accuracy"),
        smooth: true,
        height: 170,
    },
    CurvePanel { title: "learning rate", names: |name| name.starts_with("lr_"), smooth: false, height: 170 },
];

/// A metric's values by step.
struct Line {
    name: String,
    color: RGBColor,
    values: Vec<(f64, f64)>,
}

impl TrainingPlot<'_> {
    /// The panels that have something to show.
    fn panels(&self) -> Vec<(&'static CurvePanel, Vec<Line>)> {
        PANELS.iter().map(|panel| (panel, self.lines(panel))).filter(|(_, lines)| !lines.is_empty()).collect()
    }

    fn lines(&self, panel: &CurvePanel) -> Vec<Line> {
        let all = self.points.iter().flat_map(|point| point.values.keys());
        let mut names: Vec<&str> =
            all.map(String::as_str).filter(|name| (panel.names)(name)).collect::<BTreeSet<_>>().into_iter().collect();
        // The panel's own metric before its parts.
        names.sort_by_key(|name| *name != panel.title);
        let colors = [BLUE, VERMILION, GREEN, ORANGE];
        let line = |(index, name): (usize, &str)| Line {
            name: name.to_owned(),
            color: colors[index % colors.len()],
            values: thin(self.values(name)),
        };
        names.into_iter().enumerate().map(line).filter(|line| !line.values.is_empty()).collect()
    }

    fn values(&self, name: &str) -> Vec<(f64, f64)> {
        let value = |point: &Point| Some((point.step as f64, (*point.values.get(name)?)?));
        self.points.iter().filter_map(value).collect()
    }
}

impl Plot for TrainingPlot<'_> {
    const NAME: &'static str = "training";

    fn size(&self) -> (u32, u32) {
        let panels: u32 = self.panels().iter().map(|(panel, _)| panel.height).sum();
        (900, 58 + panels.max(100) + 40)
    }

    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, pen: Pen) -> Drawn<DB> {
        let panels = self.panels();
        let subtitle = match self.points.last() {
            Some(last) => format!("up to optimizer step {}; faint: as logged, strong: smoothed", last.step),
            None => "nothing was logged".to_owned(),
        };
        let mut rest = pen.header(area, "Training", &subtitle, &[])?;
        let steps = self.points.iter().map(|point| point.step as f64);
        let (first, last) = (steps.clone().fold(f64::INFINITY, f64::min), steps.fold(0.0, f64::max));
        // A single step still needs an axis.
        let range = if first < last { first..last } else { last - 1.0..last + 1.0 };
        let count = panels.len();
        for (index, (panel, lines)) in panels.iter().enumerate() {
            let is_last = index + 1 == count;
            let below = if is_last { 40.0 } else { 0.0 };
            let (part, remaining) = rest.split_vertically(pen.px(f64::from(panel.height) + below));
            draw_panel(&part, panel, lines, range.clone(), is_last, pen)?;
            rest = remaining;
        }
        Ok(())
    }
}

fn draw_panel<DB: DrawingBackend>(
    area: &DrawingArea<DB, Shift>,
    panel: &CurvePanel,
    lines: &[Line],
    steps: std::ops::Range<f64>,
    is_last: bool,
    pen: Pen,
) -> Drawn<DB> {
    let values = lines.iter().flat_map(|line| line.values.iter().map(|(_, value)| *value));
    let (low, high) = (values.clone().fold(0.0, f64::min), values.fold(f64::MIN, f64::max));
    let high = if high > low { high + (high - low) * 0.06 } else { low + 1.0 };
    let mut chart = ChartBuilder::on(area)
        .margin_right(pen.length(24.0))
        .margin_top(pen.length(28.0))
        .margin_bottom(pen.length(8.0))
        .y_label_area_size(pen.length(56.0))
        .x_label_area_size(pen.length(if is_last { 48.0 } else { 8.0 }))
        .build_cartesian_2d(steps, low..high)?;
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(pen.length(1.0)))
        .axis_style(FAINT.stroke_width(pen.length(1.0)))
        .x_labels(if is_last { 8 } else { 0 })
        .y_labels(4)
        .x_label_formatter(&|step| if step.fract() == 0.0 { step.to_string() } else { String::new() })
        .set_all_tick_mark_size(pen.length(5.0))
        .axis_desc_style(pen.text(15.0, INK))
        .label_style(pen.text(14.0, INK));
    let scientific = |value: &f64| if *value == 0.0 { "0".to_owned() } else { format!("{value:.0e}") };
    if high < 0.01 {
        mesh.y_label_formatter(&scientific);
    }
    if is_last {
        mesh.x_desc("optimizer step");
    }
    mesh.draw()?;
    for line in lines {
        let smoothed = panel.smooth && line.values.len() > 10;
        let raw = if smoothed { line.color.mix(0.3) } else { line.color.to_rgba() };
        let weight = pen.length(if smoothed { 1.0 } else { 2.0 });
        chart.draw_series(LineSeries::new(line.values.iter().copied(), raw.stroke_width(weight)))?;
        if smoothed {
            chart.draw_series(LineSeries::new(smooth(&line.values), line.color.stroke_width(pen.length(2.0))))?;
        }
        if let [only] = line.values[..] {
            chart.draw_series([Circle::new(only, pen.px(4.0), line.color.filled())])?;
        }
    }
    area.draw_text(panel.title, &pen.text(15.0, INK), (pen.px(16.0), pen.px(12.0)))?;
    name_lines(area, lines, pen)
}

/// Names the lines of a panel that has several.
fn name_lines<DB: DrawingBackend>(area: &DrawingArea<DB, Shift>, lines: &[Line], pen: Pen) -> Drawn<DB> {
    if lines.len() < 2 {
        return Ok(());
    }
    let style = pen.text(14.0, INK);
    let mut x = area.dim_in_pixel().0 as i32 - pen.px(24.0);
    for line in lines.iter().rev() {
        let name = line.name.trim_start_matches("lr_").replace('_', " ");
        x -= area.estimate_text_size(&name, &style)?.0 as i32;
        area.draw_text(&name, &style, (x, pen.px(12.0)))?;
        x -= pen.px(22.0);
        let stroke = line.color.stroke_width(pen.length(3.0));
        area.draw(&PathElement::new([(x, pen.px(12.0)), (x + pen.px(16.0), pen.px(12.0))], stroke))?;
        x -= pen.px(16.0);
    }
    Ok(())
}

/// Averages neighbours until at most [`POINTS`] are left.
fn thin(values: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if values.len() <= POINTS {
        return values;
    }
    let mean = |chunk: &[(f64, f64)]| {
        let n = chunk.len() as f64;
        (chunk.iter().map(|(step, _)| step).sum::<f64>() / n, chunk.iter().map(|(_, value)| value).sum::<f64>() / n)
    };
    values.chunks(values.len().div_ceil(POINTS)).map(mean).collect()
}

/// The mean over a neighbourhood of a thirtieth of the line.
fn smooth(values: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let reach = (values.len() / 60).max(2);
    let mean = |at: usize| {
        let near = &values[at.saturating_sub(reach)..(at + reach + 1).min(values.len())];
        (values[at].0, near.iter().map(|(_, value)| value).sum::<f64>() / near.len() as f64)
    };
    (0..values.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_averaged_down_and_short_ones_kept() {
        let line = |n: usize| (0..n).map(|step| (step as f64, 2.0 * step as f64)).collect::<Vec<_>>();
        assert_eq!(thin(line(POINTS)), line(POINTS));
        let thinned = thin(line(10 * POINTS + 1));
        assert!(thinned.len() <= POINTS);
        assert!(thinned.iter().all(|(step, value)| (value - 2.0 * step).abs() < 1e-9));
    }

    #[test]
    fn a_smoothed_line_keeps_its_level_and_loses_its_noise() {
        let constant: Vec<(f64, f64)> = (0..100).map(|step| (step as f64, 3.0)).collect();
        assert!(smooth(&constant).iter().all(|(_, value)| (value - 3.0).abs() < 1e-12));
        let noisy: Vec<(f64, f64)> = (0..1000).map(|step| (step as f64, if step % 2 == 0 { 1.0 } else { -1.0 })).collect();
        assert!(smooth(&noisy).iter().all(|(_, value)| value.abs() < 0.1));
    }
}
