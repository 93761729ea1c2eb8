//! Householder reflectors, and products of several of them in the compact WY form (Golub & Van Loan, Matrix
//! Computations, 4th ed., sections 5.1 and 5.2; R. Schreiber and C. Van Loan, 1989).

use super::Gemm;
use super::scale::{exponent_of, times_power_of_two};
use super::vector::norm;
use crate::scalar::Scalar;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

/// Reflectors applied together, as matrix products.
pub(super) const BLOCK: usize = 32;

/// Replaces `x` by the vector v of a reflector, with `v[0] = 1`, and returns (beta, tau), such that
/// `(I - tau v v^T) x = beta e_0`. Where all but the first element are zero, tau is 0.
pub(super) fn reflector<T: Scalar>(x: &mut [T]) -> (T, T) {
    let Some((first, rest)) = x.split_first_mut() else { return (T::zero(), T::zero()) };
    let mut alpha = std::mem::replace(first, T::one());
    let mut length = norm(rest);
    if length == T::zero() {
        return (alpha, T::zero());
    }
    // Numbers near the bottom of the range have few digits, and sums near the top overflow. Scaling is exact.
    let larger = if alpha.abs() > length { alpha.abs() } else { length };
    let exponent = match larger.is_finite() {
        true if larger < T::min_positive_value() / T::epsilon() => exponent_of(larger),
        true if larger > T::max_value() * T::epsilon() => exponent_of(larger),
        _ => 0,
    };
    if exponent != 0 {
        alpha = times_power_of_two(alpha, -exponent);
        rest.iter_mut().for_each(|x| *x = times_power_of_two(*x, -exponent));
        length = norm(rest);
    }
    let size = alpha.hypot(length);
    // Of the opposite sign: nothing cancels.
    let beta = if alpha >= T::zero() { -size } else { size };
    let divisor = alpha - beta;
    rest.iter_mut().for_each(|x| *x = *x / divisor);
    (times_power_of_two(beta, exponent), (beta - alpha) / beta)
}

/// The reflectors `I - tau v v^T`, first to last.
pub(super) struct Reflectors<T> {
    /// The vectors, in rows: row `i` is zero before its element `i + offset`, which is 1.
    pub(super) vectors: Array2<T>,
    /// Their factors.
    pub(super) tau: Vec<T>,
    /// Where the first vector starts.
    pub(super) offset: usize,
}

impl<T: Scalar> Reflectors<T> {
    /// Room for `count` reflectors of vectors of length `length`.
    pub(super) fn new(count: usize, length: usize, offset: usize) -> Self {
        Reflectors { vectors: Array2::zeros((count, length)), tau: vec![T::zero(); count], offset }
    }

    /// The first `columns` columns of the product `H_0 H_1 H_2 ...`.
    pub(super) fn product(&self, columns: usize, gemm: Gemm<T>) -> Array2<T> {
        let (count, length) = self.vectors.dim();
        let mut q = Array2::zeros((length, columns));
        q.diag_mut().fill(T::one());
        // Last to first: what the later ones leave of the identity, the earlier ones need not touch.
        for start in (0..count).step_by(BLOCK).rev() {
            let end = (start + BLOCK).min(count);
            let (first, corner) = (start + self.offset, (start + self.offset).min(columns));
            let v = self.vectors.slice(s![start..end, first..]);
            let factor = triangular_factor(v, &self.tau[start..end], gemm);
            apply(v, factor.view(), q.slice_mut(s![first.., corner..]), gemm);
        }
        q
    }
}

/// The upper triangular T of `H_0 H_1 ... = I - V^T T V`, for vectors in the rows of `v`.
pub(super) fn triangular_factor<T: Scalar>(v: ArrayView2<'_, T>, tau: &[T], gemm: Gemm<T>) -> Array2<T> {
    let n = tau.len();
    let mut t = Array2::zeros((n, n));
    gemm(T::one(), v, v.t(), T::zero(), &mut t.view_mut());
    for j in 0..n {
        // Column j holds the products v_i v_j; rows above j of the columns before it are done.
        for i in 0..j {
            let sum = (i..j).fold(T::zero(), |sum, k| sum + t[(i, k)] * t[(k, j)]);
            t[(i, j)] = -tau[j] * sum;
        }
        t[(j, j)] = tau[j];
        (j + 1..n).for_each(|i| t[(i, j)] = T::zero());
    }
    t
}

/// `c -= V^T T V c`: the product of the reflectors times `c`; with T transposed, the product in the opposite order.
pub(super) fn apply<T: Scalar>(
    v: ArrayView2<'_, T>,
    t: ArrayView2<'_, T>,
    mut c: ArrayViewMut2<'_, T>,
    gemm: Gemm<T>,
) {
    if c.is_empty() {
        return;
    }
    let (one, zero) = (T::one(), T::zero());
    let shape = (v.nrows(), c.ncols());
    let (mut products, mut combined) = (Array2::zeros(shape), Array2::zeros(shape));
    gemm(one, v, c.view(), zero, &mut products.view_mut());
    gemm(one, t, products.view(), zero, &mut combined.view_mut());
    gemm(-one, v.t(), combined.view(), one, &mut c);
}
