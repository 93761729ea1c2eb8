//! Checks that derivatives are right: [`check_grads`] for a function, [`conformance!`](crate::conformance) for a
//! backend.

pub mod conformance;
pub mod linalg;
#[cfg(test)]
mod tests;

use crate::backend::Backend;
use crate::error::Error;
use crate::scalar::Scalar;
use crate::value::Value;
use ndarray::{ArrayD, Dimension, IxDyn};
use std::fmt::Display;
use std::ops::Range;

/// How far apart two numbers may be, relative to 1 and the size of the expected one together.
#[derive(Clone, Copy, Debug)]
struct Tolerance {
    /// Between an analytic and a numeric derivative.
    numeric: f64,
    /// Between two analytic ways to one number.
    analytic: f64,
    /// The larger of the two steps of a numeric derivative.
    step: f64,
}

impl Tolerance {
    fn of<T: Scalar>() -> Self {
        // Five points leave an error of step^4 f''''' / 30, and rounding one of epsilon / step.
        match size_of::<T>() {
            4 => Tolerance { numeric: 2e-3, analytic: 1e-4, step: 2e-2 },
            _ => Tolerance { numeric: 1e-8, analytic: 1e-11, step: 1e-3 },
        }
    }
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + b.abs()) || (a.is_nan() && b.is_nan()) || a == b
}

/// Checks the derivatives of a function, up to the given order, at the given inputs.
///
/// Gradients are held against numeric ones (five points, two steps, and what they extrapolate to), gradients that can be differentiated again
/// against those of `backward`, and forward mode against reverse mode. For a higher order the same is done with
/// the derivative of the gradient in some direction. The function is called some ten times for each element of
/// the inputs and each order; it should be smooth within `2e-3 (1 + |x|)` of each. `f32` has few digits left after a numeric
/// derivative: check in `f64`.
///
/// ```
/// use autodiff_core::{check::check_grads, native::Value};
/// let x = Value::new(ndarray::array![0.5, -1.0]);
/// let w = Value::new(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
/// check_grads(|x| x[1].matmul(&x[0]).tanh(), &[x, w], 2).unwrap();
/// ```
///
/// # Errors
///
/// Names the first derivative that differs: its order, the input, the index, and the numbers.
pub fn check_grads<T: Scalar, B: Backend<T>>(
    f: impl Fn(&[Value<T, B>]) -> Value<T, B>,
    inputs: &[Value<T, B>],
    order: usize,
) -> Result<(), Error> {
    check_order(&f, inputs, 1, order)
}

type Function<'a, T, B> = &'a dyn Fn(&[Value<T, B>]) -> Value<T, B>;

fn check_order<T: Scalar, B: Backend<T>>(
    f: Function<'_, T, B>,
    inputs: &[Value<T, B>],
    order: usize,
    last: usize,
) -> Result<(), Error> {
    let trial = Trial::new(f, inputs);
    trial
        .check_backward()
        .and_then(|()| trial.check_numeric(f))
        .and_then(|()| trial.check_modes())
        .map_err(|problem| Error::Gradient(format!("check_grads: order {order}, {problem}")))?;
    if order == last {
        return Ok(());
    }
    let along_gradient = |x: &[Value<T, B>]| slope(f, x);
    check_order(&along_gradient, inputs, order + 1, last)
}

/// The derivative of the weighted sum of `f` in a fixed direction, as a value that can be differentiated again.
fn slope<T: Scalar, B: Backend<T>>(f: Function<'_, T, B>, x: &[Value<T, B>]) -> Value<T, B> {
    let inner: Vec<_> = x.iter().map(crate::transform::within).collect();
    let along = gradients(&weighted(&f(&inner)), &inner)
        .into_iter()
        .enumerate()
        .map(|(i, g)| (&g * numbers::<T>(g.shape(), -1.0..1.0, 11 * i + 5)).sum());
    along.sum()
}

/// The gradients as values that can be differentiated again; zeros where `y` does not depend on an input.
fn gradients<T: Scalar, B: Backend<T>>(y: &Value<T, B>, wrt: &[Value<T, B>]) -> Vec<Value<T, B>> {
    match y.tracked() {
        Some(_) => y.grad_of(&wrt.iter().collect::<Vec<_>>()),
        None => wrt.iter().map(|x| Value::constant(ArrayD::zeros(x.shape()))).collect(),
    }
}

/// Each element times a weight of its own, so that no error cancels in the sum.
fn weighted<T: Scalar, B: Backend<T>>(y: &Value<T, B>) -> Value<T, B> {
    (y * numbers::<T>(y.shape(), 0.5..1.5, 3)).sum()
}

/// A function at some inputs: its leaves, its result, the weighted sum of that, and the gradients of the sum.
struct Trial<T: Scalar, B: Backend<T>> {
    leaves: Vec<Value<T, B>>,
    y: Value<T, B>,
    total: Value<T, B>,
    gradients: Vec<Value<T, B>>,
}

impl<T: Scalar, B: Backend<T>> Trial<T, B> {
    fn new(f: Function<'_, T, B>, inputs: &[Value<T, B>]) -> Self {
        let leaves: Vec<Value<T, B>> = inputs.iter().map(|x| Value::new(x.data())).collect();
        let y = f(&leaves);
        let total = weighted(&y);
        let gradients = gradients(&total, &leaves);
        Trial { leaves, y, total, gradients }
    }

    /// `backward`, whose gradients are numbers, against `grad_of`, whose gradients can be differentiated again.
    fn check_backward(&self) -> Result<(), String> {
        if self.total.tracked().is_some() {
            self.total.backward();
        }
        for (i, (leaf, gradient)) in self.leaves.iter().zip(&self.gradients).enumerate() {
            compare(&leaf.grad().data(), &gradient.data(), Tolerance::of::<T>().analytic, |index, a, b| {
                format!("input {i}, index {index}: backward gives {a}, grad_of {b}")
            })?;
        }
        Ok(())
    }

    /// The gradients against numeric ones.
    fn check_numeric(&self, f: Function<'_, T, B>) -> Result<(), String> {
        let Tolerance { numeric, step, .. } = Tolerance::of::<T>();
        for (i, gradient) in self.gradients.iter().enumerate() {
            for (index, &analytic) in gradient.data().indexed_iter() {
                let at = |h: f64| {
                    let moved = |(j, x): (usize, &Value<T, B>)| {
                        let mut data = x.data();
                        if j == i {
                            data[&index] += T::of(h);
                        }
                        Value::constant(data)
                    };
                    let inputs: Vec<_> = self.leaves.iter().enumerate().map(moved).collect();
                    weighted(&f(&inputs)).item().as_f64()
                };
                let analytic = analytic.as_f64();
                let wide_step = step * (1.0 + self.leaves[i].data()[&index].as_f64().abs());
                let narrow_step = wide_step / 2.0;
                let (wide, narrow) = (five_points(at, wide_step), five_points(at, narrow_step));
                // What is wrong with five points falls with the fourth power of the step: the next term is left.
                let limit = narrow + (narrow - wide) / 15.0;
                if ![wide, narrow, limit].iter().any(|&number| close(analytic, number, numeric)) {
                    return Err(format!(
                        "input {i}, index {:?}: analytic {analytic}, numeric {wide} (step {wide_step:.1e}), \
                         {narrow} (step {narrow_step:.1e}) and, extrapolated, {limit}",
                        index.slice()
                    ));
                }
            }
        }
        Ok(())
    }

    /// Forward mode against reverse mode, by the derivative in one direction.
    fn check_modes(&self) -> Result<(), String> {
        let tangents: Vec<Value<T, B>> = (self.leaves.iter().enumerate())
            .map(|(i, x)| Value::constant(numbers::<T>(x.shape(), -1.0..1.0, 7 * i + 1)))
            .collect();
        let pairs: Vec<_> = self.leaves.iter().zip(&tangents).collect();
        let along = self.gradients.iter().zip(&tangents);
        let reverse: f64 = along.map(|(g, t)| (g * t).sum().item().as_f64()).sum();
        for attached in [true, false] {
            let tangent = self.y.try_tangent("check_grads", &pairs, attached).map_err(|e| e.to_string())?;
            let forward = weighted(&tangent).item().as_f64();
            if !close(forward, reverse, Tolerance::of::<T>().analytic * (1.0 + self.y.len() as f64)) {
                return Err(format!("one direction: forward mode gives {forward}, reverse mode {reverse}"));
            }
        }
        Ok(())
    }
}

/// The derivative at 0 of a function, from its values at four points around it.
fn five_points(f: impl Fn(f64) -> f64, h: f64) -> f64 {
    (8.0 * (f(h) - f(-h)) - (f(2.0 * h) - f(-2.0 * h))) / (12.0 * h)
}

fn compare<A: Scalar, E: Scalar, M: Display>(
    got: &ndarray::ArcArray<A, IxDyn>,
    expected: &ndarray::ArcArray<E, IxDyn>,
    tolerance: f64,
    message: impl Fn(String, f64, f64) -> M,
) -> Result<(), String> {
    if got.shape() != expected.shape() {
        return Err(format!("got shape {:?}, expected {:?}", got.shape(), expected.shape()));
    }
    for ((index, a), b) in got.indexed_iter().zip(expected) {
        if !close(a.as_f64(), b.as_f64(), tolerance) {
            return Err(message(format!("{:?}", index.slice()), a.as_f64(), b.as_f64()).to_string());
        }
    }
    Ok(())
}

/// Numbers spread evenly over a range in an irregular order: multiples of the golden ratio, modulo 1.
fn numbers<T: Scalar>(shape: &[usize], range: Range<f64>, salt: usize) -> ArrayD<T> {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let mut k = salt as f64;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        k += 1.0;
        T::of(range.start + (range.end - range.start) * (k * GOLDEN).fract())
    })
}
