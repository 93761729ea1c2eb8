//! A damped pendulum from noisy measurements of its angle: the parameters of a differential equation, fitted through the
//! solver that solves it.
//!
//! ```text
//! cargo run --release --example pendulum
//! ```
//!
//! The equation is `angle'' = -(g / length) sin(angle) - damping angle'`. Its solution, by Runge and Kutta's method of
//! order 4, is a function of the two parameters and the first state like any other: Levenberg and Marquardt's method takes
//! its Jacobian. It prints what it found, and draws data and fit to `target/pendulum.svg`.
//!
//! In the end the gradient through the solver, which keeps all steps, is held against that of the adjoint method (R. Chen
//! et al., Neural Ordinary Differential Equations, 2018, appendix B), which keeps none: it solves a second equation, back
//! in time, and is the derivative that a `custom_vjp` states.

#[path = "common/chart.rs"]
mod chart;
#[path = "pendulum/plot.rs"]
mod plot;

use autodiff::{Value, custom_vjp, grad, jacobian, no_grad, random, value_and_grad};
use ndarray::{array, s};
use std::error::Error;
use std::path::Path;

/// Seconds between measurements.
const INTERVAL: f64 = 0.1;
const MEASUREMENTS: usize = 80;
/// Steps of the solver between measurements.
const STEPS: usize = 2;
/// The standard deviation of the measurements, in radians.
const NOISE: f64 = 0.05;
const NAMES: [&str; 4] = ["g / length (1/s^2)", "damping (1/s)", "first angle", "first speed (1/s)"];

fn main() -> Result<(), Box<dyn Error>> {
    let truth = Value::constant(array![9.81 / 1.2, 0.25, 1.4, 0.0]);
    let guess = Value::constant(array![7.0, 0.1, 1.0, 0.5]);
    let noise = random::randn([MEASUREMENTS], &mut random::rng(1)) * NOISE;
    let measured = (angles(&truth) + noise).detach();

    let residuals = |x: &Value| angles(x) - &measured;
    let (found, losses) = least_squares(residuals, &guess)?;
    println!(
        "{} steps of Levenberg-Marquardt: sum of squares {:.6}",
        losses.len() - 1,
        losses[losses.len() - 1]
    );
    let j = jacobian(residuals, &found);
    let variance = losses[losses.len() - 1] / (MEASUREMENTS - NAMES.len()) as f64;
    let deviations = (j.t().matmul(&j).inv()?.diagonal(0) * variance).sqrt().data();
    println!("\n{:>20} {:>9} {:>9} {:>19}", "", "guess", "truth", "found");
    for (i, name) in NAMES.iter().enumerate() {
        let at = |x: &Value| x.data()[i];
        println!(
            "{name:>20} {:9.4} {:9.4} {:9.4} +- {:.4}",
            at(&guess),
            at(&truth),
            at(&found),
            deviations[i]
        );
    }

    let loss =
        |solve: fn(&Value) -> Value| value_and_grad(|x| (solve(x) - &measured).square().sum(), &guess).1;
    let (through, adjoint) = (loss(angles), loss(angles_by_adjoint));
    println!("\ngradient at the guess, through the solver: {:.6}", through.data());
    println!("by the adjoint method:                     {:.6}", adjoint.data());
    let apart = ((&through - &adjoint).norm(2.0) / through.norm(2.0)).item();
    println!("relative difference: {apart:.1e}, the solver's error");

    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pendulum.svg");
    let curve = |x: &Value| angles(x).data().iter().copied().collect::<Vec<f64>>();
    plot::draw(&picture, &curve(&guess), &curve(&found), &measured.data(), &losses)?;
    println!("picture: {}", picture.display());
    Ok(())
}

/// How the state (angle, speed) changes, for parameters (g / length, damping).
fn field(y: &Value, p: &Value) -> Value {
    let (angle, speed) = (y.slice(s![0]), y.slice(s![1]));
    let force = -p.slice(s![0]) * angle.sin() - p.slice(s![1]) * &speed;
    Value::stack(&[speed, force], 0)
}

/// A step of the classical method of order 4.
fn step(f: impl Fn(&Value) -> Value, y: &Value, h: f64) -> Value {
    let a = f(y);
    let b = f(&(y + &a * (h / 2.0)));
    let c = f(&(y + &b * (h / 2.0)));
    let d = f(&(y + &c * h));
    y + (a + (b + c) * 2.0 + d) * (h / 6.0)
}

/// The state at the next time of measurement, or, for a negative `h`, the one before.
fn advance(f: impl Fn(&Value) -> Value, y: &Value, h: f64) -> Value {
    (0..STEPS).fold(y.clone(), |y, _| step(&f, &y, h))
}

/// The states when the angle is measured, for x = (g / length, damping, first angle, first speed).
fn states(x: &Value) -> Vec<Value> {
    let p = x.slice(s![..2]);
    let next = |y: &Value| Some(advance(|y| field(y, &p), y, INTERVAL / STEPS as f64));
    std::iter::successors(Some(x.slice(s![2..])), next).take(MEASUREMENTS).collect()
}

fn angles(x: &Value) -> Value {
    let angles: Vec<Value> = states(x).iter().map(|y| y.slice(s![0])).collect();
    Value::stack(&angles, 0)
}

/// The same angles, with the derivative of the adjoint method.
fn angles_by_adjoint(x: &Value) -> Value {
    custom_vjp("pendulum", &[x], |x| angles(&x[0]), |x, _, g, _| no_grad(|| adjoint(&x[0], g)))
}

/// The gradient of the angles weighted with `g`.
///
/// Back in time go the state y, the gradient `a` with respect to it, `a' = -a df/dy`, to which each measurement adds its
/// weight, and that with respect to the parameters, `b' = -a df/dp`.
fn adjoint(x: &Value, g: &Value) -> Value {
    let p = x.slice(s![..2]);
    let back = |all: &Value| {
        let (y, a) = (all.slice(s![..2]), all.slice(s![2..4]));
        let (by_y, by_p) = grad(|(y, p): &(Value, Value)| (field(y, p) * &a).sum(), &(y.clone(), p.clone()));
        Value::concat(&[field(&y, &p), -by_y, -by_p], 0)
    };
    let last = states(x).pop().expect("a measurement");
    let mut all = Value::concat(&[last, Value::zeros(4)], 0);
    for i in (0..MEASUREMENTS).rev() {
        all += g.slice(s![i]) * array![0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
        if i > 0 {
            all = advance(back, &all, -INTERVAL / STEPS as f64);
        }
    }
    Value::concat(&[all.slice(s![4..]), all.slice(s![2..4])], 0)
}

/// The least sum of squares of a function, and that sum before and after each step.
///
/// K. Levenberg and D. Marquardt: Newton's method with `J^T J` for the Hessian, whose diagonal grows where a step fails.
fn least_squares(
    f: impl Fn(&Value) -> Value + Copy,
    start: &Value,
) -> Result<(Value, Vec<f64>), autodiff::Error> {
    let loss = |x: &Value| f(x).square().sum().item();
    let (mut x, mut losses, mut damping) = (start.clone(), vec![loss(start)], 1e-3);
    loop {
        let j = jacobian(f, &x);
        let square = j.t().matmul(&j);
        let slope = j.t().matmul(f(&x));
        let last = losses[losses.len() - 1];
        loop {
            let damped = &square + (square.diagonal(0) * damping).diag();
            let next = &x - damped.solve(&slope)?;
            let reached = loss(&next);
            if reached < last {
                (x, damping) = (next, damping / 10.0);
                losses.push(reached);
                break;
            }
            damping *= 10.0;
            if damping > 1e8 {
                return Ok((x, losses));
            }
        }
        if losses[losses.len() - 1] > (1.0 - 1e-10) * last {
            return Ok((x, losses));
        }
    }
}
