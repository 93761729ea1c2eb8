//! Gradients of functions with one number as their result.

use super::Inner;
use crate::backend::Backend;
use crate::error::{Error, or_panic};
use crate::graph;
use crate::parameters::Parameters;
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;

/// The gradient of a function with one number as its result, at `x`.
///
/// It is a value like any other: differentiate it again.
///
/// ```
/// use autodiff_core::{grad, native::Value};
/// let f = |x: &Value| x.powi(4);
/// let x = Value::new(2.0);
/// assert_eq!(grad(f, &x).item(), 32.0);
/// assert_eq!(grad(|x| grad(f, x), &x).item(), 48.0);
/// ```
///
/// At a constant, of a function that uses nothing else which is differentiated, and inside [`no_grad`](crate::no_grad), it is a constant;
/// that is found before it is computed, which then takes as long as [`backward`](Value::backward). So a loop of steps starts from a
/// constant; from a leaf, each step would be recorded, and kept, for derivatives of the last one by the first.
///
/// ```
/// use autodiff_core::{grad, native::Value};
/// let mut x = Value::constant(ndarray::array![3.0, -1.0]);
/// for _ in 0..100 {
///     x = &x - 0.1 * grad(|x| x.square().sum(), &x);
/// }
/// assert!(x.abs().max().item() < 1e-8);
/// assert_eq!(x.op(), "constant");
/// ```
///
/// A function of several values takes an array, a tuple, a `Vec` or a struct of them, nested as one likes: whatever
/// has [`Parameters`]. Its gradient is of the same type.
///
/// ```
/// use autodiff_core::{grad, native::Value};
/// let (a, b) = (Value::new(3.0), Value::new(ndarray::array![1.0, 2.0]));
/// let (da, db) = grad(|(a, b): &(Value, Value)| (a * a * b).sum(), &(a, b));
/// assert_eq!(da.item(), 18.0);
/// assert_eq!(db.data(), ndarray::array![9.0, 9.0].into_dyn());
/// ```
///
/// # Panics
///
/// Where the function's result has other than one element.
#[track_caller]
pub fn grad<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
) -> P {
    or_panic(try_grad(f, x))
}

/// Like [`grad`], but returns an error instead of panicking.
pub fn try_grad<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
) -> Result<P, Error> {
    gradient("grad", f, x)
}

/// The same for the transform `op`.
pub(super) fn gradient<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    op: &'static str,
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
) -> Result<P, Error> {
    Ok(evaluated(op, |x| (f(x), ()), x)?.1)
}

/// The value and the gradient of a function with one number as its result, at `x`; see [`grad`].
///
/// ```
/// use autodiff_core::{native::Value, value_and_grad};
/// let x = Value::new(ndarray::array![1.0, 2.0]);
/// let (y, g) = value_and_grad(|x| x.square().sum(), &x);
/// assert_eq!(y.item(), 5.0);
/// assert_eq!(g.data(), ndarray::array![2.0, 4.0].into_dyn());
/// ```
///
/// # Panics
///
/// Where the function's result has other than one element.
#[track_caller]
pub fn value_and_grad<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
) -> (Value<T, B>, P) {
    or_panic(try_value_and_grad(f, x))
}

/// Like [`value_and_grad`], but returns an error instead of panicking.
pub fn try_value_and_grad<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
) -> Result<(Value<T, B>, P), Error> {
    let (y, gradient, ()) = evaluated("value_and_grad", |x| (f(x), ()), x)?;
    Ok((y, gradient))
}

/// The value and the gradient of a function at `x`, and what else the function returns, such as predictions beside a
/// loss; see [`grad`].
///
/// ```
/// use autodiff_core::{native::Value, value_and_grad_aux};
/// let x = Value::new(ndarray::array![1.0, 2.0]);
/// let (y, g, largest) = value_and_grad_aux(|x| (x.square().sum(), x.max().item()), &x);
/// assert_eq!((y.item(), largest), (5.0, 2.0));
/// assert_eq!(g.data(), ndarray::array![2.0, 4.0].into_dyn());
/// ```
///
/// Values among what else it returns are still recorded, as results of a function are: [`detach`](Value::detach) those that
/// are kept, or they keep all that they were computed from.
///
/// # Panics
///
/// Where the function's result has other than one element.
#[track_caller]
pub fn value_and_grad_aux<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone, A>(
    f: impl FnOnce(&P) -> (Value<T, B>, A),
    x: &P,
) -> (Value<T, B>, P, A) {
    or_panic(try_value_and_grad_aux(f, x))
}

/// Like [`value_and_grad_aux`], but returns an error instead of panicking.
pub fn try_value_and_grad_aux<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone, A>(
    f: impl FnOnce(&P) -> (Value<T, B>, A),
    x: &P,
) -> Result<(Value<T, B>, P, A), Error> {
    evaluated("value_and_grad_aux", f, x)
}

fn evaluated<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone, A>(
    op: &'static str,
    f: impl FnOnce(&P) -> (Value<T, B>, A),
    x: &P,
) -> Result<(Value<T, B>, P, A), Error> {
    let inner = Inner::of(x);
    let (y, aux) = graph::recorded(|| f(&inner.x));
    if y.len() != 1 {
        return Err(Error::Result { op, got: y.shape().to_vec() });
    }
    let seed = Value::from_parts(Tensor::full(T::one(), y.shape()), None);
    let gradient = inner.gradients(&y, seed);
    Ok((inner.outside(y), gradient, aux))
}
