//! One chart: a loss or metric by epoch.
use plotters::coord::Shift;
use plotters::prelude::*;
use std::ops::Range;

/// A curve: its name in the legend, its width, and pairs of epoch (from 1) and value.
pub(super) struct Curve {
    pub name: String,
    pub width: u32,
    pub points: Vec<(i32, f64)>,
}

/// A chart of the curves of one loss or metric.
pub(super) struct Panel {
    pub title: String,
    pub curves: Vec<Curve>,
}

/// Of Tableau's palette; the first two are told apart by those who cannot see some colours.
const COLORS: [RGBColor; 6] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(214, 39, 40),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
];
const GRID: RGBColor = RGBColor(225, 225, 225);
const AXIS: RGBColor = RGBColor(90, 90, 90);
/// Up to so many epochs, each is a dot on the curve.
const DOTS: i32 = 40;

type Drawn = std::result::Result<(), String>;

impl Panel {
    /// Draws into `area`, where lengths are `scale` times those of a picture on paper.
    pub fn draw<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, scale: u32) -> Drawn {
        self.draw_on(area, scale).map_err(|e| e.to_string())
    }

    fn draw_on<DB: DrawingBackend>(
        &self,
        area: &DrawingArea<DB, Shift>,
        scale: u32,
    ) -> std::result::Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
        let size = |points: u32| (super::FONT, points * scale);
        let (epochs, values) = (self.epochs(), self.values());
        let digits = digits(&values);
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, size(17).into_font().color(&BLACK))
            .margin(12 * scale)
            .x_label_area_size(38 * scale)
            .y_label_area_size(46 * scale)
            .build_cartesian_2d(epochs.clone(), values)?;
        chart
            .configure_mesh()
            .x_desc("epoch")
            .set_all_tick_mark_size(4 * scale)
            .x_labels(8)
            .y_labels(7)
            .y_label_formatter(&|y| format!("{y:.digits$}"))
            .label_style(size(12).into_font().color(&AXIS))
            .axis_desc_style(size(13).into_font().color(&AXIS))
            .bold_line_style(GRID.stroke_width(scale))
            .light_line_style(TRANSPARENT)
            .axis_style(AXIS.stroke_width(scale))
            .draw()?;
        for (curve, color) in self.curves.iter().zip(COLORS.into_iter().cycle()) {
            let line = color.stroke_width(curve.width * scale);
            chart
                .draw_series(LineSeries::new(curve.points.iter().copied(), line))?
                .label(&curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20 * scale as i32, y)], line));
            if epochs.end - epochs.start <= DOTS {
                let dot = |&point| Circle::new(point, (curve.width + 1) * scale, color.filled());
                chart.draw_series(curve.points.iter().map(dot))?;
            }
        }
        if self.curves.len() > 1 {
            chart
                .configure_series_labels()
                .position(self.emptiest_corner())
                .margin(8 * scale)
                .legend_area_size(24 * scale)
                .label_font(size(12).into_font().color(&BLACK))
                .background_style(WHITE.mix(0.85))
                .border_style(GRID.stroke_width(scale))
                .draw()?;
        }
        Ok(())
    }

    fn epochs(&self) -> Range<i32> {
        let all = || self.curves.iter().flat_map(|c| &c.points).map(|p| p.0);
        match (all().min().unwrap_or(1), all().max().unwrap_or(1)) {
            (first, last) if first == last => first - 1..last + 1,
            (first, last) => first..last,
        }
    }

    /// The values with some room below and above.
    fn values(&self) -> Range<f64> {
        const ROOM: f64 = 0.06;
        let all = || self.curves.iter().flat_map(|c| &c.points).map(|p| p.1);
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        match high - low {
            range if range > 0.0 && range.is_finite() => low - ROOM * range..high + ROOM * range,
            _ if low.is_finite() && high.is_finite() => {
                low - 0.5 * low.abs().max(1.0)..low + 0.5 * low.abs().max(1.0)
            }
            _ => 0.0..1.0,
        }
    }

    /// The corner for the legend that the fewest points are near.
    fn emptiest_corner(&self) -> SeriesLabelPosition {
        let (epochs, values) = (self.epochs(), self.values());
        let middle = (values.start + values.end) / 2.0;
        let center = f64::from(epochs.start + epochs.end) / 2.0;
        let near = |right: bool, upper: bool| {
            let points = self.curves.iter().flat_map(|c| &c.points);
            points.filter(|p| (f64::from(p.0) > center) == right && (p.1 > middle) == upper).count()
        };
        let corners = [
            (near(true, true), SeriesLabelPosition::UpperRight),
            (near(true, false), SeriesLabelPosition::LowerRight),
            (near(false, true), SeriesLabelPosition::UpperLeft),
            (near(false, false), SeriesLabelPosition::LowerLeft),
        ];
        corners.into_iter().min_by_key(|(count, _)| *count).map_or(SeriesLabelPosition::UpperRight, |c| c.1)
    }
}

/// Decimals that tell the labels of an axis apart.
fn digits(values: &Range<f64>) -> usize {
    let step = (values.end - values.start) / 8.0;
    (-step.log10().floor()).clamp(0.0, 9.0) as usize
}
