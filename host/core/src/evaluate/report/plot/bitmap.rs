//! The bitmap backend with its text put right.

use plotters::prelude::*;
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind};

/// How much too high the library sets text in an embedded font, as a part of the font's size: it
/// puts the baseline at half the size, where its own layout (and the SVG backend) has the middle of
/// the letters.
const TOO_HIGH: f64 = 0.2;

/// [`BitMapBackend`], but text stands where its anchor says.
pub(super) struct Bitmap<'a>(BitMapBackend<'a>);

impl<'a> Bitmap<'a> {
    /// Draws into `pixels`, three bytes each, in rows.
    pub(super) fn new(pixels: &'a mut [u8], size: (u32, u32)) -> Self {
        Bitmap(BitMapBackend::with_buffer(pixels, size))
    }
}

type DrawnPixels<'a> = Result<(), DrawingErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;

impl<'a> DrawingBackend for Bitmap<'a> {
    type ErrorType = <BitMapBackend<'a> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.0.get_size()
    }

    fn ensure_prepared(&mut self) -> DrawnPixels<'a> {
        self.0.ensure_prepared()
    }

    fn present(&mut self) -> DrawnPixels<'a> {
        self.0.present()
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> DrawnPixels<'a> {
        self.0.draw_pixel(point, color)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> DrawnPixels<'a> {
        self.0.draw_line(from, to, style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> DrawnPixels<'a> {
        self.0.draw_rect(from, to, style, fill)
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, (x, y): BackendCoord) -> DrawnPixels<'a> {
        let lower = (style.size() * TOO_HIGH).round() as i32;
        self.0.draw_text(text, style, (x, y + lower))
    }
}
