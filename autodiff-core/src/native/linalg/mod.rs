//! Dense linear algebra, one matrix at a time.
//!
//! The bulk of every factorisation is matrix products, which the calling backend computes: its `gemm` comes in as a
//! function pointer, so that the code here is still compiled once for each element type. What is left runs along
//! rows, which are contiguous. Matrices come in any layout and are copied once.

mod bidiagonal;
mod cholesky;
mod deflation;
mod eigh;
mod householder;
mod lu;
mod qr;
mod rotations;
mod scale;
mod svd;
mod triangular;
mod tridiagonal;
mod vector;

use crate::copies;
use crate::error::LinalgError;
use crate::scalar::Scalar;
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut2};

pub use lu::Lu;
pub(crate) use scale::exponent_of;

/// `c = alpha a b + beta c`: the `gemm` of the backend that asks.
pub(crate) type Gemm<T> = fn(T, ArrayView2<'_, T>, ArrayView2<'_, T>, T, &mut ArrayViewMut2<'_, T>);

/// The factorisations of one element type: what `Backend`'s default methods call.
#[doc(hidden)]
pub trait Factorisations: Sized {
    fn cholesky(a: ArrayView2<'_, Self>, gemm: Gemm<Self>) -> Result<Array2<Self>, LinalgError>;
    fn lu(a: ArrayView2<'_, Self>, gemm: Gemm<Self>) -> Lu<Self>;
    fn solve_triangular(
        a: ArrayView2<'_, Self>,
        b: ArrayView2<'_, Self>,
        upper: bool,
        unit: bool,
        gemm: Gemm<Self>,
    ) -> Result<Array2<Self>, LinalgError>;
    fn qr(a: ArrayView2<'_, Self>, gemm: Gemm<Self>) -> (Array2<Self>, Array2<Self>);
    fn eigh(a: ArrayView2<'_, Self>, gemm: Gemm<Self>) -> Result<(Array1<Self>, Array2<Self>), LinalgError>;
    fn svd(
        a: ArrayView2<'_, Self>,
        gemm: Gemm<Self>,
    ) -> Result<(Array2<Self>, Array1<Self>, Array2<Self>), LinalgError>;
}

macro_rules! factorisations {
    ($($t:ty),*) => { $(
        impl Factorisations for $t {
            fn cholesky(a: ArrayView2<'_, $t>, gemm: Gemm<$t>) -> Result<Array2<$t>, LinalgError> {
                cholesky::cholesky(a, gemm)
            }
            fn lu(a: ArrayView2<'_, $t>, gemm: Gemm<$t>) -> Lu<$t> {
                lu::lu(a, gemm)
            }
            fn solve_triangular(
                a: ArrayView2<'_, $t>,
                b: ArrayView2<'_, $t>,
                upper: bool,
                unit: bool,
                gemm: Gemm<$t>,
            ) -> Result<Array2<$t>, LinalgError> {
                triangular::solve_triangular(a, b, upper, unit, gemm)
            }
            fn qr(a: ArrayView2<'_, $t>, gemm: Gemm<$t>) -> (Array2<$t>, Array2<$t>) {
                qr::qr(a, gemm)
            }
            fn eigh(
                a: ArrayView2<'_, $t>,
                gemm: Gemm<$t>,
            ) -> Result<(Array1<$t>, Array2<$t>), LinalgError> {
                eigh::eigh(a, gemm)
            }
            fn svd(
                a: ArrayView2<'_, $t>,
                gemm: Gemm<$t>,
            ) -> Result<(Array2<$t>, Array1<$t>, Array2<$t>), LinalgError> {
                svd::svd(a, gemm)
            }
        }
    )* };
}
factorisations!(f32, f64);

/// A copy whose rows are contiguous.
fn row_major<T: Scalar>(a: ArrayView2<'_, T>) -> Array2<T> {
    copies::row_major(a.into_dyn()).into_dimensionality().expect("two axes")
}
