//! The exponential and what is made of it.
//!
//! `x = k ln(2) + r` with `|r| <= ln(2) / 2`, so that `e^x = 2^k e^r` and a polynomial gives `e^r`.

use super::polynomial;
use super::real::Real;

/// The larger; NaN if `x` is.
#[inline(always)]
fn at_least<T: Real>(x: T, least: T) -> T {
    if x < least { least } else { x }
}

/// `k + SHIFT`, and `e^r - 1` for the rest `r` in the way it is to be added: `r`, and what is small beside it.
#[inline(always)]
fn reduced<T: Real>(x: T) -> (T, [T; 2]) {
    let shifted = x * T::LOG2_E + T::SHIFT;
    let k = shifted - T::SHIFT;
    let (high, low) = (x - k * T::LN2[0], k * T::LN2[1]);
    let r = high - low;
    let lost = (high - r) - low;
    (shifted, [r, r * (r * polynomial(r, T::EXP)) + lost])
}

/// `factor e^x` for a factor of 1 or 4, rounded once where it is subnormal; and which part of it the rounding has
/// lost, to a few digits.
#[inline(always)]
fn scaled_exp<T: Real>(x: T, factor: T) -> (T, T) {
    let (k, [r, rest]) = reduced(at_least(x, T::EXP_ZERO));
    let small_part = r + rest;
    let y = T::one() + small_part;
    let small = x < T::EXP_NORMAL;
    let (k, lift) = if small { (k + T::LIFT[0], T::LIFT[1]) } else { (k, T::one()) };
    let scaled = y.scaled(k) * (factor * lift);
    // Else too large, infinite or NaN.
    (if x <= T::EXP_MOST { scaled } else { x * T::infinity() }, small_part - (y - T::one()))
}

#[inline(always)]
pub(crate) fn exp<T: Real>(x: T) -> T {
    scaled_exp(x, T::one()).0
}

/// `e^x - 1`, without cancellation near 0.
#[inline(always)]
pub(crate) fn exp_m1<T: Real>(x: T) -> T {
    let (k, [r, rest]) = reduced(at_least(x, T::EXP_NEGLIGIBLE));
    // At the end of the range 2^k alone would overflow.
    let large = x > -T::EXP_NORMAL;
    let two = T::one() + T::one();
    let power = T::one().scaled(if large { k - T::one() } else { k });
    // 2^k (e^r - 1) + (2^k - 1). Where k is 1 or -1 half of it cancels, so that what is rounded comes last.
    let y = ((power * r + (power - T::one())) + power * rest) * if large { two } else { T::one() };
    // The sign is that of x, at the zeros too.
    if x <= T::EXP_MOST { y.copysign(x) } else { x * T::infinity() }
}

/// `(1 - e) / (1 + e)` for `e = e^-2|x|`, or `1 - 2 e / (1 + e)` where that is above a half; with the sign of `x`.
#[inline(always)]
pub(crate) fn tanh<T: Real>(x: T) -> T {
    let (one, half, a) = (T::one(), T::constant(0.5), x.abs());
    let (k, [r, rest]) = reduced(at_least(-(a + a), T::EXP_NEGLIGIBLE));
    let power = one.scaled(k);
    let small_part = r + rest;
    let (part, other) = (power * small_part, power - one);
    let less_one = part + other;
    let sum = one + one + less_one;
    let e = part + power;
    let large = a > T::constant(0.55);
    let ratio = (if large { e + e } else { -less_one }) / sum;
    // What rounding took from the divisor and, in two sums, from the dividend; 1 / (1 + e) = (1 + tanh) / 2.
    let lost_before = power * (rest - (small_part - r));
    let lost = ratio * (less_one - (sum - (one + one))) + ((part - (less_one - other)) + lost_before);
    let small = ratio - lost * (half + half * ratio);
    (if large { one - ratio } else { small }).copysign(x)
}

/// `1 / cosh(x)^2 = 4 e / (1 + e)^2` for `e = e^-2|x|`.
#[inline(always)]
pub(crate) fn sech2<T: Real>(x: T) -> T {
    let a = x.abs();
    // Where the result is subnormal, so is e, which must not be rounded before it is multiplied by 4.
    let (four, lost) = scaled_exp(-(a + a), T::constant(4.0));
    over_square(four, lost, four * T::constant(0.25))
}

/// `y / (1 + rest)`, made good for the part by which `y` is too small and for the rounding of the sum. As the rest
/// grows both count for less, in all uses about as the last factor does.
#[inline(always)]
fn quotient<T: Real>(y: T, lost: T, rest: T) -> T {
    let sum = T::one() + rest;
    let ratio = y / sum;
    let lost = lost - (rest - (sum - T::one()));
    ratio + ratio * (lost * (T::one() - T::constant(1.0 / 3.0) * rest))
}

/// The logistic function, with `e = e^-|x|`: `1 / (1 + e)` or `e / (1 + e)`.
#[inline(always)]
pub(crate) fn sigmoid<T: Real>(x: T) -> T {
    let (e, lost) = decay(x);
    let (y, lost) = if x < T::zero() { (e, lost) } else { (T::one(), T::zero()) };
    quotient(y, lost, e)
}

/// The derivative of [`sigmoid`], `e / (1 + e)^2`.
#[inline(always)]
pub(crate) fn sigmoid_slope<T: Real>(x: T) -> T {
    let (e, lost) = decay(x);
    over_square(e, lost, e)
}

/// `y / (1 + e)^2`, made good for the part by which `y` is too small.
#[inline(always)]
fn over_square<T: Real>(y: T, lost: T, e: T) -> T {
    let (twice, square) = (e + e, e * e);
    let rest = twice + square;
    quotient(y, lost - (square - (rest - twice)), rest)
}

/// `e^-|x|`, and which part of it the rounding has lost.
#[inline(always)]
pub(super) fn decay<T: Real>(x: T) -> (T, T) {
    scaled_exp(-x.abs(), T::one())
}
