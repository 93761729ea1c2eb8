//! A network learns to read handwritten digits: 1,797 images of 8 x 8 pixels, a fifth of them kept aside to test with.
//!
//! ```text
//! cargo run --release --example digits [file]
//! ```
//!
//! It prints a confusion matrix and the accuracy on the images kept aside, and draws its progress to
//! `target/digits.svg`. The file, if one is given, has the format of `examples/data/digits.csv`.

#[path = "common/chart.rs"]
mod chart;
#[path = "digits/plot.rs"]
mod plot;
#[path = "digits/read.rs"]
mod read;

use autodiff::data::{Batches, try_train_test_split};
use autodiff::nn::{ChaCha8Rng, Linear, Module, Parameters, Sequential, rng};
use autodiff::optim::Adam;
use autodiff::{Value, no_grad};
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::{Array2, ArrayViewMut2};
use rand::RngExt;
use read::{CLASSES, PIXELS, SIDE};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const SEED: u64 = 0;
const TEST_SHARE: f64 = 0.2;
const HIDDEN: usize = 192;
const EPOCHS: u64 = 40;
const BATCH_SIZE: usize = 48;
const LEARNING_RATE: f64 = 6e-3;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut arguments = std::env::args_os().skip(1);
    let file = arguments.next().map_or_else(|| here.join("examples/data/digits.csv"), PathBuf::from);
    if let Some(extra) = arguments.next() {
        return Err(format!("got an argument {extra:?} after the file, expected at most one file"));
    }
    let digits = read::read(&file)?;
    let (train, test) = try_train_test_split((&digits.images, &digits.labels), TEST_SHARE, SEED)
        .map_err(|error| format!("{}: {error}", file.display()))?;

    let (model, curves) = fit(&train, &test, SEED);
    print_confusion(&test.1, &evaluate(&model, &test).1);
    let picture = here.join("target/digits.svg");
    match plot::draw(&picture, &curves) {
        Ok(()) => println!("\ncurves: {}", picture.display()),
        Err(error) => eprintln!("warning: {} was not drawn: {error}", picture.display()),
    }
    println!("test accuracy: {:.1} %", curves[curves.len() - 1].test_accuracy);
    Ok(())
}

/// Images, of shape (images, 64), and the digits on them.
type Samples = (Array2<f32>, Vec<usize>);

/// Two hidden layers, from 64 pixels to a logit for each digit.
fn new_model(rng: &mut ChaCha8Rng) -> Sequential<f32> {
    Sequential::new()
        .then(Linear::new(PIXELS, HIDDEN, rng))
        .then(Value::relu)
        .then(Linear::new(HIDDEN, HIDDEN, rng))
        .then(Value::relu)
        .then(Linear::new(HIDDEN, CLASSES, rng))
}

/// What an epoch came to.
struct Epoch {
    train_loss: f64,
    test_loss: f64,
    /// In percent.
    test_accuracy: f64,
}

fn fit(train: &Samples, test: &Samples, seed: u64) -> (Sequential<f32>, Vec<Epoch>) {
    let mut rng = rng(seed);
    let mut model = new_model(&mut rng);
    let mut optimizer = Adam::new(LEARNING_RATE);
    let batches = Batches::new(train, BATCH_SIZE).shuffle(seed);
    let steps = EPOCHS * batches.len() as u64;
    println!(
        "{} images to train on, {} to test with; a network of {} parameters",
        train.1.len(),
        test.1.len(),
        model.num_parameters()
    );

    // Drawn on the standard error, and only where that is a terminal.
    let bar = ProgressBar::new(steps);
    bar.set_style(ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}").expect("a valid template"));
    let start = Instant::now();
    let mut curves: Vec<Epoch> = Vec::new();
    for epoch in 0..EPOCHS {
        let mut sum = 0.0;
        for (mut images, labels) in batches.epoch(epoch) {
            images.outer_iter_mut().for_each(|image| {
                disturb(image.into_shape_with_order((SIDE, SIDE)).expect("a square"), &mut rng);
            });
            let loss = model.forward(&Value::constant(images)).cross_entropy(&labels);
            loss.backward();
            sum += f64::from(loss.item()) * labels.len() as f64;
            // Large steps at first, small ones in the end.
            optimizer.set_learning_rate(LEARNING_RATE * (1.0 - bar.position() as f64 / steps as f64));
            optimizer.step(&mut model);
            bar.inc(1);
        }
        let (test_loss, guesses) = evaluate(&model, test);
        let right = guesses.iter().zip(&test.1).filter(|(guess, label)| guess == label).count();
        let test_accuracy = 100.0 * right as f64 / guesses.len() as f64;
        let train_loss = sum / train.1.len() as f64;
        let message = format!("loss {train_loss:.3}, test accuracy {test_accuracy:.1} %");
        if bar.is_hidden() && (epoch + 1) % 5 == 0 {
            println!("epoch {:2} of {EPOCHS}: {message}", epoch + 1);
        }
        bar.set_message(message);
        curves.push(Epoch { train_loss, test_loss, test_accuracy });
    }
    bar.finish_and_clear();
    println!("{EPOCHS} epochs in {:.2} s", start.elapsed().as_secs_f64());
    (model, curves)
}

/// Moves an image by a part of a pixel and adds noise: the network sees no image twice, and learns none by heart.
fn disturb(mut image: ArrayViewMut2<'_, f32>, rng: &mut ChaCha8Rng) {
    let original = image.to_owned();
    // 0 outside of the image: `get` finds nothing there, nor at -1, which wraps around to a large index.
    let at = |i: isize, j: isize| original.get((i as usize, j as usize)).copied().unwrap_or(0.0);
    let mut uniform = |most: f32| most * (2.0 * rng.random::<f32>() - 1.0);
    let (down, right) = (uniform(0.4), uniform(0.4));
    // The neighbours that it moves towards, and, bilinearly, how far.
    let (di, dj) = (if down < 0.0 { -1 } else { 1 }, if right < 0.0 { -1 } else { 1 });
    let (u, v) = (down.abs(), right.abs());
    for ((i, j), pixel) in image.indexed_iter_mut() {
        let (i, j) = (i as isize, j as isize);
        let here = (1.0 - v) * at(i, j) + v * at(i, j + dj);
        let there = (1.0 - v) * at(i + di, j) + v * at(i + di, j + dj);
        *pixel = (1.0 - u) * here + u * there + uniform(0.35);
    }
}

/// The mean loss, and the digit that the network reads on each image.
fn evaluate(model: &Sequential<f32>, (images, labels): &Samples) -> (f64, Vec<usize>) {
    let logits = no_grad(|| model.forward(&Value::constant(images)));
    let most_likely = |row: &[f32]| (1..CLASSES).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    let data = logits.data();
    let rows = data.as_slice().expect("a product is in row-major order").chunks_exact(CLASSES);
    (f64::from(logits.cross_entropy(labels).item()), rows.map(most_likely).collect())
}

fn print_confusion(labels: &[usize], guesses: &[usize]) {
    let mut counts = Array2::<usize>::zeros((CLASSES, CLASSES));
    for (&label, &guess) in labels.iter().zip(guesses) {
        counts[[label, guess]] += 1;
    }
    println!("\nconfusion matrix: a row for each digit, a column for what the network read\n");
    let header: String = (0..CLASSES).map(|guess| format!("{guess:>5}")).collect();
    println!("       {header}    right");
    println!("      +{}+--------", "-".repeat(5 * CLASSES + 1));
    for (label, row) in counts.outer_iter().enumerate() {
        let cell = |&n: &usize| if n == 0 { "    .".to_string() } else { format!("{n:>5}") };
        let cells: String = row.iter().map(cell).collect();
        let right = match row.sum() {
            0 => "     -".to_string(),
            all => format!("{:>5.1} %", 100.0 * row[label] as f64 / all as f64),
        };
        println!("    {label} |{cells} | {right}");
    }
}
