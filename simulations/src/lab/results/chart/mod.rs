//! Charts: axes, lines, bars, and a map. What is drawn is decided here; how, by the [`canvas`].

pub mod canvas;

use canvas::{Anchor, Canvas, Colour, LINE};

/// Colours that people with any eyes can tell apart (Okabe and Ito), the darker ones first.
pub const COLOURS: [Colour; 7] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 158, 115],
    [204, 121, 167],
    [230, 159, 0],
    [86, 180, 233],
    [90, 90, 90],
];
const INK: Colour = [40, 40, 40];
const GRID: Colour = [225, 225, 225];

const WIDTH: i32 = 960;
const HEIGHT: i32 = 540;
const LEFT: f64 = 84.0;
const RIGHT: f64 = 930.0;
const TOP: f64 = 58.0;
const BOTTOM: f64 = 476.0;

/// One line of a chart.
#[derive(Debug, Clone)]
pub struct Series {
    /// What it shows.
    pub name: String,
    /// Its points, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// How the horizontal axis is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By powers of ten.
    Logarithmic,
}

/// A chart of lines.
#[derive(Debug, Clone)]
pub struct Lines {
    /// What it is about.
    pub title: String,
    /// What is on the horizontal axis, with its unit.
    pub x: String,
    /// What is on the vertical axis, with its unit.
    pub y: String,
    /// How the horizontal axis is divided.
    pub scale: Scale,
    /// What is drawn.
    pub series: Vec<Series>,
}

/// A picture, twice.
#[derive(Debug)]
pub struct Picture {
    /// As SVG.
    pub svg: String,
    /// As PNG.
    pub png: Vec<u8>,
}

impl Picture {
    /// Of what was drawn.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn of(canvas: &Canvas) -> Result<Self, png::EncodingError> {
        Ok(Self { svg: canvas.svg(), png: canvas.png()? })
    }
}

/// Round numbers that divide a range into about five parts.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let span = high - low;
    if span <= 0.0 || !span.is_finite() {
        return vec![low];
    }
    let rough = span / 5.0;
    let mut unit = 1.0_f64;
    while unit > rough {
        unit /= 10.0;
    }
    while unit * 10.0 <= rough {
        unit *= 10.0;
    }
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * unit).find(|step| *step >= rough);
    let step = step.unwrap_or(unit);
    let first = (low / step).ceil() as i64;
    (first..first + 12)
        .map(|place| place as f64 * step)
        .take_while(|tick| *tick <= high + step / 1e6)
        .collect()
}

/// A number for an axis.
#[must_use]
pub fn label(value: f64) -> String {
    let size = value.abs();
    let (value, unit) = match size {
        size if size >= 1e9 => (value / 1e9, "G"),
        size if size >= 1e6 => (value / 1e6, "M"),
        size if size >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.3}") };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// The frame of a chart: from values to pixels.
#[derive(Debug)]
struct Frame {
    low: f64,
    high: f64,
    top: f64,
    scale: Scale,
}

impl Frame {
    fn x(&self, value: f64) -> f64 {
        let place = |value: f64| match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic => libm::log10(value.max(1e-6)),
        };
        let (low, high) = (place(self.low), place(self.high));
        LEFT + (RIGHT - LEFT) * if high > low { (place(value) - low) / (high - low) } else { 0.0 }
    }

    fn y(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * (value / self.top).clamp(0.0, 1.0)
    }

    fn draw(&self, canvas: &mut Canvas, title: &str, x: &str, y: &str) {
        canvas.text(LEFT, 26.0, title, Anchor::Start, INK);
        for tick in ticks(0.0, self.top) {
            let place = self.y(tick);
            canvas.line(&[(LEFT, place), (RIGHT, place)], GRID, 1.0);
            canvas.text(LEFT - 8.0, place + 5.0, &label(tick), Anchor::End, INK);
        }
        let across = match self.scale {
            Scale::Linear => ticks(self.low, self.high),
            Scale::Logarithmic => {
                let first = libm::floor(libm::log10(self.low.max(1e-6))) as i32;
                let powers = (first..first + 16).map(|power| libm::pow(10.0, f64::from(power)));
                powers.filter(|tick| (self.low * 0.999..=self.high * 1.001).contains(tick)).collect()
            }
        };
        for tick in across {
            let place = self.x(tick);
            canvas.line(&[(place, TOP), (place, BOTTOM)], GRID, 1.0);
            canvas.text(place, BOTTOM + 20.0, &label(tick), Anchor::Middle, INK);
        }
        canvas.line(&[(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)], INK, 1.0);
        canvas.text(f64::midpoint(LEFT, RIGHT), BOTTOM + 46.0, x, Anchor::Middle, INK);
        canvas.text(12.0, TOP - 12.0, y, Anchor::Start, INK);
    }
}

impl Lines {
    /// Draws it.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn draw(&self) -> Result<Picture, png::EncodingError> {
        let points = || self.series.iter().flat_map(|series| series.points.iter());
        let ends = |pick: fn(&(f64, f64)) -> f64| {
            let low = points().map(pick).fold(f64::INFINITY, f64::min);
            let high = points().map(pick).fold(f64::NEG_INFINITY, f64::max);
            if low.is_finite() { (low, high) } else { (0.0, 1.0) }
        };
        let ((low, high), (_, top)) = (ends(|point| point.0), ends(|point| point.1));
        let frame = Frame {
            low: if self.scale == Scale::Logarithmic { power_below(low) } else { low.min(0.0) },
            high: if self.scale == Scale::Logarithmic {
                power_below(high) * 10.0
            } else {
                high.max(low + 1e-9)
            },
            top: if top > 0.0 { top * 1.05 } else { 1.0 },
            scale: self.scale,
        };
        let mut canvas = Canvas::new(WIDTH, HEIGHT);
        frame.draw(&mut canvas, &self.title, &self.x, &self.y);
        if points().next().is_none() {
            canvas.text(f64::midpoint(LEFT, RIGHT), 260.0, "nothing of this happened", Anchor::Middle, INK);
        }
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let places: Vec<_> = series.points.iter().map(|(x, y)| (frame.x(*x), frame.y(*y))).collect();
            if let [(x, y)] = places[..] {
                canvas.circle(x, y, 3.0, *colour);
            }
            canvas.line(&places, *colour, 2.0);
        }
        legend(&mut canvas, self.series.iter().map(|series| series.name.as_str()));
        Picture::of(&canvas)
    }
}

/// The power of ten that is no larger.
fn power_below(value: f64) -> f64 {
    libm::pow(10.0, libm::floor(libm::log10(value.max(1e-3))))
}

fn legend<'a>(canvas: &mut Canvas, names: impl Iterator<Item = &'a str>) {
    let names: Vec<&str> = names.collect();
    if names.len() < 2 {
        return;
    }
    let mut x = RIGHT;
    let coloured: Vec<(&str, Colour)> = names.into_iter().zip(COLOURS.into_iter().cycle()).collect();
    for (name, colour) in coloured.into_iter().rev() {
        x -= f64::from(name.chars().count() as i32 * 8 + 34);
        canvas.rect(x, TOP - 22.0, 14.0, 6.0, colour);
        canvas.text(x + 20.0, TOP - 13.0, name, Anchor::Start, INK);
    }
}

/// A chart of bars, one for each name; the parts of a bar lie on each other.
#[derive(Debug, Clone)]
pub struct Bars {
    /// What it is about.
    pub title: String,
    /// What is on the vertical axis, with its unit.
    pub y: String,
    /// What the parts are.
    pub parts: Vec<String>,
    /// Names, and the parts of each.
    pub bars: Vec<(String, Vec<f64>)>,
}

impl Bars {
    /// Draws it.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn draw(&self) -> Result<Picture, png::EncodingError> {
        let top = self.bars.iter().map(|(_, parts)| parts.iter().sum::<f64>()).fold(0.0, f64::max);
        let frame = Frame {
            low: 0.0,
            high: 0.0,
            top: if top > 0.0 { top * 1.05 } else { 1.0 },
            scale: Scale::Linear,
        };
        let mut canvas = Canvas::new(WIDTH, HEIGHT);
        frame.draw(&mut canvas, &self.title, "", &self.y);
        canvas.rect(LEFT - 4.0, BOTTOM + 6.0, 30.0, 18.0, [255, 255, 255]);
        let width = (RIGHT - LEFT) / (self.bars.len().max(1)) as f64;
        for (place, (name, parts)) in self.bars.iter().enumerate() {
            let left = LEFT + width * place as f64;
            let mut floor = 0.0;
            for (part, colour) in parts.iter().zip(COLOURS.iter().cycle()) {
                let (low, high) = (frame.y(floor), frame.y(floor + part));
                if low > high {
                    canvas.rect(left + width * 0.15, high, width * 0.7, low - high, *colour);
                }
                floor += part;
            }
            let middle = left + width / 2.0;
            canvas.text(middle, frame.y(floor) - 6.0, &label(floor), Anchor::Middle, INK);
            canvas.text(middle, BOTTOM + 20.0, name, Anchor::Middle, INK);
        }
        legend(&mut canvas, self.parts.iter().map(String::as_str));
        Picture::of(&canvas)
    }
}

/// Stretches of time, in rows.
#[derive(Debug, Clone)]
pub struct Stretches {
    /// What it is about.
    pub title: String,
    /// What is on the horizontal axis, with its unit.
    pub x: String,
    /// The whole time.
    pub end: f64,
    /// Rows: what each is, and its stretches.
    pub rows: Vec<(String, Vec<(f64, f64)>)>,
}

impl Stretches {
    /// Draws it.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn draw(&self) -> Result<Picture, png::EncodingError> {
        let mut canvas = Canvas::new(WIDTH, HEIGHT);
        canvas.text(LEFT, 26.0, &self.title, Anchor::Start, INK);
        let frame = Frame { low: 0.0, high: self.end.max(1e-9), top: 1.0, scale: Scale::Linear };
        for tick in ticks(0.0, frame.high) {
            canvas.line(&[(frame.x(tick), TOP), (frame.x(tick), BOTTOM)], GRID, 1.0);
            canvas.text(frame.x(tick), BOTTOM + 20.0, &label(tick), Anchor::Middle, INK);
        }
        let height = ((BOTTOM - TOP) / self.rows.len().max(1) as f64).min(40.0);
        for (place, (name, stretches)) in self.rows.iter().enumerate() {
            let top = TOP + height * place as f64;
            canvas.line(&[(LEFT, top + height / 2.0), (RIGHT, top + height / 2.0)], [0, 158, 115], 3.0);
            if height >= f64::from(LINE) {
                canvas.text(LEFT - 8.0, top + height / 2.0 + 5.0, name, Anchor::End, INK);
            }
            for (from, to) in stretches {
                let width = (frame.x(*to) - frame.x(*from)).max(2.0);
                canvas.rect(frame.x(*from), top + 2.0, width, height - 4.0, [213, 94, 0]);
            }
        }
        canvas.text(f64::midpoint(LEFT, RIGHT), BOTTOM + 46.0, &self.x, Anchor::Middle, INK);
        Picture::of(&canvas)
    }
}

/// Regions, with how many nodes are in each.
#[derive(Debug, Clone)]
pub struct Regions {
    /// What it is about.
    pub title: String,
    /// Name, nodes by class, and how far it is from the first region in milliseconds.
    pub regions: Vec<(String, u64)>,
}

/// Where the shipped regions are, in parts of a map of the world.
const PLACES: [(&str, f64, f64); 13] = [
    ("na-east", 0.30, 0.33),
    ("na-west", 0.17, 0.35),
    ("south-america", 0.37, 0.72),
    ("europe", 0.52, 0.27),
    ("africa", 0.56, 0.68),
    ("west-asia", 0.65, 0.45),
    ("east-asia", 0.86, 0.36),
    ("australia", 0.91, 0.78),
    ("lan", 0.5, 0.5),
    ("kiruna", 0.55, 0.2),
    ("svalbard", 0.54, 0.08),
    ("awarua", 0.95, 0.86),
    ("orbit", 0.3, 0.5),
];

impl Regions {
    /// Draws it.
    ///
    /// # Errors
    /// What the encoder says.
    pub fn draw(&self) -> Result<Picture, png::EncodingError> {
        let mut canvas = Canvas::new(WIDTH, HEIGHT);
        canvas.text(LEFT, 26.0, &self.title, Anchor::Start, INK);
        let most = self.regions.iter().map(|(_, nodes)| *nodes).max().unwrap_or(1).max(1);
        let count = self.regions.len().max(1);
        for (place, (name, nodes)) in self.regions.iter().enumerate() {
            let known = PLACES.iter().find(|(known, ..)| known == name).map(|(_, x, y)| (*x, *y));
            let (x, y) = known.unwrap_or_else(|| {
                let angle = std::f64::consts::TAU * place as f64 / count as f64;
                (0.5 + 0.4 * libm::cos(angle), 0.5 + 0.38 * libm::sin(angle))
            });
            let (x, y) = (60.0 + x * 840.0, 60.0 + y * 420.0);
            let radius = 5.0 + 34.0 * (*nodes as f64 / most as f64).sqrt();
            canvas.circle(x, y, radius, [86, 180, 233]);
            canvas.text(x, y + radius + 18.0, &format!("{name}: {nodes}"), Anchor::Middle, INK);
        }
        Picture::of(&canvas)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(0.0, 10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks(0.0, 0.03).len(), 4);
        assert_eq!(ticks(3.0, 3.0), [3.0]);
        assert_eq!([0.5, 1_500.0, 25_000.0, 2e6].map(label), ["0.5", "1500", "25k", "2M"]);
    }

    #[test]
    fn equal_charts_give_equal_pictures_and_empty_ones_say_so() {
        let chart = |points: Vec<(f64, f64)>| Lines {
            title: "t".to_owned(),
            x: "x (s)".to_owned(),
            y: "y".to_owned(),
            scale: Scale::Linear,
            series: vec![Series { name: "a".to_owned(), points }],
        };
        let drawn = chart(vec![(0.0, 1.0), (5.0, 3.0)]).draw().unwrap();
        let again = chart(vec![(0.0, 1.0), (5.0, 3.0)]).draw().unwrap();
        assert_eq!((drawn.svg, drawn.png), (again.svg, again.png));
        assert!(chart(Vec::new()).draw().unwrap().svg.contains("nothing of this happened"));
    }
}
