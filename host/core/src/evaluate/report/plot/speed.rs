//! Time and FLOPs of an answer by phase, compressed and uncompressed.

use plotters::{coord::Shift, prelude::*};

use super::{
    BLUE, FAINT, GREEN, GRID, INK, SKY,
    canvas::{Drawn, Pen, Plot},
};
use crate::evaluate::report::{
    PhaseCosts, Speed,
    figures::{flop_unit, significant, tick},
};

/// Two bars for the time and two for the FLOPs, stacked by phase.
pub(crate) struct SpeedPlot<'a> {
    /// The measurements.
    pub(crate) speed: &'a Speed,
}

/// One quantity that both models are compared by.
struct SpeedPanel {
    axis: String,
    bars: [SpeedBar; 2],
}

/// The phases of one model, with their colours.
struct SpeedBar {
    name: &'static str,
    phases: Vec<(f64, RGBColor)>,
    /// The measured total, as the report's table has it: a median, which the sum of the phases'
    /// medians need not equal.
    total: f64,
}

impl SpeedPanel {
    fn new(axis: String, speed: &Speed, costs: impl Fn(&PhaseCosts) -> (Vec<(f64, RGBColor)>, f64)) -> Self {
        let bar = |name, (phases, total)| SpeedBar { name, phases, total };
        SpeedPanel { axis, bars: [bar("compressed", costs(&speed.compressed)), bar("uncompressed", costs(&speed.uncompressed))] }
    }
}

impl Plot for SpeedPlot<'_> {
    const NAME: &'static str = "speed";

    fn size(&self) -> (u32, u32) {
        (900, 460)
    }

    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, pen: Pen) -> Drawn<DB> {
        let speed = self.speed;
        let subtitle = match speed.protocol.as_str() {
            "" => "per question".to_owned(),
            protocol => format!("per question; {protocol}"),
        };
        let title = match speed.speedup {
            gain if gain > 0.0 => format!("Speedup over full documents: {gain:.2}×"),
            _ => "Speed".to_owned(),
        };
        let legend = [("compress", GREEN), ("prefill", SKY), ("decode", BLUE)];
        let below = pen.header(area, &title, &subtitle, &legend)?;
        let (unit, size) = flop_unit(speed.compressed.tflop.max(speed.uncompressed.tflop));
        let panels = [
            SpeedPanel::new("time (ms)".to_owned(), speed, |costs| {
                (vec![(costs.compress_ms, GREEN), (costs.prefill_ms, SKY), (costs.decode_ms, BLUE)], costs.total_ms)
            }),
            SpeedPanel::new(format!("FLOPs ({unit})"), speed, |costs| {
                let phases = [(costs.compress_tflop, GREEN), (costs.prefill_tflop, SKY), (costs.decode_tflop, BLUE)];
                (phases.map(|(tflop, color)| (tflop / size, color)).to_vec(), costs.tflop / size)
            }),
        ];
        let (upper, lower) = below.split_vertically(below.dim_in_pixel().1 / 2);
        panels.iter().zip([upper, lower]).try_for_each(|(panel, part)| draw_panel(area, &part, panel, pen))
    }
}

fn draw_panel<DB: DrawingBackend>(
    picture: &DrawingArea<DB, Shift>,
    area: &DrawingArea<DB, Shift>,
    panel: &SpeedPanel,
    pen: Pen,
) -> Drawn<DB> {
    let length = |bar: &SpeedBar| bar.phases.iter().map(|(value, _)| value.max(0.0)).sum::<f64>();
    let longest = panel.bars.iter().map(length).fold(0.0, f64::max);
    // Room for the total beside the longest bar; an axis of some length even when nothing took any
    // time.
    let end = if longest > 0.0 { longest * 1.16 } else { 1.0 };
    let mut chart = ChartBuilder::on(area)
        .margin_right(pen.length(16.0))
        .margin_bottom(pen.length(8.0))
        .y_label_area_size(pen.length(122.0))
        .x_label_area_size(pen.length(48.0))
        .build_cartesian_2d(0.0..end, 0.0..2.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID.stroke_width(pen.length(1.0)))
        .axis_style(FAINT.stroke_width(pen.length(1.0)))
        .x_labels(6)
        .x_label_formatter(&|value| tick(*value))
        .x_desc(panel.axis.as_str())
        .set_all_tick_mark_size(pen.length(5.0))
        .axis_desc_style(pen.text(15.0, INK))
        .label_style(pen.text(14.0, INK))
        .draw()?;
    let inside = pen.centred(14.0, WHITE);
    for (row, SpeedBar { name, phases, total }) in panel.bars.iter().enumerate() {
        let (bottom, middle, top) = (1.18 - row as f64, 1.5 - row as f64, 1.82 - row as f64);
        let mut left = 0.0;
        for (value, color) in phases {
            let right = left + value.max(0.0);
            chart.plotting_area().draw(&Rectangle::new([(left, bottom), (right, top)], color.filled()))?;
            let (from, to) = (chart.backend_coord(&(left, middle)), chart.backend_coord(&(right, middle)));
            let label = significant(*value);
            let needed = picture.estimate_text_size(&label, &inside)?.0 as i32 + pen.px(8.0);
            if to.0 - from.0 >= needed {
                // Dark text on the one light colour; not ink, which is light where the page is
                // dark.
                let style = if *color == SKY { pen.centred(14.0, BLACK) } else { inside.clone() };
                picture.draw_text(&label, &style, ((from.0 + to.0) / 2, from.1))?;
            }
            left = right;
        }
        let (x, y) = chart.backend_coord(&(left, middle));
        picture.draw_text(&significant(*total), &pen.text(15.0, INK), (x + pen.px(6.0), y))?;
        picture.draw_text(name, &pen.text(15.0, INK), (pen.px(16.0), y))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::report::plot::canvas::render;

    #[test]
    fn totals_are_those_of_the_table() {
        let costs =
            |total_ms| PhaseCosts { compress_ms: 1.1, prefill_ms: 2.2, decode_ms: 3.1, total_ms, ..PhaseCosts::default() };
        let speed = Speed { compressed: costs(7.0), uncompressed: costs(9.0), speedup: 9.0 / 7.0, ..Speed::default() };
        let svg = render(&SpeedPlot { speed: &speed }).unwrap().svg;
        let texts: Vec<&str> = svg.split("</text>").filter_map(|part| part.rsplit('>').next()).map(str::trim).collect();
        for total in [7.0, 9.0].map(significant) {
            assert!(texts.contains(&total.as_str()), "{total} is not in {texts:?}");
        }
        assert!(!texts.contains(&significant(6.4).as_str()), "the sum of the phases is shown: {texts:?}");
    }
}
