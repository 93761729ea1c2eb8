//! Sine and cosine.
//!
//! `x = n pi / 2 + r` with `|r| <= pi / 4`; the sine of `r` or its cosine, as `n` is even or odd, and its sign.

use super::fma::MulAdd;
use super::polynomial;
use super::real::Real;

#[inline(always)]
pub(crate) fn sine_and_cosine<F: MulAdd, T: Real>(x: T) -> (T, T) {
    x.sine_and_cosine::<F>()
}

#[inline(always)]
pub(crate) fn sin<F: MulAdd, T: Real>(x: T) -> T {
    x.sine_and_cosine::<F>().0
}

#[inline(always)]
pub(crate) fn cos<F: MulAdd, T: Real>(x: T) -> T {
    x.sine_and_cosine::<F>().1
}

/// `sin(pi x) / (pi x)`.
#[inline(always)]
pub(crate) fn sinc<F: MulAdd, T: Real>(x: T) -> T {
    let (half, one, x) = (T::constant(0.5), T::one(), x.abs());
    // The distance from an even integer, and, beyond a half, from the odd one next to it: both have the same sine.
    let pairs = F::mul_add(x, half, T::SHIFT) - T::SHIFT;
    let near = x - (pairs + pairs);
    let r = if near.abs() > half { one.copysign(near) - near } else { near };
    let z = r * r;
    let less_one = z * polynomial::<F, T>(z, T::SINC);
    let y = one + less_one;
    let lost = less_one - (y - one);
    // y r / x, rounded once.
    let (product, inverse) = (y * r, one / x);
    let quotient = product * inverse;
    let rest = F::mul_add(lost, r, F::mul_add(y, r, -product)) + F::mul_add(-quotient, x, product);
    let y = if x > half { F::mul_add(rest, inverse, quotient) } else { y };
    // Large numbers are integers.
    if x >= T::epsilon().recip() { T::zero() } else { y }
}

/// Whether an angle is so large that `sin` and `cos` are wrong: its multiple of pi / 2 takes more digits than the
/// reduction has. The system's library is right there.
#[inline(always)]
pub(crate) fn far<T: Real>(x: T) -> bool {
    x.abs() > T::FAR
}

/// The sine and the cosine of `n pi / 2 + r`, for `n` in the lowest bits and those of `r`.
#[inline(always)]
fn turned(n: u64, sine: f64, cosine: f64) -> (f64, f64) {
    let (y, next) = if n & 1 == 0 { (sine, cosine) } else { (cosine, sine) };
    let signed = |y: f64, n: u64| f64::from_bits(y.to_bits() ^ ((n & 2) << 62));
    (signed(y, n), signed(next, n.wrapping_add(1)))
}

#[inline(always)]
pub(super) fn sine_and_cosine_f64<F: MulAdd>(x: f64) -> (f64, f64) {
    // pi / 2 in parts of 37, 37 and 53 binary digits: products with 16-digit integers are exact, but for the last.
    const PARTS: [f64; 3] = [1.5707963267923333, 2.5633441515839558e-12, 1.0562999066987428e-23];
    // sin(r) = r + r z SIN(z), cos(r) = 1 - z / 2 + z^2 COS(z) for z = r^2
    const SIN: [f64; 5] = [
        0.008333333333330948,
        -0.00019841269836758574,
        2.755731610255244e-06,
        -2.5051131845003624e-08,
        1.5918129294866608e-10,
    ];
    const SIN_FIRST: f64 = -0.16666666666666666;
    const COS: [f64; 6] = [
        0.041666666666666664,
        -0.0013888888888887398,
        2.480158729876569e-05,
        -2.7557317271729793e-07,
        2.08761462684032e-09,
        -1.1382632425521717e-11,
    ];

    let shifted = F::mul_add(x, std::f64::consts::FRAC_2_PI, f64::SHIFT);
    let n = shifted - f64::SHIFT;
    let high = F::mul_add(-n, PARTS[0], x);
    let next = n * PARTS[1];
    let sum = high - next;
    let low = F::mul_add(n, PARTS[2], next - (high - sum));
    // r in two numbers: next to a multiple of pi / 2 the first is small, and its rounding is not.
    let r = sum - low;
    let tail = (sum - r) - low;

    let z = r * r;
    let cube = z * r;
    let less = F::mul_add(z, F::mul_add(-cube, polynomial::<F, f64>(z, &SIN), 0.5 * tail), -tail);
    let sine = r - F::mul_add(-cube, SIN_FIRST, less);
    let half = 0.5 * z;
    let near = 1.0 - half;
    let rest = F::mul_add(z, z * polynomial::<F, f64>(z, &COS), -(r * tail));
    let cosine = near + (((1.0 - near) - half) + rest);
    turned(shifted.to_bits(), sine, cosine)
}

/// In `f64`, where neither the reduction nor the polynomials need care.
#[inline(always)]
pub(super) fn sine_and_cosine_f32<F: MulAdd>(x: f32) -> (f32, f32) {
    const PARTS: [f64; 2] = [1.5707963267341256, 6.077100506506192e-11];
    const SIN: [f64; 4] =
        [-0.1666666666385529, 0.008333331874710208, -0.00019840086735384846, 2.724992580305979e-06];
    const COS: [f64; 3] = [0.04166666465950221, -0.0013888303035894866, 2.4547942085071572e-05];

    let x = f64::from(x);
    let shifted = F::mul_add(x, std::f64::consts::FRAC_2_PI, f64::SHIFT);
    let n = shifted - f64::SHIFT;
    let r = F::mul_add(-n, PARTS[1], F::mul_add(-n, PARTS[0], x));
    let z = r * r;
    // A product, which keeps the sign of zeros.
    let sine = r * F::mul_add(z, polynomial::<F, f64>(z, &SIN), 1.0);
    let cosine = F::mul_add(-z, F::mul_add(-z, polynomial::<F, f64>(z, &COS), 0.5), 1.0);
    let (sine, cosine) = turned(shifted.to_bits(), sine, cosine);
    (sine as f32, cosine as f32)
}
