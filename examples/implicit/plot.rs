//! Draws how the losses fell, and the penalties.

use crate::Losses;
use crate::chart::{BLUE, ORANGE, chart, halves, legend};
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

/// Draws the losses after each step on the left, and the penalties (log10), 8 x 8 and one for the bias, on the right, as
/// SVG.
pub fn draw(path: &Path, history: &[Losses], penalties: &[f64]) -> Result<(), Box<dyn Error>> {
    let (whole, [left, right]) = halves(path, "Logistic regression with a tuned penalty for each pixel")?;
    let most =
        history.iter().flat_map(|l| [l.validation, l.test]).fold(0.0, |a, b| if b > a { b } else { a });
    let steps = 0.0..history.len() as f64;
    let mut losses = chart(&left, ("step", steps), ("loss", 0.0..1.1 * most))?;
    type Of = fn(&Losses) -> f64;
    let lines: [(&str, RGBColor, Of); 2] =
        [("validation images", BLUE, |l| l.validation), ("test images", ORANGE, |l| l.test)];
    for (name, color, of) in lines {
        let line = history.iter().enumerate().map(|(i, l)| (i as f64, of(l)));
        losses
            .draw_series(LineSeries::new(line, color.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 24, y)], color.stroke_width(2)));
    }
    legend(&mut losses, SeriesLabelPosition::UpperRight)?;

    let mut map = chart(
        &right,
        ("column of the image", 0.0..8.0),
        ("log10 of each pixel's penalty, by row", 8.0..0.0),
    )?;
    let pixels = &penalties[..64];
    let least = pixels.iter().copied().fold(f64::INFINITY, |a, b| if b < a { b } else { a });
    let most = pixels.iter().copied().fold(f64::NEG_INFINITY, |a, b| if b > a { b } else { a });
    for (i, penalty) in pixels.iter().enumerate() {
        let (x, y) = ((i % 8) as f64, (i / 8) as f64);
        let share = (penalty - least) / (most - least);
        map.draw_series([Rectangle::new([(x, y), (x + 1.0, y + 1.0)], BLUE.mix(0.9 * share).filled())])?;
        let style =
            ("sans-serif", 12).into_text_style(&right).color(if share > 0.6 { &WHITE } else { &BLACK });
        map.draw_series([Text::new(format!("{penalty:.1}"), (x + 0.25, y + 0.4), style)])?;
    }
    whole.present()?;
    Ok(())
}
