//! Elementary functions that vectorise: exact to 2 ulp (units in the last place) over the whole range, subnormal
//! numbers, zeros, infinities and NaN included.
//!
//! Those of the system's library are calls, one for each number. These are arithmetic, selections and integer
//! operations on the bits, without a branch or a table, so that a loop over a slice becomes one over vectors. All are
//! `#[inline(always)]` for the sake of [`Kernel`](super::simd::Kernel).
//!
//! Products are added with one rounding, by the machine's fused multiply-add or, where it has none, by [`fma`] with the
//! same bits. IEEE arithmetic, operation by operation, has the same result on every machine and in every width of
//! vector, so a number does not depend on where it stands in an array.
//!
//! The polynomials are printed by `coefficients.py`. Reductions and the order of the last additions are those of
//! fdlibm (Sun Microsystems, <https://www.netlib.org/fdlibm/>).

mod activation;
mod erf;
mod exp;
mod fma;
mod gamma;
mod hyperbolic;
mod log;
mod pow;
mod real;
mod special;
#[cfg(test)]
mod tests;
mod trig;

pub(crate) use activation::{GELU_NEAR, gelu_gate, gelu_tanh, mish, mish_gate, mish_gate_slope, silu};
pub(crate) use erf::{erf, erfc, gauss, gelu, normal_cdf, normal_pdf};
pub(crate) use exp::{
    exp, exp_m1, exp2, sech2, sigmoid, sigmoid_and_slope, sigmoid_slope, sigmoid2, tanh, tanh_and_sech2,
};
pub(crate) use fma::{Baseline, Hardware, MulAdd, Near};
pub(crate) use gamma::{betaln, digamma_gap, lgamma, polygamma};
pub(crate) use hyperbolic::{acosh, asinh, atanh, cosh, sinh};
pub(crate) use log::{ln, ln_1p, log2, log10, softplus, softplus_and_sigmoid, softplus2_decay};
pub use real::Real;
pub(crate) use special::{
    erfinv, erfinv_slope, inverse_mills, inverse_mills_slope, log_normal_cdf, part, per_square, sinc_slope,
};
pub(crate) use trig::{cos, far, sin, sinc, sine_and_cosine};

/// Whether a function is to be tried on elements as if all were [`Near`], up to a limit: there are many, and the first and the last
/// are. What is masked by infinities mostly is so at one end.
#[inline(always)]
pub(crate) fn may_be_near<T: Real>(x: &[T], limit: T) -> bool {
    const MANY: usize = 32;
    x.len() >= MANY && x[0].abs() <= limit && x[x.len() - 1].abs() <= limit
}

/// The larger, NaN if either is.
#[inline(always)]
pub(crate) fn maximum<T: num_traits::Float>(a: T, b: T) -> T {
    if a > b || a.is_nan() { a } else { b }
}

/// The smaller, NaN if either is.
#[inline(always)]
pub(crate) fn minimum<T: num_traits::Float>(a: T, b: T) -> T {
    if a < b || a.is_nan() { a } else { b }
}

/// `c[0] + c[1] x + c[2] x^2 + ...`: even and odd powers apart, which halves the chain of operations that wait for
/// each other.
#[inline(always)]
fn polynomial<F: MulAdd, T: Real>(x: T, c: &[T]) -> T {
    let (square, n) = (x * x, c.len());
    let (mut same, mut other) = (c[n - 1], c[n - 2]);
    let mut i = n - 2;
    while i >= 2 {
        same = F::mul_add(same, square, c[i - 1]);
        other = F::mul_add(other, square, c[i - 2]);
        i -= 2;
    }
    // Of an odd number of coefficients, the first is left.
    if i == 1 { F::mul_add(same, square, F::mul_add(other, x, c[0])) } else { F::mul_add(same, x, other) }
}
