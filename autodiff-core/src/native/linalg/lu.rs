//! Gaussian elimination with partial pivoting, by halves of the columns (S. Toledo, Locality of reference in LU
//! decomposition with partial pivoting, SIAM J. Matrix Anal. Appl. 18, 1997).

use super::triangular::{solve_in_place, split};
use super::vector::axpy;
use super::{Gemm, row_major};
use crate::backend::Backend;
use crate::error::LinalgError;
use crate::scalar::Scalar;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

/// `P A = L U` for a square matrix, as LAPACK's `getrf` packs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Lu<T> {
    /// (n, n): U on and above the diagonal; below it L, whose diagonal of ones is left out.
    pub factors: Array2<T>,
    /// The exchanges that make up P: row `i` with row `pivots[i] >= i`, for `i` from 0 on.
    pub pivots: Vec<usize>,
}

impl<T: Scalar> Lu<T> {
    /// The solution X of `A X = B` for B of shape (n, r).
    ///
    /// ```
    /// use autodiff_core::{Backend, Native};
    /// use ndarray::array;
    /// let lu = Native::lu(array![[0.0, 2.0], [4.0, 1.0]].view());
    /// assert_eq!(lu.solve::<Native>(array![[2.0], [9.0]].view()).unwrap(), array![[2.0], [1.0]]);
    /// assert_eq!(lu.det(), -8.0);
    /// ```
    ///
    /// # Errors
    ///
    /// [`LinalgError::Singular`] where U has a zero on its diagonal.
    pub fn solve<B: Backend<T>>(&self, b: ArrayView2<'_, T>) -> Result<Array2<T>, LinalgError> {
        self.check()?;
        let mut x = row_major(b);
        exchange(&mut x.view_mut(), self.exchanges());
        let x = B::solve_triangular(self.factors.view(), x.view(), false, true)?;
        B::solve_triangular(self.factors.view(), x.view(), true, false)
    }

    /// The solution X of `A^T X = B` for B of shape (n, r).
    ///
    /// # Errors
    ///
    /// As for [`solve`](Lu::solve).
    pub fn solve_transposed<B: Backend<T>>(&self, b: ArrayView2<'_, T>) -> Result<Array2<T>, LinalgError> {
        self.check()?;
        let x = B::solve_triangular(self.factors.t(), b, false, false)?;
        let x = B::solve_triangular(self.factors.t(), x.view(), true, true)?;
        let mut x = row_major(x.view());
        exchange(&mut x.view_mut(), self.exchanges().rev());
        Ok(x)
    }

    /// Fails where U has a zero on its diagonal.
    pub(crate) fn check(&self) -> Result<(), LinalgError> {
        match self.factors.diag().iter().position(|&u| u == T::zero()) {
            Some(pivot) => Err(LinalgError::Singular { pivot }),
            None => Ok(()),
        }
    }

    fn exchanges(&self) -> impl DoubleEndedIterator<Item = (usize, usize)> {
        exchanges(&self.pivots)
    }

    /// The determinant; intermediate results do not overflow.
    pub fn det(&self) -> T {
        let (product, exponent) = self.product();
        T::of(times_power_of_two(product, exponent))
    }

    /// The sign of the determinant (1, -1 or 0) and the logarithm of its absolute value, which is -inf for 0.
    pub fn sign_and_ln_det(&self) -> (T, T) {
        let (product, exponent) = self.product();
        let sign = match product {
            p if p.is_nan() => f64::NAN,
            p if p > 0.0 => 1.0,
            p if p < 0.0 => -1.0,
            _ => 0.0,
        };
        (T::of(sign), T::of(product.abs().ln() + exponent as f64 * std::f64::consts::LN_2))
    }

    /// The determinant as `product * 2^exponent`: one logarithm of it is nearer than a sum of many.
    fn product(&self) -> (f64, i64) {
        let mut product = if self.exchanges().count().is_multiple_of(2) { 1.0 } else { -1.0 };
        let mut exponent = 0;
        for &u in self.factors.diag() {
            let (fraction, e) = fraction_and_exponent(u.as_f64());
            let (p, f) = fraction_and_exponent(product * fraction);
            product = p;
            exponent += e + f;
        }
        (product, exponent)
    }
}

/// `x = fraction * 2^exponent` with the fraction in [1, 2), or 0, infinite or NaN.
fn fraction_and_exponent(x: f64) -> (f64, i64) {
    const DIGITS: i64 = f64::MANTISSA_DIGITS as i64 - 1;
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    if x.is_subnormal() {
        let (fraction, exponent) = fraction_and_exponent(x * 2f64.powi(DIGITS as i32));
        return (fraction, exponent - DIGITS);
    }
    let bias = f64::MAX_EXP as i64 - 1;
    let exponent = (x.to_bits() >> DIGITS & 0x7ff) as i64 - bias;
    let fraction = f64::from_bits(x.to_bits() & !(0x7ff << DIGITS) | (bias as u64) << DIGITS);
    (fraction, exponent)
}

/// `x * 2^exponent` for x between 1 and 2 in size; a power of two alone may be out of range where the product is not.
fn times_power_of_two(x: f64, exponent: i64) -> f64 {
    // Past these bounds all is infinite or zero.
    let exponent = exponent.clamp(-1100, 1100) as i32;
    x * 2f64.powi(exponent / 2) * 2f64.powi(exponent - exponent / 2)
}

/// Below this number of columns, one after the other.
const BLOCK: usize = 16;

/// See [`Backend::lu`].
pub(super) fn lu<T: Scalar>(a: ArrayView2<'_, T>, gemm: Gemm<T>) -> Lu<T> {
    let mut factors = row_major(a);
    let mut pivots = vec![0; a.nrows()];
    factor(factors.view_mut(), &mut pivots, gemm);
    Lu { factors, pivots }
}

/// Factors a matrix of at least as many rows as columns in place.
fn factor<T: Scalar>(mut a: ArrayViewMut2<'_, T>, pivots: &mut [usize], gemm: Gemm<T>) {
    let n = a.ncols();
    if n <= BLOCK {
        return factor_block(a, pivots);
    }
    let half = split(n, BLOCK);
    let (pivots_left, pivots_right) = pivots.split_at_mut(half);
    factor(a.slice_mut(s![.., ..half]), pivots_left, gemm);
    let (mut left, mut right) = a.split_at(Axis(1), half);
    exchange(&mut right, exchanges(pivots_left));
    let (mut above, mut below) = right.split_at(Axis(0), half);
    solve_in_place(left.slice(s![..half, ..]), above.view_mut(), false, true, gemm);
    gemm(-T::one(), left.slice(s![half.., ..]), above.view(), T::one(), &mut below);
    factor(below, pivots_right, gemm);
    exchange(&mut left.slice_mut(s![half.., ..]), exchanges(pivots_right));
    pivots_right.iter_mut().for_each(|p| *p += half);
}

/// The pairs of rows that are not the same.
fn exchanges(pivots: &[usize]) -> impl DoubleEndedIterator<Item = (usize, usize)> {
    pivots.iter().copied().enumerate().filter(|&(i, p)| i < p)
}

/// Exchanges pairs of rows, in order; the first row of a pair is above the second.
fn exchange<T: Scalar>(a: &mut ArrayViewMut2<'_, T>, pairs: impl Iterator<Item = (usize, usize)>) {
    for (i, p) in pairs {
        let (mut above, mut below) = a.view_mut().split_at(Axis(0), p);
        let (above, below) = (above.row_mut(i), below.row_mut(0));
        let contiguous = "rows are contiguous";
        above.into_slice().expect(contiguous).swap_with_slice(below.into_slice().expect(contiguous));
    }
}

/// A few columns, copied to where each is contiguous.
fn factor_block<T: Scalar>(mut a: ArrayViewMut2<'_, T>, pivots: &mut [usize]) {
    let (m, n) = a.dim();
    if a.is_empty() {
        return;
    }
    let mut columns = row_major(a.t());
    let columns = columns.as_slice_mut().expect("row-major");
    for j in 0..n {
        let column = &columns[j * m..][..m];
        let mut pivot = j;
        for i in j + 1..m {
            if column[i].abs() > column[pivot].abs() {
                pivot = i;
            }
        }
        pivots[j] = pivot;
        if pivot != j {
            columns.chunks_exact_mut(m).for_each(|column| column.swap(j, pivot));
        }
        let (done, rest) = columns.split_at_mut((j + 1) * m);
        let column = &mut done[j * m..];
        let divisor = column[j];
        if divisor == T::zero() {
            continue;
        }
        // A reciprocal might overflow, and rounds once more.
        column[j + 1..].iter_mut().for_each(|x| *x = *x / divisor);
        for other in rest.chunks_exact_mut(m) {
            axpy(-other[j], &column[j + 1..], &mut other[j + 1..]);
        }
    }
    for (i, mut row) in a.rows_mut().into_iter().enumerate() {
        row.iter_mut().enumerate().for_each(|(j, x)| *x = columns[j * m + i]);
    }
}
