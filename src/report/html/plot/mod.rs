//! The pictures, as SVG by plotters, in colours that the page decides.
//!
//! plotters writes fixed colours and pixels. Here each colour is the number of a [`Role`], which becomes a class of the
//! page's style sheet, so that one picture serves light, dark and paper; the size becomes a view box, so that it fills
//! its place. No word of a user enters a picture: names stand in the legend beside it.

mod calibration;
mod histogram;
mod learning;
mod ranking;

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

pub(super) use calibration::reliability;
pub(super) use histogram::histogram;
pub(super) use learning::learning_curve;
pub(super) use ranking::{precision_recall, roc};

use super::text::Text;

/// Width of the view box. A picture is 330 pixels wide on a phone and up to 460 on a desk.
const WIDTH: i32 = 1200;
const HEIGHT: i32 = 1000;
/// Of the letters, in units of the view box: 11 pixels on a phone, 15 on a desk.
const LETTERS: f64 = 40.0;
/// plotters writes letters smaller than it is told, by this much.
const POINTS: f64 = 1.24;
/// Most steps from one tick of an axis to the next.
const MAX_STEPS: f64 = 6.0;
/// Most corners of a line: more cannot be seen.
const MAX_CORNERS: usize = 500;

/// What a colour is for; the style sheet says which it is.
#[derive(Debug, Clone, Copy)]
enum Role {
    /// Lines and letters that matter.
    Dark,
    /// Letters beside the axes.
    Quiet,
    /// The grid.
    Rule,
    /// What was measured.
    Curve,
    /// The positive class, orange as in the class activation map.
    Positive,
    /// The negative class, blue as there.
    Negative,
}

impl Role {
    const ALL: [Self; 6] = [Self::Dark, Self::Quiet, Self::Rule, Self::Curve, Self::Positive, Self::Negative];

    /// The colour that stands for it until the picture is finished.
    fn colour(self) -> RGBColor {
        RGBColor(0xAB, 0xCD, self as u8)
    }

    fn class(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Quiet => "quiet",
            Self::Rule => "rule",
            Self::Curve => "curve",
            Self::Positive => "positive",
            Self::Negative => "negative",
        }
    }

    fn line(self, width: u32) -> ShapeStyle {
        self.colour().stroke_width(width)
    }

    /// A surface that lets what is below shine through.
    fn tint(self, share: f64) -> ShapeStyle {
        self.colour().mix(share).filled()
    }
}

/// What the numbers of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Fractions, written in percent.
    Percent,
    /// Things that are counted, upwards and downwards from 0.
    Count,
    /// Anything else, in as many decimals as tell two ticks apart.
    Decimal,
}

/// One axis: its name, what it spans, what its numbers are.
struct Axis {
    name: &'static str,
    range: Range<f64>,
    unit: Unit,
}

impl Axis {
    /// From nothing to everything.
    fn share(name: &'static str) -> Self {
        Self { name, range: 0.0..1.0, unit: Unit::Percent }
    }

    /// Between two ticks: 1, 2 or 5 times a power of ten.
    fn step(&self) -> f64 {
        let least = (self.range.end - self.range.start) / MAX_STEPS;
        let power = 10_f64.powf(least.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|&step| step >= least);
        let step = step.unwrap_or(least);
        if self.unit == Unit::Count { step.max(1.0) } else { step }
    }

    fn ticks(&self) -> Vec<f64> {
        let step = self.step();
        let (first, last) = ((self.range.start / step).ceil() as i32, (self.range.end / step).floor() as i32);
        (first..=last).map(|place| f64::from(place) * step).collect()
    }

    /// A tick's number; no two of an axis are the same.
    fn number(&self, value: f64) -> String {
        // How many digits tell the step from nothing; 0.2 becomes −0.7, which one decimal is enough for.
        #[expect(clippy::cast_sign_loss, reason = "it is not below 0")]
        let decimals = (-self.step().log10()).ceil().clamp(0.0, 9.0) as usize;
        match self.unit {
            Unit::Percent => format!("{:.*} %", decimals.saturating_sub(2), value * 100.0),
            Unit::Count => format!("{:.0}", value.abs()),
            Unit::Decimal => format!("{value:.decimals$}"),
        }
    }

    fn coordinates(&self) -> Coordinates {
        Coordinates { inner: self.range.clone().into(), ticks: self.ticks() }
    }
}

/// Coordinates with the ticks of their axis in place of those that plotters would choose.
struct Coordinates {
    inner: RangedCoordf64,
    ticks: Vec<f64>,
}

impl Ranged for Coordinates {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.inner.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        // Lines between the ticks are not drawn.
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.inner.range()
    }
}

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<Coordinates, Coordinates>>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// An SVG with axes, and whatever `paint` puts between them; `label` is what a screen reader says.
/// `None` where plotters cannot draw it, for the axes span nothing.
fn picture(label: &str, x: &Axis, y: &Axis, paint: impl FnOnce(&mut Chart<'_, '_>) -> Drawn) -> Option<String> {
    let is_drawable = |axis: &Axis| (axis.range.end - axis.range.start).is_normal();
    if !(is_drawable(x) && is_drawable(y)) {
        return None;
    }
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH.unsigned_abs(), HEIGHT.unsigned_abs())).into_drawing_area();
        axes(&root, x, y, paint).ok()?;
        root.present().ok()?;
    }
    Some(themed(&svg, label))
}

fn axes(
    root: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    x: &Axis,
    y: &Axis,
    paint: impl FnOnce(&mut Chart<'_, '_>) -> Drawn,
) -> Drawn {
    let letters = |role: Role| ("x", LETTERS * POINTS).into_font().color(&role.colour());
    let mut chart = ChartBuilder::on(root)
        .margin_top(LETTERS * 1.9)
        .margin_right(LETTERS * 1.5)
        .margin_bottom(LETTERS * 1.4)
        .x_label_area_size(LETTERS * 1.6)
        .y_label_area_size(LETTERS * 3.4)
        .build_cartesian_2d(x.coordinates(), y.coordinates())?;
    // In the corner the numbers of both axes would lie on each other: that of the upright one is left out.
    let is_corner = |value: f64| value - y.range.start < (y.range.end - y.range.start) * 0.03;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(Role::Rule.line(2))
        .axis_style(Role::Rule.line(2))
        .label_style(letters(Role::Quiet))
        .x_label_formatter(&|value| x.number(*value))
        .y_label_formatter(&|value| if is_corner(*value) { String::new() } else { y.number(*value) })
        .draw()?;
    paint(&mut chart)?;
    // A name that lies is read more easily than one that stands.
    let at_top = letters(Role::Dark).pos(Pos::new(HPos::Left, VPos::Top));
    root.draw_text(y.name, &at_top, (10, 6))?;
    let at_bottom = letters(Role::Dark).pos(Pos::new(HPos::Right, VPos::Bottom));
    root.draw_text(x.name, &at_bottom, (WIDTH - (LETTERS * 1.5) as i32, HEIGHT - 6))
}

/// Letters inside a picture, centred on their place.
fn letters(
    words: String,
    at: (f64, f64),
    role: Role,
    size: f64,
) -> plotters::element::Text<'static, (f64, f64), String> {
    let style = ("x", size * POINTS).into_font().color(&role.colour()).pos(Pos::new(HPos::Center, VPos::Center));
    plotters::element::Text::new(words, at, style)
}

/// The picture in the page's own colours and letters, as wide as its place.
fn themed(svg: &str, label: &str) -> String {
    let (_, drawn) = svg.split_once('\n').unwrap_or_default();
    let mut drawn = drawn.replace(" opacity=\"1\"", "").replace(" font-family=\"x\"", "").replace(" \"", "\"");
    for role in Role::ALL {
        let RGBColor(red, green, blue) = role.colour();
        for paint in ["fill", "stroke"] {
            let fixed = format!("{paint}=\"#{red:02X}{green:02X}{blue:02X}\"");
            drawn = drawn.replace(&fixed, &format!("class=\"{paint}-{}\"", role.class()));
        }
    }
    let label = Text(label);
    format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">\
         <title>{label}</title>\n{drawn}"
    )
}

/// Not more corners than can be seen, the first and the last among them.
fn thinned(corners: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    if corners.len() <= MAX_CORNERS {
        return corners;
    }
    let last = corners.len() - 1;
    let kept = (0..MAX_CORNERS).map(|place| place * last / (MAX_CORNERS - 1));
    kept.filter_map(|place| corners.get(place).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_the_pages_colours_and_no_size_of_its_own() {
        let svg = picture("area <0.7>", &Axis::share("x"), &Axis::share("y"), |chart| {
            chart.draw_series(std::iter::once(Circle::new((0.5, 0.5), 12, Role::Positive.colour().filled())))?;
            Ok(())
        })
        .unwrap();
        assert!(svg.starts_with("<svg class=\"plot\" viewBox=\"0 0 1200 1000\" role=\"img\""), "{svg}");
        assert!(svg.contains("<title>area &lt;0.7&gt;</title>") && svg.contains("class=\"fill-positive\""), "{svg}");
        assert!(!svg.contains('#') && !svg.contains("http") && !svg.contains("font-family"), "{svg}");
        assert!(svg.trim_end().ends_with("</svg>"), "{svg}");
    }

    #[test]
    fn no_two_ticks_of_an_axis_have_the_same_number() {
        let numbers = |range, unit| {
            let axis = Axis { name: "x", range, unit };
            axis.ticks().into_iter().map(|tick| axis.number(tick)).collect::<Vec<_>>()
        };
        assert_eq!(numbers(0.978..1.0, Unit::Decimal), ["0.980", "0.985", "0.990", "0.995", "1.000"]);
        assert_eq!(numbers(-1.08..1.08, Unit::Count), ["1", "0", "1"]);
        assert_eq!(numbers(0.0..1.0, Unit::Percent), ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]);
        assert_eq!(numbers(0.0..2.4, Unit::Decimal), ["0.0", "0.5", "1.0", "1.5", "2.0"]);
        assert_eq!(numbers(0.0..17_000.0, Unit::Count), ["0", "5000", "10000", "15000"]);
    }

    #[test]
    fn the_corner_has_one_number() {
        let svg = picture("", &Axis::share("x"), &Axis::share("y"), |_| Ok(())).unwrap();
        assert_eq!(svg.matches("\n0 %").count(), 1, "{svg}");
    }

    #[test]
    fn axes_that_span_nothing_are_not_drawn() {
        let flat = Axis { name: "x", range: 0.0..0.0, unit: Unit::Decimal };
        assert!(picture("", &flat, &Axis::share("y"), |_| Ok(())).is_none());
        let unknown = Axis { name: "x", range: 0.0..f64::NAN, unit: Unit::Decimal };
        assert!(picture("", &unknown, &Axis::share("y"), |_| Ok(())).is_none());
    }

    #[test]
    fn a_line_keeps_its_ends_when_it_is_thinned() {
        let long: Vec<(f64, f64)> = (0..100_000).map(|place| (f64::from(place), 1.0)).collect();
        let thin = thinned(long.clone());
        assert_eq!((thin.len(), thin.first(), thin.last()), (MAX_CORNERS, long.first(), long.last()));
        assert!(thin.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(thinned(long[..7].to_vec()), &long[..7]);
    }
}
