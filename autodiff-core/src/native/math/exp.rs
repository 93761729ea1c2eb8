//! The exponential and what is made of it.
//!
//! `x = k ln(2) + r` with `|r| <= ln(2) / 2`, so that `e^x = 2^k e^r` and a polynomial gives `e^r`.

use super::fma::MulAdd;
use super::polynomial;
use super::real::Real;

/// The larger; NaN if `x` is. Near arguments, with which no power is out of range, stay as they are.
#[inline(always)]
pub(super) fn at_least<F: MulAdd, T: Real>(x: T, least: T) -> T {
    if !F::NEAR && x < least { least } else { x }
}

/// `k + SHIFT`, and the rest `r`.
#[inline(always)]
fn parted<F: MulAdd, T: Real>(x: T) -> (T, T) {
    let shifted = F::mul_add(x, T::LOG2_E, T::SHIFT);
    let k = shifted - T::SHIFT;
    (shifted, F::mul_add(-k, T::LN2[1], F::mul_add(-k, T::LN2[0], x)))
}

/// `e^r - 1`, and which part its rounding has lost.
#[inline(always)]
fn series<F: MulAdd, T: Real>(r: T) -> (T, T) {
    let (square, rest) = (r * r, polynomial::<F, T>(r, T::EXP));
    let less_one = F::mul_add(square, rest, r);
    (less_one, F::mul_add(square, rest, r - less_one))
}

/// `k + SHIFT`, and `e^r - 1` for the rest `r`, and which part its rounding has lost.
#[inline(always)]
pub(super) fn reduced<F: MulAdd, T: Real>(x: T) -> (T, T, T) {
    let (shifted, r) = parted::<F, T>(x);
    let (less_one, lost) = series::<F, T>(r);
    (shifted, less_one, lost)
}

/// `k + SHIFT`, and `e^r - 1`, of `x + small`.
#[inline(always)]
pub(super) fn reduced_in_two<F: MulAdd, T: Real>(x: T, small: T) -> (T, T) {
    let (shifted, r) = parted::<F, T>(x);
    (shifted, series::<F, T>(r + small).0)
}

/// An exponent with which a power with argument `x` is a normal number, given and returned as `k + SHIFT`, and the factor that
/// is left: 1, unless the power is subnormal, which is to be rounded once.
#[inline(always)]
fn lifted<F: MulAdd, T: Real>(x: T, normal: T, k: T) -> (T, T) {
    if !F::NEAR && x < normal { (k + T::LIFT[0], T::LIFT[1]) } else { (k, T::one()) }
}

/// `e^x` as a normal number and the factor that makes it subnormal, and which parts of it the last rounding and the one before
/// have lost, to a few digits; for arguments that are in range, or larger, whose result is wrong.
#[inline(always)]
pub(super) fn exp_in_parts<F: MulAdd, T: Real>(x: T) -> (T, T, [T; 2]) {
    let (k, less_one, lost) = reduced::<F, T>(x);
    let (k, factor) = lifted::<F, T>(x, T::EXP_NORMAL, k);
    let y = T::one() + less_one;
    (y.scaled(k), factor, [less_one - (y - T::one()), lost])
}

/// `e^x`, and which part of it the rounding has lost.
#[inline(always)]
fn exp_and_lost<F: MulAdd, T: Real>(x: T) -> (T, T) {
    let (y, factor, [lost, _]) = exp_in_parts::<F, T>(at_least::<F, T>(x, T::EXP_ZERO));
    // Else too large, infinite or NaN.
    (if F::NEAR || x <= T::EXP_MOST { y * factor } else { x * T::infinity() }, lost)
}

#[inline(always)]
pub(crate) fn exp<F: MulAdd, T: Real>(x: T) -> T {
    exp_and_lost::<F, T>(x).0
}

/// `2^x`, and which part of it the rounding has lost: `2^k 2^r` with `|r| <= 1 / 2`.
#[inline(always)]
fn exp2_and_lost<F: MulAdd, T: Real>(x: T) -> (T, T) {
    // Where the result rounds to 0.
    let inside = at_least::<F, T>(x, T::EXP2_NORMAL - T::constant(58.0));
    let shifted = inside + T::SHIFT;
    let r = inside - (shifted - T::SHIFT);
    let rest = r * F::mul_add(r, polynomial::<F, T>(r, T::EXP2), T::LN_2[1]);
    let less_one = F::mul_add(r, T::LN_2[0], rest);
    let (k, factor) = lifted::<F, T>(inside, T::EXP2_NORMAL, shifted);
    let y = T::one() + less_one;
    let scaled = y.scaled(k) * factor;
    let inside = F::NEAR || x < T::constant(2.0) - T::EXP2_NORMAL;
    (if inside { scaled } else { x * T::infinity() }, less_one - (y - T::one()))
}

#[inline(always)]
pub(crate) fn exp2<F: MulAdd, T: Real>(x: T) -> T {
    exp2_and_lost::<F, T>(x).0
}

/// `2^-|x|`, and which part of it the rounding has lost.
#[inline(always)]
pub(super) fn decay2<F: MulAdd, T: Real>(x: T) -> (T, T) {
    exp2_and_lost::<F, T>(-x.abs())
}

/// `e^-|x|`, and which part of it the rounding has lost.
#[inline(always)]
pub(super) fn decay<F: MulAdd, T: Real>(x: T) -> (T, T) {
    exp_and_lost::<F, T>(-x.abs())
}

/// `e^x - 1`, without cancellation near 0.
#[inline(always)]
pub(crate) fn exp_m1<F: MulAdd, T: Real>(x: T) -> T {
    let (k, less_one, _) = reduced::<F, T>(at_least::<F, T>(x, T::EXP_NEGLIGIBLE));
    // Towards the end of the range 2^k alone would overflow, or what the product goes through in software.
    let large = x > T::constant(-0.75) * T::EXP_NORMAL;
    let (k, factor) = if large { (k - T::LIFT[0], T::LIFT[1].recip()) } else { (k, T::one()) };
    let power = T::one().scaled(k);
    let y = F::mul_add(power, less_one, power - T::one()) * factor;
    // The sign is that of x, at the zeros too.
    if x <= T::EXP_MOST { y.copysign(x) } else { x * T::infinity() }
}

/// `1 / (base + rest)` for a smaller `rest`, and which part of it is missing.
#[inline(always)]
fn inverse<F: MulAdd, T: Real>(base: T, rest: T) -> (T, T) {
    let sum = base + rest;
    let lost = rest - (sum - base);
    let y = T::one() / sum;
    (y, F::mul_add(-lost, y, F::mul_add(-sum, y, T::one())))
}

/// `(x + lost) y` for `y` and its missing part.
#[inline(always)]
fn times<F: MulAdd, T: Real>(x: T, lost: T, (y, missing): (T, T)) -> T {
    F::mul_add(x, y, y * F::mul_add(x, missing, lost))
}

/// With `e = e^-2|x|`, `(1 - e) / (1 + e)` with the sign of `x`, and `1 / cosh(x)^2 = q (2 - q)` for `q = 2 e / (1 + e)`, which
/// is the smaller of `1 - tanh(x)` and `1 + tanh(x)`.
#[inline(always)]
pub(crate) fn tanh_and_sech2<F: MulAdd, T: Real>(x: T) -> (T, T) {
    let (one, two) = (T::one(), T::constant(2.0));
    let doubled = at_least::<F, T>(x.abs() * -two, T::EXP_ZERO);
    let (k, less_one, _) = reduced::<F, T>(doubled);
    let (k, factor) = lifted::<F, T>(doubled, T::EXP_NORMAL, k);
    // e = power (1 + less_one) factor; the factor is not 1 only where e is nothing beside 1.
    let power = one.scaled(k);
    // e - 1, without cancellation.
    let rest = F::mul_add(power, less_one, power - one);
    let rest_lost = F::mul_add(power, less_one, (power - one) - rest);
    let inverse = inverse::<F, T>(two, rest);
    let tanh = times::<F, T>(-rest, -rest_lost, inverse).copysign(x);
    let twice = F::mul_add(two, less_one, two);
    let q = times::<F, T>(twice, F::mul_add(two, less_one, two - twice), inverse) * power;
    (tanh, F::mul_add(-q, q, q + q) * factor)
}

#[inline(always)]
pub(crate) fn tanh<F: MulAdd, T: Real>(x: T) -> T {
    tanh_and_sech2::<F, T>(x).0
}

/// `1 / cosh(x)^2`.
#[inline(always)]
pub(crate) fn sech2<F: MulAdd, T: Real>(x: T) -> T {
    tanh_and_sech2::<F, T>(x).1
}

/// `q = e / (1 + e)`, for `e` times a factor in the divisor, of which a part is lost.
#[inline(always)]
pub(super) fn share<F: MulAdd, T: Real>(e: T, factor: T, lost: T) -> T {
    let (y, missing) = inverse::<F, T>(T::one(), e * factor);
    // Both parts are relative: what is missing from e is missing from the quotient.
    times::<F, T>(e, T::zero(), (y, missing + lost))
}

/// The logistic function and its derivative, `1 - q` or `q`, and `q (1 - q)`, for `q = e / (1 + e)` with `e = e^-|x|`.
#[inline(always)]
pub(crate) fn sigmoid_and_slope<F: MulAdd, T: Real>(x: T) -> (T, T) {
    let (e, lost) = decay::<F, T>(x);
    let q = share::<F, T>(e, T::one(), lost);
    (if x < T::zero() { q } else { T::one() - q }, F::mul_add(-q, q, q))
}

#[inline(always)]
pub(crate) fn sigmoid<F: MulAdd, T: Real>(x: T) -> T {
    sigmoid_and_slope::<F, T>(x).0
}

/// The derivative of [`sigmoid`].
#[inline(always)]
pub(crate) fn sigmoid_slope<F: MulAdd, T: Real>(x: T) -> T {
    sigmoid_and_slope::<F, T>(x).1
}

/// The logistic function to base 2.
#[inline(always)]
pub(crate) fn sigmoid2<F: MulAdd, T: Real>(x: T) -> T {
    let (e, lost) = decay2::<F, T>(x);
    let q = share::<F, T>(e, T::one(), lost);
    if x < T::zero() { q } else { T::one() - q }
}
