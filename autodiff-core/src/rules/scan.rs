//! Scans: each element of the result is a reduction of those up to its place along an axis.

use super::linear::Linear;
use super::{Case, Listed, Needs, Recorded, Recurrence, Rule};
use crate::backend::{Backend, Binary, Unary};
use crate::ops::Mask;
use crate::primal::Primal;
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::{ArrayD, ArrayViewD, ArrayViewMut1, Axis};

/// The sums of all elements up to each place along an axis.
#[derive(Clone, Debug)]
pub(crate) struct Cumsum {
    pub axis: usize,
    /// From the end: the transpose.
    pub reverse: bool,
    /// Where sums start anew, if anywhere but at the beginning; it broadcasts to the array's shape.
    pub starts: Option<Mask>,
}

impl Linear for Cumsum {
    fn name(&self) -> &'static str {
        "cumsum"
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        let mut sums = packed(x.view());
        let starts =
            self.starts.as_ref().map(|starts| starts.broadcast(sums.raw_dim()).expect("starts broadcast"));
        let mut starts = starts.iter().flat_map(|starts| starts.lanes(Axis(self.axis)));
        for mut lane in sums.lanes_mut(Axis(self.axis)) {
            let starts = starts.next();
            let starts_at = |i: usize| starts.as_ref().is_some_and(|starts| starts[i]);
            let mut sum = Compensated::default();
            let n = lane.len();
            for i in 0..n {
                let i = if self.reverse { n - 1 - i } else { i };
                if !self.reverse && starts_at(i) {
                    sum = Compensated::default();
                }
                sum.add(lane[i]);
                lane[i] = sum.total();
                if self.reverse && starts_at(i) {
                    sum = Compensated::default();
                }
            }
        }
        Tensor::new(sums.into_shared())
    }
    fn batched(&self, _: usize) -> Option<Self> {
        let starts = self.starts.clone().map(|starts| starts.insert_axis(Axis(0)));
        Some(Cumsum { axis: self.axis + 1, starts, ..*self })
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        Value::apply(Cumsum { reverse: !self.reverse, ..self.clone() }, &[g])
    }
}

/// The elements in a row-major array of their own.
fn packed<T: Scalar>(x: ArrayViewD<'_, T>) -> ArrayD<T> {
    x.as_standard_layout().into_owned()
}

/// A running sum with what rounding has taken from it, so that long ones keep their digits (D. Knuth, The Art of Computer
/// Programming 2, 4.2.2, theorem B).
#[derive(Default)]
struct Compensated<T> {
    sum: T,
    lost: T,
}

impl<T: Scalar> Compensated<T> {
    fn add(&mut self, x: T) {
        let sum = self.sum + x;
        let added = sum - self.sum;
        self.lost += (self.sum - (sum - added)) + (x - added);
        self.sum = sum;
    }

    fn total(&self) -> T {
        // Of infinities nothing is lost, and their differences are NaN.
        if self.sum.is_finite() { self.sum + self.lost } else { self.sum }
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Cumsum {
    fn cases() -> Vec<Case<T, B>> {
        let mut all = cases("cumsum", Value::cumsum);
        all.push(Case::new("cumsum", &[(&[2, 3], -2.0..2.0)], |x| {
            let starts = ndarray::array![[true, false, true], [false, true, false]].into_dyn();
            Value::apply(Cumsum { axis: 1, reverse: false, starts: Some(starts.into()) }, &[&x[0]])
        }));
        all
    }
}

pub(super) fn cases<T: Scalar, B: Backend<T>>(
    name: &'static str,
    f: fn(&Value<T, B>, isize) -> Value<T, B>,
) -> Vec<Case<T, B>> {
    let uses: [(&[usize], isize); 5] =
        [(&[5], 0), (&[2, 3], 1), (&[3, 2, 2], -3), (&[1, 2], 0), (&[0, 3], 0)];
    uses.map(|(shape, axis)| Case::new(name, &[(shape, -2.0..2.0)], move |x| f(&x[0], axis))).into()
}

/// `ln(cumsum(exp(x)))` along an axis.
///
/// Each element is `logaddexp` of that before and of its input. So its tangent is that of both, in these shares, and a cotangent goes
/// to both: recurrences, in which nothing leaves the range of numbers.
#[derive(Clone, Debug)]
pub(crate) struct LogCumsumexp {
    pub axis: usize,
}

impl LogCumsumexp {
    /// The shares of each result that are its input's, and those of the result before.
    fn shares<T: Scalar, B: Backend<T>>(&self, at: &Primal<'_, T, B>) -> [Value<T, B>; 2] {
        let (x, y) = (at.x(0), at.y());
        let mut first = Shape::from_slice(y.shape());
        first[self.axis] = 1;
        let first = Value::from_parts(Tensor::full(T::neg_infinity(), &first), None);
        let before =
            Value::concat(&[first, y.part(self.axis, 0..y.shape()[self.axis] - 1)], self.axis as isize);
        [x.zip(Binary::gap, &before).sigmoid(), before.zip(Binary::gap, &x).sigmoid()]
    }
}

/// The logarithms of the sums in a row, in its place: in units of the largest element so far, which is 1, and beside it.
fn log_sums<T: Scalar>(mut row: ArrayViewMut1<'_, T>) {
    let Some(&first) = row.first() else { return };
    let (mut largest, mut beside) = (first, Compensated::<T>::default());
    for y in row.iter_mut().skip(1) {
        let x = *y;
        if x > largest {
            let all = (beside.total() + T::one()) * Unary::exp.call(largest - x);
            beside = Compensated { sum: all, lost: T::zero() };
            largest = x;
        } else if x == largest {
            beside.add(T::one());
        } else {
            beside.add(Unary::exp.call(x - largest));
        }
        *y = largest + Unary::ln_1p.call(beside.total());
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for LogCumsumexp {
    fn name(&self) -> &'static str {
        "logcumsumexp"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 1, output: true }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        let mut y = packed(x[0].view());
        y.lanes_mut(Axis(self.axis)).into_iter().for_each(log_sums);
        Tensor::new(y.into_shared())
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        if g.is_empty() {
            return Some(g.clone());
        }
        let [own, before] = self.shares(at);
        let later = Recurrence::driven(self.axis, &before, &g.zip(Binary::chain, &before), true);
        Some((g + later).zip(Binary::chain, &own))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        if t.is_empty() {
            return Some(t.clone());
        }
        let [own, before] = self.shares(at);
        let part = t.zip(Binary::chain, &own);
        let earlier = Recurrence::driven(self.axis, &before, &part, false);
        Some(earlier.zip(Binary::chain, &before) + part)
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(LogCumsumexp { axis: self.axis + 1 }.recorded())
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for LogCumsumexp {
    fn cases() -> Vec<Case<T, B>> {
        cases("logcumsumexp", Value::logcumsumexp)
    }
}

/// The largest or smallest of the elements up to each place along an axis. Equal ones share the gradient equally.
#[derive(Clone, Debug)]
pub(crate) struct CumulativeExtremum {
    /// `maximum` or `minimum`.
    pub pick: Binary,
    pub axis: usize,
}

impl CumulativeExtremum {
    /// Of each result's tangent or cotangent: which inputs are extrema, one over how many share each result, and where
    /// the result changes.
    fn shares<T: Scalar, B: Backend<T>>(&self, at: &Primal<'_, T, B>) -> (Value<T, B>, Value<T, B>, Mask) {
        let (x, y) = (at.x(0).detach(), at.y().detach());
        let extremal = x.zip(Binary::same, &y);
        let mut starts = ArrayD::from_elem(y.shape(), true);
        for (mut starts, y) in
            starts.lanes_mut(Axis(self.axis)).into_iter().zip(y.data().lanes(Axis(self.axis)))
        {
            for i in 1..y.len() {
                starts[i] = Binary::same.call(y[i - 1], y[i]) == T::zero();
            }
        }
        let starts = starts.into_shared();
        let count = self.sums(&extremal, &starts, false);
        (extremal, count.recip(), starts)
    }

    fn sums<T: Scalar, B: Backend<T>>(&self, x: &Value<T, B>, starts: &Mask, reverse: bool) -> Value<T, B> {
        Value::apply(Cumsum { axis: self.axis, reverse, starts: Some(starts.clone()) }, &[x])
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for CumulativeExtremum {
    fn name(&self) -> &'static str {
        if self.pick == Binary::maximum { "cummax" } else { "cummin" }
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 1, output: true }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        let mut best = packed(x[0].view());
        let scan = |mut lane: ArrayViewMut1<'_, T>| {
            for i in 1..lane.len() {
                lane[i] = self.pick.call(lane[i - 1], lane[i]);
            }
        };
        best.lanes_mut(Axis(self.axis)).into_iter().for_each(scan);
        Tensor::new(best.into_shared())
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let (extremal, share, starts) = self.shares(at);
        Some(self.sums(&g.zip(Binary::chain, &share), &starts, true).zip(Binary::chain, &extremal))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        let (extremal, share, starts) = self.shares(at);
        Some(self.sums(&t.zip(Binary::chain, &extremal), &starts, false).zip(Binary::chain, &share))
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(CumulativeExtremum { axis: self.axis + 1, ..*self }.recorded())
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for CumulativeExtremum {
    fn cases() -> Vec<Case<T, B>> {
        let mut all = cases("cummax", Value::cummax);
        all.extend(cases("cummin", Value::cummin));
        all
    }
}
