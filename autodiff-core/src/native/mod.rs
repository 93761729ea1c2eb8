//! The pure-Rust backend: kernels compiled here once for `f32` and once for `f64`.

mod elementwise;
mod fused;
mod gemm;
mod gemv;
pub(crate) mod linalg;
pub(crate) mod math;
mod matmul;
mod narrow;
mod recurrence;
mod reduce;
pub(crate) mod simd;
mod tiles;
mod update;

use crate::backend::{Backend, Elementwise, Reduction};
use crate::memory::Pool;
use crate::program::Program;
use crate::scalar::Scalar;
use ndarray::{ArrayD, ArrayView2, ArrayView3, ArrayViewD, ArrayViewMut2, ArrayViewMut3};

use matmul::Batch;
pub(crate) use matmul::matmul;
pub(crate) use recurrence::{Steps, recurrence};
pub(crate) use reduce::reduce_packed;
pub use update::{all_finite, update};

/// The pure-Rust backend: no system library, no C compiler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Native;

impl<T: Scalar> Backend<T> for Native {
    const NAME: &'static str = "native";

    fn matmul(a: ArrayViewD<'_, T>, b: ArrayViewD<'_, T>, batch: &[usize]) -> ArrayD<T> {
        matmul::<T>(a, b, batch, T::multiply)
    }
}

/// A value on the pure-Rust backend: what those who depend on this crate alone import.
///
/// (`autodiff_core::Value::new(3.0)` leaves the backend to be inferred, which fails: Rust applies the default of a
/// type parameter in types, not in expressions.)
pub type Value<T = f64> = crate::Value<T, Native>;

/// The kernels of one element type: what `Backend`'s default methods call.
#[doc(hidden)]
pub trait Kernels: linalg::Factorisations + math::Real {
    fn pool() -> &'static Pool<Self>;
    fn elementwise(op: Elementwise<Self>, operands: &[ArrayViewD<'_, Self>]) -> ArrayD<Self>;
    fn reduce(op: Reduction, x: ArrayViewD<'_, Self>, axes: &[usize]) -> ArrayD<Self>;
    fn evaluate(program: &Program<Self>, operands: &[ArrayViewD<'_, Self>]) -> Vec<ArrayD<Self>>;
    fn gemm(
        alpha: Self,
        a: ArrayView2<'_, Self>,
        b: ArrayView2<'_, Self>,
        beta: Self,
        c: &mut ArrayViewMut2<'_, Self>,
    );
    fn multiply(batch: Batch<'_, Self>);
    /// `c = a b`, or `c += a b`, along the first axis, if the matrices are small and suit the loop for those: for a backend whose
    /// library takes longer to begin.
    fn multiply_small(
        a: ArrayView3<'_, Self>,
        b: ArrayView3<'_, Self>,
        adds: bool,
        c: ArrayViewMut3<'_, Self>,
    ) -> bool;
}

macro_rules! kernels {
    ($($t:ty),*) => { $(
        impl Kernels for $t {
            fn pool() -> &'static Pool<$t> {
                static POOL: Pool<$t> = Pool::new();
                &POOL
            }
            fn elementwise(op: Elementwise<$t>, operands: &[ArrayViewD<'_, $t>]) -> ArrayD<$t> {
                elementwise::elementwise(op, operands)
            }
            fn reduce(op: Reduction, x: ArrayViewD<'_, $t>, axes: &[usize]) -> ArrayD<$t> {
                reduce::reduce(op, x, axes)
            }
            fn evaluate(program: &Program<$t>, operands: &[ArrayViewD<'_, $t>]) -> Vec<ArrayD<$t>> {
                fused::evaluate(program, operands)
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
            fn multiply(batch: Batch<'_, $t>) {
                gemm::products(batch)
            }
            fn multiply_small(
                a: ArrayView3<'_, $t>,
                b: ArrayView3<'_, $t>,
                adds: bool,
                c: ArrayViewMut3<'_, $t>,
            ) -> bool {
                gemm::small_products(Batch { a, b, c, adds, in_parts: false }).is_none()
            }
        }
    )* };
}
kernels!(f32, f64);
