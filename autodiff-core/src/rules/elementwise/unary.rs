//! Operations on one array.

use super::*;
use crate::backend::Binary;
use std::f64::consts::{FRAC_2_SQRT_PI, LN_2, LOG2_E, LOG10_E};

/// The derivative of `gelu_gate` at `x`, where its result is `y`.
macro_rules! gelu_gate_slope {
    ($x:ident, $y:expr) => {{
        let [[linear, _], [cubic, _]] = T::GELU;
        // The result is 0 long before the polynomial is infinite.
        let flat = $y * (-$x).gelu_gate();
        flat.zip(Binary::chain, &($x * $x * (T::of(3.0) * cubic) + linear))
    }};
}

unary! {
    /// The negative, `-x`.
    pub(crate) neg(x) = -x; |_, _| -1.0; -2.0..2.0

    /// The exponential `e^x`; `d/dx = e^x`.
    pub exp(x) with F near { T::EXP_NEAR } = math::exp::<F, T>(x); |_, y| y; -2.0..2.0

    /// `e^x - 1`, exact near 0; `d/dx = e^x`.
    pub exp_m1(x) with F = math::exp_m1::<F, T>(x); |x, _| x.exp(); -2.0..2.0

    /// The natural logarithm; `d/dx = 1 / x`. `ln(0)` is -inf with gradient +inf; both are NaN below 0.
    pub ln(x) with F = math::ln::<F, T>(x); |x, _| x.ln_slope(); 0.5..3.0

    /// The derivative of `ln`: `1 / x` on its domain, +inf at either zero.
    pub(crate) ln_slope(x) = if x < T::zero() { T::nan() } else { x.abs().recip() }; |_, y| -(y * y); 0.5..2.0

    /// `ln(1 + x)`, exact near 0; `d/dx = 1 / (1 + x)`. `ln_1p(-1)` is -inf with gradient +inf; both are NaN below -1.
    pub ln_1p(x) with F = math::ln_1p::<F, T>(x); |x, _| (x + T::one()).ln_slope(); -0.5..2.0

    /// The square root; `d/dx = 1 / (2 sqrt(x))`, +inf at 0; both are NaN below 0.
    pub sqrt(x) = x.sqrt(); |_, y| y.sqrt_slope(); 0.5..3.0

    /// The derivative of `sqrt` in terms of its result, `1 / (2 y)`, +inf at either zero.
    pub(crate) sqrt_slope(y) = T::of(0.5) / y.abs(); |_, d| -2.0 * (d * d); 0.5..2.0

    /// The square, `x x`; `d/dx = 2 x`.
    pub square(x) = x * x; |x, _| Partial::Scaled(2.0, x.clone()); -2.0..2.0

    /// The reciprocal, `1 / x`; `d/dx = -1 / x^2`.
    pub recip(x) = x.recip(); |_, y| -(y * y); 0.5..2.0

    /// The sine of an angle in radians; `d/dx = cos(x)`.
    pub sin(x) with F = math::sin::<F, T>(x), if math::far(x) => x.sin(); |x, _| x.cos(); -2.0..2.0

    /// The cosine of an angle in radians; `d/dx = -sin(x)`.
    pub cos(x) with F = math::cos::<F, T>(x), if math::far(x) => x.cos(); |x, _| -x.sin(); -2.0..2.0

    /// The hyperbolic tangent; `d/dx = 1 / cosh(x)^2`, exact in both tails.
    pub tanh(x) with F near { T::of(0.5) * T::EXP_NEAR } = math::tanh::<F, T>(x); |x, _| x.sech2(); -2.0..2.0

    /// `1 / cosh(x)^2`, which `1 - tanh(x)^2` loses where tanh rounds to 1.
    pub(crate) sech2(x) with F near { T::of(0.5) * T::EXP_NEAR } = math::sech2::<F, T>(x); |x, y| -2.0 * (y * x.tanh()); -2.0..2.0

    /// The logistic function `1 / (1 + e^-x)`; `d/dx = sigmoid(x) sigmoid(-x)`, exact in both tails.
    pub sigmoid(x) with F near { T::EXP_NEAR } = math::sigmoid::<F, T>(x); |x, _| x.sigmoid_slope(); -3.0..3.0

    /// The derivative of the logistic function, which `y (1 - y)` loses where sigmoid rounds to 1.
    pub(crate) sigmoid_slope(x) with F near { T::EXP_NEAR } = math::sigmoid_slope::<F, T>(x); |x, y| -(y * (0.5 * x).tanh()); -3.0..3.0

    /// `ln(1 + e^x)`, at any magnitude; `d/dx = sigmoid(x)`.
    pub softplus(x) with F near { T::EXP_NEAR } = math::softplus::<F, T>(x); |x, _| x.sigmoid(); -3.0..3.0

    /// The absolute value; `d/dx = sign(x)`, 0 at 0.
    pub abs(x) = x.abs(); |x, _| x.sign(); -2.0..2.0

    /// -1, 0 or 1 as `x` is negative, zero or positive, like NumPy's `sign`; NaN for NaN. Its gradient is 0.
    pub sign(x) = if x > T::zero() { T::one() } else if x < T::zero() { -T::one() } else { x + T::zero() };
        |_, _| 0.0; -2.0..2.0

    /// The positive part, `x` above 0 and 0 below; NaN stays NaN. `d/dx` is 1 above 0 and 0 elsewhere, at 0 too.
    pub relu(x) = if x <= T::zero() { T::zero() } else { x }; |x, _| x.step(); -2.0..2.0

    /// 1 above 0, 0 elsewhere: the derivative of `relu`.
    pub(crate) step(x) = if x > T::zero() { T::one() } else if x <= T::zero() { T::zero() } else { x };
        |_, _| 0.0; -2.0..2.0

    /// `x^n` for an integer constant; `d/dx = n x^(n-1)`. `x^0` is 1 everywhere, with gradient 0.
    pub powi(x, n: i32 = [-3, -1, 0, 1, 2, 3, 5]) = product(x, n), if !is_product(n) => x.to_integer_power(n);
        |x, _| match n.checked_sub(1) {
            Some(-1) => Partial::from(0.0),
            Some(less) => Partial::from(f64::from(n) * x.powi(less)),
            // One less is no number of 32 bits, and rounded to `f32` it is even.
            None => Partial::from(f64::from(n) * (x.powi(n) * x.recip())),
        };
        0.5..2.0

    /// `x^p` for a constant exponent; `d/dx = p x^(p-1)`. `x^0` is 1 everywhere, with gradient 0; NaN for a
    /// negative `x` with a fractional `p`.
    pub powf(x, p: T = [T::of(2.5), T::of(-1.5), T::of(2.0), T::one(), T::zero()]) = x.to_power(p);
        |x, _| if p == T::zero() { Partial::from(0.0) } else { Partial::from(x.powf(p - T::one()) * p) };
        0.5..2.0

    /// Values limited to `bounds`, `(least, greatest)`, like NumPy's `clip`; NaN stays NaN, and as a bound makes all
    /// NaN. `d/dx` is 1 strictly inside and 0 elsewhere, at the bounds too.
    pub(crate) limit as "clamp"(x, bounds: (T, T) = [(T::of(-1.0), T::of(1.5)), (T::of(2.0), T::of(3.0))]) = {
            let above = if x < bounds.0 || bounds.0.is_nan() { bounds.0 } else { x };
            if above > bounds.1 || bounds.1.is_nan() { bounds.1 } else { above }
        };
        |x, _| x.inside(bounds); -2.0..2.0

    /// 1 strictly inside `bounds`, 0 elsewhere: the derivative of `limit`.
    pub(crate) inside(x, bounds: (T, T) = [(T::of(-1.0), T::of(1.5))]) =
        if x > bounds.0 && x < bounds.1 { T::one() } else if x.is_nan() { x } else { T::zero() };
        |_, _| 0.0; -2.0..2.0

    /// `2^x`; `d/dx = ln(2) 2^x`.
    pub exp2(x) with F near { -T::EXP2_NORMAL } = math::exp2::<F, T>(x); |_, y| y * T::of(LN_2); -2.0..2.0

    /// The logarithm to base 2; `d/dx = 1 / (x ln(2))`. `log2(0)` is -inf with gradient +inf; both are NaN below
    /// 0.
    pub log2(x) with F = math::log2::<F, T>(x); |x, _| x.log_slope(T::of(LOG2_E)); 0.5..3.0

    /// The logarithm to base 10; `d/dx = 1 / (x ln(10))`. `log10(0)` is -inf with gradient +inf; both are NaN
    /// below 0.
    pub log10(x) with F = math::log10::<F, T>(x); |x, _| x.log_slope(T::of(LOG10_E)); 0.5..3.0

    /// The derivative of a logarithm, `c / x` on its domain, infinite at either zero.
    pub(crate) log_slope(x, c: T = [T::of(LOG10_E)]) = if x < T::zero() { T::nan() } else { c / x.abs() };
        |_, y| -(y * y) / c; 0.5..2.0

    /// The tangent of an angle in radians; `d/dx = 1 + tan(x)^2`.
    pub tan(x) by calls = wide(libm::tan, x); |_, y| y * y + T::one(); -1.2..1.2

    /// The angle in [-pi/2, pi/2] whose sine is `x`; `d/dx = 1 / sqrt(1 - x^2)`. At -1 and 1 the gradient is +inf;
    /// both are NaN outside.
    pub asin(x) by calls = wide(libm::asin, x); |x, _| x.asin_slope(); -0.8..0.8

    /// The derivative of `asin`, `1 / sqrt(1 - x^2)`.
    pub(crate) asin_slope(x) = ((T::one() - x) * (T::one() + x)).sqrt().recip(); |x, y| x * (y * y * y); -0.8..0.8

    /// The angle in [0, pi] whose cosine is `x`; `d/dx = -1 / sqrt(1 - x^2)`. At -1 and 1 the gradient is -inf;
    /// both are NaN outside.
    pub acos(x) by calls = wide(libm::acos, x); |x, _| -x.asin_slope(); -0.8..0.8

    /// The angle in [-pi/2, pi/2] whose tangent is `x`; `d/dx = 1 / (1 + x^2)`.
    pub atan(x) by calls = wide(libm::atan, x); |x, _| x.atan_slope(); -2.0..2.0

    /// The derivative of `atan`, `1 / (1 + x^2)`, where the square overflows too.
    pub(crate) atan_slope(x) = {
            let (a, r) = (x.abs(), x.recip());
            if a > T::of(1e9) { r * r } else { (T::one() + x * x).recip() }
        };
        |x, y| -2.0 * (x.zip(Binary::chain, y) * y); -2.0..2.0

    /// The hyperbolic sine; `d/dx = cosh(x)`.
    pub sinh(x) with F = math::sinh::<F, T>(x); |x, _| x.cosh(); -2.0..2.0

    /// The hyperbolic cosine; `d/dx = sinh(x)`.
    pub cosh(x) with F = math::cosh::<F, T>(x); |x, _| x.sinh(); -2.0..2.0

    /// The inverse of `sinh`; `d/dx = 1 / sqrt(1 + x^2)`.
    pub asinh(x) with F = math::asinh::<F, T>(x); |x, _| x.asinh_slope(); -2.0..2.0

    /// The derivative of `asinh`, `1 / sqrt(1 + x^2)`, where the square overflows too.
    pub(crate) asinh_slope(x) = {
            let a = x.abs();
            if a > T::of(1e9) { a.recip() } else { (T::one() + x * x).sqrt().recip() }
        };
        |x, y| -(x.zip(Binary::chain, y) * y * y); -2.0..2.0

    /// The inverse of `cosh`, not negative; `d/dx = 1 / sqrt(x^2 - 1)`. At 1 the gradient is +inf; both are NaN
    /// below.
    pub acosh(x) with F = math::acosh::<F, T>(x); |x, _| x.acosh_slope(); 1.2..3.0

    /// The derivative of `acosh`, `1 / sqrt(x^2 - 1)`, where the square overflows too.
    pub(crate) acosh_slope(x) = ((x - T::one()).sqrt() * (x + T::one()).sqrt()).recip();
        |x, y| -(x.zip(Binary::chain, y) * y * y); 1.2..3.0

    /// The inverse of `tanh`; `d/dx = 1 / (1 - x^2)`. At -1 and 1 it is infinite, with gradient +inf; both are NaN
    /// outside.
    pub atanh(x) with F = math::atanh::<F, T>(x); |x, _| x.atanh_slope(); -0.8..0.8

    /// The derivative of `atanh`, `1 / (1 - x^2)`.
    pub(crate) atanh_slope(x) = if x.abs() > T::one() { T::nan() } else { ((T::one() - x) * (T::one() + x)).recip() };
        |x, y| 2.0 * (x * (y * y)); -0.8..0.8

    /// `sin(pi x) / (pi x)`, 1 at 0, like NumPy's `sinc`; `d/dx = (cos(pi x) - sinc(x)) / x`, 0 at 0.
    pub sinc(x) with F = math::sinc::<F, T>(x); |x, _| x.sinc_slope(1); -2.0..2.0

    /// Derivative `n` of `sinc`.
    pub(crate) sinc_slope(x, n: u32 = [1, 2, 3]) by calls = wide(|x| math::sinc_slope(x, n), x); |x, _| x.sinc_slope(n + 1); -2.0..2.0

    /// The cube root, of negative numbers too; `d/dx = 1 / (3 cbrt(x)^2)`, +inf at 0.
    pub cbrt(x) by calls = wide(libm::cbrt, x); |_, y| (3.0 * (y * y)).recip(); 0.5..3.0

    /// `1 / sqrt(x)`; `d/dx = -1 / (2 x sqrt(x))`. At 0 it is infinite, with gradient -inf; both are NaN below 0.
    pub rsqrt(x) = x.sqrt().recip(); |x, y| -0.5 * (y / x); 0.5..3.0

    /// The greatest integer that is not above `x`. Its gradient is 0.
    pub floor(x) = x.floor(); |_, _| 0.0; -0.9..-0.1

    /// The least integer that is not below `x`. Its gradient is 0.
    pub ceil(x) = x.ceil(); |_, _| 0.0; -0.9..-0.1

    /// The integer nearest to `x`, of two the even one, like NumPy's `round`. Its gradient is 0.
    pub round(x) = wide(f64::round_ties_even, x); |_, _| 0.0; 0.6..1.4

    /// `x` without its fraction. Its gradient is 0.
    pub trunc(x) = x.trunc(); |_, _| 0.0; 1.1..1.9

    /// The fraction of `x`, `x - trunc(x)`, with its sign; `d/dx = 1`.
    pub fract(x) = x - x.trunc(); |_, _| 1.0; 1.1..1.9

    /// The error function, `2 / sqrt(pi)` times the integral of `e^-t^2` from 0 to `x`; `d/dx = 2 / sqrt(pi)
    /// e^-x^2`.
    pub erf(x) with F = math::erf::<F, T>(x); |x, _| x.gauss() * T::of(FRAC_2_SQRT_PI); -2.0..2.0

    /// `1 - erf(x)`, exact in its tail; `d/dx = -2 / sqrt(pi) e^-x^2`.
    pub erfc(x) with F = T::of(math::erfc::<F, f64>(x.as_f64())); |x, _| x.gauss() * T::of(-FRAC_2_SQRT_PI); -2.0..2.0

    /// `e^-x^2`.
    pub(crate) gauss(x) with F = math::gauss::<F, T>(x); |x, y| -2.0 * x.zip(Binary::chain, y); -2.0..2.0

    /// The inverse of `erf`; `d/dx = sqrt(pi) / 2 e^(y^2)`. At -1 and 1 it is infinite, with gradient +inf; both
    /// are NaN outside.
    pub erfinv(x) by calls = wide(math::erfinv, x); |x, _| x.erfinv_slope(); -0.8..0.8

    /// The derivative of `erfinv`.
    pub(crate) erfinv_slope(x) by calls = wide(math::erfinv_slope, x); |x, y| 2.0 * (x.erfinv() * (y * y)); -0.8..0.8

    /// The distribution function of the normal distribution, exact in both tails; `d/dx = e^(-x^2 / 2) / sqrt(2
    /// pi)`.
    pub normal_cdf(x) with F = T::of(math::normal_cdf::<F, f64>(x.as_f64())); |x, _| x.normal_pdf(); -2.0..2.0

    /// The density of the normal distribution, `e^(-x^2 / 2) / sqrt(2 pi)`; `d/dx = -x y`.
    pub normal_pdf(x) with F = math::normal_pdf::<F, T>(x); |x, y| -x.zip(Binary::chain, y); -2.0..2.0

    /// `ln(normal_cdf(x))`, exact in both tails, however far; `d/dx = normal_pdf(x) / normal_cdf(x)`, the inverse
    /// Mills ratio.
    pub log_normal_cdf(x) by calls = wide(math::log_normal_cdf, x); |x, _| x.inverse_mills(); -3.0..2.0

    /// The derivative of `log_normal_cdf`.
    pub(crate) inverse_mills(x) by calls = wide(math::inverse_mills, x); |x, _| x.inverse_mills_slope(); -3.0..2.0

    /// The derivative of `inverse_mills`.
    pub(crate) inverse_mills_slope(x) by calls = wide(math::inverse_mills_slope, x);
        |x, y| { let h = x.inverse_mills(); -(y * (x + &h) + &h * (y + T::one())) }; -3.0..2.0

    /// `ln |Gamma(x)|`; `d/dx = digamma(x)`. It is +inf at 0 and at the negative integers. Near its zeros at
    /// negative numbers the error is absolute.
    pub lgamma(x) by calls = wide(math::lgamma, x); |x, _| x.digamma(); 0.5..3.0

    /// The derivative of `lgamma`; `d/dx = polygamma(1)`. At 0 it is infinite; at the negative integers, NaN.
    pub digamma(x) by calls = wide(|x| math::polygamma(x, 0), x); |x, _| x.polygamma(1); 0.5..3.0

    /// Derivative `n` of `digamma`; `d/dx = polygamma(n + 1)`. At 0 and the negative integers it is +inf for an
    /// odd `n`, else NaN.
    pub polygamma(x, n: u32 = [0, 1, 2, 3]) by calls = wide(|x| math::polygamma(x, n), x); |x, _| x.polygamma(n + 1); 1.0..3.0

    /// `x sigmoid(x)`, PyTorch's `silu` or swish; `d/dx = sigmoid(x) + x sigmoid(x) sigmoid(-x)`.
    pub silu(x) with F near { T::of(0.5) * T::EXP_NEAR } = math::silu::<F, T>(x);
        |x, _| x.sigmoid() + x.zip(Binary::chain, &x.sigmoid_slope()); -3.0..3.0

    /// `x` times the normal distribution function, `x (1 + erf(x / sqrt(2))) / 2`, exact in its tail; `d/dx = y /
    /// x + x normal_pdf(x)`.
    pub gelu(x) with F = T::of(math::gelu::<F, f64>(x.as_f64()));
        |x, _| x.normal_cdf() + x.zip(Binary::chain, &x.normal_pdf()); -3.0..3.0

    /// The approximation of `gelu` by `x (1 + tanh(u)) / 2` for `u = sqrt(2 / pi) (x + 0.044715 x^3)`; `d/dx = y /
    /// x + x sech(u)^2 u' / 2`.
    pub gelu_tanh(x) with F near { T::of(math::GELU_NEAR) } = math::gelu_tanh::<F, T>(x);
        |x, _| x.gelu_gate() + x.zip(Binary::chain, &gelu_gate_slope!(x, x.gelu_gate())); -3.0..3.0

    /// The factor of `x` in `gelu_tanh`.
    pub(crate) gelu_gate(x) with F near { T::of(math::GELU_NEAR) } = math::gelu_gate::<F, T>(x); |x, y| gelu_gate_slope!(x, y); -3.0..3.0

    /// `x tanh(softplus(x))`; `d/dx = y / x + x sigmoid(x) / cosh(softplus(x))^2`.
    pub mish(x) with F near { T::of(0.5) * T::EXP_NEAR } = math::mish::<F, T>(x);
        |x, _| x.mish_gate() + x.zip(Binary::chain, &x.mish_gate_slope()); -3.0..3.0

    /// The factor of `x` in `mish`.
    pub(crate) mish_gate(x) with F near { T::of(0.5) * T::EXP_NEAR } = math::mish_gate::<F, T>(x); |x, _| x.mish_gate_slope(); -3.0..3.0

    /// The derivative of `mish_gate`.
    pub(crate) mish_gate_slope(x) with F near { T::of(0.5) * T::EXP_NEAR } = math::mish_gate_slope::<F, T>(x);
        |x, y| y * ((-x).sigmoid() - 2.0 * (x.mish_gate() * x.sigmoid())); -3.0..3.0

    /// `x` above 0 and `alpha (e^x - 1)` below; `d/dx` is 1 above 0 and `alpha e^x` below. At 0 the gradient is
    /// the one nearest to 0 between `alpha` and 1.
    pub elu(x, alpha: T = [T::one(), T::of(0.5)]) with F = if x > T::zero() { x } else { alpha * math::exp_m1::<F, T>(x) };
        |x, _| x.elu_slope(alpha); -2.0..-0.2

    /// The derivative of `elu`.
    pub(crate) elu_slope(x, alpha: T = [T::one(), T::of(0.5)]) with F =
        if x > T::zero() { T::one() } else if x == T::zero() { least(alpha) } else { alpha * math::exp::<F, T>(x) };
        |x, _| x.elu_bend(alpha); -2.0..-0.2

    /// The second and every higher derivative of `elu`.
    pub(crate) elu_bend(x, alpha: T = [T::of(0.5)]) with F = if x >= T::zero() { T::zero() } else { alpha * math::exp::<F, T>(x) };
        |_, y| y; -2.0..-0.2

    /// `x` above 0 and `alpha (e^(x / alpha) - 1)` below, whose slope has no jump; `d/dx` is 1 above 0 and `e^(x /
    /// alpha)` below. With `alpha` 0 it is `relu`.
    pub celu(x, alpha: T = [T::one(), T::of(2.0), -T::one()]) with F =
        if x >= T::zero() { x } else { alpha * math::exp_m1::<F, T>(x / alpha) };
        |x, _| x.celu_slope(alpha); -2.0..-0.2

    /// The derivative of `celu`.
    pub(crate) celu_slope(x, alpha: T = [T::one(), T::of(2.0), -T::one()]) with F = {
            let at_zero = if alpha == T::zero() { T::zero() } else { T::one() };
            if x > T::zero() { T::one() } else if x == T::zero() { at_zero } else { math::exp::<F, T>(x / alpha) }
        };
        |x, _| x.celu_bend(alpha); -2.0..-0.2

    /// The second derivative of `celu`; every higher one is `1 / alpha` times that before it.
    pub(crate) celu_bend(x, alpha: T = [T::of(2.0), -T::one()]) with F =
        if x >= T::zero() { T::zero() } else { math::exp::<F, T>(x / alpha) / divisor(alpha) };
        |_, y| y / divisor(alpha); -2.0..-0.2

    /// `x` above 0 and `slope x` below; `d/dx` is 1 above 0 and `slope` below. At 0 the gradient is the one
    /// nearest to 0 between `slope` and 1.
    pub leaky_relu(x, slope: T = [T::of(0.1)]) = if x > T::zero() { x } else { slope * x };
        |x, _| x.leaky_step(slope); -2.0..-0.2

    /// The derivative of `leaky_relu`.
    pub(crate) leaky_step(x, slope: T = [T::of(0.1)]) =
        if x > T::zero() { T::one() } else if x == T::zero() { least(slope) } else if x.is_nan() { x } else { slope };
        |_, _| 0.0; -2.0..-0.2

    /// `x / (1 + |x|)`; `d/dx = 1 / (1 + |x|)^2`.
    pub softsign(x) = {
            let y = x / (T::one() + x.abs());
            if x.abs() == T::infinity() { T::one().copysign(x) } else { y }
        };
        |x, _| { let r = (x.abs() + T::one()).recip(); &r * &r }; 0.2..2.0

    /// 0 for NaN and the largest finite numbers for infinities, like NumPy's `nan_to_num`; `d/dx` is 1 for finite
    /// numbers, and 0 for what is replaced.
    pub nan_to_num(x) = {
            let x = if x.is_nan() { T::zero() } else { x };
            if x.is_infinite() { T::max_value().copysign(x) } else { x }
        };
        |x, _| x.finite(); -2.0..2.0

    /// 1 for finite numbers, else 0.
    pub(crate) finite(x) = if x.is_finite() { T::one() } else { T::zero() }; |_, _| 0.0; -2.0..2.0

    /// `1 / (1 + 2^-x)`, the logistic function to base 2.
    pub(crate) sigmoid2(x) with F near { -T::EXP2_NORMAL } = math::sigmoid2::<F, T>(x); |x, y| y * (-x).sigmoid2() * T::of(LN_2); -3.0..3.0
}

/// The number of least size between `slope` and 1: the gradient at a kink between these slopes.
fn least<T: Scalar>(slope: T) -> T {
    if slope < T::zero() {
        T::zero()
    } else if slope < T::one() {
        slope
    } else {
        T::one()
    }
}

/// A function of `f64` in either type. (Not for rows `with F`: what is called through a parameter is not compiled for the machine.)
#[inline(always)]
fn wide<T: Scalar>(f: impl Fn(f64) -> f64, x: T) -> T {
    T::of(f(x.as_f64()))
}

/// Whether multiplication is exact enough for a power; else it is one by a logarithm, which does not vectorise.
#[inline(always)]
fn is_product(n: i32) -> bool {
    (-1..=3).contains(&n)
}

/// Such a power; of any other, nothing of use.
#[inline(always)]
fn product<T: Scalar>(x: T, n: i32) -> T {
    match n {
        -1 => x.recip(),
        0 => T::one(),
        2 => x * x,
        3 => x * x * x,
        _ => x,
    }
}

/// `alpha`, or 1 where it is 0, of what is 0 in that case.
#[inline(always)]
fn divisor<T: Scalar>(alpha: T) -> T {
    if alpha == T::zero() { T::one() } else { alpha }
}
