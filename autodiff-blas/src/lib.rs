#![doc = include_str!("../README.md")]
#![deny(unsafe_code)]

mod batch;
#[allow(unsafe_code)]
mod gate;
mod gemm;
mod info;
#[cfg(lapack)]
mod linalg;

pub use info::{Info, info};

use autodiff_core::backend::LinalgError;
#[cfg(lapack)]
use autodiff_core::ndarray::Array1;
use autodiff_core::ndarray::{Array2, ArrayD, ArrayView2, ArrayViewD, ArrayViewMut2};
use autodiff_core::{Backend, Scalar};
use gate::Element;
#[cfg(lapack)]
use linalg::Factorisations;
use std::any::Any;

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

impl<T: Scalar> Backend<T> for Blas {
    const NAME: &'static str = "blas";

    fn matmul(a: ArrayViewD<'_, T>, b: ArrayViewD<'_, T>, batch: &[usize]) -> ArrayD<T> {
        (Routines::of().matmul)(a, b, batch)
    }

    fn gemm(alpha: T, a: ArrayView2<'_, T>, b: ArrayView2<'_, T>, beta: T, c: &mut ArrayViewMut2<'_, T>) {
        (Routines::of().gemm)(alpha, a, b, beta, c)
    }

    fn solve_triangular(
        a: ArrayView2<'_, T>,
        b: ArrayView2<'_, T>,
        upper: bool,
        unit: bool,
    ) -> Result<Array2<T>, LinalgError> {
        (Routines::of().solve_triangular)(a, b, upper, unit)
    }

    #[cfg(lapack)]
    fn eigh(a: ArrayView2<'_, T>) -> Result<(Array1<T>, Array2<T>), LinalgError> {
        (Factorisations::of().eigh)(a)
    }

    #[cfg(lapack)]
    fn svd(a: ArrayView2<'_, T>) -> Result<(Array2<T>, Array1<T>, Array2<T>), LinalgError> {
        (Factorisations::of().svd)(a)
    }
}

/// The products for one element type.
struct Routines<T> {
    matmul: fn(ArrayViewD<'_, T>, ArrayViewD<'_, T>, &[usize]) -> ArrayD<T>,
    gemm: fn(T, ArrayView2<'_, T>, ArrayView2<'_, T>, T, &mut ArrayViewMut2<'_, T>),
    solve_triangular: fn(ArrayView2<'_, T>, ArrayView2<'_, T>, bool, bool) -> Result<Array2<T>, LinalgError>,
}

impl<T: Element> Routines<T> {
    const TABLE: Self =
        Routines { matmul: batch::matmul, gemm: gemm::gemm, solve_triangular: gemm::solve_triangular };
}

impl<T: Scalar> Routines<T> {
    fn of() -> &'static Self {
        table([&Routines::<f64>::TABLE, &Routines::<f32>::TABLE])
    }
}

#[cfg(lapack)]
impl<T: Scalar> Factorisations<T> {
    fn of() -> &'static Self {
        table([&Factorisations::<f64>::TABLE, &Factorisations::<f32>::TABLE])
    }
}

/// The table for one element type. CBLAS has one set of functions for each, but `Blas` is a backend for every `T: Scalar`,
/// so that code which is generic over it does not change with the backend; the compiler sees which it is.
fn table<R: Any>(all: [&'static dyn Any; 2]) -> &'static R {
    all.into_iter().find_map(|table| table.downcast_ref()).expect("an element type is f64 or f32")
}
