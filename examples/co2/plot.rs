//! Draws measurements, and what a Gaussian process predicts.

use crate::chart::{Area, BLUE, ORANGE, chart, halves, legend};
use crate::{Prediction, read::Record};
use plotters::prelude::*;
use std::error::Error;
use std::ops::Range;
use std::path::Path;

/// Draws the whole record on the left, and the end of it on the right, as SVG.
pub fn draw(
    path: &Path,
    train: &Record,
    held_out: &Record,
    curve: &Prediction,
) -> Result<(), Box<dyn Error>> {
    let (whole, [left, right]) =
        halves(path, "Carbon dioxide in the air at Mauna Loa, and a Gaussian process")?;
    let (first, last) = (curve.years[0], curve.years[curve.years.len() - 1]);
    let split = held_out.years[0];
    draw_years(&left, first..last, 1, train, held_out, curve)?;
    draw_years(&right, split - 2.0..last, 3, train, held_out, curve)?;
    whole.present()?;
    Ok(())
}

fn draw_years(
    area: &Area<'_>,
    years: Range<f64>,
    radius: i32,
    train: &Record,
    held_out: &Record,
    curve: &Prediction,
) -> Result<(), Box<dyn Error>> {
    let shown: Vec<usize> = (0..curve.years.len()).filter(|&i| years.contains(&curve.years[i])).collect();
    let at = |i: usize, deviations: f64| (curve.years[i], curve.mean[i] + deviations * curve.deviation[i]);
    let least = shown.iter().map(|&i| at(i, -2.0).1).fold(f64::INFINITY, |a, b| if b < a { b } else { a });
    let most = shown.iter().map(|&i| at(i, 2.0).1).fold(0.0, |a, b| if b > a { b } else { a });
    let mut chart = chart(area, ("year", years.clone()), ("CO2 (ppm)", least - 1.0..most + 1.0))?;

    let band = BLUE.mix(0.25);
    let outline = shown.iter().map(|&i| at(i, 2.0)).chain(shown.iter().rev().map(|&i| at(i, -2.0)));
    chart
        .draw_series([Polygon::new(outline.collect::<Vec<_>>(), band)])?
        .label("two standard deviations")
        .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 22, y + 5)], band.filled()));
    chart
        .draw_series(LineSeries::new(shown.iter().map(|&i| at(i, 0.0)), BLUE.stroke_width(1)))?
        .label("prediction")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 22, y)], BLUE.stroke_width(2)));
    for (name, colour, record) in [("measured", BLACK, train), ("measured, held out", ORANGE, held_out)] {
        let points = record.years.iter().copied().zip(record.ppm.iter().copied());
        let points = points.filter(|(year, _)| years.contains(year));
        chart
            .draw_series(points.map(|point| Circle::new(point, radius, colour.filled())))?
            .label(name)
            .legend(move |(x, y)| Circle::new((x + 11, y), 3, colour.filled()));
    }
    legend(&mut chart, SeriesLabelPosition::LowerRight)
}
