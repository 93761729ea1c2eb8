//! Symmetric matrices to tridiagonal ones by orthogonal similarity (Golub & Van Loan, Matrix Computations, 4th ed.,
//! section 8.3.1), with updates put off and done together, as matrix products (J. Dongarra, S. Hammarling and
//! D. Sorensen, 1989).

use super::Gemm;
use super::householder::{BLOCK, Reflectors, reflector};
use super::vector::{axpy, dot, symv_upper};
use crate::scalar::Scalar;
use ndarray::{Array2, s};

/// `Q^T A Q`, tridiagonal, and Q.
pub(super) struct Tridiagonal<T> {
    pub(super) diagonal: Vec<T>,
    /// One element less than the diagonal.
    pub(super) off_diagonal: Vec<T>,
    pub(super) reflectors: Reflectors<T>,
}

/// Reduces a matrix of which the upper triangle is read; it is overwritten.
pub(super) fn tridiagonalise<T: Scalar>(a: &mut Array2<T>, gemm: Gemm<T>) -> Tridiagonal<T> {
    let n = a.nrows();
    let count = n.saturating_sub(2);
    let mut diagonal = vec![T::zero(); n];
    let mut off_diagonal = vec![T::zero(); n.saturating_sub(1)];
    let mut reflectors = Reflectors::new(count, n, 1);
    // With reflectors v and vectors w, the matrix as it stands is `a` less the sum of all v w^T + w v^T.
    let mut w = Array2::<T>::zeros((BLOCK, n));
    let rows = "rows are contiguous";

    for start in (0..count).step_by(BLOCK) {
        let end = (start + BLOCK).min(count);
        for k in start..end {
            let (done, mut rest) = reflectors.vectors.view_mut().split_at(ndarray::Axis(0), k);
            let v = rest.row_mut(0).into_slice().expect(rows);
            let (earlier, mut rest) = w.view_mut().split_at(ndarray::Axis(0), k - start);
            let product = rest.row_mut(0).into_slice().expect(rows);
            let pairs = || {
                let earlier = earlier.rows().into_iter();
                done.slice(s![start.., ..])
                    .into_outer_iter()
                    .zip(earlier)
                    .map(|(v, w)| (v.to_slice().expect(rows), w.to_slice().expect(rows)))
            };

            v[k..].copy_from_slice(&a.row(k).to_slice().expect(rows)[k..]);
            for (vt, wt) in pairs() {
                axpy(-vt[k], &wt[k..], &mut v[k..]);
                axpy(-wt[k], &vt[k..], &mut v[k..]);
            }
            diagonal[k] = std::mem::take(&mut v[k]);
            let (beta, tau) = reflector(&mut v[k + 1..]);
            off_diagonal[k] = beta;
            reflectors.tau[k] = tau;

            // w = p - tau/2 (p v) v with p = tau A v, so that H A H = A - v w^T - w v^T.
            let (v, p) = (&v[k + 1..], &mut product[k + 1..]);
            symv_upper(&a.slice(s![k + 1.., k + 1..]), v, p);
            for (vt, wt) in pairs() {
                let (vt, wt) = (&vt[k + 1..], &wt[k + 1..]);
                let (with_v, with_w) = (dot(vt, v), dot(wt, v));
                axpy(-with_w, vt, p);
                axpy(-with_v, wt, p);
            }
            p.iter_mut().for_each(|p| *p = *p * tau);
            let half = T::of(0.5) * tau * dot(p, v);
            axpy(-half, v, p);
        }
        subtract_pairs(a, &reflectors.vectors, &w, start..end, gemm);
    }
    for k in count..n {
        diagonal[k] = a[(k, k)];
    }
    if n > 1 {
        off_diagonal[n - 2] = a[(n - 2, n - 1)];
    }
    Tridiagonal { diagonal, off_diagonal, reflectors }
}

/// `a -= sum of v w^T + w v^T` on the upper triangle of the rows and columns from `steps.end` on.
fn subtract_pairs<T: Scalar>(
    a: &mut Array2<T>,
    v: &Array2<T>,
    w: &Array2<T>,
    steps: std::ops::Range<usize>,
    gemm: Gemm<T>,
) {
    /// Rows updated at a time; what a block holds below the diagonal is waste.
    const ROWS: usize = 96;
    let (n, count, end) = (a.nrows(), steps.len(), steps.end);
    let (v, w) = (v.slice(s![steps, end..]), w.slice(s![..count, end..]));
    let (mut left, mut right) = (Array2::zeros((2 * count, n - end)), Array2::zeros((2 * count, n - end)));
    left.slice_mut(s![..count, ..]).assign(&v);
    left.slice_mut(s![count.., ..]).assign(&w);
    right.slice_mut(s![..count, ..]).assign(&w);
    right.slice_mut(s![count.., ..]).assign(&v);
    let mut rest = a.slice_mut(s![end.., end..]);
    for first in (0..n - end).step_by(ROWS) {
        let last = (first + ROWS).min(n - end);
        let rows = left.slice(s![.., first..last]);
        gemm(
            -T::one(),
            rows.t(),
            right.slice(s![.., first..]),
            T::one(),
            &mut rest.slice_mut(s![first..last, first..]),
        );
    }
}
