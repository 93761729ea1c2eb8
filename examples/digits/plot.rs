//! Draws how training went.

use crate::Epoch;
use crate::chart::{Area, BLUE, ORANGE, chart, halves, legend};
use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;
use std::path::Path;

/// A line of a chart: its name, colour, and a value for each epoch.
type Line<'a> = (&'a str, RGBColor, &'a dyn Fn(&Epoch) -> f64);

/// Draws the losses on the left and the accuracy on the right, as SVG.
pub fn draw(path: &Path, curves: &[Epoch]) -> Result<(), Box<dyn Error>> {
    let (whole, [left, right]) = halves(path, "A network learns to read handwritten digits")?;
    let losses: [Line; 2] =
        [("training images, disturbed", BLUE, &|e| e.train_loss), ("test images", ORANGE, &|e| e.test_loss)];
    let top = losses.iter().flat_map(|(_, _, f)| curves.iter().map(f)).fold(0.0, larger);
    let axis = ("loss: cross-entropy (nats)", 0.0..1.05 * top);
    draw_lines(&left, curves, axis, &losses, SeriesLabelPosition::UpperRight)?;

    let accuracy: [Line; 1] = [("test images", ORANGE, &|e| e.test_accuracy)];
    let least = curves.iter().map(|e| e.test_accuracy).fold(100.0, |a, b| -larger(-a, -b));
    // From a multiple of 5 below the first epoch, so that the end of the curve can be read.
    let bottom = 5.0 * ((least - 0.5) / 5.0).floor();
    let axis = ("accuracy (%)", larger(bottom, 0.0)..100.5);
    draw_lines(&right, curves, axis, &accuracy, SeriesLabelPosition::LowerRight)?;
    whole.present()?;
    Ok(())
}

fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

fn draw_lines(
    area: &Area<'_>,
    curves: &[Epoch],
    y_axis: (&str, Range<f64>),
    lines: &[Line],
    position: SeriesLabelPosition,
) -> Result<(), Box<dyn Error>> {
    let mut chart = chart(area, ("epoch", 0.0..curves.len() as f64), y_axis)?;
    for &(name, colour, value) in lines {
        let points = curves.iter().enumerate().map(|(i, epoch)| ((i + 1) as f64, value(epoch)));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(2)));
    }
    legend(&mut chart, position)
}
