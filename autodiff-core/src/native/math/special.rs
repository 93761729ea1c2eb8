//! Functions of statistics: the error function, its inverse, and what lies between, in `f64`.
//!
//! `e^-(x^2)` cannot take the square for its argument, whose rounding would be multiplied by its size: the square comes in
//! two numbers.

use super::fma::Rounded;
use super::polynomial;
use super::pow::head;
use std::f64::consts::FRAC_2_SQRT_PI;

/// `e^-x^2`.
fn gauss(x: f64) -> f64 {
    if x.abs() > 28.0 {
        return 0.0;
    }
    let near = head(x);
    libm::exp(-near * near) * libm::exp((near - x) * (near + x))
}

/// The density of the normal distribution, `e^(-x^2 / 2) / sqrt(2 pi)`.
fn normal_pdf(x: f64) -> f64 {
    const FACTOR: f64 = 0.398_942_280_401_432_7;
    if x.abs() > 39.0 {
        return 0.0;
    }
    let near = head(x);
    let (large, small) = (-0.5 * near * near, 0.5 * (near - x) * (near + x));
    if large < -700.0 {
        // Rounded once, where it is subnormal.
        return libm::exp(large + 64.0) * libm::exp(small) * FACTOR * libm::exp(-64.0);
    }
    libm::exp(large) * libm::exp(small) * FACTOR
}

/// The distribution function of the normal distribution, `erfc(-x / sqrt(2)) / 2`.
fn normal_cdf(x: f64) -> f64 {
    // -x / sqrt(2) in two numbers: 1 / sqrt(2), and what is missing from it
    const HALF_SQRT: f64 = std::f64::consts::FRAC_1_SQRT_2;
    const MISSING: f64 = -4.833646656726457e-17;
    let z = -x * HALF_SQRT;
    if z.is_nan() || z.abs() > 28.0 {
        return 0.5 * libm::erfc(z);
    }
    let (x_head, c_head) = (head(-x), head(HALF_SQRT));
    let (x_tail, c_tail) = (-x - x_head, HALF_SQRT - c_head);
    let rounding = ((x_head * c_head - z) + (x_head * c_tail + x_tail * c_head)) + x_tail * c_tail;
    let rest = rounding - x * MISSING;
    0.5 * (libm::erfc(z) - FRAC_2_SQRT_PI * gauss(z) * rest)
}

/// The logarithm of [`normal_cdf`], where that is below all numbers, too.
pub(crate) fn log_normal_cdf(x: f64) -> f64 {
    const LN_SQRT_2_PI: f64 = 0.918_938_533_204_672_8;
    if x > 0.0 {
        libm::log1p(-normal_cdf(-x))
    } else if x > -FAR {
        libm::log(normal_cdf(x))
    } else {
        -0.5 * x * x - libm::log(inverse_mills(x)) - LN_SQRT_2_PI
    }
}

/// The inverse Mills ratio, `normal_pdf(x) / normal_cdf(x)`: the derivative of [`log_normal_cdf`].
pub(crate) fn inverse_mills(x: f64) -> f64 {
    if x <= -FAR { mills_excess(-x) - x } else { normal_pdf(x) / normal_cdf(x) }
}

/// The derivative of [`inverse_mills`], `-y (x + y)`.
pub(crate) fn inverse_mills_slope(x: f64) -> f64 {
    let y = inverse_mills(x);
    match x {
        // Of `1 - 1 / x^2 + ...` nothing but 1 is left.
        x if x < -1e9 => -1.0,
        x if x <= -2.0 => -y * mills_excess(-x),
        _ if y == 0.0 => 0.0,
        x => -y * (x + y),
    }
}

/// From where on the tail of the normal distribution is a continued fraction.
const FAR: f64 = 5.0;

/// What the inverse Mills ratio at `-x` exceeds `x` by, for `x` of at least 2: `1 / (x + 2 / (x + 3 / (x + ...)))`, Laplace's continued
/// fraction (M. Abramowitz and I. Stegun, Handbook of Mathematical Functions, 26.2.14).
fn mills_excess(x: f64) -> f64 {
    let terms = if x < FAR { 160 } else { 30 };
    (1..terms).rev().fold(x, |rest, k| x + f64::from(k + 1) / rest).recip()
}

/// The inverse of `erf`, and what is missing from its rounding.
fn erfinv_in_two(x: f64) -> (f64, f64) {
    // M. Giles, Approximating the erfinv function (GPU Computing Gems, 2011), for a start with 7 digits.
    const CENTRAL: [f64; 9] = [
        1.50140941,
        0.246640727,
        -0.00417768164,
        -0.00125372503,
        0.00021858087,
        -4.39150654e-06,
        -3.5233877e-06,
        3.43273939e-07,
        2.81022636e-08,
    ];
    const TAIL: [f64; 9] = [
        2.83297682,
        1.00167406,
        0.00943887047,
        -0.0076224613,
        0.00573950773,
        -0.00367342844,
        0.00134934322,
        0.000100950558,
        -0.000200214257,
    ];
    let a = x.abs();
    let w = -libm::log((1.0 - a) * (1.0 + a));
    let start = if w < 5.0 {
        a * polynomial::<Rounded, f64>(w - 2.5, &CENTRAL)
    } else if w < 16.0 {
        a * polynomial::<Rounded, f64>(w.sqrt() - 3.0, &TAIL)
    } else {
        // erfc(y) is about e^(-y^2) / (y sqrt(pi)), and 1 - a about e^-w / 2.
        (w - 0.5 * libm::log(std::f64::consts::PI * w) + std::f64::consts::LN_2).sqrt()
    };
    let (mut y, mut step) = (start, 0.0);
    // Each step squares the error, and more; the last one is what a rounded result lacks.
    for _ in 0..4 {
        y += step;
        let excess = if a < 0.5 { libm::erf(y) - a } else { (1.0 - a) - libm::erfc(y) };
        let newton = excess / (FRAC_2_SQRT_PI * gauss(y));
        step = -newton / (1.0 + y * newton);
    }
    let result = y + step;
    (result, step - (result - y))
}

/// The inverse of `erf`: infinite at -1 and 1, NaN outside.
pub(crate) fn erfinv(x: f64) -> f64 {
    match x.abs() {
        a if a < 1e-9 => x / FRAC_2_SQRT_PI,
        a if a < 1.0 => erfinv_in_two(x).0.copysign(x),
        1.0 => x * f64::INFINITY,
        _ => f64::NAN,
    }
}

/// The derivative of [`erfinv`], `e^(y^2) sqrt(pi) / 2`.
pub(crate) fn erfinv_slope(x: f64) -> f64 {
    match x.abs() {
        a if a < 1.0 => {
            let (y, rest) = erfinv_in_two(x);
            let near = head(y);
            let square = (y - near) * (y + near) + 2.0 * y * rest;
            libm::exp(near * near) * libm::exp(square) / FRAC_2_SQRT_PI
        }
        1.0 => f64::INFINITY,
        _ => f64::NAN,
    }
}

/// `sin(pi x)`, exactly 0 at integers.
pub(super) fn sin_pi(x: f64) -> f64 {
    let near = x.round_ties_even();
    let y = libm::sin(std::f64::consts::PI * (x - near));
    if near % 2.0 == 0.0 { y } else { -y }
}

/// `cos(pi x)`, exactly 0 halfway between integers.
pub(super) fn cos_pi(x: f64) -> f64 {
    let near = x.round_ties_even();
    let r = (x - near).abs();
    // Near a zero, from the zero.
    let y = if r > 0.25 {
        libm::sin(std::f64::consts::PI * (0.5 - r))
    } else {
        libm::cos(std::f64::consts::PI * r)
    };
    if near % 2.0 == 0.0 { y } else { -y }
}

/// Derivative `n` of `sin(pi x) / (pi x)`.
///
/// By its series near 0, else from `x f_n + n f_(n-1) = pi^(n-1) sin(pi x + n pi / 2)`.
pub(crate) fn sinc_slope(x: f64, n: u32) -> f64 {
    use std::f64::consts::PI;
    let order = f64::from(n);
    if x.is_infinite() {
        return 0.0;
    }
    let z = PI * x;
    if z.abs() < 1.0 + 0.75 * order {
        // pi^n sum over j of (-1)^m z^j / (j! (j + n + 1)), for j + n = 2 m.
        let mut j = n % 2;
        let mut power = if j == 0 { 1.0 } else { z };
        let sign = if ((j + n) / 2).is_multiple_of(2) { 1.0 } else { -1.0 };
        let mut sum = 0.0;
        let mut terms = [0.0; 48];
        for term in &mut terms {
            *term = power / (f64::from(j) + order + 1.0);
            power *= -z * z / f64::from((j + 1) * (j + 2));
            j += 2;
        }
        for term in terms.iter().rev() {
            sum += term;
        }
        return sign * sum * (0..n).fold(1.0, |p, _| p * PI);
    }
    let (sine, cosine) = (sin_pi(x), cos_pi(x));
    let mut y = sine / z;
    let mut scale = 1.0;
    for k in 1..=n {
        let turned = [sine, cosine, -sine, -cosine][k as usize % 4];
        y = (scale * turned - f64::from(k) * y) / x;
        scale *= PI;
    }
    y
}

/// `a / (a^2 + b^2)`, of large and of small numbers.
pub(crate) fn per_square(a: f64, b: f64) -> f64 {
    let h = libm::hypot(a, b);
    match a.is_finite() && b.is_finite() {
        true if h == f64::INFINITY => 0.5 * per_square(0.5 * a, 0.5 * b),
        false if h == f64::INFINITY && !a.is_nan() && !b.is_nan() => 0.0_f64.copysign(a),
        _ => (a / h) / h,
    }
}

/// `a / hypot(a, b)`, 0 at the origin, also where the hypotenuse overflows or is subnormal.
pub(crate) fn part(a: f64, b: f64) -> f64 {
    let h = libm::hypot(a, b);
    match h {
        0.0 => 0.0,
        f64::MIN_POSITIVE..=f64::MAX => a / h,
        f64::INFINITY if a.is_infinite() && b.is_finite() => 1.0_f64.copysign(a),
        _ => {
            let scale = if h < 1.0 { 2.0_f64.powi(60) } else { 0.5 };
            (scale * a) / libm::hypot(scale * a, scale * b)
        }
    }
}
