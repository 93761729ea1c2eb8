//! Derivatives in a direction, and the linear maps that a derivative is.

use super::{Inner, check_direction, directed, values};
use crate::backend::Backend;
use crate::error::{Error, or_panic};
use crate::graph;
use crate::parameters::Parameters;
use crate::scalar::Scalar;
use crate::value::Value;

/// What errors call a direction, and several.
const TANGENTS: [&str; 2] = ["a tangent", "tangents"];

/// The value of a function at `x`, and its derivative in the direction `tangent`, of the shape of `x`.
///
/// `x` is a value, or an array, a tuple or a struct of them, and `tangent` another of the same kind; see [`grad`](crate::grad).
/// The derivative is taken while the function runs, together with what it computes: both cost about two evaluations.
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
/// Where the shapes of `x` and `tangent` differ, or the numbers of values in them.
#[track_caller]
pub fn jvp<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
    tangent: &P,
) -> (Value<T, B>, Value<T, B>) {
    or_panic(try_jvp(f, x, tangent))
}

/// Like [`jvp`], but returns an error instead of panicking.
pub fn try_jvp<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
    tangent: &P,
) -> Result<(Value<T, B>, Value<T, B>), Error> {
    let inner = Inner::of(x);
    let directed = directed("jvp", TANGENTS, &inner.x, tangent)?;
    let (y, mut dy) = inner.try_follow("jvp", &directed, |x| Ok(f(x)), |y| vec![y])?;
    let dy = dy.remove(0);
    // They have most of their work in common.
    if let (Some(y), Some(dy)) = (y.tensor().pending(), dy.tensor().pending()) {
        y.accompany(dy);
    }
    Ok((inner.outside(y), inner.outside(dy)))
}

/// A linear map, of tangents or of cotangents, between values, or structs of them. It can be called many times, and from
/// several threads.
pub type LinearMap<X, Y = X> = Box<dyn Fn(&X) -> Y + Send + Sync>;

/// The value of a function at `x`, and its derivative there as a map of tangents: `jvp` for many directions, with one
/// evaluation of the function.
///
/// The map takes a tangent of the shape of `x`, and panics where it has another. As with [`jvp`], `x` and tangents can be
/// structs of values.
///
/// ```
/// use autodiff_core::{linearize, native::Value};
/// use ndarray::array;
/// let x = Value::new(array![1.0, 2.0]);
/// let (y, push) = linearize(|x| x.square(), &x);
/// assert_eq!(y.data(), array![1.0, 4.0].into_dyn());
/// assert_eq!(push(&Value::constant(array![1.0, 0.0])).data(), array![2.0, 0.0].into_dyn());
/// assert_eq!(push(&Value::constant(array![0.0, 1.0])).data(), array![0.0, 4.0].into_dyn());
/// ```
pub fn linearize<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone + Send + Sync + 'static>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
) -> (Value<T, B>, LinearMap<P, Value<T, B>>) {
    let (y, inner) = traced(f, x);
    let result = inner.outside(y.clone());
    let push = move |tangent: &P| {
        let directed = or_panic(directed("linearize", TANGENTS, &inner.x, tangent));
        let attached = inner.is_attached(&y, values(tangent));
        inner.outside(or_panic(graph::recorded(|| y.try_tangent("linearize", &directed, attached))))
    };
    (result, Box::new(push))
}

/// The value of a function at `x`, and the transpose of its derivative there as a map of cotangents: from weights of the
/// elements of the result to the gradient of their weighted sum.
///
/// The map takes a cotangent of the shape of the result, and panics where it has another. `x` is a value, or an array, a
/// tuple or a struct of them, as is what the map gives; see [`grad`](crate::grad).
///
/// ```
/// use autodiff_core::{native::Value, vjp};
/// use ndarray::array;
/// let x = Value::new(array![1.0, 2.0]);
/// let (y, pull) = vjp(|x| x * x.sum(), &x);
/// assert_eq!(y.data(), array![3.0, 6.0].into_dyn());
/// assert_eq!(pull(&Value::constant(array![1.0, 0.0])).data(), array![4.0, 1.0].into_dyn());
/// let (_, pull) = vjp(|(a, b): &(Value, Value)| a * b, &(x, Value::new(3.0)));
/// let (da, db) = pull(&Value::constant(array![1.0, 10.0]));
/// assert_eq!((da.data(), db.item()), (array![3.0, 30.0].into_dyn().into_shared(), 21.0));
/// ```
pub fn vjp<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone + Send + Sync + 'static>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
) -> (Value<T, B>, LinearMap<Value<T, B>, P>) {
    let (y, inner) = traced(f, x);
    let result = inner.outside(y.clone());
    let pull = move |cotangent: &Value<T, B>| {
        or_panic(check_direction("vjp", ["a cotangent", "a result"], cotangent, &y));
        inner.gradients(&y, cotangent.clone())
    };
    (result, Box::new(pull))
}

/// A function's result, and the input that it was computed from.
fn traced<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
) -> (Value<T, B>, Inner<P>) {
    let inner = Inner::of(x);
    (graph::recorded(|| f(&inner.x)), inner)
}
