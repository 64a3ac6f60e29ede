//! What charts are drawn on: the same strokes as SVG and as a bitmap.
//!
//! Coordinates are pixels. The bitmap's edges are smoothed with exact square roots, which are the same on every machine,
//! and its letters are small bitmaps of their own, so that no font of a system makes a difference.

use std::fmt::Write as _;

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// Red, green, blue.
pub type Colour = [u8; 3];

/// Where a text is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// At its left end.
    Start,
    /// In its middle.
    Middle,
    /// At its right end.
    End,
}

/// Draws twice.
#[derive(Debug)]
pub struct Canvas {
    width: i32,
    height: i32,
    svg: String,
    pixels: Vec<u8>,
}

/// Pixels between the lines of a text.
pub const LINE: i32 = 16;

impl Canvas {
    /// A white one.
    pub fn new(width: i32, height: i32) -> Self {
        let mut svg = String::new();
        let _ = writeln!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"13\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>"
        );
        let pixels = vec![255; (width.max(0) * height.max(0) * 3) as usize];
        Self { width, height, svg, pixels }
    }

    /// The SVG.
    pub fn svg(&self) -> String {
        format!("{}</svg>\n", self.svg)
    }

    /// The bitmap as PNG.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut out = Vec::new();
        let mut encoder = png::Encoder::new(&mut out, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Balanced);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(out)
    }

    fn blend(&mut self, x: i32, y: i32, colour: Colour, cover: f64) {
        if x < 0 || y < 0 || x >= self.width || y >= self.height || cover <= 0.0 {
            return;
        }
        let place = ((y * self.width + x) * 3) as usize;
        let cover = (cover.min(1.0) * 256.0) as u32;
        for (pixel, ink) in self.pixels.iter_mut().skip(place).take(3).zip(colour) {
            *pixel = ((u32::from(*pixel) * (256 - cover) + u32::from(ink) * cover) / 256) as u8;
        }
    }

    /// A line through points.
    pub fn line(&mut self, points: &[(f64, f64)], colour: Colour, width: f64) {
        if points.len() < 2 {
            return;
        }
        let list: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            self.svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>",
            list.join(" "),
            hex(colour)
        );
        for pair in points.windows(2) {
            if let [from, to] = pair {
                self.stroke(*from, *to, colour, width);
            }
        }
    }

    /// One piece of a line, smoothed by its distance to each pixel around.
    fn stroke(&mut self, (ax, ay): (f64, f64), (bx, by): (f64, f64), colour: Colour, width: f64) {
        let reach = width / 2.0 + 1.0;
        let (left, right) = (ax.min(bx) - reach, ax.max(bx) + reach);
        let (top, bottom) = (ay.min(by) - reach, ay.max(by) + reach);
        let (dx, dy) = (bx - ax, by - ay);
        let length = dx * dx + dy * dy;
        for y in top.max(0.0) as i32..=(bottom as i32).min(self.height - 1) {
            for x in left.max(0.0) as i32..=(right as i32).min(self.width - 1) {
                let (px, py) = (f64::from(x) - ax, f64::from(y) - ay);
                let along = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
                let (ex, ey) = (px - along * dx, py - along * dy);
                let distance = (ex * ex + ey * ey).sqrt();
                self.blend(x, y, colour, width / 2.0 + 0.5 - distance);
            }
        }
    }

    /// A filled rectangle.
    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, colour: Colour) {
        let _ = writeln!(
            self.svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{}\"/>",
            hex(colour)
        );
        let covered =
            |pixel: i32, from: f64, to: f64| (f64::from(pixel) + 1.0).min(to) - f64::from(pixel).max(from);
        for py in y as i32..=(y + height) as i32 {
            for px in x as i32..=(x + width) as i32 {
                let cover = covered(px, x, x + width).max(0.0) * covered(py, y, y + height).max(0.0);
                self.blend(px, py, colour, cover);
            }
        }
    }

    /// A filled circle.
    pub fn circle(&mut self, x: f64, y: f64, radius: f64, colour: Colour) {
        let _ = writeln!(
            self.svg,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{}\"/>",
            hex(colour)
        );
        self.stroke_dot(x, y, radius, colour);
    }

    fn stroke_dot(&mut self, x: f64, y: f64, radius: f64, colour: Colour) {
        for py in (y - radius - 1.0) as i32..=(y + radius + 1.0) as i32 {
            for px in (x - radius - 1.0) as i32..=(x + radius + 1.0) as i32 {
                let (dx, dy) = (f64::from(px) - x, f64::from(py) - y);
                self.blend(px, py, colour, radius + 0.5 - (dx * dx + dy * dy).sqrt());
            }
        }
    }

    /// A text whose base line is at `y`.
    pub fn text(&mut self, x: f64, y: f64, text: &str, anchor: Anchor, colour: Colour) {
        let word = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let _ = writeln!(
            self.svg,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{word}\" fill=\"{}\">{}</text>",
            hex(colour),
            text.replace('&', "&amp;").replace('<', "&lt;")
        );
        let step = get_raster_width(FontWeight::Regular, RasterHeight::Size16) as i32;
        let width = step * text.chars().count() as i32;
        let mut left = x as i32
            - match anchor {
                Anchor::Start => 0,
                Anchor::Middle => width / 2,
                Anchor::End => width,
            };
        for letter in text.chars() {
            let raster = get_raster(letter, FontWeight::Regular, RasterHeight::Size16);
            for (row, line) in raster.iter().flat_map(|raster| raster.rows().enumerate()) {
                for (column, ink) in line.iter().enumerate() {
                    let (px, py) = (left + column as i32, y as i32 - 13 + row as i32);
                    self.blend(px, py, colour, f64::from(*ink) / 255.0);
                }
            }
            left += step;
        }
    }
}

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
