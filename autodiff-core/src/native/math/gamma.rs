//! The logarithm of the gamma function and its derivatives, in `f64`.

use super::fma::Rounded;
use super::polynomial;
use super::special::{cos_pi, sin_pi};
use std::f64::consts::PI;

/// `ln |Gamma(x)|`.
pub(crate) fn lgamma(x: f64) -> f64 {
    if x == f64::NEG_INFINITY { f64::INFINITY } else { libm::lgamma(x) }
}

/// Bernoulli's numbers `B_2, B_4, ...`.
const BERNOULLI: [f64; 12] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
    43867.0 / 798.0,
    -174611.0 / 330.0,
    854513.0 / 138.0,
    -236364091.0 / 2730.0,
];

/// The derivative of order `n + 1` of [`lgamma`]: the digamma function for 0, the trigamma function for 1.
///
/// Below 0 by reflection, `(-1)^n f(1 - x) - f(x) = pi d^n/dx^n cot(pi x)`. At a pole, 0 and the negative integers,
/// infinite where both sides agree on it, else NaN, but for the digamma function of a zero, whose sign tells the side.
pub(crate) fn polygamma(x: f64, n: u32) -> f64 {
    if x == 0.0 && n == 0 {
        return -1.0 / x;
    }
    if x <= 0.0 {
        if x == x.trunc() {
            return if n % 2 == 1 && x.is_finite() { f64::INFINITY } else { f64::NAN };
        }
        let mirrored = polygamma_right(1.0 - x, n);
        let mirrored = if n.is_multiple_of(2) { mirrored } else { -mirrored };
        return mirrored - cotangent(x, n);
    }
    polygamma_right(x, n)
}

/// `pi d^n/dx^n cot(pi x)`: a polynomial in the cotangent, from `d/dx cot = -(1 + cot^2)`.
fn cotangent(x: f64, n: u32) -> f64 {
    let n = n as usize;
    let mut coefficients = vec![0.0, 1.0];
    for _ in 0..n {
        let mut next = vec![0.0; coefficients.len() + 1];
        for (k, c) in coefficients.iter().enumerate().skip(1) {
            next[k - 1] -= k as f64 * c;
            next[k + 1] -= k as f64 * c;
        }
        coefficients = next;
    }
    let cot = cos_pi(x) / sin_pi(x);
    // Beside a pole the cotangent is infinite, which no 0 may meet.
    let y = coefficients.into_iter().rev().reduce(|sum, c| sum * cot + c).expect("two coefficients");
    y * (0..=n).fold(1.0, |p, _| p * PI)
}

/// For `x > 0`.
fn polygamma_right(x: f64, n: u32) -> f64 {
    if n == 0 {
        return digamma_right(x);
    }
    if x == f64::INFINITY {
        return 0.0;
    }
    // (-1)^(n+1) n! zeta(n + 1, x), by a sum and Euler and Maclaurin's formula for the rest.
    let s = f64::from(n) + 1.0;
    let power = |x: f64| (0..n).fold(1.0 / x, |p, _| p / x);
    let mut terms = [0.0; 64];
    let (mut count, mut at) = (0, x);
    while at < 10.0 + s && count < terms.len() {
        terms[count] = power(at);
        count += 1;
        at += 1.0;
    }
    let first = power(at);
    let mut sum = 0.0;
    let mut factors = s;
    let mut tail = [0.0; BERNOULLI.len()];
    let mut scale = first / at;
    for (j, b) in BERNOULLI.iter().enumerate() {
        let k = 2.0 * (j as f64 + 1.0);
        // s (s + 1) ... (s + k - 2) / k!, times B_k / x^(s + k - 1)
        if j == 0 {
            factors /= 2.0;
        } else {
            factors *= (s + k - 3.0) * (s + k - 2.0) / ((k - 1.0) * k);
        }
        tail[j] = b * factors * scale;
        scale /= at * at;
    }
    for term in tail.iter().rev() {
        sum += term;
    }
    sum += 0.5 * first;
    sum += (1..n).fold(1.0 / at, |p, _| p / at) / f64::from(n);
    for term in terms[..count].iter().rev() {
        sum += term;
    }
    let factorial = (1..=n).fold(1.0, |p, k| p * f64::from(k));
    if n % 2 == 1 { factorial * sum } else { -factorial * sum }
}

/// For `x > 0`: an asymptotic series from 10 on, and by recurrence what lies below; around its zero, in [1, 2], by a
/// quotient of polynomials times the distance from it (the form is that of Boost's `digamma.hpp`; the coefficients
/// interpolate mpmath's values).
fn digamma_right(x: f64) -> f64 {
    const ROOT: [f64; 3] =
        [1569415565.0 / 1073741824.0, (381566830.0 / 1073741824.0) / 1073741824.0, 9.016312093258695e-20];
    const SLOPE: f64 = 0.995_581_626_892_089_8;
    const P: [f64; 6] = [
        0.25479851061131553,
        -0.32616797522047924,
        -0.6494116097171447,
        -0.28779348140672556,
        -0.044806877631320866,
        -0.002035819357349022,
    ];
    const Q: [f64; 7] = [
        1.0,
        2.074287577714884,
        1.4560522263441509,
        0.43324354903999995,
        0.05357103482514063,
        0.0020915583530410307,
        -5.351344099578249e-07,
    ];
    if x >= 10.0 {
        return if x == f64::INFINITY { x } else { libm::log(x) - (0.5 / x + digamma_rest(x)) };
    }
    let (mut at, mut shift) = (x, 0.0);
    while at > 2.0 {
        at -= 1.0;
        shift += 1.0 / at;
    }
    if at < 1.0 {
        shift -= 1.0 / at;
        at += 1.0;
    }
    let g = ((at - ROOT[0]) - ROOT[1]) - ROOT[2];
    let r = polynomial::<Rounded, f64>(at - 1.0, &P) / polynomial::<Rounded, f64>(at - 1.0, &Q);
    shift + (g * SLOPE + g * r)
}

/// `ln(x) - 1 / (2 x) - digamma(x)`, for `x >= 10`.
fn digamma_rest(x: f64) -> f64 {
    let z = 1.0 / (x * x);
    let series = BERNOULLI[..8].iter().enumerate().rev();
    series.fold(0.0, |sum, (j, b)| (sum + b / (2.0 * (j as f64 + 1.0))) * z)
}

/// [`digamma_rest`] at `a` less that at `a + b`.
fn digamma_rest_gap(a: f64, b: f64) -> f64 {
    let sum = a + b;
    let (z, w) = (1.0 / (a * a), 1.0 / (sum * sum));
    // A polynomial in z, and its difference from that in w over z - w.
    let (mut y, mut gap) = (0.0, 0.0);
    for (j, b) in BERNOULLI[..8].iter().enumerate().rev() {
        gap = gap * w + y;
        y = y * z + b / (2.0 * (j as f64 + 1.0));
    }
    (gap * w + y) * (b / a / sum * (1.0 / a + 1.0 / sum))
}

/// `digamma(a) - digamma(a + b)`, for positive numbers in terms of one sign: by recurrence to 10, and by an asymptotic
/// series from there.
pub(crate) fn digamma_gap(mut a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() || a <= 0.0 || b <= 0.0 {
        return polygamma(a, 0) - polygamma(a + b, 0);
    }
    if a == f64::INFINITY || b == f64::INFINITY {
        return if a < b {
            f64::NEG_INFINITY
        } else if b < a {
            0.0
        } else {
            f64::NAN
        };
    }
    let mut below = 0.0;
    while a < 10.0 {
        below += b / a / (a + b);
        a += 1.0;
    }
    let sum = a + b;
    -(libm::log1p(b / a) + (0.5 / a * (b / sum) + digamma_rest_gap(a, b)) + below)
}

/// `c(x)` of Stirling's formula `ln Gamma(x) = (x - 1/2) ln(x) - x + ln(2 pi) / 2 + c(x)`, for `x >= 10`.
fn stirling(x: f64) -> f64 {
    let z = 1.0 / (x * x);
    let series = BERNOULLI[..8].iter().enumerate().rev();
    series.fold(0.0, |sum, (j, b)| {
        let k = 2.0 * (j as f64 + 1.0);
        sum * z + b / (k * (k - 1.0))
    }) / x
}

/// `ln |B(a, b)| = ln |Gamma(a) Gamma(b) / Gamma(a + b)|`, in which large terms cancel: by what is left of Stirling's formula
/// (A. DiDonato and A. Morris, ACM Trans. Math. Softw. 18, algorithm 708).
pub(crate) fn betaln(a: f64, b: f64) -> f64 {
    const HALF_LN_TWO_PI: f64 = 0.918_938_533_204_672_8;
    let (small, large) = if a < b { (a, b) } else { (b, a) };
    if small > 0.0 && large == f64::INFINITY {
        return f64::NEG_INFINITY;
    }
    if a.is_nan() || b.is_nan() || small <= 0.0 || large < 10.0 {
        return lgamma(a) + lgamma(b) - lgamma(a + b);
    }
    let (ratio, sum) = (small / large, small + large);
    if small < 10.0 {
        let rest = stirling(large) - stirling(sum);
        return lgamma(small) - small * libm::log(sum) + (small - (large - 0.5) * libm::log1p(ratio) + rest);
    }
    let rest = stirling(small) + stirling(large) - stirling(sum);
    -0.5 * libm::log(large) + HALF_LN_TWO_PI + rest + (small - 0.5) * libm::log(ratio / (1.0 + ratio))
        - large * libm::log1p(ratio)
}
