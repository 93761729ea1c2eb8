//! Scaling by powers of two, which changes no digit.

use crate::error::LinalgError;
use crate::scalar::Scalar;
use ndarray::Array2;

/// `x * 2^exponent`, where the power alone may be out of range.
pub(super) fn times_power_of_two<T: Scalar>(x: T, exponent: i32) -> T {
    if exponent == 0 {
        return x;
    }
    let two = T::of(2.0);
    x * two.powi(exponent / 2) * two.powi(exponent - exponent / 2)
}

/// The exponent of the power of two next to a finite `x > 0`.
pub(crate) fn exponent_of<T: Scalar>(x: T) -> i32 {
    x.as_f64().log2().floor() as i32
}

/// Brings a matrix whose largest element is so large or small that squares leave the range to about 1, and returns
/// the exponent of the power of two by which it was divided.
///
/// # Errors
///
/// [`LinalgError::NotFinite`] where there is a NaN or an infinity: iterations would not end.
pub(super) fn normalise<T: Scalar>(a: &mut Array2<T>) -> Result<i32, LinalgError> {
    let mut largest = T::zero();
    for x in a.iter() {
        if !x.is_finite() {
            return Err(LinalgError::NotFinite);
        }
        if x.abs() > largest {
            largest = x.abs();
        }
    }
    let small = T::min_positive_value().sqrt() / T::epsilon();
    if largest == T::zero() || (largest > small && largest < small.recip()) {
        return Ok(0);
    }
    let exponent = exponent_of(largest);
    a.mapv_inplace(|x| times_power_of_two(x, -exponent));
    Ok(exponent)
}
