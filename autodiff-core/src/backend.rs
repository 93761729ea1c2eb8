//! The trait through which all arithmetic on arrays goes.

use crate::native;
use crate::scalar::Scalar;
use ndarray::{ArrayD, ArrayView2, ArrayViewD, ArrayViewMut2};
use std::fmt::Debug;

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
}

/// What computes: elementwise work, reductions and batched matrix products over `ndarray` views.
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

    /// Applies `op` to operands that broadcast together, giving an array of their common shape.
    fn elementwise(op: Elementwise<T>, operands: &[ArrayViewD<'_, T>]) -> ArrayD<T> {
        T::elementwise(op, operands)
    }

    /// Reduces `x` along `axes` (each at most once), which keep length 1 in the result.
    fn reduce(op: Reduction, x: ArrayViewD<'_, T>, axes: &[usize]) -> ArrayD<T> {
        T::reduce(op, x, axes)
    }

    /// Multiplies the matrices in the last two axes of `a` (..., m, k) and `b` (..., k, n).
    ///
    /// `a`, `b` and the result (`batch`, m, n) have the same number of axes; along each of the leading ones each
    /// has length 1 or a common length. Where the result alone has length 1, products are summed.
    fn matmul(a: ArrayViewD<'_, T>, b: ArrayViewD<'_, T>, batch: &[usize]) -> ArrayD<T> {
        native::matmul::<T, Self>(a, b, batch)
    }

    /// `c = alpha a b + beta c` for matrices (m, k), (k, n), (m, n); with `beta` 0, what `c` held is not read.
    fn gemm(alpha: T, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, beta: T, c: &mut ArrayViewMut2<'_, T>) {
        T::gemm(alpha, a, b, beta, c)
    }
}
