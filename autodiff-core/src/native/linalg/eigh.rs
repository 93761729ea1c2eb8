//! Eigenvalues and eigenvectors of symmetric matrices: tridiagonalisation, then implicit QR steps with Wilkinson's
//! shift (Golub & Van Loan, Matrix Computations, 4th ed., section 8.3), in the direction that suits the grading of
//! the matrix (A. Greenbaum and J. Dongarra, LAPACK Working Note 17, 1989).

use super::deflation::Deflation;
use super::rotations::{Rotated, Rotations, givens};
use super::scale::{normalise, times_power_of_two};
use super::tridiagonal::tridiagonalise;
use super::{Gemm, row_major};
use crate::error::LinalgError;
use crate::scalar::Scalar;
use ndarray::{Array1, Array2, ArrayView2, s};

/// See [`Backend::eigh`](crate::Backend::eigh).
pub(super) fn eigh<T: Scalar>(
    a: ArrayView2<'_, T>,
    gemm: Gemm<T>,
) -> Result<(Array1<T>, Array2<T>), LinalgError> {
    // 64 bytes of elements.
    match size_of::<T>() {
        4 => eigh_in_strips::<T, 16>(a, gemm),
        _ => eigh_in_strips::<T, 8>(a, gemm),
    }
}

fn eigh_in_strips<T: Scalar, const W: usize>(
    a: ArrayView2<'_, T>,
    gemm: Gemm<T>,
) -> Result<(Array1<T>, Array2<T>), LinalgError> {
    // The lower triangle is what counts; above the diagonal, where it is copied to, it lies along rows.
    let mut upper = row_major(a.t());
    for (i, mut row) in upper.rows_mut().into_iter().enumerate() {
        row.slice_mut(s![..i]).fill(T::zero());
    }
    let exponent = normalise(&mut upper)?;
    let reduced = tridiagonalise(&mut upper, gemm);
    let (mut d, mut e) = (reduced.diagonal, reduced.off_diagonal);
    let mut vectors = Rotated::<T, W>::columns(reduced.reflectors.product(d.len(), gemm).view());
    diagonalise(&mut d, &mut e, &mut vectors)?;

    let mut order: Vec<(usize, T)> = (0..d.len()).map(|i| (i, T::one())).collect();
    order.sort_by(|&(i, _), &(j, _)| d[i].partial_cmp(&d[j]).unwrap_or(std::cmp::Ordering::Equal));
    let values = order.iter().map(|&(i, _)| times_power_of_two(d[i], exponent)).collect();
    Ok((values, vectors.into_matrix(&order, false)))
}

/// Sweeps for each eigenvalue; two or three do.
const SWEEPS: usize = 30;

/// Makes a tridiagonal matrix diagonal, and rotates the vectors along.
fn diagonalise<T: Scalar, const W: usize>(
    d: &mut [T],
    e: &mut [T],
    vectors: &mut Rotated<T, W>,
) -> Result<(), LinalgError> {
    let mut rotations = Rotations::default();
    let mut rest = Deflation::new(d.len(), SWEEPS);
    while let Some(block) = rest.next(d, e, negligible)? {
        rotations.clear();
        block.in_order(d, e, |d, e| step(d, e, &mut rotations));
        vectors.sweep(block.start(), block.downwards, &rotations);
    }
    Ok(())
}

/// Whether an off-diagonal element is below the rounding errors of its neighbours, or of the whole matrix, which
/// scaling has kept above the square root of the smallest number by a factor of 1 / epsilon.
fn negligible<T: Scalar>(above: T, e: T, below: T) -> bool {
    let square = (T::epsilon() * T::epsilon() * above.abs()) * below.abs();
    e * e <= square + T::min_positive_value()
}

/// One implicit QR step from the first row to the last.
fn step<T: Scalar>(d: &mut [T], e: &mut [T], rotations: &mut Rotations<T>) {
    let last = e.len();
    let two = T::of(2.0);
    // Wilkinson's shift: of the eigenvalues of the last two rows, the one nearer to the last element.
    let half = (d[last - 1] - d[last]) / (two * e[last - 1]);
    let root = half.hypot(T::one());
    let shift = d[last] - e[last - 1] / (half + if half >= T::zero() { root } else { -root });
    let mut g = d[0] - shift;
    let (mut c, mut s, mut p) = (T::one(), T::one(), T::zero());
    for i in 0..last {
        let (f, b) = (s * e[i], c * e[i]);
        let r;
        (c, s, r) = givens(g, f);
        if i > 0 {
            e[i - 1] = r;
        }
        let x = d[i] - p;
        let y = (d[i + 1] - x) * s + two * c * b;
        p = s * y;
        d[i] = x + p;
        g = c * y - b;
        rotations.push(c, s);
    }
    d[last] = d[last] - p;
    e[last - 1] = g;
}
