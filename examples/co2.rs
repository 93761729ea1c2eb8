//! Gaussian-process regression: carbon dioxide in the air at Mauna Loa, month by month since 1958, and the last five
//! years, kept aside, predicted from those before.
//!
//! ```text
//! cargo run --release --example co2 [file]
//! ```
//!
//! The covariance is the classical one of C. Rasmussen and C. Williams, Gaussian Processes for Machine Learning, 2006,
//! section 5.4.3: a slow trend, seasons that change slowly, and irregularities of all lengths in between, with noise. Its
//! parameters are fitted by the gradient of the log marginal likelihood, through a Cholesky factorisation. It prints
//! them, draws the prediction to `target/co2.svg`, and says how far off it was. The file, if one is given, has the format
//! of `examples/data/co2.csv`.

#[path = "common/chart.rs"]
mod chart;
#[path = "co2/plot.rs"]
mod plot;
#[path = "co2/read.rs"]
mod read;

use autodiff::nn::Parameters;
use autodiff::optim::Adam;
use autodiff::{Error, Triangle, Value, no_grad};
use ndarray::{Array1, Array2};
use read::Record;
use std::f64::consts::{PI, TAU};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

const HELD_OUT_YEARS: f64 = 5.0;
const STEPS: usize = 100;
const LEARNING_RATE: f64 = 0.1;

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
    let file = arguments.next().map_or_else(|| here.join("examples/data/co2.csv"), PathBuf::from);
    if let Some(extra) = arguments.next() {
        return Err(format!("got an argument {extra:?} after the file, expected at most one file"));
    }
    let (train, held_out) = split(&read::read(&file)?).ok_or_else(|| {
        format!("{}: expected months before the last {HELD_OUT_YEARS} years", file.display())
    })?;
    println!("{} months to fit to, {} held out", train.ppm.len(), held_out.ppm.len());

    let process = fit(&train).map_err(|error| error.to_string())?;
    let end = held_out.years[held_out.years.len() - 1];
    let grid = (0..).map(|i| train.years[0] + f64::from(i) / 24.0).take_while(|year| *year < end + 1.0);
    let curve = process.predict(&grid.collect::<Vec<_>>()).map_err(|error| error.to_string())?;
    let guess = process.predict(&held_out.years).map_err(|error| error.to_string())?;

    let picture = here.join("target/co2.svg");
    match plot::draw(&picture, &train, &held_out, &curve) {
        Ok(()) => println!("\npicture: {}", picture.display()),
        Err(error) => eprintln!("warning: {} was not drawn: {error}", picture.display()),
    }
    let errors = guess.mean.iter().zip(&held_out.ppm).map(|(guess, ppm)| guess - ppm);
    let inside = errors.clone().zip(&guess.deviation).filter(|(error, s)| error.abs() < 2.0 * *s).count();
    let rms = (errors.map(|error| error * error).sum::<f64>() / held_out.ppm.len() as f64).sqrt();
    println!("held-out months within two standard deviations: {inside} of {}", held_out.ppm.len());
    println!("held-out RMS: {rms:.2} ppm");
    Ok(())
}

/// The months to fit to and those held out, if there are any.
fn split(record: &Record) -> Option<(Record, Record)> {
    let end = record.years.last()? - HELD_OUT_YEARS;
    let at = record.years.partition_point(|&year| year <= end);
    let part = |range: std::ops::Range<usize>| Record {
        years: record.years[range.clone()].to_vec(),
        ppm: record.ppm[range].to_vec(),
    };
    (at > 0).then(|| (part(0..at), part(at..record.years.len())))
}

/// The logarithms of the parameters of a covariance, which are positive: magnitudes in ppm, lengths in years.
struct Covariance {
    trend: Value,
    trend_length: Value,
    season: Value,
    season_decay: Value,
    season_length: Value,
    medium: Value,
    medium_length: Value,
    medium_shape: Value,
    noise: Value,
}

autodiff::parameters!(Covariance {
    trend,
    trend_length,
    season,
    season_decay,
    season_length,
    medium,
    medium_length,
    medium_shape,
    noise,
});

impl Covariance {
    /// Round numbers of the right order of magnitude.
    fn guess() -> Self {
        let log = |number: f64| Value::new(number.ln());
        Covariance {
            trend: log(50.0),
            trend_length: log(50.0),
            season: log(2.0),
            season_decay: log(100.0),
            season_length: log(1.0),
            medium: log(1.0),
            medium_length: log(1.0),
            medium_shape: log(1.0),
            noise: log(0.5),
        }
    }

    /// The covariances, without noise, of each of some times with each of others: equations 5.15 to 5.17.
    fn between(&self, a: &[f64], b: &[f64]) -> Value {
        let apart = Array2::from_shape_fn((a.len(), b.len()), |(i, j)| a[i] - b[j]);
        let square = Value::constant(apart.mapv(|t| t * t));
        let seasons = Value::constant(apart.mapv(|t| (PI * t).sin().powi(2)));
        let inverse_square = |log: &Value| (-2.0 * log).exp();
        let shape = self.medium_shape.exp();

        let trend = (2.0 * &self.trend - 0.5 * &square * inverse_square(&self.trend_length)).exp();
        let season = (2.0 * &self.season
            - 0.5 * &square * inverse_square(&self.season_decay)
            - 2.0 * seasons * inverse_square(&self.season_length))
        .exp();
        let medium = (2.0 * &self.medium
            - &shape * (0.5 * &square * inverse_square(&self.medium_length) / &shape).ln_1p())
        .exp();
        trend + season + medium
    }

    /// The variance of any one month, without noise.
    fn variance(&self) -> Value {
        [&self.trend, &self.season, &self.medium].into_iter().map(|log| (2.0 * log).exp()).sum()
    }
}

/// A Gaussian process given what was measured: `L L^T` is the covariance of that.
struct Process<'a> {
    train: &'a Record,
    mean: f64,
    covariance: Covariance,
    l: Value,
    /// The inverse of the covariance times what was measured, less its mean.
    weights: Value,
}

/// What a process says of some years, in ppm; the deviation is that of a measurement, with its noise.
struct Prediction {
    years: Vec<f64>,
    mean: Vec<f64>,
    deviation: Vec<f64>,
}

impl<'a> Process<'a> {
    fn new(covariance: Covariance, train: &'a Record) -> Result<Self, Error> {
        let n = train.years.len();
        let mean = train.ppm.iter().sum::<f64>() / n as f64;
        let y = Array1::from_iter(train.ppm.iter().map(|ppm| ppm - mean));
        let noise = Value::constant(Array2::eye(n)) * (2.0 * &covariance.noise).exp();
        let l = (covariance.between(&train.years, &train.years) + noise).cholesky()?;
        let z = l.solve_triangular(y, Triangle::LOWER)?;
        let weights = l.solve_triangular(z, Triangle::LOWER.transposed())?;
        Ok(Process { train, mean, covariance, l, weights })
    }

    /// The logarithm of the probability density of what was measured: equation 5.8.
    fn log_likelihood(&self) -> Value {
        let y = Array1::from_iter(self.train.ppm.iter().map(|ppm| ppm - self.mean));
        let fit = self.weights.matmul(&y);
        -0.5 * fit - self.l.diagonal(0).ln().sum() - 0.5 * y.len() as f64 * TAU.ln()
    }

    /// Equations 2.23 and 2.24.
    fn predict(&self, years: &[f64]) -> Result<Prediction, Error> {
        no_grad(|| {
            let cross = self.covariance.between(&self.train.years, years);
            let mean = self.weights.matmul(&cross) + self.mean;
            let known = self.l.solve_triangular(cross, Triangle::LOWER)?.square().sum_axis(0);
            let noise = (2.0 * &self.covariance.noise).exp();
            let deviation = (self.covariance.variance() + noise - known).sqrt();
            let list = |value: Value| value.data().iter().copied().collect();
            Ok(Prediction { years: years.to_vec(), mean: list(mean), deviation: list(deviation) })
        })
    }
}

/// The process whose parameters make what was measured most likely.
fn fit(train: &Record) -> Result<Process<'_>, Error> {
    let start = Instant::now();
    let mut covariance = Covariance::guess();
    let mut optimizer = Adam::new(LEARNING_RATE);
    for step in 0..STEPS {
        let process = Process::new(covariance, train)?;
        let log_likelihood = process.log_likelihood();
        if step % 20 == 0 {
            println!("step {step:3} of {STEPS}: log likelihood {:.1}", log_likelihood.item());
        }
        (-log_likelihood).backward();
        covariance = process.covariance;
        // Large steps at first, small ones in the end.
        optimizer.set_learning_rate(LEARNING_RATE * (1.0 - step as f64 / STEPS as f64));
        optimizer.step(&mut covariance);
    }
    let process = Process::new(covariance, train)?;
    let seconds = start.elapsed().as_secs_f64();
    println!("log likelihood {:.1} after {seconds:.1} s\n", process.log_likelihood().item());
    for (name, log) in process.covariance.named_parameters() {
        println!("{name:>15}: {:8.3}", log.item().exp());
    }
    Ok(process)
}
