//! The error function and the normal distribution.
//!
//! Near 0, `erf(x)` is an odd polynomial. From there on `erfc(a) = e^-a^2 g(a)`, with `g(a) (a + c)` a polynomial in
//! `t = (a - c) / (a + c)`, which brings all `a` between -1 and 1 (M. M. Shepherd and J. G. Laframboise, Chebyshev approximation
//! of (1 + 2x) exp(x^2) erfc x, Math. Comp. 36, 1981).
//!
//! `e^-a^2` cannot take the square for its argument, whose rounding would be multiplied by its size: the square comes in
//! two numbers. What else is relative, and small, is added to the second of them.

use super::exp;
use super::fma::{MulAdd, Near};
use super::polynomial;
use super::real::Real;

/// The smaller; NaN if `x` is.
#[inline(always)]
fn at_most<F: MulAdd, T: Real>(x: T, most: T) -> T {
    if !F::NEAR && x > most { most } else { x }
}

/// The product, and what its rounding has lost.
#[inline(always)]
fn product<F: MulAdd, T: Real>(a: T, b: T) -> (T, T) {
    let y = a * b;
    (y, F::mul_add(a, b, -y))
}

/// `e^-(square + rest)` less 1, but for a factor of `2^k`, and that factor, which multiplies what the function returns.
#[inline(always)]
fn power<F: MulAdd, T: Real>((square, rest): (T, T)) -> (T, impl Fn(T) -> T) {
    let (k, less_one) = exp::reduced_in_two::<F, T>(-square, -rest);
    // Early enough for a factor of 2^-60, or 2^-11 in f32, beside it.
    let subnormal = !F::NEAR && square > T::constant(-0.9) * T::EXP_NORMAL;
    let (k, factor) = if subnormal { (k + T::LIFT[0], T::LIFT[1]) } else { (k, T::one()) };
    (less_one, move |y: T| y.scaled(k) * factor)
}

/// `e^-x^2`.
#[inline(always)]
pub(crate) fn gauss<F: MulAdd, T: Real>(x: T) -> T {
    let a = at_most::<F, T>(x.abs(), T::GAUSS_ZERO);
    let (less_one, scaled) = power::<F, T>(product::<F, T>(a, a));
    let y = scaled(T::one() + less_one);
    if x.is_nan() { x } else { y }
}

/// The size of `x`, as far as `e^(-x^2 / 2)` is not 0.
#[inline(always)]
fn normal_size<F: MulAdd, T: Real>(x: T) -> T {
    at_most::<F, T>(x.abs(), T::constant(std::f32::consts::SQRT_2) * T::GAUSS_ZERO)
}

/// The density of the normal distribution, `e^(-x^2 / 2) / sqrt(2 pi)`.
#[inline(always)]
pub(crate) fn normal_pdf<F: MulAdd, T: Real>(x: T) -> T {
    let a = normal_size::<F, T>(x);
    let (less_one, scaled) = power::<F, T>(product::<F, T>(T::constant(0.5) * a, a));
    let [factor, missing] = T::FRAC_1_SQRT_2_PI;
    let y = scaled(factor + F::mul_add(less_one, factor, missing));
    if x.is_nan() { x } else { y }
}

/// From here on `erf` is above a half: what is subtracted from 1, and its error, is smaller than the result.
const EDGE: f32 = 0.47694;

/// `erf(x) / x` for an `x` of a size below [`EDGE`], given its square.
#[inline(always)]
fn central<F: MulAdd, T: Real>(square: T) -> T {
    let [slope, missing] = T::FRAC_2_SQRT_PI;
    slope + F::mul_add(square, polynomial::<F, T>(square, T::ERF), missing)
}

/// `erfc(a + rest)` for an `a` from [`EDGE`] on, given its square, in two numbers, and but for the factor that the function
/// multiplies by.
#[inline(always)]
fn tail<F: MulAdd, T: Real>([a, rest]: [T; 2], square: (T, T)) -> ([T; 2], impl Fn(T) -> T) {
    let one = T::one();
    // 1 / (a + c) = u (1 + missing)
    let sum = a + T::ERFC_MIDDLE;
    let lost = (a - (sum - T::ERFC_MIDDLE)) + rest;
    let u = one / sum;
    let missing = F::mul_add(-u, lost, F::mul_add(-u, sum, one));
    // t = 1 - 2 c / (a + c): that c is a power of two.
    let less = (T::ERFC_MIDDLE + T::ERFC_MIDDLE) * u;
    let t = F::mul_add(-less, missing, one - less);
    // The signs of the terms alternate: one after the other, those that are subtracted from each other are smaller.
    let others = polynomial::<F, T>(t, &T::ERFC[2..]);
    let others = F::mul_add(t, F::mul_add(t, others, T::ERFC[1]), T::ERFC[0]);
    let [first, first_rest] = T::ERFC_FIRST;
    let g = F::mul_add(t, others, first);
    let g_rest = F::mul_add(t, others, first - g) + first_rest;
    let (y, y_rest) = product::<F, T>(g, u);
    let (less_one, scaled) = power::<F, T>((square.0, square.1 - missing));
    ([y, F::mul_add(y, less_one, F::mul_add(g_rest, u, y_rest))], scaled)
}

#[inline(always)]
pub(crate) fn erf<F: MulAdd, T: Real>(x: T) -> T {
    // It is 1 long before its complement is subnormal.
    let a = at_most::<F, T>(x.abs(), T::ERF_ONE);
    let ([y, rest], scaled) = tail::<Near<F>, T>([a, T::zero()], product::<F, T>(a, a));
    let y = T::one() - scaled(y + rest);
    if a >= T::constant(EDGE) { y.copysign(x) } else { x * central::<F, T>(a * a) }
}

/// `1 - erf(x)`. In `f32` the tail, and so what follows, has errors of up to 2.6 units in the last place: there `f64` is used.
#[inline(always)]
pub(crate) fn erfc<F: MulAdd, T: Real>(x: T) -> T {
    let a = at_most::<F, T>(x.abs(), T::GAUSS_ZERO);
    let ([y, rest], scaled) = tail::<F, T>([a, T::zero()], product::<F, T>(a, a));
    let y = scaled(y + rest);
    let y = if x < T::zero() { T::constant(2.0) - y } else { y };
    if a >= T::constant(EDGE) { y } else { F::mul_add(-x, central::<F, T>(a * a), T::one()) }
}

/// `a / sqrt(2)`, in two numbers, and half the square of `a`, in two numbers.
#[inline(always)]
fn normal<F: MulAdd, T: Real>(a: T) -> ([T; 2], (T, T)) {
    let [factor, missing] = T::FRAC_1_SQRT_2;
    let (z, rest) = product::<F, T>(a, factor);
    ([z, F::mul_add(a, missing, rest)], product::<F, T>(T::constant(0.5) * a, a))
}

/// [`normal_cdf`] near 0, for the size of `x`, divided by `sqrt(2)`.
#[inline(always)]
fn central_cdf<F: MulAdd, T: Real>(x: T, [z, rest]: [T; 2]) -> T {
    let (half, slope) = (T::constant(0.5), central::<F, T>(z * z));
    half + half * F::mul_add(z, slope, rest * slope).copysign(x)
}

/// The distribution function of the normal distribution, `erfc(-x / sqrt(2)) / 2`.
#[inline(always)]
pub(crate) fn normal_cdf<F: MulAdd, T: Real>(x: T) -> T {
    let (z, square) = normal::<F, T>(normal_size::<F, T>(x));
    let ([y, rest], scaled) = tail::<F, T>(z, square);
    let y = scaled(T::constant(0.5) * (y + rest));
    let y = if x > T::zero() { T::one() - y } else { y };
    if z[0] >= T::constant(EDGE) { y } else { central_cdf::<F, T>(x, z) }
}

/// `x` times [`normal_cdf`], also where that is subnormal.
#[inline(always)]
pub(crate) fn gelu<F: MulAdd, T: Real>(x: T) -> T {
    let a = normal_size::<F, T>(x);
    let (z, square) = normal::<F, T>(a);
    let ([y, rest], scaled) = tail::<F, T>(z, square);
    let half = T::constant(0.5) * a;
    let y = scaled(F::mul_add(y, half, rest * half));
    let y = if x > T::zero() { x - y } else { -y };
    if z[0] >= T::constant(EDGE) { y } else { x * central_cdf::<F, T>(x, z) }
}
