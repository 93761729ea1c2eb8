//! Reads images of digits, and says in plain words what is wrong with a file that holds none.

#[path = "../common/table.rs"]
mod table;

use ndarray::Array2;
use std::fmt::Display;
use std::io::Read;
use std::path::Path;

/// Images are squares of this many rows of this many pixels.
pub const SIDE: usize = 8;
/// The number of pixels of an image.
pub const PIXELS: usize = SIDE * SIDE;
/// The largest value of a pixel.
pub const BRIGHTEST: u8 = 16;
/// The number of different digits.
pub const CLASSES: usize = 10;

/// Images and what they show.
#[derive(Debug, PartialEq)]
pub struct Digits {
    /// Pixels in rows of 8, from 0 to 1; of shape (images, 64).
    pub images: Array2<f32>,
    /// The digit on each image.
    pub labels: Vec<usize>,
}

/// The images in a file: a line for each, 64 pixels from 0 to 16, then the digit, separated by commas.
pub fn read(path: &Path) -> Result<Digits, String> {
    let file = table::open(path, &format!("a file with lines of {} integers", PIXELS + 1))?;
    parse(path.display(), file)
}

/// The same from any source, which errors call `name`.
pub fn parse(name: impl Display, source: impl Read) -> Result<Digits, String> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    table::for_each_line(&name, source, |line, record| {
        if record.len() != PIXELS + 1 {
            return Err(format!(
                "{name}, line {line}: got {} columns, expected {}: {PIXELS} pixels and a digit",
                record.len(),
                PIXELS + 1
            ));
        }
        for (i, field) in record.iter().enumerate() {
            let (what, most) = if i < PIXELS { ("pixel", BRIGHTEST) } else { ("digit", CLASSES as u8 - 1) };
            // The number first, so that 1e2 and 17 are called too large and not taken for words.
            let number = String::from_utf8_lossy(field).parse::<f64>().ok();
            match number.filter(|x| x.fract() == 0.0 && (0.0..=f64::from(most)).contains(x)) {
                Some(x) if i < PIXELS => pixels.push(x as f32 / f32::from(BRIGHTEST)),
                Some(x) => labels.push(x as usize),
                None => {
                    let shown = table::shown(field);
                    let kind = if number.is_some() { "" } else { ", which is not a number" };
                    return Err(format!(
                        "{name}, line {line}, column {}: got {what} {shown:?}{kind}, expected an integer from 0 to {most}",
                        i + 1
                    ));
                }
            }
        }
        Ok(())
    })?;
    if labels.is_empty() {
        return Err(format!(
            "{name}: the file is empty, expected a line of {} integers for each image",
            PIXELS + 1
        ));
    }
    let images = Array2::from_shape_vec((labels.len(), PIXELS), pixels).expect("as many pixels as checked");
    Ok(Digits { images, labels })
}
