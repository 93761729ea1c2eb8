//! Products of narrow matrices, of many rows and a few columns, which lie row after row: read once, where they are.
//!
//! Vectors of columns go over the end of such a row. What the lanes beyond it hold is never looked at, or is overwritten by the next
//! row, which is written later.

mod long;
mod pieces;
mod tall;

use super::simd;
use crate::scalar::Scalar;
pub(super) use long::long;
use ndarray::{ArrayView2, ArrayViewMut2};
pub(super) use pieces::Pieces;
pub(super) use tall::tall;

/// The kinds of such products. (Those of one or two columns are among the products with vectors.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Narrow {
    /// `a b`, for a narrow `a` and a small `b`.
    Tall,
    /// `a^T b`, for narrow `a` and `b`.
    Long,
}

/// The most columns of a narrow matrix.
const FEW: usize = 32;

/// Rows from which on a matrix counts as narrow, in columns.
const MANY: usize = 4;

impl Narrow {
    /// What `c = alpha a b + beta c` is, if it is one.
    pub fn of<T: Scalar>(
        alpha: T,
        a: &ArrayView2<'_, T>,
        b: &ArrayView2<'_, T>,
        beta: T,
        c: &ArrayViewMut2<'_, T>,
    ) -> Option<Self> {
        let ((m, k), n) = (a.dim(), b.ncols());
        if simd::fused_bytes() == 0 || m.min(n) < 3 || k == 0 {
            return None;
        }
        // Tiles of two whole vectors of columns are faster.
        let is_tall = k.max(n) <= FEW
            && m >= MANY * k.max(n)
            && n % (2 * lanes::<T>()) != 0
            && (alpha == T::one() && beta == T::zero())
            && a.is_standard_layout()
            && c.is_standard_layout();
        // Of larger products, tiles are.
        let is_long = m.max(n) <= if m.min(n) <= 4 { 28 } else { 7 }
            && k >= MANY * m.max(n)
            && a.t().is_standard_layout()
            && b.is_standard_layout();
        match (is_tall, is_long) {
            (true, _) => Some(Narrow::Tall),
            (_, true) => Some(Narrow::Long),
            _ => None,
        }
    }
}

/// The lanes of vectors of columns.
const fn lanes<T>() -> usize {
    64 / size_of::<T>()
}

/// The first columns of vectors of `lanes` that together have `n`: of those that are left at last, some are in two of them.
fn vectors(n: usize, lanes: usize) -> impl Iterator<Item = usize> {
    (0..n).step_by(lanes).map(move |j| j.min(n.saturating_sub(lanes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::gemm::gemm;
    use crate::native::gemm::tests::matrix;
    use ndarray::Array2;

    /// The product of two matrices on some threads, for which these are the loops.
    fn product<T: Scalar>(
        kind: Narrow,
        a: ArrayView2<'_, T>,
        b: ArrayView2<'_, T>,
        threads: usize,
    ) -> Array2<T> {
        let mut c = Array2::from_elem((a.nrows(), b.ncols()), T::nan());
        let found = Narrow::of(T::one(), &a, &b, T::zero(), &c.view_mut());
        assert_eq!(found, Some(kind), "{:?} by {:?}", a.dim(), b.dim());
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| gemm(T::one(), a, b, T::zero(), &mut c.view_mut()));
        c
    }

    fn tall_products_add_up_in_order<T: Scalar>() {
        let sizes =
            [(3, 1, 3), (13, 3, 3), (40, 4, 5), (41, 10, 9), (131, 20, 12), (129, 32, 31), (30_000, 7, 3)];
        for ((m, k, n), column_major) in sizes.into_iter().flat_map(|size| [(size, false), (size, true)]) {
            let (m, n) = (m.max(MANY * k.max(n)), n);
            let (a, b) = (matrix::<T>((m, k), false), matrix::<T>((k, n), column_major));
            let want = Array2::from_shape_fn((m, n), |(i, j)| {
                (0..k).fold(T::zero(), |sum, p| a[(i, p)].mul_add(b[(p, j)], sum))
            });
            for threads in 1..4 {
                let got = product(Narrow::Tall, a.view(), b.view(), threads);
                assert_eq!(got, want, "{m} by {k} by {n}, {threads} threads");
            }
        }
    }

    fn long_products<T: Scalar>(tolerance: f64) {
        for (m, k, n) in [(3, 12, 3), (3, 40, 10), (28, 131, 4), (4, 1030, 22), (7, 1030, 6), (4, 40_000, 3)]
        {
            let (a, b) = (matrix::<T>((k, m), false), matrix::<T>((k, n), false));
            let got = product(Narrow::Long, a.t(), b.view(), 1);
            for ((i, j), got) in got.indexed_iter() {
                let terms = || a.column(i).into_iter().zip(b.column(j)).map(|(x, y)| x.as_f64() * y.as_f64());
                let (want, size) = (terms().sum::<f64>(), terms().map(f64::abs).sum::<f64>());
                assert!(
                    (got.as_f64() - want).abs() <= tolerance * size,
                    "{m} by {k} by {n}: {got}, not {want}"
                );
            }
            for threads in [2, 3] {
                assert_eq!(product(Narrow::Long, a.t(), b.view(), threads), got, "{m} by {k} by {n}");
            }
        }
    }

    #[test]
    fn narrow_products_in_both_types() {
        if simd::fused_bytes() == 0 {
            return; // They are left to others.
        }
        tall_products_add_up_in_order::<f64>();
        tall_products_add_up_in_order::<f32>();
        long_products::<f64>(1e-15);
        long_products::<f32>(1e-6);
    }

    #[test]
    fn others_are_not_narrow() {
        let kind = |alpha: f64, a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>, beta: f64| {
            let mut c = Array2::zeros((a.nrows(), b.ncols()));
            Narrow::of(alpha, &a, &b, beta, &c.view_mut())
        };
        let of = |m, k, n| kind(1.0, matrix((m, k), false).view(), matrix((k, n), false).view(), 0.0);
        let is_there = simd::fused_bytes() > 0;
        assert_eq!(of(40, 5, 3).is_some(), is_there);
        assert_eq!([of(40, 5, 2), of(40, 5, 11), of(400, 33, 3), of(40, 0, 3), of(0, 5, 3)], [None; 5]);
        let (a, b) = (matrix((40, 5), false), matrix((5, 3), false));
        assert_eq!(kind(2.0, a.view(), b.view(), 0.0), None, "scaled");
        assert_eq!(kind(1.0, a.view(), b.view(), 1.0), None, "added");
        assert_eq!(kind(1.0, matrix((40, 5), true).view(), b.view(), 0.0), None, "column after column");
        let strided = matrix((80, 5), false);
        assert_eq!(kind(1.0, strided.slice(ndarray::s![..;2, ..]), b.view(), 0.0), None, "not in one piece");
    }
}
