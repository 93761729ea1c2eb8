//! Logistic regression by Newton's method: is an image a three or an eight?
//!
//! Each step solves `H p = -g` by conjugate gradients, which need products with the Hessian alone: the gradient is
//! linearized once, and each product is a sweep.
//!
//! ```text
//! cargo run --release --example newton
//! ```

#[path = "common/chart.rs"]
mod chart;
#[path = "newton/plot.rs"]
mod plot;
#[path = "digits/read.rs"]
mod read;

use autodiff::{LinearMap, Value, grad, linearize, value_and_grad};
use ndarray::{Array1, Array2, Axis};
use std::error::Error;
use std::path::Path;

/// What pulls the weights to zero.
const PENALTY: f64 = 1e-3;

/// How far a method has come: products with the images so far, and the norm of the gradient.
struct Progress {
    products: f64,
    norm: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let digits = read::read(&root.join("examples/data/digits.csv"))?;
    let of_two: Vec<usize> =
        (0..digits.labels.len()).filter(|&i| [3, 8].contains(&digits.labels[i])).collect();
    let (train, test) = of_two.split_at(of_two.len() * 4 / 5);
    let rows = |part: &[usize]| digits.images.select(Axis(0), part).mapv(f64::from);
    let signs = |part: &[usize]| -> Array1<f64> {
        part.iter().map(|&i| if digits.labels[i] == 8 { 1.0 } else { -1.0 }).collect()
    };
    let (x, y) = (with_ones(&rows(train)), signs(train));
    println!("{} images to learn from, {} to test: threes and eights", train.len(), test.len());

    let loss = |w: &Value| (-(x.matmul(w) * &y)).softplus().mean() + PENALTY * w.square().sum();
    let start = Value::constant(Array1::zeros(x.shape()[1]));
    let (weights, newton) = newton(loss, &start);
    let descent = descent(loss, &start, newton.last().map_or(0.0, |p| p.products));
    for (name, steps) in [("Newton-CG", &newton), ("gradient descent", &descent)] {
        let last = steps.last().expect("a step");
        println!("{name}: gradient {:.1e} after {:.0} products with the images", last.norm, last.products);
    }

    let logits = with_ones(&rows(test)).matmul(&weights).data();
    let signs = signs(test);
    let right = logits.iter().zip(&signs).filter(|(logit, sign)| *logit * *sign > 0.0).count();
    println!("{right} of {} test images are right", test.len());
    let picture = root.join("target/newton.svg");
    plot::draw(&picture, &newton, &descent, &logits.iter().copied().zip(signs).collect::<Vec<_>>())?;
    println!("wrote {}", picture.display());
    Ok(())
}

/// Rows of pixels, and a 1 for the bias.
fn with_ones(x: &Array2<f64>) -> Value {
    let ones = Array2::ones((x.nrows(), 1));
    Value::concat(&[Value::constant(x), Value::constant(ones)], 1)
}

/// The minimum of a convex function, and how it was found.
fn newton(loss: impl Fn(&Value) -> Value + Copy, start: &Value) -> (Value, Vec<Progress>) {
    let (mut w, mut products, mut steps) = (start.clone(), 0.0, Vec::new());
    for _ in 0..20 {
        let (g, hessian) = linearize(|w| grad(loss, w), &w);
        products += 2.0;
        let norm = dot(&g, &g).sqrt();
        steps.push(Progress { products, norm });
        if norm < 1e-12 {
            break;
        }
        let (step, iterations) = conjugate_gradients(&hessian, &-&g, 1e-3 * norm);
        products += 2.0 * iterations as f64;
        w += step;
    }
    (w, steps)
}

/// The p with `H p = b`, to a residual below `enough`, and the number of products with H.
fn conjugate_gradients(h: &LinearMap<Value>, b: &Value, enough: f64) -> (Value, usize) {
    let mut p = b * 0.0;
    let (mut residual, mut direction) = (b.clone(), b.clone());
    let mut square = dot(b, b);
    for iteration in 0..b.len() {
        if square.sqrt() < enough {
            return (p, iteration);
        }
        let image = h(&direction);
        let length = square / dot(&direction, &image);
        p += &direction * length;
        residual -= image * length;
        let next = dot(&residual, &residual);
        direction = &residual + direction * (next / square);
        square = next;
    }
    (p, b.len())
}

fn dot(a: &Value, b: &Value) -> f64 {
    a.matmul(b).item()
}

/// Steps of a fixed length down the gradient, for as many products.
fn descent(loss: impl Fn(&Value) -> Value + Copy, start: &Value, products: f64) -> Vec<Progress> {
    let (mut w, mut steps) = (start.clone(), Vec::new());
    for step in 0..(products / 2.0) as usize {
        let (_, g) = value_and_grad(loss, &w);
        steps.push(Progress { products: 2.0 * (step + 1) as f64, norm: dot(&g, &g).sqrt() });
        w -= g * 0.5;
    }
    steps
}
