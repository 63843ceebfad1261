//! A chart as SVG: two axes with their ticks, and lines, bars, dots and words between them.
//!
//! Colours are classes of the page's style sheet, so one chart serves light, dark and paper. Its size is a view box, so it
//! fills its place. No word of a user enters a chart: names stand in the legend beside it.

use std::fmt::Write;
use std::ops::Range;

use crate::report::html::text::Text;

/// The view box. A chart is 330 pixels wide on a phone and up to 460 on a desk.
const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 1000.0;
/// Size of the text, in units of the view box: 11 pixels on a phone, 15 on a desk.
pub(super) const TEXT: f64 = 40.0;
/// Where the axes end, in units of the view box.
const LEFT: f64 = TEXT * 3.8;
const RIGHT: f64 = WIDTH - TEXT * 1.8;
const TOP: f64 = TEXT * 1.9;
const BOTTOM: f64 = HEIGHT - TEXT * 3.0;
/// Most steps from one tick of an axis to the next.
const MAX_STEPS: f64 = 6.0;
/// Most points of a line: more cannot be seen.
const MAX_POINTS: usize = 500;

/// What a colour is for; the style sheet says which it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// Lines and text that matter.
    Dark,
    /// Text beside the axes.
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
    /// The end of the classes `fill-…` and `stroke-…`.
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
}

/// What the numbers of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Fractions, written in percent.
    Percent,
    /// Things that are counted, upwards and downwards from 0.
    Count,
    /// Anything else, in as many decimals as tell two ticks apart.
    Decimal,
}

/// One axis: its name, what it spans, what its numbers are.
pub(super) struct Axis {
    pub(super) name: &'static str,
    pub(super) range: Range<f64>,
    pub(super) unit: Unit,
}

impl Axis {
    /// From nothing to everything.
    pub(super) fn share(name: &'static str) -> Self {
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
}

/// A chart that is being drawn; each call draws over what is there.
pub(super) struct Chart {
    x: Axis,
    y: Axis,
    svg: String,
}

impl Chart {
    /// The axes with their grid, ticks and names; `None` where one spans nothing.
    pub(super) fn new(x: Axis, y: Axis) -> Option<Self> {
        let is_drawable = |axis: &Axis| (axis.range.end - axis.range.start).is_normal();
        if !(is_drawable(&x) && is_drawable(&y)) {
            return None;
        }
        let mut chart = Self { x, y, svg: String::new() };
        for tick in chart.x.ticks() {
            let (at, number) = (chart.across(tick), chart.x.number(tick));
            chart.path([(at, TOP), (at, BOTTOM)], Role::Rule, 2.0);
            chart.word((at, BOTTOM + TEXT * 0.9), "middle", &number, Role::Quiet, TEXT);
        }
        for tick in chart.y.ticks() {
            let (at, number) = (chart.down(tick), chart.y.number(tick));
            chart.path([(LEFT, at), (RIGHT, at)], Role::Rule, 2.0);
            // In the corner the numbers of both axes would lie on each other.
            if at < BOTTOM - (BOTTOM - TOP) * 0.03 {
                chart.word((LEFT - TEXT * 0.3, at), "end", &number, Role::Quiet, TEXT);
            }
        }
        // A name that lies is read more easily than one that stands.
        let (x, y) = (chart.x.name, chart.y.name);
        chart.word((10.0, TEXT * 0.6), "start", y, Role::Dark, TEXT);
        chart.word((RIGHT, HEIGHT - TEXT * 0.6), "end", x, Role::Dark, TEXT);
        Some(chart)
    }

    /// A line through the points, thinned where there are more than can be seen.
    pub(super) fn line(mut self, points: &[(f64, f64)], role: Role, width: f64) -> Self {
        let points = self.places(points);
        self.path(points, role, width);
        self
    }

    /// A surface around the points that lets what is below shine through.
    pub(super) fn band(mut self, points: &[(f64, f64)], role: Role) -> Self {
        let points = joined(self.places(points));
        self.write(format_args!("<polygon class=\"fill-{}\" opacity=\"0.18\" points=\"{points}\"/>", role.class()));
        self
    }

    /// A bar between two opposite corners.
    pub(super) fn bar(mut self, from: (f64, f64), to: (f64, f64), role: Role) -> Self {
        let [(left, first), (right, second)] = [from, to].map(|point| self.place(point));
        let (top, height, width) = (first.min(second), (first - second).abs(), right - left);
        self.write(format_args!(
            "<rect class=\"fill-{}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
            role.class()
        ));
        self
    }

    /// A dot at each point.
    pub(super) fn dots(mut self, points: &[(f64, f64)], role: Role, radius: f64) -> Self {
        for point in points {
            let (x, y) = self.place(*point);
            self.write(format_args!(
                "<circle class=\"fill-{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\"/>",
                role.class()
            ));
        }
        self
    }

    /// Words around a point.
    pub(super) fn text(mut self, at: (f64, f64), words: &str, role: Role, size: f64) -> Self {
        let at = self.place(at);
        self.word(at, "middle", words, role, size);
        self
    }

    /// The whole picture; `label` is what a screen reader says.
    pub(super) fn finish(self, label: &str) -> String {
        let label = Text(label);
        format!(
            "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{label}\">\
             <title>{label}</title>\n{}</svg>\n",
            self.svg
        )
    }

    fn across(&self, value: f64) -> f64 {
        let Range { start, end } = self.x.range;
        LEFT + (value - start) / (end - start) * (RIGHT - LEFT)
    }

    fn down(&self, value: f64) -> f64 {
        let Range { start, end } = self.y.range;
        BOTTOM - (value - start) / (end - start) * (BOTTOM - TOP)
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.across(x), self.down(y))
    }

    fn places(&self, points: &[(f64, f64)]) -> Vec<(f64, f64)> {
        thinned(points).into_iter().map(|point| self.place(point)).collect()
    }

    fn path(&mut self, points: impl IntoIterator<Item = (f64, f64)>, role: Role, width: f64) {
        let points = joined(points);
        self.write(format_args!(
            "<polyline class=\"stroke-{}\" fill=\"none\" stroke-width=\"{width}\" points=\"{points}\"/>",
            role.class()
        ));
    }

    /// Words beside a place of the view box, at half their height.
    fn word(&mut self, (x, y): (f64, f64), anchor: &str, words: &str, role: Role, size: f64) {
        let (class, words) = (role.class(), Text(words));
        self.write(format_args!(
            "<text class=\"fill-{class}\" x=\"{x:.1}\" y=\"{y:.1}\" dy=\"0.35em\" font-size=\"{size}\" \
             text-anchor=\"{anchor}\">{words}</text>"
        ));
    }

    fn write(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.svg, "{element}");
    }
}

/// `x,y x,y`, as SVG lists points.
fn joined(points: impl IntoIterator<Item = (f64, f64)>) -> String {
    points.into_iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect::<Vec<_>>().join(" ")
}

/// Not more points than can be seen, the first and the last among them.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let kept = points.len().min(MAX_POINTS);
    let last = points.len().saturating_sub(1);
    (0..kept).filter_map(|place| points.get(place * last / kept.saturating_sub(1).max(1)).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        Chart::new(Axis::share("x"), Axis::share("y")).unwrap()
    }

    #[test]
    fn a_chart_has_the_pages_colours_and_no_size_of_its_own() {
        let svg = chart().dots(&[(0.5, 0.5)], Role::Positive, 12.0).finish("area <0.7>");
        assert!(svg.starts_with("<svg class=\"plot\" viewBox=\"0 0 1200 1000\" role=\"img\""), "{svg}");
        assert!(svg.contains("<title>area &lt;0.7&gt;</title>"), "{svg}");
        assert!(svg.contains("<circle class=\"fill-positive\" cx=\"640.0\" cy=\"478.0\" r=\"12\"/>"), "{svg}");
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
        assert_eq!(chart().finish("").matches(">0 %<").count(), 1);
    }

    #[test]
    fn axes_that_span_nothing_are_not_drawn() {
        for range in [0.0..0.0, 0.0..f64::NAN] {
            assert!(Chart::new(Axis { name: "x", range, unit: Unit::Decimal }, Axis::share("y")).is_none());
        }
    }

    #[test]
    fn a_line_keeps_its_ends_when_it_is_thinned() {
        let long: Vec<(f64, f64)> = (0..100_000).map(|place| (f64::from(place), 1.0)).collect();
        let thin = thinned(&long);
        assert_eq!((thin.len(), thin.first(), thin.last()), (MAX_POINTS, long.first(), long.last()));
        assert!(thin.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for short in [0, 1, 7] {
            assert_eq!(thinned(&long[..short]), &long[..short]);
        }
    }
}
