#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod gate;
mod gemm;

use autodiff_core::backend::Backend;
use autodiff_core::ndarray::{ArrayView2, ArrayViewMut2};

// Without a use of the crate its library would not be linked.
#[cfg(feature = "openblas-static")]
extern crate openblas_src as _;

/// The backend that computes matrix products through CBLAS, and all else as [`autodiff_core::Native`] does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blas;

macro_rules! backend {
    ($($t:ty),*) => { $(
        impl Backend<$t> for Blas {
            const NAME: &'static str = "blas";
            fn gemm(
                alpha: $t,
                a: ArrayView2<'_, $t>,
                b: ArrayView2<'_, $t>,
                beta: $t,
                c: &mut ArrayViewMut2<'_, $t>,
            ) {
                gemm::gemm(alpha, a, b, beta, c)
            }
        }
    )* };
}
backend!(f32, f64);
