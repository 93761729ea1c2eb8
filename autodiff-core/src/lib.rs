//! The engine of `autodiff`: values that record how they were computed, and the sweeps
//! that differentiate them, over [`ndarray`].
//!
//! # Values
//!
//! A [`Value`] is a number or an n-dimensional array of `f64` or `f32`. Operations on values are NumPy's and
//! `ndarray`'s, with broadcasting; numbers and arrays may stand on either side of an operator (on the left a number is an `f64`,
//! rounded to the value's type). [`operations`] lists them all, with their derivatives and conventions, and the names that
//! NumPy and PyTorch have for them.
//!
//! ```
//! use autodiff_core::native::Value;
//! use ndarray::array;
//!
//! let x = Value::new(array![1.0, 2.0, 3.0]);          // a leaf: differentiate with respect to it
//! let t = array![1.5, 1.5, 4.0];                      // data
//! let loss = (2.0 * &x - &t).square().mean();
//! loss.backward();
//! assert_eq!(loss.item(), (0.25 + 6.25 + 4.0) / 3.0);
//! assert_eq!(x.grad().shape(), [3]);
//! ```
//!
//! # Derivatives
//!
//! [`Value::backward`] adds to the [`grad`](Value::grad) of the leaves. [`Value::grad_of`] and [`grad`] give
//! gradients as values, which can be differentiated again; [`jvp`] and [`vjp`] give products with the derivative of
//! any function, [`hvp`] that with second derivatives, [`jacobian`] and [`hessian`] whole matrices, in one sweep.
//!
//! ```
//! use autodiff_core::{grad, hessian, hvp, jvp, native::Value};
//! let f = |x: &Value| (x.sin() * x).sum();
//! let x = Value::new(ndarray::array![0.5, 1.0]);
//! let v = Value::constant(ndarray::array![1.0, 0.0]);
//! let x0 = 0.5_f64;
//! let second = 2.0 * x0.cos() - x0 * x0.sin();
//! assert!((hessian(f, &x).data()[[0, 0]] - second).abs() < 1e-15);
//! assert!((hvp(f, &x, &v).data()[0] - second).abs() < 1e-15);
//! // The same in the pieces it is made of: forward over reverse.
//! let (_, hv) = jvp(|x| grad(f, x), &x, &v);
//! assert!((hv.data()[0] - second).abs() < 1e-15);
//! ```
//!
//! A gradient is never lost silently. Only [`detach`](Value::detach) and [`no_grad`] cut; the gradient of an
//! intermediate value is there if it was [asked for](Value::retain_grad) in time, and an error if not; a `backward` from a
//! constant is an error.
//!
//! At points where a function has no derivative, its gradient is the subgradient of least norm: 0 for `|x|`,
//! `relu` and the bounds of [`clamp`](Value::clamp) at their kinks; elements that tie in a maximum share it. In a
//! product of a cotangent and a derivative, zero absorbs infinity, and a zero cotangent NaN: what a result does not
//! depend on has no say in its gradient. Zero does so in every step, and some step can be infinite where the whole is not: the
//! gradient of `x.sqrt().square()` at 0 is 0, as is that of `x.sigmoid().ln()` where the logistic function underflows. Write what has no
//! such step: `x`, [`log_sigmoid`](Value::log_sigmoid).
//!
//! # When things are computed
//!
//! Elementwise operations and reductions of arrays with more than a few thousand elements are not computed at once: they
//! extend an expression, which runs when its elements are looked at, when an operation of another kind (a product, a
//! slice) needs them, or when `backward` ends. What runs together shares its passes over memory: the value of a loss and its
//! gradients, read after `backward`, often take one. Results are those of one operation after the other, but for the
//! rounding of sums, and do not depend on the number of threads. (A reduction that two threads ask for at once may be computed with
//! the expressions of either, and so added up in the order of either.) An expression keeps its operands alive until it has run;
//! mistakes in shapes are still reported by the call that makes them.
//!
//! Large work is shared among the threads of `rayon`, and a thread that waits for others may run other tasks of `rayon`
//! meanwhile, as `rayon` has it. Do not hold a lock, or a borrow of a `RefCell`, that such a task wants, while you call an operation,
//! `backward` or [`data`](Value::data).
//!
//! Memory that large results leave when they are dropped is kept for the next, up to a [limit](memory::set_limit).
//!
//! # Errors
//!
//! A mistake in shapes, axes or indices panics at the caller's line, with what was got and what was expected. Such a
//! method has a `try_` twin that returns an [`Error`]; one whose failure depends on the data, as `cholesky`'s does, returns a
//! `Result` itself. What functions of yours give to [`custom_vjp`] and its kin, and what the maps of [`vjp`] and [`linearize`] are
//! given, is checked with a panic alone.
//!
//! # Backends
//!
//! Elementwise operations, reductions, products and factorisations of arrays that are not short go through a [`Backend`] (scans,
//! orders, indexing and sums in place do not): [`Native`] is pure Rust and the default of the
//! type `Value`. In an expression such as `Value::new(3.0)` Rust does not apply defaults of type parameters: import
//! [`native::Value`], which has the backend chosen. [`check`] holds the suite that a backend of your own must pass.
#![deny(unsafe_code)] // not `forbid`, which ndarray's s![] does not pass

pub mod backend;
pub mod check;
mod compose;
mod copies;
mod drops;
mod elementwise;
mod error;
mod few;
mod follow;
mod frontier;
mod gradient_sum;
mod graph;
mod lazy;
mod linalg;
pub mod memory;
pub mod native;
mod node;
mod numbering;
pub mod operations;
mod operators;
mod ops;
mod origins;
mod parameters;
mod picture;
mod primal;
mod program;
mod rows;
mod rules;
mod scalar;
mod shape;
mod tensor;
mod threads;
mod transform;
mod value;

pub use backend::Backend;
pub use compose::{Conv, MatrixNorm, Pool};
pub use error::Error;
pub use graph::no_grad;
#[doc(hidden)]
pub use lazy::{Fusing, with_fusing};
pub use linalg::Triangle;
pub use native::Native;
pub use ndarray;
pub use ops::{
    Indexing, Indices, Mask, Pad, logical_and, logical_not, logical_or, logical_xor, try_logical_and,
    try_logical_or, try_logical_xor, try_where, where_,
};
pub use parameters::{Parameters, Path};
pub use picture::Graph;
pub use scalar::Scalar;
pub use shape::{Axes, LengthLiteral, Lengths, broadcast_shapes};
pub use transform::{
    LinearMap, checkpoint, custom_jvp, custom_root, custom_vjp, grad, hessian, hessian_diag, hvp, jacobian,
    jvp, linearize, try_grad, try_hessian, try_hessian_diag, try_hvp, try_jacobian, try_jvp,
    try_value_and_grad, try_value_and_grad_aux, value_and_grad, value_and_grad_aux, vjp,
};
pub use value::{IntoValue, Operand, Value};
