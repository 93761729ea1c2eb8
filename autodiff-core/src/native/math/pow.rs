//! Powers: `x^y = 2^(y log2(x))`.
//!
//! An error in the exponent is one in the result that is larger by the exponent itself, up to 1024. For `f64` the
//! logarithm and the product therefore have 64 digits, in two numbers each, the way fdlibm's `e_pow.c` does it;
//! for `f32`, an `f64` has digits enough.

use super::fma::Rounded;
use super::polynomial;
use super::real::Real;

/// The first 26 binary digits, so that a product of two such numbers is exact.
#[inline(always)]
pub(super) const fn head(x: f64) -> f64 {
    f64::from_bits(x.to_bits() & (u64::MAX << 27))
}

#[inline(always)]
pub(super) fn pow_f64(x: f64, y: f64) -> f64 {
    // ln((1 + s) / (1 - s)) = 2 s (1 + z / 3 + z^2 SERIES(z)) for z = s^2
    const SERIES: [f64; 8] = [
        0.2,
        0.14285714285714682,
        0.11111111110828116,
        0.09090909167657202,
        0.07692297485447729,
        0.06667402119112673,
        0.05853124270461193,
        0.058615255140488765,
    ];
    // 2 / (3 ln(2)), and its parts; ln(2), and its parts
    const SCALE: f64 = 2.0 / 3.0 * std::f64::consts::LOG2_E;
    const SCALE_PARTS: [f64; 2] = [0.9617966860532761, 7.872699542894897e-09];
    const LN2: f64 = std::f64::consts::LN_2;
    const LN2_PARTS: [f64; 2] = [head(LN2), 1.2996506893889889e-8];

    // |x| = 2^k m and s = (m - 1) / (m + 1), in two numbers
    let (k, m) = x.abs().exponent_and_rest();
    let f = m - 1.0;
    let (below, inverse) = (m + 1.0, 1.0 / (m + 1.0));
    let s = f * inverse;
    let s_head = head(s);
    let below_head = head(below);
    let below_tail = m - (below_head - 1.0);
    let s_tail = inverse * ((f - s_head * below_head) - s_head * below_tail);
    // 3 + z + 3 z^2 SERIES(z), in two numbers
    let (z, z_head) = (s * s, s_head * s_head);
    let rest = 3.0 * (z * z) * polynomial::<Rounded, f64>(z, &SERIES) + s_tail * (s_head + s);
    let sum_head = head(3.0 + z_head + rest);
    let sum_tail = rest - ((sum_head - 3.0) - z_head);
    // the product with s, and with 2 / (3 ln(2))
    let product = s_head * sum_head;
    let product_tail = s_tail * sum_head + sum_tail * s;
    let log_head = head(product + product_tail);
    let log_tail = product_tail - (log_head - product);
    let high = SCALE_PARTS[0] * log_head;
    let low = SCALE_PARTS[1] * log_head + log_tail * SCALE;
    // log2(|x|), and its product with y
    let log2 = (high + low) + k;
    let log2_head = head(log2);
    let log2_tail = low - ((log2_head - k) - high);
    let y_head = head(y);
    let exponent = y_head * log2_head;
    let exponent_tail = (y - y_head) * log2_head + y * log2_tail;
    let whole = exponent + exponent_tail;
    // 2^n e^r, with r in two numbers
    let n = whole + f64::SHIFT;
    let fraction = exponent - (n - f64::SHIFT);
    let fraction_head = head(fraction + exponent_tail);
    let r_high = fraction_head * LN2_PARTS[0];
    let r_low = (exponent_tail - (fraction_head - fraction)) * LN2 + fraction_head * LN2_PARTS[1];
    let r = r_high + r_low;
    let r_tail = r_low - (r - r_high);
    let result = 1.0 + (r + (r_tail + r * r * polynomial::<Rounded, f64>(r, f64::EXP)));
    let (lift, unlift) = if whole < -1000.0 {
        (f64::LIFT[0], f64::LIFT[1])
    } else if whole > 1000.0 {
        (-f64::LIFT[0], 1.0 / f64::LIFT[1])
    } else {
        (0.0, 1.0)
    };
    special(x, y, log2, result.scaled(n + lift) * unlift, 1080.0)
}

#[inline(always)]
pub(super) fn pow_f32(x: f32, y: f64) -> f32 {
    // log2((1 + s) / (1 - s)) = s LOG2(z) for z = s^2
    const LOG2: [f64; 6] = [
        2.885390081777851,
        0.9617966941122649,
        0.5770779426603044,
        0.41220922406110433,
        0.31990680380701336,
        0.28288502340748234,
    ];
    // 2^r = 1 + r EXP2(r)
    const EXP2: [f64; 7] = [
        std::f64::consts::LN_2,
        0.24022650922288757,
        0.055504108839096185,
        0.009618056678524637,
        0.001333350238616277,
        0.0001546144469856913,
        1.5297323760701075e-05,
    ];

    let x = f64::from(x);
    let (k, m) = x.abs().exponent_and_rest();
    let s = (m - 1.0) / (m + 1.0);
    let log2 = k + s * polynomial::<Rounded, f64>(s * s, &LOG2);
    let exponent = y * log2;
    let n = exponent + f64::SHIFT;
    let r = exponent - (n - f64::SHIFT);
    let result = (1.0 + r * polynomial::<Rounded, f64>(r, &EXP2)).scaled(n);
    special(x, y, log2, result, 160.0) as f32
}

/// `x^y` from what it is while the exponent's size is below `outside`, as IEEE 754 and C99 have it at the edges.
#[inline(always)]
fn special(x: f64, y: f64, log2: f64, result: f64, outside: f64) -> f64 {
    const UNIT: f64 = 4503599627370496.0; // 2^52

    let size = x.abs();
    let log2 = if size < f64::INFINITY { log2 } else { size };
    let log2 = if size == 0.0 { f64::NEG_INFINITY } else { log2 };
    let exponent = y * log2;
    let end = if exponent > 0.0 { f64::INFINITY } else { 0.0 };
    let result = if exponent.abs() < outside { result } else { end };
    let result = if exponent.is_nan() { f64::NAN } else { result };

    // The digit of 1 is the last one, of a number from 2^52 on; from 2^53 on all are even.
    let large = y.abs();
    let aligned = if large < UNIT { large + UNIT } else { large };
    let integer = if large < UNIT { aligned - UNIT == large } else { true };
    let odd = integer && aligned.to_bits() & 1 == 1 && large < 2.0 * UNIT;
    let negative = x.is_sign_negative();
    let result = if negative && odd { -result } else { result };
    let result = if x < 0.0 && size < f64::INFINITY && !integer { f64::NAN } else { result };

    let one = x == 1.0 || y == 0.0 || (size == 1.0 && large == f64::INFINITY);
    if one { 1.0 } else { result }
}
