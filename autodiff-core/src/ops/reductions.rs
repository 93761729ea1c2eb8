//! Reductions that are compositions, and those whose results are indices, masks and counts.

use super::{Indices, Mask, extremum, try_where};
use crate::backend::{Backend, Binary, Reduction};
use crate::error::{Error, twins};
use crate::rows::{by_value, map_rows};
use crate::rules::{Along, Mean, Quantile, Recurrence, Sum};
use crate::scalar::Scalar;
use crate::shape::{Axes, Shape, reduced};
use crate::value::Value;
use ndarray::{ArcArray, IxDyn};

/// The last of the cumulative products: what is on the way is no larger or smaller than one factor after the other makes it.
pub(super) fn prod<T: Scalar, B: Backend<T>>(x: &Value<T, B>, along: &Along) -> Result<Value<T, B>, Error> {
    let count: usize = along.axes.iter().map(|&a| along.from[a]).product();
    let to = reduced(&along.from, &along.axes, along.keepdims);
    if count == 0 {
        return Ok(Value::apply(Sum(along.clone()), &[x]) + T::one());
    }
    // The reduced axes side by side, as one. Where they are already, nothing is moved.
    let is_reduced = |axis: &usize| along.axes.contains(axis);
    let first = (0..x.ndim()).find(is_reduced).unwrap_or(0);
    let (before, after): (Shape, Shape) = (0..x.ndim()).filter(|a| !is_reduced(a)).partition(|&a| a < first);
    let order: Shape =
        before.iter().copied().chain((0..x.ndim()).filter(is_reduced)).chain(after.iter().copied()).collect();
    let moved = if order.is_sorted() { x.clone() } else { x.try_permute(&order[..])? };
    let length = |&axis: &usize| along.from[axis];
    let shape = before.iter().map(length).chain([count]).chain(after.iter().map(length)).collect();
    let (factors, axis) = (moved.with_shape("prod", shape), before.len());
    let products = Value::apply(Recurrence::products(axis), &[&factors]);
    let last = |x: &Value<T, B>| x.part(axis, count - 1..count);
    Ok((last(&products) * last(&factors)).with_shape("prod", to))
}

/// The sum of squared differences from the mean, over their number less `ddof`; or its square root.
pub(super) fn spread<T: Scalar, B: Backend<T>>(
    x: &Value<T, B>,
    along: Along,
    ddof: usize,
    root: bool,
) -> Result<Value<T, B>, Error> {
    let count: usize = along.axes.iter().map(|&a| along.from[a]).product();
    if count == 0 {
        return Ok(Value::apply(Mean(along), &[x]));
    }
    let mean = |x: &Value<T, B>| Value::apply(Mean(Along { keepdims: true, ..along.clone() }), &[x]);
    let rounded = mean(x);
    // What rounding has left out, which has no derivative: the mean of equal elements is theirs, and they do not vary.
    let rest = mean(&(x.detach() - rounded.detach()));
    let centred = x - (rounded + rest);
    let freedom = T::of(count.saturating_sub(ddof) as f64);
    if freedom == T::zero() {
        // NaN, or infinite where elements differ. What is added is 0, with derivatives that are NaN, of every order.
        let square = Value::apply(Sum(along.clone()), &[&(centred.detach() / freedom).square()]);
        let nothing = (x - x.detach()).sqrt().zip(Binary::chain, &Value::number(T::nan()));
        let value = if root { square.sqrt() } else { square };
        return Ok(value + Value::apply(Sum(along), &[&nothing]));
    }
    match root {
        true => Ok(norm(&centred, along, T::of(2.0))? / freedom.sqrt()),
        false => Ok(Value::apply(Sum(along), &[&centred.square()]) / freedom),
    }
}

pub(super) fn norm<T: Scalar, B: Backend<T>>(
    x: &Value<T, B>,
    along: Along,
    p: T,
) -> Result<Value<T, B>, Error> {
    if p.is_infinite() {
        return extremum(
            "norm",
            if p > T::zero() { Reduction::Max } else { Reduction::Min },
            &x.abs(),
            along,
        );
    }
    let sum = |terms: &Value<T, B>| Value::apply(Sum(along.clone()), &[terms]);
    if p == T::zero() {
        // NaN is not 0.
        return Ok(sum(&try_where(&x.is_nan(), T::one(), x.sign().abs())?));
    }
    if p == T::one() {
        return Ok(sum(&x.abs()));
    }
    let is_square = p == T::of(2.0);
    let total = |x: &Value<T, B>| sum(&if is_square { x.square() } else { x.abs().powf(p) });
    let root = |total: &Value<T, B>| if is_square { total.sqrt() } else { total.powf(p.recip()) };
    let plain = total(x);
    // A derivative has powers of the sum, of which the second one's reaches furthest.
    let furthest = match (p.recip() - T::of(2.0)).abs() {
        _ if is_square => T::one(),
        power if power > T::of(2.0) => power,
        _ => T::of(2.0),
    };
    let most = -(T::min_positive_value() / T::epsilon()).ln();
    let is_exact = |s: T| s.is_nan() || (s.ln() * furthest).abs() <= most;
    if x.is_empty() || plain.data().iter().all(|&s| is_exact(s)) {
        return Ok(root(&plain));
    }
    // Powers have left the range of numbers: those sums are taken of elements in units of a power of two near the one
    // that counts most.
    let exact = along.keep(&plain.detach());
    let keep = Along { keepdims: true, ..along.clone() };
    let leading = if p > T::zero() { Reduction::Max } else { Reduction::Min };
    let top = extremum("norm", leading, &x.detach().abs(), keep.clone())?;
    let mut scale = top.data().to_owned();
    scale.zip_mut_with(&exact.data(), |scale, &s| {
        *scale = match *scale {
            top if is_exact(s) || top == T::zero() || !top.is_finite() => T::one(),
            top => power_of_two(top),
        };
    });
    let scale = Value::constant(scale);
    let to = reduced(&along.from, &along.axes, along.keepdims);
    let scaled = root(&total(&(x / &scale))) * scale.with_shape("norm", to.clone());
    let is_infinite = top.is_infinite();
    if p < T::one() || !is_infinite.iter().any(|&infinite| infinite) {
        return Ok(scaled);
    }
    // Infinite elements share the gradient, as the largest do; beside them finite ones count nothing.
    let infinite = x.detach().abs().zip(Binary::same, &Value::number(T::infinity()));
    let shares = x.detach().sign() * (&infinite / Value::apply(Sum(keep), &[&infinite]));
    let unbounded = sum(&x.zip(Binary::chain, &shares));
    Ok(try_where(&is_infinite, along.keep(&unbounded), along.keep(&scaled))?.with_shape("norm", to))
}

/// The largest power of two up to a positive number, but none whose reciprocal is infinite.
fn power_of_two<T: Scalar>(x: T) -> T {
    let least = T::min_positive_value();
    if x < least {
        return least;
    }
    let (mantissa, exponent, _) = x.integer_decode();
    T::of((f64::from(exponent) + f64::from(mantissa.ilog2())).exp2())
}

pub(super) fn quantile<T: Scalar, B: Backend<T>>(
    op: &'static str,
    x: &Value<T, B>,
    along: Along,
    q: f64,
) -> Result<Value<T, B>, Error> {
    if !(0.0..=1.0).contains(&q) {
        return Err(Error::Argument { op, what: "q", got: q.to_string(), expected: "0 to 1".to_string() });
    }
    check_not_empty(op, &along)?;
    match x.is_empty() {
        true => Ok(Value::apply(Sum(along), &[x])),
        false => Ok(Value::apply(Quantile { op, q, along }, &[x])),
    }
}

/// Checks that a reduction without a value for nothing has something wherever it has a result.
pub(super) fn check_not_empty(op: &'static str, along: &Along) -> Result<(), Error> {
    let empty = along.axes.iter().any(|&a| along.from[a] == 0);
    match empty && !reduced(&along.from, &along.axes, false).contains(&0) {
        true => Err(Error::Empty { op, shape: along.from.to_vec(), axes: along.axes.to_vec() }),
        false => Ok(()),
    }
}

/// The place of the first element that none comes before.
fn first<T: Scalar>(row: &[T], comes_before: impl Fn(T, T) -> bool) -> usize {
    (1..row.len()).fold(0, |best, i| {
        let nan = row[i].is_nan() && !row[best].is_nan();
        if nan || comes_before(row[i], row[best]) { i } else { best }
    })
}

/// Writes a reduction's three forms from a function of the elements that are reduced, side by side.
macro_rules! data_reductions {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident, $name_axis:ident, $name_keepdims:ident, $try_name:ident, $try_axis:ident, $try_keepdims:ident
            -> $out:ty, $all:ty: $of_nothing:literal, $f:expr;
    )*) => {
        /// Reductions to indices, masks and counts, which carry no gradient.
        impl<T: Scalar, B: Backend<T>> Value<T, B> {
            twins! { $(
                $(#[doc = $doc])+
                ///
                /// Over all axes: one result.
                fn $name, $try_name(&self) -> $out {
                    let all: Vec<usize> = (0..self.ndim()).collect();
                    let reduced = self.data_reduction(stringify!($name), all.as_slice().into(), false, $of_nothing, $f)?;
                    Ok(reduced.into_iter().next().expect("one result"))
                }

                $(#[doc = $doc])+
                ///
                /// Over the given axes, which the result does not have.
                fn $name_axis, $try_axis(&self, axes: impl Into<Axes>) -> $all {
                    self.data_reduction(stringify!($name_axis), axes.into(), false, $of_nothing, $f)
                }

                $(#[doc = $doc])+
                ///
                /// Over the given axes, which stay in the result with length 1 (NumPy's `keepdims=True`).
                fn $name_keepdims, $try_keepdims(&self, axes: impl Into<Axes>) -> $all {
                    self.data_reduction(stringify!($name_keepdims), axes.into(), true, $of_nothing, $f)
                }
            )* }
        }
    };
}
data_reductions! {
    /// The place of the largest element, the first of equal ones, or of the first NaN, counted along the reduced axes, the
    /// last of those given fastest. An error of nothing.
    argmax, argmax_axis, argmax_keepdims, try_argmax, try_argmax_axis, try_argmax_keepdims -> usize, Indices:
        false, |row| first(row, |a, b| a > b);
    /// The place of the smallest element, the first of equal ones, or of the first NaN, counted along the reduced axes, the
    /// last of those given fastest. An error of nothing.
    argmin, argmin_axis, argmin_keepdims, try_argmin, try_argmin_axis, try_argmin_keepdims -> usize, Indices:
        false, |row| first(row, |a, b| a < b);
    /// Whether an element is not 0 (NaN is not); false of nothing.
    any, any_axis, any_keepdims, try_any, try_any_axis, try_any_keepdims -> bool, Mask:
        true, |row| row.iter().any(|&x| x != T::zero());
    /// Whether no element is 0 (NaN is not); true of nothing.
    all, all_axis, all_keepdims, try_all, try_all_axis, try_all_keepdims -> bool, Mask:
        true, |row| row.iter().all(|&x| x != T::zero());
    /// How many elements are not 0 (NaN is not).
    count_nonzero, count_nonzero_axis, count_nonzero_keepdims, try_count_nonzero, try_count_nonzero_axis,
        try_count_nonzero_keepdims -> usize, Indices:
        true, |row| row.iter().filter(|&&x| x != T::zero()).count();
}

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    fn data_reduction<R: Clone>(
        &self,
        op: &'static str,
        axes: Axes,
        keepdims: bool,
        of_nothing: bool,
        f: impl Fn(&[T]) -> R,
    ) -> Result<ArcArray<R, IxDyn>, Error> {
        let axes = axes.resolve(op, self.shape())?;
        let along = Along { axes, keepdims, from: Shape::from_slice(self.shape()) };
        if !of_nothing {
            check_not_empty(op, &along)?;
        }
        let shape = reduced(&along.from, &along.axes, keepdims);
        let results = map_rows(self.tensor().view(), &along.axes, f);
        Ok(results.into_shape_with_order(IxDyn(&shape)).expect("one result a row").into_shared())
    }

    /// The distinct elements in ascending order, NaN once and last, like NumPy's `unique`: data, without a gradient.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// use ndarray::array;
    /// let x = Value::new(array![[2.0, 1.0], [1.0, 2.0]]);
    /// assert_eq!(x.unique(), array![1.0, 2.0]);
    /// ```
    #[must_use]
    pub fn unique(&self) -> ndarray::Array1<T> {
        let mut elements: Vec<T> = self.tensor().view().iter().copied().collect();
        elements.sort_by(by_value);
        elements.dedup_by(|a, b| Binary::same.call(*a, *b) != T::zero());
        elements.into()
    }
}
