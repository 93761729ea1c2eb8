//! The derivative of a minimum: is an image a three or an eight, by logistic regression whose penalties, one for each
//! pixel, are tuned by gradient?
//!
//! ```text
//! cargo run --release --example implicit
//! ```
//!
//! The weights are the minimum of a loss over training images that depends on the penalties, found by Newton's method;
//! the penalties are to make the loss over other, validation images small. `custom_root` gives the derivative of the
//! weights by the penalties from the implicit function theorem: Newton's steps are not differentiated. It prints that
//! gradient beside a difference quotient, and the losses before and after, also over images that neither has seen, and
//! draws them, and the penalties, to `target/implicit.svg`.

#[path = "common/chart.rs"]
mod chart;
#[path = "implicit/plot.rs"]
mod plot;
#[path = "digits/read.rs"]
mod read;

use autodiff::optim::Adam;
use autodiff::{Value, custom_root, jacobian, no_grad, value_and_grad};
use ndarray::{Array1, Axis};
use std::error::Error;
use std::path::Path;

const STEPS: usize = 120;
const LEARNING_RATE: f64 = 0.1;

/// Images as rows of pixels, with a 1 for the bias, and 1 for each eight and -1 for each three.
#[derive(Clone)]
struct Images {
    x: Value,
    signs: Value,
}

/// The losses over validation and over test images.
struct Losses {
    validation: f64,
    test: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [train, validation, test] = images(&root.join("examples/data/digits.csv"))?;
    let losses = |penalties: &Value| {
        no_grad(|| {
            let w = weights(&train, penalties);
            Losses { validation: validation.loss(&w).item(), test: test.loss(&w).item() }
        })
    };

    // One penalty for all pixels first, from a list.
    let pixels = train.x.shape()[1];
    let equal = |log: f64| Value::new(Array1::from_elem(pixels, log));
    let list: Vec<(f64, f64)> =
        (-24..=4).map(|i| f64::from(i) / 2.0).map(|log| (log, losses(&equal(log)).validation)).collect();
    let best = list.iter().min_by(|a, b| a.1.total_cmp(&b.1)).expect("a list").0;
    let mut penalties = equal(best);

    let outer = |penalties: &Value| validation.loss(&weights(&train, penalties));
    let (_, gradient) = value_and_grad(outer, &penalties);
    let direction = &gradient / gradient.norm(2.0);
    let at = |t: f64| losses(&(&penalties + t * &direction)).validation;
    println!(
        "slope of the validation loss in the penalties, by custom_root: {:.9}",
        gradient.norm(2.0).item()
    );
    println!(
        "                                   by a difference quotient:   {:.9}",
        (at(1e-4) - at(-1e-4)) / 2e-4
    );

    let mut optimizer = Adam::new(LEARNING_RATE);
    let mut history = vec![losses(&penalties)];
    for _ in 0..STEPS {
        outer(&penalties).backward();
        optimizer.step(&mut penalties);
        history.push(losses(&penalties));
    }

    println!("\n{:>24} {:>12} {:>12}", "loss over images", "validation", "test");
    for (name, losses) in [("best equal penalties", &history[0]), ("one for each pixel", &history[STEPS])] {
        println!("{name:>24} {:12.4} {:12.4}", losses.validation, losses.test);
    }
    let w = no_grad(|| weights(&train, &penalties));
    println!("{} of {} test images are right", test.right(&w), test.signs.len());
    let picture = root.join("target/implicit.svg");
    let log10: Vec<f64> = penalties.data().iter().map(|log| log / std::f64::consts::LN_10).collect();
    plot::draw(&picture, &history, &log10)?;
    println!("picture: {}", picture.display());
    Ok(())
}

/// Threes and eights to learn from, to validate with, and to test.
fn images(path: &Path) -> Result<[Images; 3], String> {
    let digits = read::read(path)?;
    let of_two: Vec<usize> =
        (0..digits.labels.len()).filter(|&i| [3, 8].contains(&digits.labels[i])).collect();
    // By turns: the file has the images of one writer after another.
    Ok([0, 1, 2].map(|turn| {
        let part: Vec<usize> = of_two.iter().skip(turn).step_by(3).copied().collect();
        let pixels = digits.images.select(Axis(0), &part).mapv(f64::from);
        let signs = part.iter().map(|&i| if digits.labels[i] == 8 { 1.0 } else { -1.0 });
        let ones = Value::ones([part.len(), 1]);
        Images {
            x: Value::concat(&[Value::constant(pixels), ones], 1),
            signs: Value::constant(Array1::from_iter(signs)),
        }
    }))
}

impl Images {
    /// The mean of `ln(1 + e^(-sign logit))`.
    fn loss(&self, w: &Value) -> Value {
        (-(self.x.matmul(w) * &self.signs)).softplus().mean()
    }

    fn right(&self, w: &Value) -> usize {
        let margins = self.x.matmul(w) * &self.signs;
        margins.data().iter().filter(|margin| **margin > 0.0).count()
    }
}

/// The derivative by the weights of the loss with penalties, of which the logarithms are given.
fn slope(train: &Images, w: &Value, penalties: &Value) -> Value {
    let pull = (-(train.x.matmul(w) * &train.signs)).sigmoid() * &train.signs;
    penalties.exp() * w - train.x.t().matmul(pull) / train.signs.len() as f64
}

/// The weights whose slope is zero, as a function of the penalties.
fn weights(train: &Images, penalties: &Value) -> Value {
    let (outer, inner) = (train.clone(), train.clone());
    let newton = move |penalties: &[Value]| {
        let mut w = Value::zeros(inner.x.shape()[1]);
        for _ in 0..50 {
            let slope = |w: &Value| slope(&inner, w, &penalties[0]);
            let g = slope(&w);
            if g.norm(2.0).item() < 1e-12 {
                break;
            }
            w -= jacobian(slope, &w).solve(&g).expect("a positive definite matrix");
        }
        w
    };
    custom_root(move |w, penalties| slope(&outer, w, &penalties[0]), newton, &[penalties])
}
