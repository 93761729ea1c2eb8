//! Scans, differences and orders along an axis.

use super::Indices;
use super::index::places_along;
use crate::backend::{Backend, Binary};
use crate::error::{Error, twins};
use crate::rows::{argsort, by_value, map_each_row};
use crate::rules::{Cumsum, CumulativeExtremum, LogCumsumexp, Recurrence, Take};
use crate::scalar::Scalar;
use crate::shape::{Shape, resolve_axis};
use crate::value::{Operand, Value};
use ndarray::{ArrayD, ArrayView1, Axis, Slice};
use std::cmp::Ordering;

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    /// All but the first elements along an axis of that length, and all but the last.
    fn neighbours(&self, axis: usize, length: usize) -> [Self; 2] {
        [self.part(axis, length.min(1)..length), self.part(axis, 0..length.saturating_sub(1))]
    }
}

/// Scans: element `i` of the result is a reduction of the elements `0 ..= i` along an axis.
impl<T: Scalar, B: Backend<T>> Value<T, B> {
    twins! {
        /// The sums of all elements up to each place along an axis, with compensated additions.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![1.0, 2.0, 3.0]);
        /// let y = x.cumsum(0);
        /// assert_eq!(y.data(), array![1.0, 3.0, 6.0].into_dyn());
        /// y.backward();
        /// assert_eq!(x.grad().data(), array![3.0, 2.0, 1.0].into_dyn());
        /// ```
        fn cumsum, try_cumsum(&self, axis: isize) -> Self {
            let axis = resolve_axis("cumsum", axis, self.shape())?;
            Ok(Self::apply(Cumsum { axis, reverse: false, starts: None }, &[self]))
        }

        /// The products of all elements up to each place along an axis, one after the other, as NumPy multiplies. Gradients are
        /// right where elements are 0.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![2.0, 0.0, 3.0]);
        /// let y = x.cumprod(0);
        /// assert_eq!(y.data(), array![2.0, 0.0, 0.0].into_dyn());
        /// y.backward();
        /// assert_eq!(x.grad().data(), array![1.0, 8.0, 0.0].into_dyn());
        /// ```
        fn cumprod, try_cumprod(&self, axis: isize) -> Self {
            let axis = resolve_axis("cumprod", axis, self.shape())?;
            Ok(Self::apply(Recurrence::products(axis), &[self]) * self)
        }

        /// `ln(cumsum(exp(x)))` along an axis, at any magnitude (PyTorch's name).
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let y = Value::new(ndarray::array![1000.0, 1000.0]).logcumsumexp(0);
        /// assert_eq!(y.data(), ndarray::array![1000.0, 1000.0 + 2.0_f64.ln()].into_dyn());
        /// ```
        fn logcumsumexp, try_logcumsumexp(&self, axis: isize) -> Self {
            let axis = resolve_axis("logcumsumexp", axis, self.shape())?;
            Ok(Self::apply(LogCumsumexp { axis }, &[self]))
        }

        /// The largest of the elements up to each place along an axis, NaN from the first NaN on: NumPy's
        /// `maximum.accumulate`. Equal elements share the gradient, as in [`max`](Value::max).
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![1.0, 3.0, 2.0]);
        /// let y = x.cummax(0);
        /// assert_eq!(y.data(), array![1.0, 3.0, 3.0].into_dyn());
        /// y.backward();
        /// assert_eq!(x.grad().data(), array![1.0, 2.0, 0.0].into_dyn());
        /// ```
        fn cummax, try_cummax(&self, axis: isize) -> Self {
            let axis = resolve_axis("cummax", axis, self.shape())?;
            Ok(Self::apply(CumulativeExtremum { pick: Binary::maximum, axis }, &[self]))
        }

        /// The smallest of the elements up to each place along an axis, NaN from the first NaN on. Equal elements share the
        /// gradient, as in [`min`](Value::min).
        fn cummin, try_cummin(&self, axis: isize) -> Self {
            let axis = resolve_axis("cummin", axis, self.shape())?;
            Ok(Self::apply(CumulativeExtremum { pick: Binary::minimum, axis }, &[self]))
        }

        /// The differences of neighbours along an axis, `x[i + 1] - x[i]`, taken `n` times over: `n` elements fewer, or none.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![1.0, 4.0, 9.0, 16.0]);
        /// assert_eq!(x.diff(1, 0).data(), array![3.0, 5.0, 7.0].into_dyn());
        /// assert_eq!(x.diff(2, 0).data(), array![2.0, 2.0].into_dyn());
        /// ```
        fn diff, try_diff(&self, n: usize, axis: isize) -> Self {
            let axis = resolve_axis("diff", axis, self.shape())?;
            let mut differences = self.clone();
            for length in (0..=self.shape()[axis]).rev().take(n) {
                let [after, before] = differences.neighbours(axis, length);
                differences = after - before;
            }
            Ok(differences)
        }

        /// The integral along an axis by the trapezoidal rule, of elements at the places `x`: one for each along the axis, one for
        /// each element, or, as a number, the distance between neighbours.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let y = Value::new(array![1.0, 2.0, 4.0]);
        /// assert_eq!(y.trapezoid(0.5, 0).item(), 2.25);
        /// let x = Value::new(array![0.0, 1.0, 3.0]);
        /// let area = y.trapezoid(&x, 0);
        /// assert_eq!(area.item(), 7.5);
        /// area.backward();
        /// assert_eq!(y.grad().data(), array![0.5, 1.5, 1.0].into_dyn());
        /// assert_eq!(x.grad().data(), array![-1.5, -1.5, 3.0].into_dyn());
        /// ```
        fn trapezoid, try_trapezoid(&self, x: impl Operand<T, B>, axis: isize) -> Self {
            let along = resolve_axis("trapezoid", axis, self.shape())?;
            let (x, length) = (x.operand(), self.shape()[along]);
            let widths = match x.shape() {
                [] => x,
                [n] if *n == length => {
                    let ones = std::iter::repeat_n(1, self.ndim() - 1 - along);
                    let widths = x.diff(1, 0);
                    let n = widths.len();
                    widths.with_shape("reshape", std::iter::once(n).chain(ones).collect())
                }
                shape if shape == self.shape() => x.try_diff(1, axis)?,
                _ => {
                    return Err(Error::Operands {
                        op: "trapezoid",
                        shapes: vec![("y", self.shape().to_vec()), ("x", x.shape().to_vec())],
                        problem: format!("along axis {along} there are {length} elements"),
                        expected: "x to be a distance, to have one place for each of them, or the shape of y",
                    });
                }
            };
            let [after, before] = self.neighbours(along, length);
            Ok(((after + before) * widths).sum_axis(along) * T::of(0.5))
        }

        /// The elements in ascending order along an axis, NaN last. Equal ones keep their order, and each its gradient.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let x = Value::new(array![3.0, 1.0, 2.0]);
        /// let y = x.sort(-1);
        /// assert_eq!(y.data(), array![1.0, 2.0, 3.0].into_dyn());
        /// y.backward_with(array![1.0, 0.0, 10.0]);
        /// assert_eq!(x.grad().data(), array![10.0, 1.0, 0.0].into_dyn());
        /// ```
        fn sort, try_sort(&self, axis: isize) -> Self {
            let axis = resolve_axis("sort", axis, self.shape())?;
            Ok(self.take_along("sort", axis, &self.order(axis, by_value)))
        }

        /// The indices along an axis that sort it: [`take_along_axis`](Value::take_along_axis) of them is
        /// [`sort`](Value::sort). Those of equal elements are in ascending order.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let x = Value::new(ndarray::array![3.0, 1.0, 1.0]);
        /// assert_eq!(x.argsort(0), ndarray::array![1, 2, 0].into_dyn());
        /// ```
        fn argsort, try_argsort(&self, axis: isize) -> Indices {
            let axis = resolve_axis("argsort", axis, self.shape())?;
            Ok(self.order(axis, by_value).into_shared())
        }

        /// The `k` largest elements along an axis, in descending order, and their indices (PyTorch's name). NaN counts as
        /// the largest; of equal elements the first come first. For the smallest, take those of the negative.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// use ndarray::array;
        /// let (top, places) = Value::new(array![1.0, 3.0, 2.0]).topk(2, 0);
        /// assert_eq!(top.data(), array![3.0, 2.0].into_dyn());
        /// assert_eq!(places, array![1, 2].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where the axis is not there, or has fewer than `k` elements.
        fn topk, try_topk(&self, k: usize, axis: isize) -> (Self, Indices) {
            let op = "topk";
            let axis = resolve_axis(op, axis, self.shape())?;
            let length = self.shape()[axis];
            if k > length {
                let expected = format!("0 to {length}, the length of axis {axis} of shape {:?}", self.shape());
                return Err(Error::Argument { op, what: "k", got: k.to_string(), expected });
            }
            let mut places = self.order(axis, |a, b| by_value(b, a));
            places.slice_axis_inplace(Axis(axis), Slice::from(..k));
            Ok((self.take_along(op, axis, &places), places.into_shared()))
        }

        /// The index along an ascending array (n) at which each element would be inserted before equal ones, like NumPy's
        /// `searchsorted`: `values` may have any shape, which is the result's.
        ///
        /// ```
        /// use autodiff_core::native::Value;
        /// let edges = Value::constant(ndarray::array![0.0, 1.0, 2.0]);
        /// assert_eq!(edges.searchsorted(ndarray::array![1.0, 1.5, 9.0]), ndarray::array![1, 2, 3].into_dyn());
        /// ```
        ///
        /// # Panics
        ///
        /// Where `self` has other than one axis.
        fn searchsorted, try_searchsorted(&self, values: impl crate::value::Operand<T, B>) -> Indices {
            if self.ndim() != 1 {
                return Err(Error::Rank { op: "searchsorted", shape: self.shape().to_vec(), expected: "1" });
            }
            let sorted = self.data();
            let sorted: ArrayView1<'_, T> = sorted.view().into_dimensionality().expect("one axis");
            let sorted = sorted.to_vec();
            let place = |x: &T| sorted.partition_point(|y| by_value(y, x).is_lt());
            Ok(values.operand().tensor().view().map(place).into_shared())
        }
    }

    fn order(&self, axis: usize, compare: impl Fn(&T, &T) -> Ordering) -> ArrayD<usize> {
        map_each_row(self.tensor().view(), &[axis], |row, places| {
            places.copy_from_slice(&argsort(row, &compare))
        })
    }

    /// The elements at indices along an axis that are known to be there.
    fn take_along(&self, op: &'static str, axis: usize, indices: &ArrayD<usize>) -> Self {
        let from = Shape::from_slice(self.shape());
        let places = places_along(op, self.shape(), axis, indices.view()).expect("indices that are there");
        Self::apply(Take { op, places: places.into(), from, to: Shape::from_slice(indices.shape()) }, &[self])
    }
}
