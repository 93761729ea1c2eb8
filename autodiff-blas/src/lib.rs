#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod batch;
#[allow(unsafe_code)]
mod gate;
mod gemm;
mod info;

pub use info::{Info, info};

use autodiff_core::backend::Backend;
use autodiff_core::ndarray::{ArrayD, ArrayView2, ArrayViewD, ArrayViewMut2};

#[cfg(not(any(
    feature = "openblas-system",
    feature = "openblas-static",
    feature = "intel-mkl",
    feature = "accelerate",
    feature = "blis",
    feature = "netlib"
)))]
compile_error!(
    "autodiff-blas: no provider is chosen; enable one of the features openblas-system (the default), openblas-static, \
     intel-mkl, accelerate, blis, netlib"
);

macro_rules! exclusive {
    ($first:literal $(, $rest:literal)*) => {
        $(
            #[cfg(all(feature = $first, feature = $rest))]
            compile_error!(concat!(
                "autodiff-blas: the providers ", $first, " and ", $rest, " are both chosen; choose one \
                 (`default-features = false` drops openblas-system, the default)"
            ));
        )*
        exclusive!($($rest),*);
    };
    () => {};
}
exclusive!("openblas-system", "openblas-static", "intel-mkl", "accelerate", "blis", "netlib");

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
            fn matmul(a: ArrayViewD<'_, $t>, b: ArrayViewD<'_, $t>, batch: &[usize]) -> ArrayD<$t> {
                batch::matmul(a, b, batch)
            }
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
