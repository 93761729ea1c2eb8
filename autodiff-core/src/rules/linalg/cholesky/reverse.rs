//! The reverse of Cholesky's factorisation, step by step and in the reverse order: by blocks, whose work is products,
//! and within small blocks by rows (I. Murray, Differentiation of the Cholesky decomposition, 2016, section 4).

use crate::backend::Backend;
use crate::copies;
use crate::scalar::Scalar;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

/// Up to this order, by rows.
const BLOCK: usize = 32;
/// Up to this order, a whole product where a triangle of it would do.
const WHOLE: usize = 128;

/// The symmetric cotangent of `L L^T`, given that of L, of which the lower triangle counts.
pub(super) fn cotangent<T: Scalar, B: Backend<T>>(l: ArrayView2<'_, T>, g: ArrayView2<'_, T>) -> Array2<T> {
    // As packed rows, whatever the layouts.
    let l = l.as_standard_layout();
    let mut s: Array2<T> = copies::row_major(g.into_dyn()).into_dimensionality().expect("two axes");
    reverse::<T, B>(l.view(), s.view_mut());
    // An element below the diagonal stands for two.
    let half = T::of(0.5);
    for j in 0..s.nrows() {
        for i in j + 1..s.nrows() {
            let x = half * s[(i, j)];
            s[(i, j)] = x;
            s[(j, i)] = x;
        }
    }
    s
}

/// About half of `n`, a multiple of [`BLOCK`].
fn half(n: usize) -> usize {
    (n / 2).next_multiple_of(BLOCK)
}

/// Replaces the lower triangle of `g`, the cotangent of `l`, by that of the lower triangle of `l l^T`. What is above is
/// neither read nor kept.
fn reverse<T: Scalar, B: Backend<T>>(l: ArrayView2<'_, T>, mut g: ArrayViewMut2<'_, T>) {
    let n = l.nrows();
    if n <= BLOCK {
        return reverse_rows(l, g);
    }
    let h = half(n);
    let (first, below, second) = (l.slice(s![..h, ..h]), l.slice(s![h.., ..h]), l.slice(s![h.., h..]));
    let (mut top, mut bottom) = g.view_mut().split_at(Axis(0), h);
    let (mut g_below, mut g_second) = bottom.view_mut().split_at(Axis(1), h);
    // The second block was factored less the square of what is below the first.
    reverse::<T, B>(second, g_second.view_mut());
    let mut sum = Array2::zeros(g_second.dim());
    for ((i, j), x) in g_second.indexed_iter().filter(|&((i, j), _)| i >= j) {
        sum[(i, j)] += *x;
        sum[(j, i)] += *x;
    }
    B::gemm(-T::one(), sum.view(), below, T::one(), &mut g_below);
    // What is below the first block solved X first^T = A.
    let solved = B::solve_triangular(first.t(), g_below.t(), true, false);
    match solved {
        Ok(x) => g_below.assign(&x.t()),
        Err(_) => g_below.fill(T::nan()),
    }
    let mut g_first = top.slice_mut(s![.., ..h]);
    subtract_lower::<T, B>(g_below.t(), below, g_first.view_mut());
    reverse::<T, B>(first, g_first);
}

/// `c -= a b` on the lower triangle of `c`, at least.
fn subtract_lower<T: Scalar, B: Backend<T>>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    mut c: ArrayViewMut2<'_, T>,
) {
    let n = c.nrows();
    if n <= WHOLE {
        return B::gemm(-T::one(), a, b, T::one(), &mut c);
    }
    let h = half(n);
    let ((upper, lower), (left, right)) = (a.split_at(Axis(0), h), b.split_at(Axis(1), h));
    B::gemm(-T::one(), lower, left, T::one(), &mut c.slice_mut(s![h.., ..h]));
    subtract_lower::<T, B>(upper, left, c.slice_mut(s![..h, ..h]));
    subtract_lower::<T, B>(lower, right, c.slice_mut(s![h.., h..]));
}

fn reverse_rows<T: Scalar>(l: ArrayView2<'_, T>, mut g: ArrayViewMut2<'_, T>) {
    let half = T::of(0.5);
    for j in (0..l.nrows()).rev() {
        // Row j, with d on the diagonal, made the column below d.
        let d = l[(j, j)];
        let (mut above, mut below) = g.view_mut().split_at(Axis(0), j + 1);
        let mut row = above.row_mut(j);
        let known = l.slice(s![j, ..j]);
        let mut slope = row[j];
        for (i, mut g) in below.rows_mut().into_iter().enumerate() {
            slope = slope - g[j] * l[(j + 1 + i, j)] / d;
            g[j] = g[j] / d;
        }
        slope = slope / d;
        row.slice_mut(s![..j]).scaled_add(-slope, &known);
        for (i, mut g) in below.rows_mut().into_iter().enumerate() {
            let x = g[j];
            row.slice_mut(s![..j]).scaled_add(-x, &l.slice(s![j + 1 + i, ..j]));
            g.slice_mut(s![..j]).scaled_add(-x, &known);
        }
        row[j] = half * slope;
    }
}
