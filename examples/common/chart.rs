//! What the pictures of the examples have in common.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;
use std::path::Path;

/// Two colours that the colour-blind can tell apart.
pub const BLUE: RGBColor = RGBColor(31, 119, 180);
pub const ORANGE: RGBColor = RGBColor(214, 94, 0);
const GRID: RGBColor = RGBColor(225, 225, 225);
const FONT: (&str, i32) = ("sans-serif", 15);
const SIZE: (u32, u32) = (1000, 440);

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// An SVG picture under a title: its whole, to be presented in the end, and its two halves.
pub fn halves<'a>(path: &'a Path, title: &str) -> Result<(Area<'a>, [Area<'a>; 2]), Box<dyn Error>> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let area = area.titled(title, ("sans-serif", 24))?;
    let (left, right) = area.split_horizontally(SIZE.0 / 2);
    Ok((area, [left, right]))
}

/// A chart with a grid: for each axis its name and range.
pub fn chart<'a, 'b>(
    area: &'a Area<'b>,
    (x_name, x_range): (&str, Range<f64>),
    (y_name, y_range): (&str, Range<f64>),
) -> Result<Chart<'a, 'b>, Box<dyn Error>> {
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(24)
        .x_label_area_size(46)
        .y_label_area_size(62)
        .build_cartesian_2d(x_range, y_range)?;
    chart
        .configure_mesh()
        .x_desc(x_name)
        .y_desc(y_name)
        .label_style(FONT)
        .axis_desc_style(("sans-serif", 16))
        .x_labels(7)
        .y_labels(8)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    Ok(chart)
}

/// The names of what was drawn.
pub fn legend<'a, 'b: 'a>(
    chart: &mut Chart<'a, 'b>,
    position: SeriesLabelPosition,
) -> Result<(), Box<dyn Error>> {
    chart
        .configure_series_labels()
        .position(position)
        .label_font(FONT)
        .background_style(WHITE)
        .border_style(GRID)
        .legend_area_size(30)
        .margin(14)
        .draw()?;
    Ok(())
}
