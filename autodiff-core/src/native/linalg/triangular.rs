//! Triangular systems: substitution within small blocks, matrix products between them (Golub & Van Loan, Matrix
//! Computations, 4th ed., section 3.1).

use super::vector::{axpy, dot};
use super::{Gemm, row_major};
use crate::error::LinalgError;
use crate::scalar::Scalar;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

/// Below this order, substitution.
const BLOCK: usize = 32;
/// Right-hand sides solved together, in registers.
const WIDTH: usize = 8;

/// See [`Backend::solve_triangular`](crate::Backend::solve_triangular).
pub(super) fn solve_triangular<T: Scalar>(
    a: ArrayView2<'_, T>,
    b: ArrayView2<'_, T>,
    upper: bool,
    unit: bool,
    gemm: Gemm<T>,
) -> Result<Array2<T>, LinalgError> {
    if !unit && let Some(pivot) = a.diag().iter().position(|&x| x == T::zero()) {
        return Err(LinalgError::Singular { pivot });
    }
    let mut x = row_major(b);
    match x.ncols() {
        1 => solve_vector(a, x.as_slice_mut().expect("row-major"), upper, unit),
        _ => solve_in_place(a, x.view_mut(), upper, unit, gemm),
    }
    Ok(x)
}

/// Replaces `b` by the solution, halving the matrix until substitution does.
pub(super) fn solve_in_place<T: Scalar>(
    a: ArrayView2<'_, T>,
    mut b: ArrayViewMut2<'_, T>,
    upper: bool,
    unit: bool,
    gemm: Gemm<T>,
) {
    let n = a.nrows();
    if n <= BLOCK {
        return substitute(a, b, upper, unit);
    }
    let half = split(n, BLOCK);
    let (top, bottom) = a.split_at(Axis(0), half);
    let (first, second) = (top.slice(s![.., ..half]), bottom.slice(s![.., half..]));
    let (mut x, mut y) = b.view_mut().split_at(Axis(0), half);
    if upper {
        solve_in_place(second, y.view_mut(), upper, unit, gemm);
        gemm(-T::one(), top.slice(s![.., half..]), y.view(), T::one(), &mut x);
        solve_in_place(first, x, upper, unit, gemm);
    } else {
        solve_in_place(first, x.view_mut(), upper, unit, gemm);
        gemm(-T::one(), bottom.slice(s![.., ..half]), x.view(), T::one(), &mut y);
        solve_in_place(second, y, upper, unit, gemm);
    }
}

/// About half of `n`, a multiple of `block`, so that the leaves of a recursion are full.
pub(super) fn split(n: usize, block: usize) -> usize {
    (n / 2).next_multiple_of(block)
}

fn substitute<T: Scalar>(a: ArrayView2<'_, T>, mut b: ArrayViewMut2<'_, T>, upper: bool, unit: bool) {
    let n = a.nrows();
    let mut local = [T::zero(); BLOCK * BLOCK];
    let mut diagonal = [T::one(); BLOCK];
    for i in 0..n {
        let columns = if upper { i + 1..n } else { 0..i };
        columns.for_each(|j| local[i * BLOCK + j] = a[(i, j)]);
        if !unit {
            diagonal[i] = a[(i, i)];
        }
    }
    let mut x = [[T::zero(); WIDTH]; BLOCK];
    let by_columns = b.strides()[0] == 1;
    for mut columns in b.axis_chunks_iter_mut(Axis(1), WIDTH) {
        // Along what is contiguous, which for transposed right-hand sides is the columns.
        if by_columns {
            for (l, column) in columns.columns().into_iter().enumerate() {
                let column = column.to_slice().expect("unit stride");
                x.iter_mut().zip(column).for_each(|(x, &b)| x[l] = b);
            }
        } else {
            for (x, row) in x.iter_mut().zip(columns.rows()) {
                x.iter_mut().zip(row).for_each(|(x, &b)| *x = b);
            }
        }
        substitute_few(&mut x[..n], &local, &diagonal, upper);
        if by_columns {
            for (l, column) in columns.columns_mut().into_iter().enumerate() {
                let column = column.into_slice().expect("unit stride");
                x.iter().zip(column).for_each(|(x, b)| *b = x[l]);
            }
        } else {
            for (x, row) in x.iter().zip(columns.rows_mut()) {
                row.into_iter().zip(x).for_each(|(b, &x)| *b = x);
            }
        }
    }
}

#[inline(never)] // what surrounds it must not disturb its vectorisation
fn substitute_few<T: Scalar>(
    x: &mut [[T; WIDTH]],
    a: &[T; BLOCK * BLOCK],
    diagonal: &[T; BLOCK],
    upper: bool,
) {
    let n = x.len();
    for step in 0..n {
        let i = if upper { n - 1 - step } else { step };
        let known = if upper { i + 1..n } else { 0..i };
        let factors = &a[i * BLOCK..][..n];
        let mut sum = x[i];
        for (&f, x) in factors[known.clone()].iter().zip(&x[known]) {
            for l in 0..WIDTH {
                sum[l] = sum[l] - f * x[l];
            }
        }
        x[i] = sum.map(|s| s / diagonal[i]);
    }
}

/// One right-hand side, along the rows or the columns of `a`, whichever are contiguous.
fn solve_vector<T: Scalar>(a: ArrayView2<'_, T>, x: &mut [T], upper: bool, unit: bool) {
    let n = x.len();
    if n == 0 {
        return;
    }
    let order = |step: usize| if upper { n - 1 - step } else { step };
    if a.strides()[0] == 1 && n > 1 {
        for i in (0..n).map(order) {
            let column = a.index_axis(Axis(1), i);
            let column = column.to_slice().expect("unit stride");
            if !unit {
                x[i] = x[i] / column[i];
            }
            let known = x[i];
            let rest = if upper { 0..i } else { i + 1..n };
            axpy(-known, &column[rest.clone()], &mut x[rest]);
        }
        return;
    }
    if a.strides()[1] != 1 {
        return solve_vector(row_major(a).view(), x, upper, unit);
    }
    for i in (0..n).map(order) {
        let row = a.index_axis(Axis(0), i);
        let row = row.to_slice().expect("unit stride");
        let known = if upper { i + 1..n } else { 0..i };
        let rest = x[i] - dot(&row[known.clone()], &x[known]);
        x[i] = if unit { rest } else { rest / row[i] };
    }
}
