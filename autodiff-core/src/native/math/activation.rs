//! Gates of activations, by which their argument is multiplied, in `f64`.

use super::fma::two_product;

/// The coefficients of [`gelu_gate`]'s argument, `2 sqrt(2 / pi)` and 0.044715 times it, and what is missing from them.
pub(crate) const GELU: [f64; 2] = [1.5957691216057308, 0.07135481627260025];
const GELU_MISSING: [f64; 2] = [-9.96930880911092e-17, -6.175149918155315e-19];

/// `(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`: the logistic function of `GELU[0] x + GELU[1] x^3`, whose rounding
/// would count by its size, and is made good.
pub(crate) fn gelu_gate(x: f64) -> f64 {
    if x.abs() > 25.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (square, square_rest) = two_product(x, x);
    let (cubic, cubic_rest) = two_product(GELU[1], square);
    let cubic_rest = cubic_rest + GELU[1] * square_rest + GELU_MISSING[1] * square;
    let factor = GELU[0] + cubic;
    let (more, less) = if cubic > GELU[0] { (cubic, GELU[0]) } else { (GELU[0], cubic) };
    let factor_rest = (less - (factor - more)) + cubic_rest + GELU_MISSING[0];
    let (z, z_rest) = two_product(x, factor);
    let rest = z_rest + x * factor_rest;
    let e = libm::exp(-z.abs());
    let lost = if z < 0.0 { rest } else { -rest };
    let e = e + e * lost;
    if z < 0.0 { e / (1.0 + e) } else { 1.0 / (1.0 + e) }
}

/// `tanh(ln(1 + e^x)) = w / (w + 2)` for `w = e^x (e^x + 2)`.
pub(crate) fn mish_gate(x: f64) -> f64 {
    let e = libm::exp(-x.abs());
    if x > 0.0 {
        (1.0 + 2.0 * e) / (1.0 + 2.0 * e * (1.0 + e))
    } else {
        let w = e * (e + 2.0);
        w / (w + 2.0)
    }
}

/// The derivative of [`mish_gate`], `4 e^x (1 + e^x) / (w + 2)^2`.
pub(crate) fn mish_gate_slope(x: f64) -> f64 {
    let e = libm::exp(-x.abs());
    if x > 0.0 {
        let below = 1.0 + 2.0 * e * (1.0 + e);
        4.0 * e * e * (1.0 + e) / (below * below)
    } else {
        let below = e * (e + 2.0) + 2.0;
        4.0 * e * (1.0 + e) / (below * below)
    }
}

/// `x` times the logistic function, also where that is subnormal.
pub(crate) fn silu(x: f64) -> f64 {
    if x < -700.0 {
        return if x == f64::NEG_INFINITY { -0.0 } else { x * libm::exp(x + 64.0) * libm::exp(-64.0) };
    }
    let e = libm::exp(-x.abs());
    if x < 0.0 { x * e / (1.0 + e) } else { x / (1.0 + e) }
}

/// `x tanh(ln(1 + e^x))`, also where the gate is subnormal: there it is that of [`silu`].
pub(crate) fn mish(x: f64) -> f64 {
    if x < -700.0 { silu(x) } else { x * mish_gate(x) }
}

/// `x` times a gate that closes faster than `x` grows.
pub(crate) fn gated(x: f64, gate: fn(f64) -> f64) -> f64 {
    if x == f64::NEG_INFINITY { -0.0 } else { x * gate(x) }
}
