//! Matrices to upper bidiagonal ones by orthogonal transformations from both sides (Golub & Van Loan, Matrix
//! Computations, 4th ed., section 5.4.8), with updates put off and done together, as matrix products (J. Dongarra,
//! S. Hammarling and D. Sorensen, 1989).

use super::Gemm;
use super::householder::{BLOCK, Reflectors, reflector};
use super::vector::{axpy, dot, gemv, gemv_transposed};
use crate::scalar::Scalar;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Axis, s};

/// `U^T A V`, bidiagonal, and U and V.
pub(super) struct Bidiagonal<T> {
    pub(super) diagonal: Vec<T>,
    /// Above the diagonal; one element less than it.
    pub(super) off_diagonal: Vec<T>,
    pub(super) left: Reflectors<T>,
    pub(super) right: Reflectors<T>,
}

/// Reduces a matrix of at least as many rows as columns; it is overwritten.
pub(super) fn bidiagonalise<T: Scalar>(a: &mut Array2<T>, gemm: Gemm<T>) -> Bidiagonal<T> {
    let (m, n) = a.dim();
    let mut diagonal = vec![T::zero(); n];
    let mut off_diagonal = vec![T::zero(); n.saturating_sub(1)];
    let mut left = Reflectors::new(n, m, 0);
    let mut right = Reflectors::new(n.saturating_sub(1), n, 1);
    // With reflectors u and v, and vectors x and y, the matrix as it stands is `a` less the sum of all u y^T + x v^T.
    let mut x = Array2::<T>::zeros((BLOCK, m));
    let mut y = Array2::<T>::zeros((BLOCK, n));

    for start in (0..n).step_by(BLOCK) {
        let end = (start + BLOCK).min(n);
        for k in start..end {
            let (us, u) = split(left.vectors.slice_mut(s![start.., ..]), k - start);
            let (xs, x) = split(x.view_mut(), k - start);
            let (ys, y) = split(y.view_mut(), k - start);
            let (us, xs, ys) = (us.view(), xs.view(), ys.view());
            let vs = right.vectors.slice(s![start..k.min(n - 1), ..]);

            u[k..].iter_mut().zip(a.slice(s![k.., k])).for_each(|(u, &a)| *u = a);
            subtract(&us, |t| ys[(t, k)], k, u);
            subtract(&xs, |t| vs[(t, k)], k, u);
            let (beta, tau) = reflector(&mut u[k..]);
            diagonal[k] = beta;
            left.tau[k] = tau;
            if k + 1 == n {
                break;
            }

            // y = tau A^T u, so that H A = A - u y^T.
            y.fill(T::zero());
            gemv_transposed(&a.slice(s![k.., k + 1..]), &u[k..], &mut y[k + 1..]);
            subtract(&ys, |t| dot(&row(&us, t)[k..], &u[k..]), k + 1, y);
            subtract(&vs, |t| dot(&row(&xs, t)[k..], &u[k..]), k + 1, y);
            y.iter_mut().for_each(|y| *y = *y * tau);

            let (vs, v) = split(right.vectors.slice_mut(s![start.., ..]), k - start);
            let vs = vs.view();
            v[k + 1..].copy_from_slice(&a.row(k).to_slice().expect("rows are contiguous")[k + 1..]);
            subtract(&ys, |t| us[(t, k)], k + 1, v);
            // Row k of u y^T, in which u is 1.
            axpy(-T::one(), &y[k + 1..], &mut v[k + 1..]);
            subtract(&vs, |t| xs[(t, k)], k + 1, v);
            let (beta, tau) = reflector(&mut v[k + 1..]);
            off_diagonal[k] = beta;
            right.tau[k] = tau;

            // x = tau A v, so that A H = A - x v^T.
            x.fill(T::zero());
            gemv(&a.slice(s![k + 1.., k + 1..]), &v[k + 1..], &mut x[k + 1..]);
            subtract(&us, |t| dot(&row(&ys, t)[k + 1..], &v[k + 1..]), k + 1, x);
            axpy(-dot(&y[k + 1..], &v[k + 1..]), &u[k + 1..], &mut x[k + 1..]);
            subtract(&xs, |t| dot(&row(&vs, t)[k + 1..], &v[k + 1..]), k + 1, x);
            x.iter_mut().for_each(|x| *x = *x * tau);
        }
        if end < n {
            let (us, xs) = (left.vectors.slice(s![start..end, end..]), x.slice(s![..end - start, end..]));
            let (ys, vs) = (y.slice(s![..end - start, end..]), right.vectors.slice(s![start..end, end..]));
            let columns = ndarray::concatenate![Axis(0), us, xs];
            let rows = ndarray::concatenate![Axis(0), ys, vs];
            gemm(-T::one(), columns.t(), rows.view(), T::one(), &mut a.slice_mut(s![end.., end..]));
        }
    }
    Bidiagonal { diagonal, off_diagonal, left, right }
}

/// The rows before row `k`, and row `k`.
fn split<T>(a: ArrayViewMut2<'_, T>, k: usize) -> (ArrayViewMut2<'_, T>, &mut [T]) {
    let (before, rest) = a.split_at(Axis(0), k);
    let row = rest.index_axis_move(Axis(0), 0);
    (before, row.into_slice().expect("rows are contiguous"))
}

fn row<'a, T>(a: &'a ArrayView2<'_, T>, i: usize) -> &'a [T] {
    a.row(i).to_slice().expect("rows are contiguous")
}

/// `y -= sum of factor(t) times row t`, from element `first` on.
fn subtract<T: Scalar>(rows: &ArrayView2<'_, T>, factor: impl Fn(usize) -> T, first: usize, y: &mut [T]) {
    for t in 0..rows.nrows() {
        axpy(-factor(t), &row(rows, t)[first..], &mut y[first..]);
    }
}
