//! Sine and cosine.
//!
//! `x = n pi / 2 + r` with `|r| <= pi / 4`; the sine of `r` or its cosine, as `n` is even or odd, and its sign.

use super::polynomial;
use super::real::Real;

#[inline(always)]
pub(crate) fn sin<T: Real>(x: T) -> T {
    x.turned_sine(0)
}

#[inline(always)]
pub(crate) fn cos<T: Real>(x: T) -> T {
    x.turned_sine(1)
}

/// Whether an angle is so large that `sin` and `cos` are wrong: its multiple of pi / 2 takes more digits than the
/// reduction has. The system's library is right there.
#[inline(always)]
pub(crate) fn far<T: Real>(x: T) -> bool {
    x.abs() > T::FAR
}

/// The polynomials' value with the sign for `n`, given in the lowest bits.
#[inline(always)]
fn quadrant(n: u64, sine: f64, cosine: f64) -> f64 {
    let y = if n & 1 == 0 { sine } else { cosine };
    f64::from_bits(y.to_bits() ^ ((n & 2) << 62))
}

#[inline(always)]
pub(super) fn sine_f64(x: f64, quarters: u64) -> f64 {
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

    let shifted = x * std::f64::consts::FRAC_2_PI + f64::SHIFT;
    let n = shifted - f64::SHIFT;
    let high = x - n * PARTS[0];
    let next = n * PARTS[1];
    let sum = high - next;
    let low = n * PARTS[2] - ((high - sum) - next);
    // r in two numbers: next to a multiple of pi / 2 the first is small, and its rounding is not.
    let r = sum - low;
    let tail = (sum - r) - low;

    let z = r * r;
    let cube = z * r;
    let sine = r - ((z * (0.5 * tail - cube * polynomial(z, &SIN)) - tail) - cube * SIN_FIRST);
    let half = 0.5 * z;
    let near = 1.0 - half;
    let cosine = near + (((1.0 - near) - half) + (z * (z * polynomial(z, &COS)) - r * tail));
    quadrant(shifted.to_bits().wrapping_add(quarters), sine, cosine)
}

/// In `f64`, where neither the reduction nor the polynomials need care.
#[inline(always)]
pub(super) fn sine_f32(x: f32, quarters: u64) -> f32 {
    const PARTS: [f64; 2] = [1.5707963267341256, 6.077100506506192e-11];
    const SIN: [f64; 4] =
        [-0.1666666666385529, 0.008333331874710208, -0.00019840086735384846, 2.724992580305979e-06];
    const COS: [f64; 3] = [0.04166666465950221, -0.0013888303035894866, 2.4547942085071572e-05];

    let x = f64::from(x);
    let shifted = x * std::f64::consts::FRAC_2_PI + f64::SHIFT;
    let n = shifted - f64::SHIFT;
    let r = (x - n * PARTS[0]) - n * PARTS[1];
    let z = r * r;
    // A product, which keeps the sign of zeros.
    let sine = r * (1.0 + z * polynomial(z, &SIN));
    let cosine = 1.0 - z * (0.5 - z * polynomial(z, &COS));
    quadrant(shifted.to_bits().wrapping_add(quarters), sine, cosine) as f32
}
