//! The element types that carry gradients.

use crate::native::Kernels;
use std::fmt::{Debug, Display};

/// An element type that carries gradients: `f64` or `f32`.
///
/// The trait is sealed: kernels are compiled in this crate, once for each of the two types. Integers and
/// booleans never carry gradients; they appear as indices, labels and masks.
#[diagnostic::on_unimplemented(
    message = "a Value holds `f64` or `f32` numbers, or an `ndarray` array of them, not `{Self}`",
    label = "expected `f64`, `f32`, or an `ndarray` array of these",
    note = "of a Vec, a slice or a Rust array make an ndarray array, as in `Value::new(ndarray::array![1.0, 2.0])` or \
            `Value::new(ndarray::Array::from(vec))`, or see `Value::from_shape_vec`",
    note = "integers carry no gradient: write `3.0` for `3`, and convert others, as in `n as f64` or \
            `array.mapv(|n| n as f64)`"
)]
pub trait Scalar:
    Kernels
    + num_traits::Float
    + ndarray::LinalgScalar
    + ndarray::ScalarOperand
    + Default
    + Debug
    + Display
    + std::ops::AddAssign
    + Send
    + Sync
    + 'static
{
    /// The type's name, as in `"f64"`.
    const NAME: &'static str;

    /// The value nearest to `x`.
    fn of(x: f64) -> Self;

    /// This value as an `f64`, exactly.
    fn as_f64(self) -> f64;
}

/// Whether nothing tells two numbers apart, as a division by them would zeros of either sign.
pub(crate) fn is_same_number<T: Scalar>(x: T, y: T) -> bool {
    (x == y && x.is_sign_negative() == y.is_sign_negative()) || (x.is_nan() && y.is_nan())
}

macro_rules! scalar {
    ($($t:ident),*) => { $(
        impl Scalar for $t {
            const NAME: &'static str = stringify!($t);
            #[inline]
            #[allow(clippy::unnecessary_cast)]
            fn of(x: f64) -> Self { x as $t }
            #[inline]
            fn as_f64(self) -> f64 { self.into() }
        }
    )* };
}
scalar!(f32, f64);
