//! Operations on two arrays.

use super::*;
use std::f64::consts::LN_2;

binary! {
    /// The sum, `a + b`.
    add(a, b) = a + b; |_, _, _| 1.0; |_, _, _| 1.0; -2.0..2.0, -2.0..2.0

    /// The difference, `a - b`.
    sub(a, b) = a - b; |_, _, _| 1.0; |_, _, _| -1.0; -2.0..2.0, -2.0..2.0

    /// The product, `a b`.
    mul(a, b) = a * b; |_, b, _| b; |a, _, _| a; -2.0..2.0, -2.0..2.0

    /// The quotient, `a / b`.
    div(a, b) = a / b; |_, b, _| b.recip(); |_, b, y| Partial::Factored(y.clone(), -b.recip()); -2.0..2.0, 0.5..2.0

    /// The power, `a^b`.
    pow(a, b) = a.to_power(b);
        |a, b, _| b.zip(Binary::chain, &a.zip(Binary::pow, &(b - T::one())));
        |a, b, y| y.zip(Binary::chain, &a.zip(Binary::pow_ln, b));
        0.5..2.0, -2.0..2.0

    /// `ln(a)`, but 0 where `a` is 0 and `b` is not negative: `a^b` does not change with `b` there.
    pow_ln(a, b) with F = if a == T::zero() && b >= T::zero() { T::zero() } else { math::ln::<F, T>(a) };
        |a, _, _| a.ln_slope(); |_, _, _| 0.0; 0.5..2.0, -2.0..2.0

    /// The larger, NaN if either is.
    maximum(a, b) = math::maximum(a, b);
        |a, b, _| a.zip(Binary::larger, b); |a, b, _| b.zip(Binary::larger, a); -2.0..2.0, -2.0..2.0

    /// The smaller, NaN if either is.
    minimum(a, b) = math::minimum(a, b);
        |a, b, _| b.zip(Binary::larger, a); |a, b, _| a.zip(Binary::larger, b); -2.0..2.0, -2.0..2.0

    /// The share of `a` in the larger of the two: 1, 0, or a half where they are equal; NaN if either is.
    larger(a, b) = if a > b { T::one() } else if a < b { T::zero() } else if a == b { T::of(0.5) } else { a + b };
        |_, _, _| 0.0; |_, _, _| 0.0; -2.0..2.0, -2.0..2.0

    /// 1 where two elements are the same, NaN being the same as NaN, else 0.
    same(a, b) = if a == b || (a.is_nan() && b.is_nan()) { T::one() } else { T::zero() };
        |_, _, _| 0.0; |_, _, _| 0.0; -2.0..2.0, -2.0..2.0

    /// The product of a cotangent `g` and a derivative `d`, in which zero absorbs infinity, and a zero cotangent
    /// NaN too: what the result does not depend on has no say in its gradient.
    chain as "mul"(g, d) = g * d, y if nan =>
        if g == T::zero() || (d == T::zero() && !g.is_nan()) { T::zero() } else { y };
        |_, d, _| d; |g, _, _| Partial::Cotangent(g.clone()); -2.0..2.0, -2.0..2.0

    /// The product of two cotangents or tangents, as second derivatives have it, in which zero on either side absorbs infinity and
    /// NaN.
    absorb as "mul"(s, t) = s * t, y if nan => if s == T::zero() || t == T::zero() { T::zero() } else { y };
        |_, t, _| Partial::Cotangent(t.clone()); |s, _, _| Partial::Cotangent(s.clone()); -2.0..2.0, -2.0..2.0

    /// `x - m` for `m` at least `x`: 0 where both are +inf.
    below as "sub"(x, m) = {
            // Of `m` alone, which often is one number for a row.
            let beside = if m > T::neg_infinity() { T::zero() } else { T::nan() };
            if x == m { beside } else { x - m }
        };
        |_, _, _| 1.0; |_, _, _| -1.0; -2.0..0.0, 0.0..1.0

    /// The angle of the point `(b, a)`.
    atan2(a, b) = wide(libm::atan2, a, b);
        |a, b, _| b.zip(Binary::per_square, a); |a, b, _| -a.zip(Binary::per_square, b); 0.5..2.0, 0.5..2.0

    /// `a / (a^2 + b^2)`, where the squares overflow too.
    per_square(a, b) = wide(math::per_square, a, b);
        |a, b, y| {
            let other = b.zip(Binary::per_square, a);
            (&other - y) * (&other + y)
        };
        |a, b, y| -2.0 * (y * b.zip(Binary::per_square, a));
        0.5..2.0, 0.5..2.0

    /// `sqrt(a^2 + b^2)`.
    hypot(a, b) = wide(libm::hypot, a, b);
        |a, b, _| a.zip(Binary::part, b); |a, b, _| b.zip(Binary::part, a); 0.5..2.0, 0.5..2.0

    /// `a / hypot(a, b)`, 0 at the origin.
    part(a, b) = wide(math::part, a, b);
        |a, b, _| b.zip(Binary::part, a).square().zip(Binary::chain, &a.zip(Binary::hypot, b).recip());
        |a, b, y| -(y * b.zip(Binary::part, a)).zip(Binary::chain, &a.zip(Binary::hypot, b).recip());
        0.5..2.0, 0.5..2.0

    /// `ln(e^a + e^b)`.
    logaddexp(a, b) with F = {
            let larger = if a > b { a } else { b };
            let y = larger + math::softplus::<F, T>(-(a - b).abs());
            if a == b { a + T::of(LN_2) } else { y }
        };
        |a, b, _| a.zip(Binary::gap, b).sigmoid(); |a, b, _| b.zip(Binary::gap, a).sigmoid(); -2.0..2.0, -2.0..2.0

    /// `log2(2^a + 2^b)`.
    logaddexp2(a, b) with F = {
            let larger = if a > b { a } else { b };
            let y = larger + math::softplus2_decay::<F, T>(a - b);
            if a == b { a + T::one() } else { y }
        };
        |a, b, _| a.zip(Binary::gap, b).sigmoid2(); |a, b, _| b.zip(Binary::gap, a).sigmoid2(); -2.0..2.0, -2.0..2.0

    /// `a - b`, but 0 where both are +inf and -inf where both are -inf.
    gap(a, b) = if a == T::neg_infinity() && !b.is_nan() { a } else if a == b { T::zero() } else { a - b };
        |_, _, _| 1.0; |_, _, _| -1.0; -2.0..2.0, -2.0..2.0

    /// `a ln(b)`, 0 where `a` is.
    xlogy(a, b) with F = if a == T::zero() && !b.is_nan() { T::zero() } else { a * math::ln::<F, T>(b) };
        |_, b, _| b.ln(); |a, b, _| a.zip(Binary::over, b); -2.0..2.0, 0.5..2.0

    /// `a ln(1 + b)`, 0 where `a` is.
    xlog1py(a, b) with F = if a == T::zero() && !b.is_nan() { T::zero() } else { a * math::ln_1p::<F, T>(b) };
        |_, b, _| b.ln_1p(); |a, b, _| a.zip(Binary::over, &(b + T::one())); -2.0..2.0, -0.5..2.0

    /// `a / b` on the domain of the logarithm, 0 where `a` is.
    over(a, b) = if a == T::zero() && !b.is_nan() { T::zero() } else if b < T::zero() { T::nan() } else { a / b.abs() };
        |_, b, _| b.ln_slope(); |_, b, y| -y.zip(Binary::over, b); -2.0..2.0, 0.5..2.0

    /// The rest of the division by `b`, with the sign of `b`.
    remainder(a, b) = {
            let rest = a % b;
            let rest = if rest != T::zero() && (rest < T::zero()) != (b < T::zero()) { rest + b } else { rest };
            if rest == T::zero() { rest.copysign(b) } else { rest }
        };
        |_, _, _| 1.0; |a, b, _| -a.zip(Binary::quotient, b); 1.1..1.9, 1.0..1.05

    /// The greatest integer that is not above `a / b`.
    quotient(a, b) = {
            let rest = a % b;
            let whole = (a - rest) / b;
            let whole = if rest != T::zero() && (rest < T::zero()) != (b < T::zero()) { whole - T::one() } else { whole };
            T::of(whole.as_f64().round_ties_even())
        };
        |_, _, _| 0.0; |_, _, _| 0.0; 1.1..1.9, 1.0..1.05

    /// `a` with the sign of `b`.
    copysign(a, b) = a.copysign(b);
        |a, b, _| a.sign() * b.powi(0).zip(Binary::copysign, b); |_, _, _| 0.0; 0.5..2.0, 0.5..2.0

    /// The logarithm of the beta function.
    betaln(a, b) by calls = wide(math::betaln, a, b);
        |a, b, _| a.zip(Binary::digamma_gap, b); |a, b, _| b.zip(Binary::digamma_gap, a); 0.5..3.0, 0.5..3.0

    /// `digamma(a) - digamma(a + b)`.
    digamma_gap(a, b) by calls = wide(math::digamma_gap, a, b);
        |a, b, _| a.polygamma(1) - (a + b).polygamma(1); |a, b, _| -(a + b).polygamma(1); 0.5..3.0, 0.5..3.0
}

/// A function of `f64` in either type.
#[inline(always)]
fn wide<T: Scalar>(f: impl Fn(f64, f64) -> f64, a: T, b: T) -> T {
    T::of(f(a.as_f64(), b.as_f64()))
}
