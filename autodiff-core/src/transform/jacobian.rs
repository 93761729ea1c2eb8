//! Whole matrices of derivatives, as one sweep with all directions side by side.

use super::gradient::gradient;
use super::{Inner, directed, replaced, values};
use crate::backend::Backend;
use crate::error::{Error, or_panic};
use crate::graph;
use crate::parameters::Parameters;
use crate::primal::with_leading;
use crate::scalar::Scalar;
use crate::shape::{Shape, checked_size};
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::{Array2, IxDyn};

/// The derivatives of all elements of a function's result by all elements of `x`, of shape (*result, *x*).
///
/// Element `[i.., j..]` is that of element `i` of the result by element `j` of `x`. There is one sweep, reverse or
/// forward (then one for each value of a struct), whichever has fewer directions, through products and sums of all
/// directions at once; it holds as many intermediate values for each of them as the function does.
///
/// ```
/// use autodiff_core::{jacobian, native::Value};
/// use ndarray::array;
/// let x = Value::new(array![1.0, 2.0]);
/// let j = jacobian(|x| x * x.sum(), &x);
/// assert_eq!(j.data(), array![[4.0, 1.0], [2.0, 5.0]].into_dyn());
/// ```
///
/// Of a function of an array, a tuple or a struct of values, it is a struct of the same kind, with the derivatives by each
/// in its place; see [`grad`](crate::grad).
///
/// ```
/// use autodiff_core::{jacobian, native::Value};
/// use ndarray::array;
/// let at = (Value::new(array![1.0, 2.0]), Value::new(3.0));
/// let (by_a, by_b) = jacobian(|(a, b): &(Value, Value)| a * b, &at);
/// assert_eq!(by_a.data(), array![[3.0, 0.0], [0.0, 3.0]].into_dyn());
/// assert_eq!(by_b.data(), array![1.0, 2.0].into_dyn());
/// ```
///
/// # Panics
///
/// Where the matrix has more elements than memory can address.
#[track_caller]
pub fn jacobian<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
) -> P {
    or_panic(try_jacobian(f, x))
}

/// Like [`jacobian`], but returns an error instead of panicking.
pub fn try_jacobian<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
) -> Result<P, Error> {
    let inner = Inner::of(x);
    let y = graph::recorded(|| f(&inner.x));
    let attached = inner.is_attached(&y, []);
    let blocks = graph::recorded(|| {
        let all = values(&inner.x);
        let mut blocks = Vec::with_capacity(all.len());
        for x in &all {
            blocks.push(Value::from_parts(Tensor::full(T::zero(), &joined("jacobian", &y, x)?), None));
        }
        let columns: usize = all.iter().map(|x| x.len()).sum();
        let whole: Vec<usize> = (0..all.len()).filter(|&i| !blocks[i].is_empty()).collect();
        if whole.is_empty() {
            return Ok(blocks);
        }
        if y.len() < columns {
            let wrt: Vec<_> = whole.iter().map(|&i| all[i]).collect();
            let rows = y.cotangents(&wrt, directions("jacobian", &y)?, attached);
            for (i, rows) in whole.into_iter().zip(rows) {
                blocks[i] = rows.with_shape("jacobian", Shape::from_slice(blocks[i].shape()));
            }
        } else {
            for i in whole {
                blocks[i] = by_columns(&y, all[i], directions("jacobian", all[i])?, attached);
            }
        }
        Ok(blocks)
    })?;
    let mut blocks = blocks.into_iter().map(|block| inner.outside(block));
    Ok(replaced(x, |_| blocks.next().expect("one for each value")))
}

/// The second derivatives of a function with one number as its result, at `x`, of shape (*x, *x*).
///
/// Forward over reverse: the derivatives of the gradient in all directions, in one sweep.
///
/// ```
/// use autodiff_core::{hessian, native::Value};
/// use ndarray::array;
/// let x = Value::new(array![1.0, 2.0]);
/// let h = hessian(|x| x.powi(3).sum() + x.sum().square(), &x);
/// assert_eq!(h.data(), array![[8.0, 2.0], [2.0, 14.0]].into_dyn());
/// ```
///
/// # Panics
///
/// Where the function's result has other than one element, or the matrix more than memory can address.
#[track_caller]
pub fn hessian<T: Scalar, B: Backend<T>>(
    f: impl FnOnce(&Value<T, B>) -> Value<T, B>,
    x: &Value<T, B>,
) -> Value<T, B> {
    or_panic(try_hessian(f, x))
}

/// Like [`hessian`], but returns an error instead of panicking.
pub fn try_hessian<T: Scalar, B: Backend<T>>(
    f: impl FnOnce(&Value<T, B>) -> Value<T, B>,
    x: &Value<T, B>,
) -> Result<Value<T, B>, Error> {
    matrix("hessian", f, x)
}

/// The same for the transform `op`.
fn matrix<T: Scalar, B: Backend<T>>(
    op: &'static str,
    f: impl FnOnce(&Value<T, B>) -> Value<T, B>,
    x: &Value<T, B>,
) -> Result<Value<T, B>, Error> {
    let inner = Inner::of(x);
    let gradient = graph::recorded(|| gradient(op, f, &inner.x))?;
    let shape = joined(op, x, x)?;
    if shape.contains(&0) {
        return Ok(Value::from_parts(Tensor::full(T::zero(), &shape), None));
    }
    let (directions, attached) = (directions(op, x)?, inner.is_attached(&gradient, []));
    // Symmetric: rows do for columns.
    let matrix = graph::recorded(|| gradient.tangents(&inner.x, directions, attached).with_shape(op, shape));
    Ok(inner.outside(matrix))
}

/// The product of the [`hessian`] at `x` with `v`, of the shape of `x`, at the cost of a few gradients.
///
/// Forward over reverse. For many vectors at one point, [`linearize`](crate::linearize) the gradient. `x` is a value, or an
/// array, a tuple or a struct of them, and `v` another of the same kind, as is the product; see [`grad`](crate::grad).
///
/// ```
/// use autodiff_core::{hvp, native::Value};
/// use ndarray::array;
/// let x = Value::new(array![1.0, 2.0]);
/// let hv = hvp(|x| x.powi(3).sum(), &x, &Value::constant(array![1.0, 10.0]));
/// assert_eq!(hv.data(), array![6.0, 120.0].into_dyn());
/// // Of two values, the Hessian is [[2 b, 2 a], [2 a, 0]].
/// let at = (Value::new(3.0), Value::new(5.0));
/// let v = (Value::constant(1.0), Value::constant(10.0));
/// let (ha, hb) = hvp(|(a, b): &(Value, Value)| a.square() * b, &at, &v);
/// assert_eq!((ha.item(), hb.item()), (70.0, 6.0));
/// ```
///
/// # Panics
///
/// Where the function's result has other than one element, or the shapes of `x` and `v`, or the numbers of values in
/// them, differ.
#[track_caller]
pub fn hvp<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
    v: &P,
) -> P {
    or_panic(try_hvp(f, x, v))
}

/// Like [`hvp`], but returns an error instead of panicking.
pub fn try_hvp<T: Scalar, B: Backend<T>, P: Parameters<T, B> + Clone>(
    f: impl FnOnce(&P) -> Value<T, B>,
    x: &P,
    v: &P,
) -> Result<P, Error> {
    let inner = Inner::of(x);
    let directed = directed("hvp", ["a direction", "directions"], &inner.x, v)?;
    let products =
        inner.try_follow("hvp", &directed, |x| gradient("hvp", f, x), |gradient| values(gradient))?.1;
    let mut products = products.into_iter().map(|product| inner.outside(product));
    Ok(replaced(x, |_| products.next().expect("one for each value")))
}

/// The second derivatives of a function by each element of `x` twice, of the shape of `x`.
///
/// Where the elements do not mix, `hvp` with ones is the same for less: this is the diagonal of the [`hessian`], and
/// costs what that does.
///
/// ```
/// use autodiff_core::{hessian_diag, native::Value};
/// use ndarray::array;
/// let x = Value::new(array![1.0, 2.0]);
/// let d = hessian_diag(|x| x.powi(3).sum() * x.sum(), &x);
/// assert_eq!(d.data(), array![24.0, 60.0].into_dyn());
/// ```
///
/// # Panics
///
/// As for [`hessian`].
#[track_caller]
pub fn hessian_diag<T: Scalar, B: Backend<T>>(
    f: impl FnOnce(&Value<T, B>) -> Value<T, B>,
    x: &Value<T, B>,
) -> Value<T, B> {
    or_panic(try_hessian_diag(f, x))
}

/// Like [`hessian_diag`], but returns an error instead of panicking.
pub fn try_hessian_diag<T: Scalar, B: Backend<T>>(
    f: impl FnOnce(&Value<T, B>) -> Value<T, B>,
    x: &Value<T, B>,
) -> Result<Value<T, B>, Error> {
    let matrix =
        matrix("hessian_diag", f, x)?.with_shape("hessian_diag", Shape::from_slice(&[x.len(), x.len()]));
    Ok(matrix.try_diagonal(0)?.with_shape("hessian_diag", Shape::from_slice(x.shape())))
}

/// The shape of the derivatives of `y` by `x`.
fn joined<T: Scalar, B: Backend<T>>(
    op: &'static str,
    y: &Value<T, B>,
    x: &Value<T, B>,
) -> Result<Shape, Error> {
    let shape: Shape = y.shape().iter().chain(x.shape()).copied().collect();
    checked_size(op, &shape)?;
    Ok(shape)
}

/// All directions in which `x` can change: (elements, *x*).
fn directions<T: Scalar, B: Backend<T>>(op: &'static str, x: &Value<T, B>) -> Result<Value<T, B>, Error> {
    let shape = with_leading(x.len(), x.shape());
    checked_size(op, &shape)?;
    let eye = Array2::eye(x.len()).into_shape_with_order(IxDyn(&shape)).expect("as many elements");
    Ok(Value::constant(eye))
}

/// The derivatives of `y` by `x`, from its tangents in all `directions`.
fn by_columns<T: Scalar, B: Backend<T>>(
    y: &Value<T, B>,
    x: &Value<T, B>,
    directions: Value<T, B>,
    attached: bool,
) -> Value<T, B> {
    let columns =
        y.tangents(x, directions, attached).with_shape("jacobian", Shape::from_slice(&[x.len(), y.len()]));
    let shape = y.shape().iter().chain(x.shape()).copied().collect();
    columns.swap_axes(0, 1).with_shape("jacobian", shape)
}
