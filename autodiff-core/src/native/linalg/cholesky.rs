//! Cholesky's factorisation by halves (Golub & Van Loan, Matrix Computations, 4th ed., section 4.2).

use super::triangular::{solve_in_place, split};
use super::vector::dot;
use super::{Gemm, row_major};
use crate::error::LinalgError;
use crate::scalar::Scalar;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

/// Below this order, one column after the other.
const BLOCK: usize = 32;

/// See [`Backend::cholesky`](crate::Backend::cholesky).
pub(super) fn cholesky<T: Scalar>(a: ArrayView2<'_, T>, gemm: Gemm<T>) -> Result<Array2<T>, LinalgError> {
    let mut l = row_major(a);
    factor(l.view_mut(), 0, gemm)?;
    for (i, mut row) in l.rows_mut().into_iter().enumerate() {
        row.slice_mut(s![i + 1..]).fill(T::zero());
    }
    Ok(l)
}

/// Factors in place; the upper triangle is not read, and left with anything. `start` is the index of the first row.
fn factor<T: Scalar>(a: ArrayViewMut2<'_, T>, start: usize, gemm: Gemm<T>) -> Result<(), LinalgError> {
    let n = a.nrows();
    if n <= BLOCK {
        return factor_block(a, start);
    }
    let half = split(n, BLOCK);
    let (top, bottom) = a.split_at(Axis(0), half);
    let mut first = top.split_at(Axis(1), half).0;
    let (mut below, mut second) = bottom.split_at(Axis(1), half);
    factor(first.view_mut(), start, gemm)?;
    // X L^T = A, solved as L X^T = A^T.
    solve_in_place(first.view(), below.view_mut().reversed_axes(), false, false, gemm);
    subtract_square(below.view(), second.view_mut(), gemm);
    factor(second, start + half, gemm)
}

fn factor_block<T: Scalar>(mut a: ArrayViewMut2<'_, T>, start: usize) -> Result<(), LinalgError> {
    let n = a.nrows();
    for j in 0..n {
        let (done, mut rest) = a.view_mut().split_at(Axis(0), j);
        let mut rows = rest.axis_iter_mut(Axis(0));
        let Some(row) = rows.next() else { break };
        let row = row.into_slice().expect("rows are contiguous");
        for (i, known) in done.axis_iter(Axis(0)).enumerate() {
            let known = known.to_slice().expect("rows are contiguous");
            row[i] = (row[i] - dot(&row[..i], &known[..i])) / known[i];
        }
        let square = row[j] - dot(&row[..j], &row[..j]);
        if square <= T::zero() || square.is_nan() {
            return Err(LinalgError::NotPositiveDefinite { pivot: start + j });
        }
        row[j] = square.sqrt();
    }
    Ok(())
}

/// `c -= a a^T` on the lower triangle of `c` and, within small blocks, on the upper.
fn subtract_square<T: Scalar>(a: ArrayView2<'_, T>, mut c: ArrayViewMut2<'_, T>, gemm: Gemm<T>) {
    let n = a.nrows();
    if n <= 3 * BLOCK {
        return gemm(-T::one(), a, a.t(), T::one(), &mut c);
    }
    let half = split(n, BLOCK);
    let (first, second) = a.split_at(Axis(0), half);
    let (top, bottom) = c.split_at(Axis(0), half);
    let (mut left, right) = bottom.split_at(Axis(1), half);
    gemm(-T::one(), second, first.t(), T::one(), &mut left);
    subtract_square(first, top.split_at(Axis(1), half).0, gemm);
    subtract_square(second, right, gemm);
}
