//! Hyperbolic functions and their inverses; the hyperbolic tangent is in `exp`, which it shares with the logistic function.

use super::exp::reduced;
use super::fma::MulAdd;
use super::log::ln_1p_sum;
use super::polynomial;
use super::real::Real;

/// `h = e^|x| / 2`, of which a part is lost, and `1 / (4 h) = e^-|x| / 2`: half of the exponential is finite where the sum is, though not
/// what a product with one rounding goes through in software.
#[inline(always)]
fn halves<F: MulAdd, T: Real>(x: T) -> (T, T, T) {
    let (k, less_one, _) = reduced::<F, T>(x.abs());
    let one = T::one();
    let y = one + less_one;
    let h = y.scaled(k - one);
    (h, less_one - (y - one), T::constant(0.25) / h)
}

#[inline(always)]
pub(crate) fn cosh<F: MulAdd, T: Real>(x: T) -> T {
    let (h, lost, other) = halves::<F, T>(x);
    let y = h + (h * lost + other);
    let size = x.abs();
    if size <= T::COSH_MOST { y } else { size * T::infinity() }
}

/// By its series up to 1, where the halves cancel.
#[inline(always)]
pub(crate) fn sinh<F: MulAdd, T: Real>(x: T) -> T {
    let (h, lost, other) = halves::<F, T>(x);
    let y = (h + (h * lost - other)).copysign(x);
    let z = x * x;
    let small = F::mul_add(x * z, polynomial::<F, T>(z, T::SINH), x);
    let size = x.abs();
    let y = if size <= T::COSH_MOST { y } else { x * T::infinity() };
    if size < T::one() { small } else { y }
}

/// From where on 1 is nothing beside a number, whose square does not yet overflow.
#[inline(always)]
fn is_large<T: Real>(x: T) -> bool {
    x > T::constant(1152921504606846976.0) // 2^60
}

/// The inverse of `sinh`: `ln(a + sqrt(a^2 + 1))`, by the distance from 1; `ln(2 a)` where the square overflows.
#[inline(always)]
pub(crate) fn asinh<F: MulAdd, T: Real>(x: T) -> T {
    let (a, one) = (x.abs(), T::one());
    let square = a * a;
    let add = square / (one + (one + square).sqrt());
    let more = a + add;
    let (more, rest, twos) =
        if is_large(a) { (a, T::zero(), one) } else { (more, add - (more - a), T::zero()) };
    ln_1p_sum::<F, T>(more, rest, twos).copysign(x)
}

/// The inverse of `cosh`, by the distance from 1; NaN below that.
#[inline(always)]
pub(crate) fn acosh<F: MulAdd, T: Real>(x: T) -> T {
    let one = T::one();
    let t = x - one;
    let root = F::mul_add(t, t, t + t).sqrt();
    let more = root + t;
    let (more, rest, twos) =
        if is_large(x) { (x, T::zero(), one) } else { (more, t - (more - root), T::zero()) };
    let y = ln_1p_sum::<F, T>(more, rest, twos);
    if x >= one { y } else { T::nan() }
}

/// The inverse of `tanh`, `ln(1 + 2 a / (1 - a)) / 2`.
#[inline(always)]
pub(crate) fn atanh<F: MulAdd, T: Real>(x: T) -> T {
    let (a, one) = (x.abs(), T::one());
    let (twice, below) = (a + a, one - a);
    let below_lost = (one - below) - a;
    let inverse = one / below;
    let more = twice * inverse;
    let rest = (F::mul_add(-more, below, twice) - more * below_lost) * inverse;
    // Infinite at 1, and so is what is missing from it.
    let rest = if a < one { rest } else { T::zero() };
    (T::constant(0.5) * ln_1p_sum::<F, T>(more, rest, T::zero())).copysign(x)
}
