//! Reductions of arrays in row-major order, in loops over their elements: for small ones, of which views and lanes would take
//! longer.

use super::{LEAF, extreme, fold_slice, plus, sum_beside_one, sum_slice};
use crate::backend::{Reduction, Unary};
use crate::native::math::{self, MulAdd};
use crate::native::simd::{self, Kernel};
use crate::scalar::Scalar;
use smallvec::SmallVec;
use std::borrow::Cow;

/// Axes side by side: how many elements there are before them, along them, and at each place along them.
#[derive(Clone, Copy, Debug)]
struct Run {
    outer: usize,
    n: usize,
    inner: usize,
}

/// The runs that some axes of an array make, each as it is when the axes before it have length 1.
fn runs(shape: &[usize], axes: &[usize]) -> SmallVec<[Run; 2]> {
    let mut runs = SmallVec::<[Run; 2]>::new();
    let (mut outer, mut adjacent) = (1, false);
    for (axis, &n) in shape.iter().enumerate().filter(|&(_, &n)| n != 1) {
        let reduced = axes.contains(&axis);
        let inner = || shape[axis + 1..].iter().product();
        match runs.last_mut() {
            Some(run) if reduced && adjacent => *run = Run { n: run.n * n, inner: inner(), ..*run },
            _ if reduced => runs.push(Run { outer, n, inner: inner() }),
            _ => outer *= n,
        }
        adjacent = reduced;
    }
    runs
}

/// Writes to `y` the reduction along axes of the elements `x` of an array of this shape. `None` where other loops are needed: what `y`
/// then holds is of no use.
pub(crate) fn reduce_packed<T: Scalar>(
    op: Reduction,
    x: &[T],
    shape: &[usize],
    axes: &[usize],
    y: &mut [T],
) -> Option<()> {
    if x.is_empty() {
        return None;
    }
    if op == Reduction::Sum && axes.len() == shape.len() {
        y[0] = sum_slice(x);
        return Some(());
    }
    match (op, &*runs(shape, axes)) {
        // As sums of more begin: of a negative zero alone it is positive.
        (Reduction::Sum, []) => y.iter_mut().zip(x).for_each(|(y, &x)| *y = T::zero() + x),
        (Reduction::Max | Reduction::Min, []) => y.copy_from_slice(x),
        (Reduction::Sum | Reduction::Max | Reduction::Min, [first, others @ ..]) => {
            let Some((last, others)) = others.split_last() else {
                first.fold(op, x, y);
                return Some(());
            };
            let mut folded = first.folded(op, x);
            for run in others {
                folded = run.folded(op, &folded);
            }
            last.fold(op, &folded, y);
        }
        (Reduction::Mean, _) => {
            reduce_packed(Reduction::Sum, x, shape, axes, y)?;
            let count = T::of((x.len() / y.len()) as f64);
            y.iter_mut().for_each(|y| *y = *y / count);
            // Else a sum may have overflowed.
            return y.iter().all(|y| y.is_finite()).then_some(());
        }
        (Reduction::LogSumExp, &[run]) => log_sum_exp(&run.rows(x), run.n, y),
        (Reduction::SumBesideOne, &[run]) => each_row(&run.rows(x), run.n, y, sum_beside_one),
        _ => return None,
    }
    Some(())
}

impl Run {
    /// The elements with those along the run in rows.
    fn rows<T: Scalar>(self, x: &[T]) -> Cow<'_, [T]> {
        let Run { n, inner, .. } = self;
        if inner == 1 {
            return x.into();
        }
        let mut rows = Vec::with_capacity(x.len());
        for matrix in x.chunks_exact(n * inner) {
            (0..inner).for_each(|i| rows.extend(matrix[i..].iter().step_by(inner)));
        }
        rows.into()
    }

    fn folded<T: Scalar>(self, op: Reduction, x: &[T]) -> Vec<T> {
        let mut y = vec![T::zero(); self.outer * self.inner];
        self.fold(op, x, &mut y);
        y
    }

    fn fold<T: Scalar>(self, op: Reduction, x: &[T], y: &mut [T]) {
        if self.inner == 1 {
            return each_row(x, self.n, y, |row| fold_slice(op, row));
        }
        let matrices = x.chunks_exact(self.n * self.inner).zip(y.chunks_exact_mut(self.inner));
        match op {
            Reduction::Max => matrices.for_each(|(x, y)| simd::widest(Rows { x, y, f: math::maximum })),
            Reduction::Min => matrices.for_each(|(x, y)| simd::widest(Rows { x, y, f: math::minimum })),
            _ => matrices.for_each(|(x, y)| add_rows(x, y)),
        }
    }
}

fn each_row<T: Scalar>(x: &[T], n: usize, y: &mut [T], f: impl Fn(&[T]) -> T) {
    x.chunks_exact(n).zip(y).for_each(|(row, y)| *y = f(row));
}

/// Writes the sum of rows as long as `y`.
fn add_rows<T: Scalar>(x: &[T], y: &mut [T]) {
    let n = x.len() / y.len();
    if n <= LEAF {
        return simd::widest(Rows { x, y, f: plus });
    }
    let (left, right) = x.split_at(n / 2 * y.len());
    add_rows(left, y);
    let mut sum = vec![T::zero(); y.len()];
    add_rows(right, &mut sum);
    y.iter_mut().zip(sum).for_each(|(y, x)| *y += x);
}

/// Rows as long as `y`, one combined with the next by `f`.
struct Rows<'a, T, F> {
    x: &'a [T],
    y: &'a mut [T],
    f: F,
}

impl<T: Scalar, H: Fn(T, T) -> T> Kernel for Rows<'_, T, H> {
    type Output = ();

    #[inline(always)]
    fn run<F: MulAdd>(self) {
        let mut rows = self.x.chunks_exact(self.y.len());
        if let Some(first) = rows.next() {
            self.y.copy_from_slice(first);
        }
        for row in rows {
            for (y, &x) in self.y.iter_mut().zip(row) {
                *y = (self.f)(*y, x);
            }
        }
    }
}

/// `ln(sum(exp(x)))`, of nothing -inf.
pub(super) fn log_sum_exp_slice<T: Scalar>(x: &[T]) -> T {
    let mut y = [T::neg_infinity()];
    if !x.is_empty() {
        log_sum_exp(x, x.len(), &mut y);
    }
    y[0]
}

/// `m + ln(1 + sum of exp(x - m) over all but one x = m)` of rows of `n` elements: exact where one term dominates.
///
/// A block of rows at a time, in one loop for all their exponentials.
fn log_sum_exp<T: Scalar>(x: &[T], n: usize, y: &mut [T]) {
    /// Elements in a block.
    const BLOCK: usize = 512;
    let rows = (BLOCK / n).max(1);
    let mut exponents = vec![T::zero(); x.len().min(rows * n)];
    let mut terms = exponents.clone();
    let mut sums = vec![T::zero(); y.len().min(rows)];
    let mut logarithms = sums.clone();
    for (x, y) in x.chunks(rows * n).zip(y.chunks_mut(rows)) {
        let (exponents, terms) = (&mut exponents[..x.len()], &mut terms[..x.len()]);
        let (sums, logarithms) = (&mut sums[..y.len()], &mut logarithms[..y.len()]);
        each_row(x, n, y, |row| extreme(row, math::maximum));
        for ((exponents, x), &most) in exponents.chunks_exact_mut(n).zip(x.chunks_exact(n)).zip(&*y) {
            exponents.iter_mut().zip(x).for_each(|(exponent, &x)| *exponent = x - most);
        }
        Unary::exp.apply(exponents, terms);
        each_row(terms, n, sums, sum_beside_one);
        Unary::ln_1p.apply(sums, logarithms);
        // An infinite maximum is the result, and so is a NaN.
        y.iter_mut()
            .zip(logarithms)
            .filter(|(most, _)| most.is_finite())
            .for_each(|(most, &mut x)| *most += x);
    }
}
