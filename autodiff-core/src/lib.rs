//! The engine.
pub mod backend;
pub mod check;
mod compose;
mod error;
mod graph;
pub mod native;
mod operators;
mod ops;
mod rules;
mod scalar;
mod shape;
mod tensor;
mod transform;
mod value;

pub use backend::Backend;
pub use error::Error;
pub use graph::no_grad;
pub use native::Native;
pub use ndarray;
pub use ops::{Mask, try_where, where_};
pub use scalar::Scalar;
pub use shape::{Axes, Lengths};
pub use transform::{grad, jvp, try_grad, try_jvp, try_value_and_grad, value_and_grad};
pub use value::{IntoValue, Operand, Value};
