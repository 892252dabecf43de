//! The plots, each drawn once for PNG and once for SVG.
//!
//! Text in the PNG is set in an embedded font, since a fresh machine has none; the SVG names a
//! generic family.

mod bitmap;
mod canvas;
mod comparison;
mod quality;
mod speed;
mod training;

pub(super) use canvas::{Picture, PlotError, render};
pub(super) use comparison::{ComparisonPlot, Panel, PlotPoint};
pub(super) use quality::QualityPlot;
pub(super) use speed::SpeedPlot;
pub(super) use training::TrainingPlot;

use plotters::style::RGBColor;

/// Text.
const INK: RGBColor = RGBColor(0x1f, 0x29, 0x37);
/// Axes and secondary text.
const FAINT: RGBColor = RGBColor(0x6b, 0x72, 0x80);
/// Grid lines.
const GRID: RGBColor = RGBColor(0xe5, 0xe7, 0xeb);

// Series colours after Okabe and Ito, distinguishable with every kind of colour vision and in grey.
const GREY: RGBColor = RGBColor(0x99, 0x99, 0x99);
const ORANGE: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
const SKY: RGBColor = RGBColor(0x56, 0xb4, 0xe9);
const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const VERMILION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
