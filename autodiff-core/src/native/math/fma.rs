//! `a b + c` with one rounding.

use super::real::Real;
use std::marker::PhantomData;

/// A way to compute `a b + c`. Functions take it as a parameter, since a machine that has the instruction is known only
/// when the program runs: each is compiled with the instruction, and without.
pub trait MulAdd {
    /// Whether arguments are near, at most so large that nothing overflows or is subnormal: what functions do for others can be left out.
    const NEAR: bool = false;

    fn mul_add<T: Real>(a: T, b: T, c: T) -> T;

    /// The same, with two roundings where one instruction does not do it: for sums, in which one rounding more counts little.
    #[inline(always)]
    fn add_product<T: Real>(a: T, b: T, c: T) -> T {
        Self::mul_add(a, b, c)
    }
}

/// By the machine's instruction.
pub(crate) struct Hardware;

impl MulAdd for Hardware {
    #[inline(always)]
    fn mul_add<T: Real>(a: T, b: T, c: T) -> T {
        a.mul_add(b, c)
    }
}

/// With the same bits, by some forty operations: for machines without the instruction, all of them from before 2013 or small.
#[cfg_attr(any(target_feature = "fma", target_arch = "aarch64"), allow(dead_code))] // there tests alone use it
pub(crate) struct Software;

impl MulAdd for Software {
    #[inline(always)]
    fn mul_add<T: Real>(a: T, b: T, c: T) -> T {
        a.mul_add_in_software(b, c)
    }

    #[inline(always)]
    fn add_product<T: Real>(a: T, b: T, c: T) -> T {
        a * b + c
    }
}

/// The same way, where arguments are near.
pub(crate) struct Near<F>(PhantomData<F>);

impl<F: MulAdd> MulAdd for Near<F> {
    const NEAR: bool = true;

    #[inline(always)]
    fn mul_add<T: Real>(a: T, b: T, c: T) -> T {
        F::mul_add(a, b, c)
    }
}

/// The way of every machine that the program is compiled for.
#[cfg(any(target_feature = "fma", target_arch = "aarch64"))]
pub(crate) type Baseline = Hardware;
#[cfg(not(any(target_feature = "fma", target_arch = "aarch64")))]
pub(crate) type Baseline = Software;

/// With two roundings: for functions that are compiled once for all machines.
pub(super) struct Rounded;

impl MulAdd for Rounded {
    #[inline(always)]
    fn mul_add<T: Real>(a: T, b: T, c: T) -> T {
        a * b + c
    }
}

/// The sum, and what its rounding has lost.
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// The product, and what its rounding has lost.
#[inline(always)]
pub(super) fn two_product(a: f64, b: f64) -> (f64, f64) {
    /// The upper half of the digits, rounded to nearest: what is left then has a digit less, and products are exact.
    #[inline(always)]
    fn upper(x: f64) -> f64 {
        let scaled = 134217729.0 * x; // 2^27 + 1
        scaled - (scaled - x)
    }
    let product = a * b;
    let (a_high, b_high) = (upper(a), upper(b));
    let (a_low, b_low) = (a - a_high, b - b_high);
    (product, a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low))
}

/// The sum, rounded to the one of its two neighbours whose last digit is odd, unless it is exact: what is rounded again, to
/// fewer digits, is then as if it had been rounded once.
#[inline(always)]
fn odd_sum(a: f64, b: f64) -> f64 {
    let (sum, lost) = two_sum(a, b);
    let away = (lost > 0.0) == (sum > 0.0);
    let step = if away { 1 } else { u64::MAX };
    let even = sum.to_bits() & 1 == 0;
    f64::from_bits(sum.to_bits().wrapping_add(if even && lost != 0.0 { step } else { 0 }))
}

/// `a b + c`, where nothing on the way overflows, or underflows but for terms that do not count (S. Boldo and G. Melquiond,
/// Emulation of a FMA and correctly rounded sums, IEEE Trans. Comput. 57, 2008).
#[inline(always)]
pub(super) fn mul_add_f64(a: f64, b: f64, c: f64) -> f64 {
    let (product, product_rest) = two_product(a, b);
    let (low, low_rest) = two_sum(c, product_rest);
    let (high, high_rest) = two_sum(product, low);
    let y = high + odd_sum(low_rest, high_rest);
    // The sign of a zero is that of a sum.
    if y == 0.0 { a * b + c } else { y }
}

/// `a b + c`: the product is exact in `f64`.
#[inline(always)]
pub(super) fn mul_add_f32(a: f32, b: f32, c: f32) -> f32 {
    odd_sum(f64::from(a) * f64::from(b), f64::from(c)) as f32
}
