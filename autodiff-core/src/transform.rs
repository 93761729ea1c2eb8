//! Derivatives of functions.

use crate::backend::Backend;
use crate::error::{Error, or_panic};
use crate::graph;
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
    differentiated(|| {
        let inner = within(x);
        let y = f(&inner);
        if y.len() != 1 {
            return Err(Error::Result { op: "grad", got: y.shape().to_vec() });
        }
        let gradient = match y.tracked() {
            None => zeros(x),
            Some(_) => y.try_grad_of(&[&inner])?.remove(0),
        };
        Ok((y, gradient))
    })
}

/// The value of a function at `x`, and its derivative in the direction `tangent`, of the shape of `x`.
///
/// ```
/// use autodiff_core::{jvp, native::Value};
/// use ndarray::array;
/// let x = Value::new(array![1.0, 2.0]);
/// let (y, dy) = jvp(|x| x.square(), &x, &Value::constant(array![1.0, 10.0]));
/// assert_eq!(y.data(), array![1.0, 4.0].into_dyn());
/// assert_eq!(dy.data(), array![2.0, 40.0].into_dyn());
/// ```
///
/// # Panics
///
/// Where the shapes of `x` and `tangent` differ.
#[track_caller]
pub fn jvp<T: Scalar, B: Backend<T>>(
    f: impl FnOnce(&Value<T, B>) -> Value<T, B>,
    x: &Value<T, B>,
    tangent: &Value<T, B>,
) -> (Value<T, B>, Value<T, B>) {
    or_panic(try_jvp(f, x, tangent))
}

/// Like [`jvp`], but returns an error instead of panicking.
pub fn try_jvp<T: Scalar, B: Backend<T>>(
    f: impl FnOnce(&Value<T, B>) -> Value<T, B>,
    x: &Value<T, B>,
    tangent: &Value<T, B>,
) -> Result<(Value<T, B>, Value<T, B>), Error> {
    differentiated(|| {
        let inner = within(x);
        let y = f(&inner);
        let dy = y.try_tangent(&[(&inner, tangent)])?;
        Ok((y, dy))
    })
}

/// A value of a function and its derivative, which are constants where they are taken inside `no_grad`.
fn differentiated<T: Scalar, B: Backend<T>>(
    f: impl FnOnce() -> Result<(Value<T, B>, Value<T, B>), Error>,
) -> Result<(Value<T, B>, Value<T, B>), Error> {
    let (y, derivative) = graph::recorded(f)?;
    match graph::is_recording() {
        true => Ok((y, derivative)),
        false => Ok((y.detach(), derivative.detach())),
    }
}

/// `x` under an identity of its own, so that what a closure captured is told from what it was given.
pub(crate) fn within<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    match x.tracked() {
        Some(_) => x.alias(),
        None => Value::new(x.data()),
    }
}

fn zeros<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    Value::from_parts(Tensor::full(T::zero(), x.shape()), None)
}

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    /// The gradients of this value with respect to others it was made from, leaves or not, as values that can be
    /// differentiated again. No `grad` changes.
    ///
    /// Of an array, it is the sum of the elements that is differentiated. The gradient is zero with respect to a
    /// value that this one does not depend on.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let (a, b) = (Value::new(3.0), Value::new(2.0));
    /// let y = &a * &a * &b;
    /// let [da, db] = y.grad_of(&[&a, &b]).try_into().unwrap();
    /// assert_eq!((da.item(), db.item()), (12.0, 9.0));
    /// assert_eq!(da.grad_of(&[&b])[0].item(), 6.0);
    /// ```
    ///
    /// # Panics
    ///
    /// Where this value, or one of the others, is a constant.
    #[track_caller]
    pub fn grad_of(&self, wrt: &[&Self]) -> Vec<Self> {
        or_panic(self.try_grad_of(wrt))
    }

    /// Like [`grad_of`](Self::grad_of), but returns an error instead of panicking.
    pub fn try_grad_of(&self, wrt: &[&Self]) -> Result<Vec<Self>, Error> {
        let root = self.require_tracked("grad_of")?;
        let nodes = wrt.iter().map(|x| x.require_tracked("grad_of")).collect::<Result<Vec<_>, _>>()?;
        let seed = Value::from_parts(Tensor::full(T::one(), self.shape()), None);
        let found = graph::gradients(root, seed, &nodes);
        Ok(found.into_iter().zip(wrt).map(|(g, x)| g.unwrap_or_else(|| zeros(x))).collect())
    }

    /// The tangent of this value, given those of some that it was made from.
    pub(crate) fn try_tangent(&self, tangents: &[(&Self, &Self)]) -> Result<Self, Error> {
        let mut known = Vec::new();
        for (x, t) in tangents {
            if t.shape() != x.shape() {
                return Err(Error::Shape {
                    op: "jvp",
                    got: t.shape().to_vec(),
                    expected: x.shape().to_vec(),
                });
            }
            known.push((x.require_tracked("jvp")?, (*t).clone()));
        }
        let tangent = self.tracked().and_then(|root| graph::forward(root, &known));
        Ok(tangent.unwrap_or_else(|| zeros(self)))
    }
}
