//! Gradients of functions with one number as their result.

use super::{differentiated, within, zeros};
use crate::backend::Backend;
use crate::error::{Error, or_panic};
use crate::scalar::Scalar;
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
/// # Panics
///
/// Where the function's result has other than one element.
#[track_caller]
pub fn grad<T: Scalar, B: Backend<T>>(
    f: impl FnOnce(&Value<T, B>) -> Value<T, B>,
    x: &Value<T, B>,
) -> Value<T, B> {
    value_and_grad(f, x).1
}

/// Like [`grad`], but returns an error instead of panicking.
pub fn try_grad<T: Scalar, B: Backend<T>>(
    f: impl FnOnce(&Value<T, B>) -> Value<T, B>,
    x: &Value<T, B>,
) -> Result<Value<T, B>, Error> {
    Ok(try_value_and_grad(f, x)?.1)
}

/// The value and the gradient of a function with one number as its result, at `x`.
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
pub fn value_and_grad<T: Scalar, B: Backend<T>>(
    f: impl FnOnce(&Value<T, B>) -> Value<T, B>,
    x: &Value<T, B>,
) -> (Value<T, B>, Value<T, B>) {
    or_panic(try_value_and_grad(f, x))
}

/// Like [`value_and_grad`], but returns an error instead of panicking.
pub fn try_value_and_grad<T: Scalar, B: Backend<T>>(
    f: impl FnOnce(&Value<T, B>) -> Value<T, B>,
    x: &Value<T, B>,
) -> Result<(Value<T, B>, Value<T, B>), Error> {
    let [y, gradient] = differentiated(|| {
        let inner = within(x);
        let y = f(&inner);
        if y.len() != 1 {
            return Err(Error::Result { op: "grad", got: y.shape().to_vec() });
        }
        let gradient = match y.tracked() {
            None => zeros(x),
            Some(_) => y.try_grad_of(&[&inner])?.remove(0),
        };
        Ok([y, gradient])
    })?;
    Ok((y, gradient))
}
