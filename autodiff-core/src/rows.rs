//! Functions of rows: the elements along one or several axes, side by side.

use crate::scalar::Scalar;
use crate::shape::{Shape, inverse, reduced};
use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn};
use std::cmp::Ordering;
use std::ops::Range;

/// NumPy's order of numbers: NaN comes last.
pub(crate) fn by_value<T: Scalar>(a: &T, b: &T) -> Ordering {
    a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

/// Rows one after the other: how many, their length, their elements, and the order of axes that makes rows.
struct Rows<T> {
    count: usize,
    length: usize,
    elements: Vec<T>,
    order: Shape,
}

impl<T: Scalar> Rows<T> {
    /// A row for each place along the axes other than `axes`.
    fn along(x: ArrayViewD<'_, T>, axes: &[usize]) -> Self {
        let order: Shape = (0..x.ndim()).filter(|a| !axes.contains(a)).chain(axes.iter().copied()).collect();
        let length = axes.iter().map(|&a| x.len_of(Axis(a))).product();
        let count = reduced(x.shape(), axes, false).iter().product();
        let elements = x.permuted_axes(IxDyn(&order)).iter().copied().collect();
        Rows { count, length, elements, order }
    }

    fn range(&self, i: usize) -> Range<usize> {
        i * self.length..(i + 1) * self.length
    }
}

/// `f` of each row along `axes`, which keep length 1.
pub(crate) fn map_rows<T: Scalar, R>(
    x: ArrayViewD<'_, T>,
    axes: &[usize],
    f: impl Fn(&[T]) -> R,
) -> ArrayD<R> {
    let shape = reduced(x.shape(), axes, true);
    let rows = Rows::along(x, axes);
    let results = (0..rows.count).map(|i| f(&rows.elements[rows.range(i)])).collect();
    ArrayD::from_shape_vec(IxDyn(&shape), results).expect("one result a row")
}

/// What `f` makes of each row along `axes`: as many elements, in the places of the row's.
pub(crate) fn map_each_row<T: Scalar, R: Clone + Default>(
    x: ArrayViewD<'_, T>,
    axes: &[usize],
    f: impl Fn(&[T], &mut [R]),
) -> ArrayD<R> {
    let shape = Shape::from_slice(x.shape());
    let rows = Rows::along(x, axes);
    let mut results = vec![R::default(); rows.elements.len()];
    for i in 0..rows.count {
        f(&rows.elements[rows.range(i)], &mut results[rows.range(i)]);
    }
    let moved: Shape = rows.order.iter().map(|&a| shape[a]).collect();
    let results = ArrayD::from_shape_vec(IxDyn(&moved), results).expect("as many elements");
    results.permuted_axes(IxDyn(&inverse(&rows.order)))
}

/// The places of a row's elements in their order, equal ones in that of their places.
pub(crate) fn argsort<T: Scalar>(row: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..row.len()).collect();
    places.sort_by(|&i, &j| compare(&row[i], &row[j]));
    places
}
