//! Logarithms.
//!
//! `x = 2^k (1 + f)` with `1 + f` in [sqrt(1/2), sqrt(2)), and `ln(1 + f) = ln((1 + s) / (1 - s))` for
//! `s = f / (2 + f)`: a short series in `s`, added to `f - f^2 / 2` such that small terms come first.

use super::fma::MulAdd;
use super::real::Real;
use super::{exp, polynomial};

/// `f^2 / 2` and `ln(1 + f) - f + f^2 / 2`.
#[inline(always)]
fn series<F: MulAdd, T: Real>(f: T, coefficients: &[T]) -> (T, T) {
    let s = f / (T::one() + T::one() + f);
    let z = s * s;
    let half_square = T::constant(0.5) * f * f;
    (half_square, s * F::mul_add(z, polynomial::<F, T>(z, coefficients), half_square))
}

/// `k ln(2) + ln(1 + f)`, and a small correction.
#[inline(always)]
fn joined<F: MulAdd, T: Real>(k: T, f: T, correction: T) -> T {
    let (half_square, rest) = series::<F, T>(f, T::LN);
    F::mul_add(k, T::LN2[0], f - (half_square - (rest + F::mul_add(k, T::LN2[1], correction))))
}

#[inline(always)]
pub(crate) fn ln<F: MulAdd, T: Real>(x: T) -> T {
    let (k, m) = x.exponent_and_rest();
    on_domain(x, joined::<F, T>(k, m - T::one(), T::zero()))
}

/// A logarithm of `x` from what it is for finite numbers above 0.
#[inline(always)]
fn on_domain<T: Real>(x: T, y: T) -> T {
    let y = if x < T::infinity() { y } else { x };
    let end = if x == T::zero() { T::neg_infinity() } else { T::nan() };
    if x > T::zero() { y } else { end }
}

/// The logarithm to a base, given those of 2 and of e: `k` times the one and `ln(1 + f)` times the other, in two numbers each,
/// lest the rounding of the product is added to that of the sum.
#[inline(always)]
fn to_base<F: MulAdd, T: Real>(x: T, [two, e]: [[T; 2]; 2]) -> T {
    let (k, m) = x.exponent_and_rest();
    let f = m - T::one();
    let (half_square, rest) = series::<F, T>(f, T::LN);
    let high = f - half_square;
    let low = ((f - high) - half_square) + rest;
    let product = high * e[0];
    let product_low = F::mul_add(high, e[0], -product) + F::mul_add(high, e[1], low * e[0]);
    let whole = k * two[0];
    let sum = whole + product;
    on_domain(x, sum + (((whole - sum) + product) + F::mul_add(k, two[1], product_low)))
}

#[inline(always)]
pub(crate) fn log2<F: MulAdd, T: Real>(x: T) -> T {
    to_base::<F, T>(x, T::BASE_2)
}

#[inline(always)]
pub(crate) fn log10<F: MulAdd, T: Real>(x: T) -> T {
    to_base::<F, T>(x, T::BASE_10)
}

/// `ln(1 + x)`, without the rounding of `1 + x`.
#[inline(always)]
pub(crate) fn ln_1p<F: MulAdd, T: Real>(x: T) -> T {
    ln_1p_sum::<F, T>(x, T::zero(), T::zero())
}

/// `ln(2^twos (1 + x + rest))` for a rest that is lost beside `x`, whose sign it has.
#[inline(always)]
pub(super) fn ln_1p_sum<F: MulAdd, T: Real>(x: T, rest: T, twos: T) -> T {
    let one = T::one();
    let u = one + x;
    let (k, m) = u.exponent_and_rest();
    // What the sum has lost, from the smaller of its terms.
    let lost = if k > one { one - (u - x) } else { x - (u - one) };
    let near = k == T::zero();
    let (f, lost) = if near { (x, rest) } else { (m - one, lost + rest) };
    let y = joined::<F, T>(k + twos, f, lost / u);
    // The sign is that of x, at the zeros too.
    let y = if x < T::infinity() { y.copysign(x) } else { x };
    let end = if x == -one { T::neg_infinity() } else { T::nan() };
    if x > -one { y } else { end }
}

/// `ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)`.
#[inline(always)]
pub(crate) fn softplus<F: MulAdd, T: Real>(x: T) -> T {
    let (e, lost) = exp::decay::<F, T>(x);
    // A longer series reaches 1 + e = 2, which saves taking it apart.
    let (half_square, rest) = series::<F, T>(e, T::LN_WIDE);
    // The slope of the logarithm is a half where e is largest, and its rounding counts for most.
    let rest = rest + T::constant(0.5) * e * lost;
    (if x < T::zero() { T::zero() } else { x }) + (e - (half_square - rest))
}

/// `log2(1 + 2^-|x|)`.
#[inline(always)]
pub(crate) fn softplus2_decay<F: MulAdd, T: Real>(x: T) -> T {
    let (e, lost) = exp::decay2::<F, T>(x);
    let (half_square, rest) = series::<F, T>(e, T::LN_WIDE);
    (e - (half_square - (rest + T::constant(0.5) * e * lost))) * T::LOG2_E
}

/// A function and its derivative; the compiler sees that both take the same exponential.
#[inline(always)]
pub(crate) fn softplus_and_sigmoid<F: MulAdd, T: Real>(x: T) -> (T, T) {
    (softplus::<F, T>(x), exp::sigmoid::<F, T>(x))
}
