//! Draws measurements and fits, and how the fit went.

use crate::chart::{BLUE, ORANGE, chart, halves, legend};
use crate::{INTERVAL, MEASUREMENTS};
use ndarray::{ArcArray, IxDyn};
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

/// Draws angles by time on the left, those measured, of the guess and of the fit, and the sum of squares after each step
/// on the right, as SVG.
pub fn draw(
    path: &Path,
    guess: &[f64],
    found: &[f64],
    measured: &ArcArray<f64, IxDyn>,
    losses: &[f64],
) -> Result<(), Box<dyn Error>> {
    let (whole, [left, right]) =
        halves(path, "A damped pendulum, fitted through the solver of its equation")?;
    let time = |i: usize| i as f64 * INTERVAL;
    let mut angles = chart(&left, ("time (s)", 0.0..time(MEASUREMENTS)), ("angle (rad)", -1.8..2.6))?;
    let grey = RGBColor(140, 140, 140);
    for (name, color, curve) in [("guess", grey, guess), ("fit", BLUE, found)] {
        let line = curve.iter().enumerate().map(|(i, &angle)| (time(i), angle));
        angles
            .draw_series(LineSeries::new(line, color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], color.stroke_width(2)));
    }
    let dots =
        measured.iter().enumerate().map(|(i, &angle)| Circle::new((time(i), angle), 3, ORANGE.filled()));
    angles.draw_series(dots)?.label("measured").legend(|(x, y)| Circle::new((x + 12, y), 3, ORANGE.filled()));
    legend(&mut angles, SeriesLabelPosition::UpperRight)?;

    let steps = 0.0..losses.len() as f64;
    let mut progress = chart(&right, ("step", steps), ("log10 of the sum of squares", -1.5..2.5))?;
    let line = || losses.iter().enumerate().map(|(i, loss)| (i as f64, loss.log10()));
    progress.draw_series(LineSeries::new(line(), BLUE.stroke_width(2)))?;
    progress.draw_series(line().map(|point| Circle::new(point, 4, BLUE.filled())))?;
    whole.present()?;
    Ok(())
}
