//! Reductions along axes. Sums are pairwise, with a tree that depends on the shape alone.

mod packed;

use super::math::{self, MulAdd};
use super::simd::{self, Kernel};
use crate::backend::Reduction;
use crate::scalar::Scalar;
use ndarray::{ArrayD, ArrayView1, ArrayViewD, Axis, Dimension, IxDyn, RemoveAxis};

pub(crate) use packed::reduce_packed;

pub(super) fn reduce<T: Scalar>(op: Reduction, x: ArrayViewD<'_, T>, axes: &[usize]) -> ArrayD<T> {
    if let Some(packed) = of_packed(op, &x, axes) {
        return packed;
    }
    match op {
        Reduction::Sum => sum(x, axes),
        Reduction::Mean => mean(x, axes),
        Reduction::Max | Reduction::Min | Reduction::LogSumExp | Reduction::SumBesideOne => {
            lanes(x, axes, |lane| match lane.to_slice() {
                Some(packed) => fold_slice(op, packed),
                None => fold_slice(op, &lane.to_vec()),
            })
        }
    }
}

/// The same of an array in row-major or column-major order, if that is no more than some loops over it.
fn of_packed<T: Scalar>(op: Reduction, x: &ArrayViewD<'_, T>, axes: &[usize]) -> Option<ArrayD<T>> {
    if x.is_standard_layout() {
        return of_rows(op, x, axes);
    }
    // Column-major arrays are row-major ones with their axes in reverse, and so is the result.
    let reversed: Vec<usize> = axes.iter().map(|axis| x.ndim() - 1 - axis).collect();
    Some(of_rows(op, &x.t(), &reversed)?.reversed_axes())
}

fn of_rows<T: Scalar>(op: Reduction, x: &ArrayViewD<'_, T>, axes: &[usize]) -> Option<ArrayD<T>> {
    let elements = x.as_slice()?;
    let mut shape = x.raw_dim();
    axes.iter().for_each(|&axis| shape[axis] = 1);
    let mut y = vec![T::zero(); shape.size()];
    reduce_packed(op, elements, x.shape(), axes, &mut y)?;
    Some(ArrayD::from_shape_vec(shape, y).expect("a result for each place"))
}

/// The reduction of elements that are packed.
pub(crate) fn fold_slice<T: Scalar>(op: Reduction, x: &[T]) -> T {
    match op {
        Reduction::Sum => sum_slice(x),
        Reduction::Mean => mean_slice(x),
        Reduction::Max => extreme(x, math::maximum),
        Reduction::Min => extreme(x, math::minimum),
        Reduction::LogSumExp => packed::log_sum_exp_slice(x),
        Reduction::SumBesideOne => sum_beside_one(x),
    }
}

/// Below this many terms a sum runs straight through; above, it splits in halves.
const LEAF: usize = 128;

fn sum<T: Scalar>(x: ArrayViewD<'_, T>, axes: &[usize]) -> ArrayD<T> {
    if axes.is_empty() {
        return x.to_owned();
    }
    // The axis of the smallest stride last: by then the array is small.
    let mut order: Vec<usize> = axes.to_vec();
    order.sort_unstable_by_key(|&a| std::cmp::Reverse((x.stride_of(Axis(a)).unsigned_abs(), a)));
    let mut total = sum_axis(x, Axis(order[0]));
    for &axis in &order[1..] {
        total = sum_axis(total.view(), Axis(axis));
    }
    total
}

fn sum_axis<T: Scalar>(x: ArrayViewD<'_, T>, axis: Axis) -> ArrayD<T> {
    let stride = x.stride_of(axis).unsigned_abs();
    let innermost = x.axes().all(|a| a.axis == axis || a.len <= 1 || a.stride.unsigned_abs() >= stride);
    match innermost {
        true => lanes(x, &[axis.index()], |lane| sum_lane(&lane)),
        false => sum_rows(x, axis).insert_axis(axis),
    }
}

/// Adds whole rows, so that memory is read in order.
fn sum_rows<T: Scalar>(x: ArrayViewD<'_, T>, axis: Axis) -> ArrayD<T> {
    let n = x.len_of(axis);
    if n > LEAF {
        let (left, right) = x.split_at(axis, n / 2);
        let mut total = sum_rows(left, axis);
        total += &sum_rows(right, axis);
        return total;
    }
    let mut rows = x.axis_iter(axis);
    match rows.next() {
        None => ArrayD::zeros(x.raw_dim().remove_axis(axis)),
        Some(first) => {
            let mut total = first.to_owned();
            rows.for_each(|row| total += &row);
            total
        }
    }
}

fn sum_lane<T: Scalar>(lane: &ArrayView1<'_, T>) -> T {
    match lane.as_slice() {
        Some(slice) => sum_slice(slice),
        None => sum_strided(lane.view()),
    }
}

fn sum_strided<T: Scalar>(lane: ArrayView1<'_, T>) -> T {
    match lane.len() {
        0 => T::zero(),
        n if n > LEAF => {
            let (left, right) = lane.split_at(Axis(0), n / 2);
            sum_strided(left) + sum_strided(right)
        }
        _ => lane.iter().skip(1).fold(lane[0], |s, &x| s + x),
    }
}

/// The sum of elements that are packed.
pub(crate) fn sum_slice<T: Scalar>(x: &[T]) -> T {
    sum_of(x, |x| x)
}

/// The sum of what `term` makes of the elements.
fn sum_of<T: Scalar>(x: &[T], term: impl Fn(T) -> T + Copy) -> T {
    if x.len() < LANES {
        // As the kernel does it, in less time than it takes to call.
        return x.iter().fold(T::zero(), |sum, &x| sum + term(x));
    }
    if x.len() > LANES * LEAF {
        // A multiple of the lanes on the left keeps its leaves free of remainders.
        let (left, right) = x.split_at((x.len() / 2).next_multiple_of(MOST_LANES));
        return sum_of(left, term) + sum_of(right, term);
    }
    simd::widest(Fold { x, start: T::zero(), term, f: plus })
}

/// The element that is largest, or smallest, by `f`.
fn extreme<T: Scalar>(x: &[T], f: impl Fn(T, T) -> T) -> T {
    if x.len() < LANES {
        return x[1..].iter().fold(x[0], |most, &x| f(most, x));
    }
    simd::widest(Fold { x, start: x[0], term: |x| x, f })
}

/// Elements that are folded side by side: as many as two of the widest vectors hold of `f64`.
const LANES: usize = 16;

/// The same where there are many. Each operation waits for the one before it in its lane: with four vectors, others
/// go on meanwhile.
const MOST_LANES: usize = 4 * LANES;

/// What `term` makes of the elements, combined by `f`, in an order that depends on their number alone; `start`, which is to
/// change nothing, where there are none.
struct Fold<'a, T, G, F> {
    x: &'a [T],
    start: T,
    term: G,
    f: F,
}

impl<T: Scalar, G: Fn(T) -> T, H: Fn(T, T) -> T> Kernel for Fold<'_, T, G, H> {
    type Output = T;

    #[inline(always)]
    fn run<F: MulAdd>(self) -> T {
        match size_of::<T>() {
            _ if self.x.len() < 2 * MOST_LANES => self.in_lanes::<LANES>(self.x),
            4 => self.in_most_lanes::<MOST_LANES>(),
            _ => self.in_most_lanes::<{ MOST_LANES / 2 }>(),
        }
    }
}

impl<T: Scalar, G: Fn(T) -> T, H: Fn(T, T) -> T> Fold<'_, T, G, H> {
    #[inline(always)]
    fn in_most_lanes<const N: usize>(&self) -> T {
        let (chunks, rest) = self.x.as_chunks::<N>();
        self.chunks(chunks, self.in_lanes::<LANES>(rest))
    }

    #[inline(always)]
    fn in_lanes<const N: usize>(&self, x: &[T]) -> T {
        let (chunks, rest) = x.as_chunks::<N>();
        self.chunks(chunks, rest.iter().fold(self.start, |tail, &x| (self.f)(tail, (self.term)(x))))
    }

    #[inline(always)]
    fn chunks<const N: usize>(&self, chunks: &[[T; N]], tail: T) -> T {
        let Some((first, others)) = chunks.split_first() else { return tail };
        let mut lanes = first.map(|x| (self.term)(x));
        for chunk in others {
            for (lane, &x) in lanes.iter_mut().zip(chunk) {
                *lane = (self.f)(*lane, (self.term)(x));
            }
        }
        (self.f)(combined(lanes, &self.f), tail)
    }
}

/// The lanes combined by `f`, halves with halves.
#[inline(always)]
fn combined<T: Scalar, const N: usize>(lanes: [T; N], f: impl Fn(T, T) -> T) -> T {
    // As the compiler sees them come together, it makes vectors of two of them, in the loop before, too. It is not to.
    let mut lanes = std::hint::black_box(lanes);
    let mut width = N / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = f(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
fn plus<T: Scalar>(a: T, b: T) -> T {
    a + b
}

fn mean<T: Scalar>(x: ArrayViewD<'_, T>, axes: &[usize]) -> ArrayD<T> {
    let count: usize = axes.iter().map(|&a| x.len_of(Axis(a))).product();
    let divisor = T::of(count as f64);
    let mut means = reduce(Reduction::Sum, x.view(), axes).mapv_into(|s| s / divisor);
    if count != 0 && !means.iter().all(|m| m.is_finite()) {
        // A sum may have overflowed although its mean is in range: add up again, scaled by a power of two, which
        // loses no digit. Infinities and NaN come out as before; a mean of finite numbers is finite, however it rounds.
        let power = T::of(count.next_power_of_two() as f64);
        let scaled = x.mapv(|x| x / power);
        let scaled = reduce(Reduction::Sum, scaled.view(), axes).mapv_into(|s| match s / (divisor / power) {
            mean if mean.is_infinite() && s.is_finite() => T::max_value().copysign(s),
            mean => mean,
        });
        means.zip_mut_with(&scaled, |m, &s| *m = if m.is_finite() { *m } else { s });
    }
    means
}

fn mean_slice<T: Scalar>(x: &[T]) -> T {
    let mean = sum_slice(x) / T::of(x.len() as f64);
    if mean.is_finite() {
        return mean;
    }
    mean_of_all(x)
}

#[cold]
fn mean_of_all<T: Scalar>(x: &[T]) -> T {
    mean(ndarray::aview1(x).into_dyn(), &[0])[0]
}

/// The sum of all elements but one of those that are 1, if there are any.
fn sum_beside_one<T: Scalar>(x: &[T]) -> T {
    let others = sum_of(x, |x| if x == T::one() { T::zero() } else { x });
    let ones = sum_of(x, |x| if x == T::one() { x } else { T::zero() });
    others + if ones > T::one() { ones - T::one() } else { T::zero() }
}

/// `f` of each lane along `axes`, which keep length 1.
fn lanes<T: Scalar>(x: ArrayViewD<'_, T>, axes: &[usize], f: impl Fn(ArrayView1<'_, T>) -> T) -> ArrayD<T> {
    let mut shape = x.raw_dim();
    axes.iter().for_each(|&a| shape[a] = 1);
    if let [axis] = *axes {
        let results: Vec<T> = x.lanes(Axis(axis)).into_iter().map(f).collect();
        return ArrayD::from_shape_vec(shape, results).expect("one result a lane");
    }
    let kept = (0..x.ndim()).filter(|a| !axes.contains(a));
    let order: Vec<usize> = kept.chain(axes.iter().copied()).collect();
    let outer: usize = shape.slice().iter().product();
    let inner: usize = axes.iter().map(|&a| x.len_of(Axis(a))).product();
    let moved = x.permuted_axes(IxDyn(&order));
    let rows = moved.to_shape((outer, inner)).expect("the same number of elements");
    let results: Vec<T> = rows.rows().into_iter().map(f).collect();
    ArrayD::from_shape_vec(shape, results).expect("one result a row")
}
