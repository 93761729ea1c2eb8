//! Draws how training went.

use crate::Epoch;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;
use std::path::Path;

const SIZE: (u32, u32) = (1000, 440);
const TRAIN: RGBColor = RGBColor(31, 119, 180);
const TEST: RGBColor = RGBColor(214, 94, 0);
const GRID: RGBColor = RGBColor(225, 225, 225);

/// A line of a chart: its name, colour, and a value for each epoch.
type Line<'a> = (&'a str, RGBColor, &'a dyn Fn(&Epoch) -> f64);

/// Draws the losses on the left and the accuracy on the right, as SVG.
pub fn draw(path: &Path, curves: &[Epoch]) -> Result<(), Box<dyn Error>> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let area = area.titled("A network learns to read handwritten digits", ("sans-serif", 24))?;
    let (left, right) = area.split_horizontally(SIZE.0 / 2);

    let losses: [Line; 2] =
        [("training images, disturbed", TRAIN, &|e| e.train_loss), ("test images", TEST, &|e| e.test_loss)];
    let top = losses.iter().flat_map(|(_, _, f)| curves.iter().map(f)).fold(0.0, larger);
    chart(
        &left,
        curves,
        "loss: cross-entropy (nats)",
        0.0..1.05 * top,
        &losses,
        SeriesLabelPosition::UpperRight,
    )?;

    let accuracy: [Line; 1] = [("test images", TEST, &|e| e.test_accuracy)];
    let least = curves.iter().map(|e| e.test_accuracy).fold(100.0, |a, b| -larger(-a, -b));
    // From a multiple of 5 below the first epoch, so that the end of the curve can be read.
    let bottom = 5.0 * ((least - 0.5) / 5.0).floor();
    let bottom = larger(bottom, 0.0);
    chart(&right, curves, "accuracy (%)", bottom..100.5, &accuracy, SeriesLabelPosition::LowerRight)?;
    area.present()?;
    Ok(())
}

fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

fn chart(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    curves: &[Epoch],
    y_name: &str,
    y_range: Range<f64>,
    lines: &[Line],
    legend: SeriesLabelPosition,
) -> Result<(), Box<dyn Error>> {
    let font = ("sans-serif", 15);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .margin_right(24)
        .x_label_area_size(46)
        .y_label_area_size(62)
        .build_cartesian_2d(0.0..curves.len() as f64, y_range)?;
    chart
        .configure_mesh()
        .x_desc("epoch")
        .y_desc(y_name)
        .label_style(font)
        .axis_desc_style(("sans-serif", 16))
        .x_labels(7)
        .y_labels(8)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .draw()?;
    for &(name, colour, value) in lines {
        let points = curves.iter().enumerate().map(|(i, epoch)| ((i + 1) as f64, value(epoch)));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(legend)
        .label_font(font)
        .background_style(WHITE)
        .border_style(GRID)
        .legend_area_size(30)
        .margin(14)
        .draw()?;
    Ok(())
}
