//! The QR factorisation by blocks of Householder reflectors (Golub & Van Loan, Matrix Computations, 4th ed.,
//! section 5.2).

use super::householder::{BLOCK, Reflectors, apply, reflector, triangular_factor};
use super::vector::{axpy, dot};
use super::{Gemm, row_major};
use crate::scalar::Scalar;
use ndarray::{Array2, ArrayView2, s};

/// See [`Backend::qr`](crate::Backend::qr).
pub(super) fn qr<T: Scalar>(a: ArrayView2<'_, T>, gemm: Gemm<T>) -> (Array2<T>, Array2<T>) {
    let (m, n) = a.dim();
    let k = if m < n { m } else { n };
    let mut r = row_major(a);
    let mut reflectors = Reflectors::new(k, m, 0);
    for start in (0..k).step_by(BLOCK) {
        let end = (start + BLOCK).min(k);
        let mut v = reflectors.vectors.slice_mut(s![start..end, start..]);
        // The columns become rows, which are contiguous.
        v.assign(&r.slice(s![start.., start..end]).t());
        for j in 0..end - start {
            let (mut head, mut others) = v.view_mut().split_at(ndarray::Axis(0), j + 1);
            let column = head.row_mut(j).into_slice().expect("rows are contiguous");
            let (beta, tau) = reflector(&mut column[j..]);
            reflectors.tau[start + j] = tau;
            for other in others.rows_mut() {
                let other = &mut other.into_slice().expect("rows are contiguous")[j..];
                let factor = -tau * dot(&column[j..], other);
                axpy(factor, &column[j..], other);
            }
            for (i, x) in column[..j].iter_mut().enumerate() {
                r[(start + i, start + j)] = std::mem::take(x);
            }
            r[(start + j, start + j)] = beta;
        }
        let v = v.view();
        let t = triangular_factor(v, &reflectors.tau[start..end], gemm);
        apply(v, t.t(), r.slice_mut(s![start.., end..]), gemm);
    }
    let q = reflectors.product(k, gemm);
    let mut upper = Array2::zeros((k, n));
    for (i, mut row) in upper.rows_mut().into_iter().enumerate() {
        row.slice_mut(s![i..]).assign(&r.slice(s![i, i..]));
    }
    (q, upper)
}
