//! The trait through which elementwise operations, reductions, products and factorisations of arrays that are not short go.

use crate::native::{self, simd::Lanes};
use crate::rules::elementwise::Select;
use crate::scalar::Scalar;
use ndarray::{Array1, Array2, ArrayD, ArrayView2, ArrayViewD, ArrayViewMut2};
use std::fmt::Debug;

pub use crate::error::LinalgError;
pub use crate::native::linalg::Lu;
pub use crate::program::{AxisSet, Program, Step};
pub use crate::rules::elementwise::{Binary, Unary};

/// An elementwise operation: one row of the table of rules.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Elementwise<T> {
    /// `y = f(x)`.
    Unary(Unary<T>),
    /// `y = f(a, b)`.
    Binary(Binary),
    /// `y = a` where the mask, the first operand, is not 0, else `b`.
    Select,
}

impl<T: Scalar> Elementwise<T> {
    /// Whether it is a function, which takes several times as long as arithmetic.
    pub(crate) fn is_function(self) -> bool {
        match self {
            Elementwise::Unary(op) => op.is_function(),
            Elementwise::Binary(op) => op.is_function(),
            Elementwise::Select => false,
        }
    }

    /// Whether both give the same bits for the same operands.
    pub(crate) fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (Elementwise::Unary(op), Elementwise::Unary(other)) => op.is_same(other),
            _ => self == other,
        }
    }

    /// Computes a block.
    #[inline]
    pub(crate) fn apply(self, operands: &[Lanes<'_, T>], y: &mut [T]) {
        match (self, operands) {
            (Elementwise::Unary(op), &[Lanes::Each(x)]) => op.apply(x, y),
            (Elementwise::Unary(op), &[Lanes::Same(&x)]) => y.fill(op.call(x)),
            (Elementwise::Binary(op), &[a, b]) => op.apply(a, b, y),
            (Elementwise::Select, &[mask, a, b]) => Select::apply(mask, a, b, y),
            _ => panic!("elementwise: {self:?} of {} operands", operands.len()),
        }
    }
}

/// A reduction along axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reduction {
    /// The sum, by pairwise summation; 0 where empty.
    Sum,
    /// The mean, which does not overflow unless it is itself out of range; NaN where empty.
    Mean,
    /// The largest element; NaN where there is one. Never called on an empty axis.
    Max,
    /// The smallest element; NaN where there is one. Never called on an empty axis.
    Min,
    /// `ln(sum(exp(x)))`, at any magnitude; -inf where empty.
    LogSumExp,
    /// The sum of all elements but the first that is 1: what `exp(x - max(x))` adds up to beside its largest.
    SumBesideOne,
}

/// What computes: elementwise work, reductions and batched matrix products over `ndarray` views.
///
/// On numbers and short arrays, elementwise work and reductions take less time than a call with views: they are done without the
/// backend, with the results of [`Native`](crate::Native). So are products of matrices of at most 16 elements.
///
/// Every method has a default, the pure-Rust kernel of [`Native`](crate::Native), so that a backend states only what it does
/// better: one that overrides [`gemm`](Backend::gemm) alone gets batched products for it. Operands come in any
/// layout: transposed, reversed, sliced, with stride 0 where they are broadcast, empty. Shapes are checked
/// before a backend is called, and results are the caller's own.
///
/// ```
/// use autodiff_core::{Backend, Value, ndarray::{ArrayView2, ArrayViewMut2, linalg::general_mat_mul}};
///
/// #[derive(Clone, Copy, Debug, Default)]
/// struct Mine;
///
/// impl Backend<f64> for Mine {
///     const NAME: &'static str = "mine";
///     fn gemm(alpha: f64, a: ArrayView2<f64>, b: ArrayView2<f64>, beta: f64, c: &mut ArrayViewMut2<f64>) {
///         general_mat_mul(alpha, &a, &b, beta, c);
///     }
/// }
///
/// let a = Value::<f64, Mine>::new(ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
/// a.matmul(&a).sum().backward();
/// assert_eq!(a.grad().data(), ndarray::array![[7.0, 11.0], [9.0, 13.0]].into_dyn());
/// ```
pub trait Backend<T: Scalar>: Copy + Default + Debug + Send + Sync + 'static {
    /// The backend's name, for reports.
    const NAME: &'static str;

    /// Applies `op` to operands that broadcast together, giving an array of their common shape. Not called for a result of at most
    /// 512 elements along at most 4 axes.
    fn elementwise(op: Elementwise<T>, operands: &[ArrayViewD<'_, T>]) -> ArrayD<T> {
        T::elementwise(op, operands)
    }

    /// Computes the outputs of `program` of these operands: elementwise operations and reductions in one go.
    fn evaluate(program: &Program<T>, operands: &[ArrayViewD<'_, T>]) -> Vec<ArrayD<T>> {
        T::evaluate(program, operands)
    }

    /// Reduces `x` along `axes` (each at most once), which keep length 1 in the result. Of an `x` of at most 512 elements, it is
    /// called where elements are repeated or there are more than 4 axes, else not.
    fn reduce(op: Reduction, x: ArrayViewD<'_, T>, axes: &[usize]) -> ArrayD<T> {
        T::reduce(op, x, axes)
    }

    /// Multiplies the matrices in the last two axes of `a` (..., m, k) and `b` (..., k, n).
    ///
    /// `a`, `b` and the result (`batch`, m, n) have the same number of axes; along each of the leading ones each
    /// has length 1 or a common length. Where the result alone has length 1, products are summed. Not called for one product of
    /// matrices that have, as their product has, at most 16 elements.
    fn matmul(a: ArrayViewD<'_, T>, b: ArrayViewD<'_, T>, batch: &[usize]) -> ArrayD<T> {
        native::matmul(a, b, batch, |batch| {
            batch.each(|_, a, b, beta, c| Self::gemm(T::one(), a, b, beta, c))
        })
    }

    /// `c = alpha a b + beta c` for matrices (m, k), (k, n), (m, n); with `beta` 0, what `c` held is not read.
    ///
    /// The default [`matmul`](Backend::matmul) calls it from several threads at once where a batch is worth sharing.
    fn gemm(alpha: T, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, beta: T, c: &mut ArrayViewMut2<'_, T>) {
        T::gemm(alpha, a, b, beta, c)
    }

    /// The lower triangular L, with a positive diagonal, of `A = L L^T` for a symmetric positive definite A (n, n).
    ///
    /// Only the lower triangle of `a` is read.
    ///
    /// # Errors
    ///
    /// [`LinalgError::NotPositiveDefinite`], also where there is a NaN.
    fn cholesky(a: ArrayView2<'_, T>) -> Result<Array2<T>, LinalgError> {
        T::cholesky(a, Self::gemm)
    }

    /// Gaussian elimination with partial pivoting: `P A = L U` for A (n, n).
    ///
    /// A singular matrix is no error here: a zero stays on the diagonal of U.
    fn lu(a: ArrayView2<'_, T>) -> Lu<T> {
        T::lu(a, Self::gemm)
    }

    /// The solution X (n, r) of `A X = B` for a triangular A (n, n) and B (n, r).
    ///
    /// Of `a` the `upper` or lower triangle is read; if `unit`, without its diagonal, which is taken to be ones. For
    /// `A^T X = B` pass the transposed view of `a`, and the other triangle.
    ///
    /// # Errors
    ///
    /// [`LinalgError::Singular`] where there is a zero on the diagonal.
    fn solve_triangular(
        a: ArrayView2<'_, T>,
        b: ArrayView2<'_, T>,
        upper: bool,
        unit: bool,
    ) -> Result<Array2<T>, LinalgError> {
        T::solve_triangular(a, b, upper, unit, Self::gemm)
    }

    /// The solution X (n, r) of `A X = B` for A (n, n) and B (n, r).
    ///
    /// # Errors
    ///
    /// [`LinalgError::Singular`] where a pivot is exactly zero. Rounding can hide that a matrix is singular.
    fn solve(a: ArrayView2<'_, T>, b: ArrayView2<'_, T>) -> Result<Array2<T>, LinalgError> {
        Self::lu(a).solve::<Self>(b)
    }

    /// The inverse of A (n, n).
    ///
    /// # Errors
    ///
    /// As for [`solve`](Backend::solve).
    fn inv(a: ArrayView2<'_, T>) -> Result<Array2<T>, LinalgError> {
        Self::solve(a, Array2::eye(a.nrows()).view())
    }

    /// The reduced QR factorisation `A = Q R` of A (m, n): with k = min(m, n), Q (m, k) has orthonormal columns, and
    /// R (k, n) is zero below its diagonal.
    ///
    /// Signs are the backend's: those of the columns of Q, and with them those of the rows of R.
    fn qr(a: ArrayView2<'_, T>) -> (Array2<T>, Array2<T>) {
        T::qr(a, Self::gemm)
    }

    /// The eigenvalues (n), in ascending order, and the orthonormal eigenvectors, in the columns of an (n, n) matrix,
    /// of a symmetric A (n, n): `A = V diag(w) V^T`.
    ///
    /// Only the lower triangle of `a` is read. Eigenvectors are determined up to their signs, and for repeated
    /// eigenvalues up to a rotation among them.
    ///
    /// # Errors
    ///
    /// [`LinalgError::NotFinite`] for NaN and infinities; [`LinalgError::NoConvergence`] should the iteration not end,
    /// for which no matrix is known.
    fn eigh(a: ArrayView2<'_, T>) -> Result<(Array1<T>, Array2<T>), LinalgError> {
        T::eigh(a, Self::gemm)
    }

    /// The reduced singular value decomposition `A = U diag(s) V^T` of A (m, n): with k = min(m, n), U (m, k) and V
    /// (n, k) have orthonormal columns, and s (k) is not negative, in descending order. Returns U, s and V^T.
    ///
    /// Singular vectors are determined up to a common sign of a pair, and for repeated singular values up to a
    /// rotation among them.
    ///
    /// # Errors
    ///
    /// As for [`eigh`](Backend::eigh).
    fn svd(a: ArrayView2<'_, T>) -> Result<(Array2<T>, Array1<T>, Array2<T>), LinalgError> {
        T::svd(a, Self::gemm)
    }
}
