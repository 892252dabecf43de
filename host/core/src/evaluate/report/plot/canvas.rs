//! The drawing tools of all plots.

use std::sync::LazyLock;

use plotters::{
    coord::Shift,
    prelude::*,
    style::{
        FontStyle, register_font,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{FAINT, INK, bitmap::Bitmap};

/// Pixels of the PNG per unit of the plot: sharp at twice the report's width.
const PNG_SCALE: u32 = 2;
/// The PNG is drawn this much larger and averaged down, since the bitmap backend has no smooth
/// edges of its own.
const OVERSAMPLING: u32 = 2;

const FONT: &str = "sans-serif";

static FONT_REGISTERED: LazyLock<bool> = LazyLock::new(|| {
    let font = include_bytes!("../../../../assets/DejaVuSans-subset.ttf");
    register_font(FONT, FontStyle::Normal, font).is_ok()
});

/// A plot that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the {plot} plot: {reason}")]
pub struct PlotError {
    plot: &'static str,
    reason: String,
}

/// The result of a drawing operation on the backend `DB`.
pub(super) type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// A picture that can be drawn on any backend.
pub(crate) trait Plot {
    /// The file name without its ending.
    const NAME: &'static str;

    /// Width and height, in units of a pixel at the report's width.
    fn size(&self) -> (u32, u32);

    /// Draws the picture; every length goes through `pen`.
    fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, pen: Pen) -> Drawn<DB>;
}

/// A drawn plot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) name: &'static str,
    pub(crate) png: Vec<u8>,
    pub(crate) svg: String,
}

/// Turns units of the plot into the backend's pixels and makes text styles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pen {
    scale: f64,
}

impl Pen {
    /// `units` of the plot, in pixels.
    pub(super) fn px(self, units: f64) -> i32 {
        (units * self.scale).round() as i32
    }

    /// As [`Pen::px`], for lengths that the library wants without a sign.
    pub(super) fn length(self, units: f64) -> u32 {
        self.px(units).unsigned_abs()
    }

    /// Text of a size in units, anchored at its left and vertical middle.
    pub(super) fn text(self, size: f64, color: RGBColor) -> TextStyle<'static> {
        let anchor = Pos::new(HPos::Left, VPos::Center);
        TextStyle { font: (FONT, size * self.scale).into_font(), color: color.to_backend_color(), pos: anchor }
    }

    /// Text centred on its position.
    pub(super) fn centred(self, size: f64, color: RGBColor) -> TextStyle<'static> {
        self.text(size, color).pos(Pos::new(HPos::Center, VPos::Center))
    }

    /// Draws title, subtitle and legend. Returns the remaining area.
    pub(super) fn header<DB: DrawingBackend>(
        self,
        area: &DrawingArea<DB, Shift>,
        title: &str,
        subtitle: &str,
        legend: &[(&str, RGBColor)],
    ) -> Result<DrawingArea<DB, Shift>, DrawingAreaErrorKind<DB::ErrorType>> {
        let left = self.px(16.0);
        area.draw_text(title, &self.text(23.0, INK), (left, self.px(22.0)))?;
        area.draw_text(subtitle, &self.text(15.0, FAINT), (left, self.px(47.0)))?;
        let (mut x, y) = (left, self.px(73.0));
        let side = self.px(12.0);
        let style = self.text(15.0, INK);
        for (name, color) in legend {
            area.draw(&Rectangle::new([(x, y - side / 2), (x + side, y + side / 2)], color.filled()))?;
            x += side + self.px(6.0);
            area.draw_text(name, &style, (x, y))?;
            x += area.estimate_text_size(name, &style)?.0 as i32 + self.px(20.0);
        }
        let height = if legend.is_empty() { 62.0 } else { 90.0 };
        Ok(area.split_vertically(self.px(height)).1)
    }
}

/// Draws `plot` as PNG and as SVG.
pub(crate) fn render<P: Plot>(plot: &P) -> Result<Picture, PlotError> {
    let failed = |reason: String| PlotError { plot: P::NAME, reason };
    if !*FONT_REGISTERED {
        return Err(failed("the embedded font is damaged".to_owned()));
    }
    let (width, height) = plot.size();
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        draw(&area, plot, Pen { scale: 1.0 }).map_err(|error| failed(error.to_string()))?;
    }
    let scale = PNG_SCALE * OVERSAMPLING;
    let mut pixels = vec![0; (width * scale * height * scale * 3) as usize];
    {
        let area = Bitmap::new(&mut pixels, (width * scale, height * scale)).into_drawing_area();
        draw(&area, plot, Pen { scale: f64::from(scale) }).map_err(|error| failed(error.to_string()))?;
    }
    let (width, height) = (width * PNG_SCALE, height * PNG_SCALE);
    let png = encode(&average(&pixels, width, height), width, height).map_err(|error| failed(error.to_string()))?;
    Ok(Picture { name: P::NAME, png, svg })
}

fn draw<DB: DrawingBackend, P: Plot>(area: &DrawingArea<DB, Shift>, plot: &P, pen: Pen) -> Drawn<DB> {
    area.fill(&WHITE)?;
    plot.draw(area, pen)?;
    area.present()
}

/// Averages squares of `OVERSAMPLING` pixels into one.
fn average(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let (factor, width) = (OVERSAMPLING as usize, width as usize);
    let row = width * factor * 3;
    let mut out = Vec::with_capacity(width * height as usize * 3);
    for y in 0..height as usize {
        for at in 0..width * 3 {
            let (x, channel) = (at / 3, at % 3);
            let square = (0..factor * factor).map(|i| {
                let (dx, dy) = (i % factor, i / factor);
                u32::from(pixels[(y * factor + dy) * row + (x * factor + dx) * 3 + channel])
            });
            out.push((square.sum::<u32>() / (OVERSAMPLING * OVERSAMPLING)) as u8);
        }
    }
    out
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(out)
}
