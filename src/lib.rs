//! [guide]: crate::guide
//! [operations]: autodiff_core::operations
//! [blas]: https://github.com/autodiff-rs/autodiff/blob/main/autodiff-blas/README.md
//! [avx2]: https://github.com/autodiff-rs/autodiff/blob/main/autodiff-bench/report/avx2/README.md
//! [report]: https://github.com/autodiff-rs/autodiff/blob/main/autodiff-bench/report/README.md
//! [builds]: https://github.com/autodiff-rs/autodiff/blob/main/autodiff-bench/report/builds.md
//! [times]: https://github.com/autodiff-rs/autodiff/raw/main/autodiff-bench/report/f64-1-thread.svg
//! [picture]: https://github.com/autodiff-rs/autodiff/raw/main/examples/quickstart.svg
//! [contributing]: https://github.com/autodiff-rs/autodiff/blob/main/CONTRIBUTING.md
//! [mit]: https://github.com/autodiff-rs/autodiff/blob/main/LICENSE-MIT
//! [apache]: https://github.com/autodiff-rs/autodiff/blob/main/LICENSE-APACHE
//!
// Of two definitions of a link the first counts: those above are for rustdoc, where the README's own lead nowhere.
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

/// The backend that [`Value`] computes with: the pure-Rust one, or CBLAS with the cargo feature `blas`.
#[cfg(not(feature = "_cblas"))]
pub type DefaultBackend = autodiff_core::Native;
/// The backend that [`Value`] computes with: the pure-Rust one, or CBLAS with the cargo feature `blas`.
#[cfg(feature = "_cblas")]
pub type DefaultBackend = autodiff_blas::Blas;

/// A number or an n-dimensional array, and how it was computed; see [`autodiff_core::Value`] for its methods.
pub type Value<T = f64> = autodiff_core::Value<T, DefaultBackend>;

pub use autodiff_core::{
    Axes, Backend, Conv, Error, Graph, Indexing, Indices, IntoValue, LengthLiteral, Lengths, LinearMap, Mask,
    MatrixNorm, Native, Operand, Pad, Parameters, Path, Pool, Scalar, Triangle, broadcast_shapes,
    check::check_grads, checkpoint, custom_jvp, custom_root, custom_vjp, grad, hessian, hessian_diag, hvp,
    jacobian, jvp, linearize, logical_and, logical_not, logical_or, logical_xor, memory, ndarray, no_grad,
    try_grad, try_hessian, try_hessian_diag, try_hvp, try_jacobian, try_jvp, try_logical_and, try_logical_or,
    try_logical_xor, try_value_and_grad, try_value_and_grad_aux, try_where, value_and_grad,
    value_and_grad_aux, vjp, where_,
};

/// Gives an error its message for `Debug`, which is what `unwrap` shows, and a `main` that returns the error.
macro_rules! debug_is_display {
    ($Error:ty) => {
        /// The message.
        impl std::fmt::Debug for $Error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
}

pub mod data;
pub mod guide;
pub mod io;
pub mod nn;
pub mod optim;
pub mod random;

/// The value, or a panic with the error's message at the caller's line: what every method that has a `try_` twin does.
#[track_caller]
fn or_panic<V, E: std::fmt::Display>(result: Result<V, E>) -> V {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
