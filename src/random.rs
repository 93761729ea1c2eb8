//! Random arrays from a seed: the same numbers on every machine and for every element type.
//!
//! Nothing is random by itself: numbers come from a generator that the caller makes, with [`rng`] or otherwise.
//!
//! ```
//! use autodiff::{Value, random::{rand, randn, rng}};
//! let mut rng = rng(7);
//! let x: Value = rand([2, 3], &mut rng);
//! let noise: Value = randn([2, 3], &mut rng);
//! assert_eq!((x + noise).shape(), [2, 3]);
//! ```

use crate::{Lengths, Scalar, Value};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A generator of random numbers that gives the same ones for the same `seed`, on every machine.
///
/// ```
/// use autodiff::nn::{Linear, rng};
/// let (a, b) = (Linear::<f64>::new(3, 2, &mut rng(7)), Linear::<f64>::new(3, 2, &mut rng(7)));
/// assert_eq!(a.weight.data(), b.weight.data());
/// ```
#[must_use]
pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Numbers evenly from 0 to 1, without 1, in a constant of the given shape.
///
/// They are drawn in `f64` for every `T`; rounded to `f32`, one can become 1.
///
/// ```
/// use autodiff::{Value, random::{rand, rng}};
/// let x: Value = rand(1000, &mut rng(0));
/// assert!(x.min().item() >= 0.0 && x.max().item() < 1.0);
/// assert_eq!(x.data(), rand::<f64>(1000, &mut rng(0)).data());
/// let u: f64 = rand((), &mut rng(0)).item();      // a number
/// assert_eq!(u, x.data()[0]);
/// ```
///
/// # Panics
///
/// Where a length is negative, or there are more elements than memory can address.
#[must_use]
#[track_caller]
pub fn rand<T: Scalar>(shape: impl Into<Lengths>, rng: &mut (impl Rng + ?Sized)) -> Value<T> {
    let data = Value::<T>::zeros(shape).data();
    Value::constant(data.mapv(|_| T::of(rng.random::<f64>())))
}

/// Numbers from the standard normal distribution, of mean 0 and variance 1, in a constant of the given shape.
///
/// By the transform of G. Box and M. Muller, A note on the generation of random normal deviates (1958), in `f64` for every
/// `T`.
///
/// ```
/// use autodiff::{Value, random::{randn, rng}};
/// let x: Value = randn([100, 100], &mut rng(0));
/// assert!(x.mean().item().abs() < 0.05 && (x.var(0).item() - 1.0).abs() < 0.05);
/// ```
///
/// # Panics
///
/// As for [`rand()`].
#[must_use]
#[track_caller]
pub fn randn<T: Scalar>(shape: impl Into<Lengths>, rng: &mut (impl Rng + ?Sized)) -> Value<T> {
    let zeros = Value::<T>::zeros(shape);
    let pairs = zeros.len().div_ceil(2);
    // 1 less a number below 1 has a logarithm. The engine's own functions give the same bits everywhere.
    let radius = (-2.0 * (1.0 - rand::<f64>(pairs, rng)).ln()).sqrt();
    let angle = std::f64::consts::TAU * rand::<f64>(pairs, rng);
    let normal = Value::concat(&[&radius * angle.cos(), &radius * angle.sin()], 0);
    let elements = normal.data().iter().take(zeros.len()).map(|&x| T::of(x)).collect();
    Value::constant(Value::from_shape_vec(zeros.shape(), elements).data())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_from_the_seed() {
        let draw = |seed| randn::<f64>([3, 5], &mut rng(seed)).data();
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_eq!(randn::<f32>([3, 5], &mut rng(1)).data(), draw(1).mapv(|x| x as f32));
        assert_eq!(rand::<f64>([0, 3], &mut rng(1)).shape(), [0, 3]);
        assert_eq!(randn::<f64>([0_usize; 0], &mut rng(1)).shape(), [0_usize; 0]);
    }

    /// Mean, variance, skewness and kurtosis within five standard errors.
    #[test]
    fn moments_are_those_of_the_normal_distribution() {
        let n = 100_001;
        let x = randn::<f64>(n, &mut rng(3));
        for (power, moment, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let error = (x.powi(power).mean().item() - moment).abs();
            assert!(error < 5.0 * (variance / n as f64).sqrt(), "moment {power} is {error} off");
        }
    }
}
