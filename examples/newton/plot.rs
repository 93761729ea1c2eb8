//! Draws how two methods went, and what the first has learnt.

use crate::Progress;
use crate::chart::{BLUE, ORANGE, chart, halves, legend};
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

/// Draws the gradients of both methods on the left, and the test images' logits, with their signs, on the right, as SVG.
pub fn draw(
    path: &Path,
    newton: &[Progress],
    descent: &[Progress],
    images: &[(f64, f64)],
) -> Result<(), Box<dyn Error>> {
    let (whole, [left, right]) = halves(path, "Threes and eights, told apart by Newton's method")?;
    let most = newton.last().map_or(1.0, |p| p.products);
    let mut gradients =
        chart(&left, ("products with the images", 0.0..most), ("log10 of the gradient's norm", -16.0..1.0))?;
    for (name, color, steps) in [("Newton-CG", BLUE, newton), ("gradient descent", ORANGE, descent)] {
        let line = steps.iter().map(|p| (p.products, p.norm.log10()));
        gradients
            .draw_series(LineSeries::new(line, color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], color.stroke_width(2)));
    }
    legend(&mut gradients, SeriesLabelPosition::LowerLeft)?;

    let mut sorted = images.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let range = sorted[0].0.floor()..sorted[sorted.len() - 1].0.ceil();
    let places = 0.0..sorted.len() as f64;
    let mut logits = chart(&right, ("test image, in order", places), ("log-odds of an eight", range))?;
    for (name, color, sign) in [("a three", BLUE, -1.0), ("an eight", ORANGE, 1.0)] {
        let dots = sorted.iter().enumerate().filter(|(_, image)| image.1 == sign);
        logits
            .draw_series(dots.map(|(i, image)| Circle::new((i as f64, image.0), 3, color.filled())))?
            .label(name)
            .legend(move |(x, y)| Circle::new((x + 12, y), 3, color.filled()));
    }
    legend(&mut logits, SeriesLabelPosition::UpperLeft)?;
    whole.present()?;
    Ok(())
}
