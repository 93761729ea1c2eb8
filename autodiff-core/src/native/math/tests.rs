//! Accuracy against `reference.csv` (correctly rounded, by mpmath) for `f64` and against `f64` for `f32`; the same
//! bits from single numbers and from blocks, on every instruction set.

use super::Real;
use super::fma::{MulAdd, Software};
use super::special::sin_pi;
use crate::backend::Unary;
use crate::scalar::Scalar;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// The distance of `got` from `want` plus `missing` units in the last place of it.
fn ulps(got: f64, want: f64, missing: f64) -> f64 {
    let distance = got.to_bits().wrapping_sub(want.to_bits()) as i64 as f64;
    let away = if got.is_sign_negative() != want.is_sign_negative() { f64::INFINITY } else { distance };
    (away - if want < 0.0 { -missing } else { missing }).abs()
}

/// The number with these bits, in hexadecimal digits.
fn bits(digits: &str) -> f64 {
    f64::from_bits(u64::from_str_radix(digits, 16).expect("hexadecimal"))
}

#[test]
fn f64_within_two_units_of_mpmath() {
    let mut worst = BTreeMap::<&str, (f64, &str)>::new();
    for row in include_str!("reference.csv").lines() {
        let fields: Vec<&str> = row.split(',').collect();
        let number = |i: usize| bits(fields[i]);
        let last = fields.len() - 1;
        let got = match fields[0] {
            "pow" => number(1).to_power(number(2)),
            name => unary::<f64>(name).call(number(1)),
        };
        let missing = fields[last].parse::<f64>().expect("an integer") / 1000.0;
        let error = ulps(got, number(last - 1), missing);
        let worst = worst.entry(fields[0]).or_insert((0.0, ""));
        if error > worst.0 || error.is_nan() {
            *worst = (error, row);
        }
    }
    for (name, (error, row)) in &worst {
        println!("{name}: {error:.3} at {row}");
    }
    assert!(worst.values().all(|&(error, _)| error <= 2.0), "{worst:?}");
}

fn unary<T: Scalar>(name: &str) -> Unary<T> {
    functions().into_iter().find(|f| f.name == name).expect("a function of the list").op
}

/// A function: the operation, and what it is without the machine's way to multiply and add.
struct Function<T> {
    name: &'static str,
    op: Unary<T>,
    in_software: fn(T) -> T,
}

fn functions<T: Scalar>() -> Vec<Function<T>> {
    macro_rules! function {
        ($name:ident, $in_software:expr) => {
            Function { name: stringify!($name), op: Unary::$name, in_software: $in_software }
        };
    }
    macro_rules! in_either_type {
        ($($name:ident)*) => { vec![$(function!($name, super::$name::<Software, T>)),*] };
    }
    macro_rules! in_double {
        ($($name:ident)*) => { [$(function!($name, |x: T| T::of(super::$name::<Software, f64>(x.as_f64())))),*] };
    }
    let mut all = in_either_type!(exp exp_m1 ln ln_1p tanh sech2 sigmoid sigmoid_slope softplus sin cos exp2 log2 log10 sigmoid2
        sinh cosh asinh acosh atanh sinc silu gelu_gate gelu_tanh mish mish_gate mish_gate_slope gauss normal_pdf erf);
    all.extend(in_double!(erfc normal_cdf gelu));
    all
}

/// Bits of numbers of either sign, whose sizes are from 2^-30 to 2^30.
fn moderate(count: usize) -> impl Iterator<Item = [u64; 3]> {
    let mut state = 1_u64;
    let mut next = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let mixed = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let exponent = 993 + (mixed >> 8) % 61;
        (mixed & (1 << 63)) | (exponent << 52) | (mixed.rotate_left(21) & ((1 << 52) - 1))
    };
    std::iter::from_fn(move || Some([next(), next(), next()])).take(count)
}

#[test]
fn multiplies_and_adds_in_software_with_the_same_bits() {
    for bits in moderate(200_000) {
        let [a, b, c] = bits.map(f64::from_bits);
        // Of any sizes, and where nearly all cancels.
        for c in [c, -a * b, -a * b * (1.0 + f64::EPSILON), a * 0.0] {
            assert_eq!(Software::mul_add(a, b, c).to_bits(), a.mul_add(b, c).to_bits(), "{a:e} {b:e} {c:e}");
        }
        let [a, b, c] = [a, b, c].map(|x| x as f32);
        // Beside a number halfway between two others.
        for c in [c, -a * b, -a * b * (1.0 + f32::EPSILON), a * b * 16777216.0] {
            assert_eq!(Software::mul_add(a, b, c).to_bits(), a.mul_add(b, c).to_bits(), "{a:e} {b:e} {c:e}");
        }
    }
}

#[test]
fn functions_in_software_have_the_same_bits() {
    fn same<T: Scalar>(numbers: impl Iterator<Item = T> + Clone) {
        for f in functions::<T>() {
            for x in numbers.clone() {
                let (hardware, software) = (f.op.call(x), (f.in_software)(x));
                // Rare elements are not the function's.
                let rare = matches!(f.op, Unary::sin | Unary::cos) && super::far(x);
                let same = hardware.as_f64().to_bits() == software.as_f64().to_bits();
                assert!(
                    rare || same || hardware.is_nan() && software.is_nan(),
                    "{} of {x}: {hardware} {software}",
                    f.name
                );
            }
        }
    }
    let infinite = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let ends =
        [0.0, -0.0, f64::MAX, f64::MIN, 5e-324, -1e-310, -745.0, -708.2, 709.6].into_iter().chain(infinite);
    let rows = include_str!("reference.csv").lines();
    same(rows.map(|row| bits(row.split(',').nth(1).expect("a number"))).chain(ends.clone()));
    same((0..u32::MAX).step_by(4_000_037).map(f32::from_bits).chain(ends.map(|x| x as f32)));
}

/// A block of near elements, and one with others among them, have the bits that each element has alone.
#[test]
fn blocks_have_the_bits_of_single_numbers() {
    fn same<T: Scalar>(largest: f64) {
        let steps = (0..4096).map(|i| f64::from(i) / 2048.0 - 1.0);
        let near: Vec<T> = steps.clone().map(|x| T::of(3.0 * x)).collect();
        let wide: Vec<T> = steps.map(|x| T::of(largest * x * x * x)).collect();
        let ends = [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, largest, -largest, -0.0].map(T::of);
        let mixed: Vec<T> = near.iter().copied().chain(ends).chain(near.iter().copied()).collect();
        for f in functions::<T>() {
            for x in near.chunks(256).chain(wide.chunks(64)).chain([&*mixed]) {
                let mut y = vec![T::zero(); x.len()];
                f.op.apply(x, &mut y);
                for (&x, &y) in x.iter().zip(&y) {
                    let alone = f.op.call(x);
                    let same =
                        y.as_f64().to_bits() == alone.as_f64().to_bits() || y.is_nan() && alone.is_nan();
                    assert!(same, "{} of {x}: {y}, alone {alone}", f.name);
                }
            }
        }
    }
    same::<f64>(800.0);
    same::<f32>(110.0);
}

/// The worst error of a function over `f32` numbers whose bits are a multiple of the stride, and where it is. The
/// system's functions of `f64` are the reference.
fn worst_f32(op: Unary<f32>, exact: fn(f64) -> f64, stride: usize) -> (f64, f32) {
    const BLOCK: usize = 1 << 16;
    let mut worst = (0.0, 0.0);
    let (mut x, mut y) = (Vec::with_capacity(BLOCK), vec![0.0; BLOCK]);
    let mut bits = (0..=u32::MAX).step_by(stride).map(f32::from_bits).peekable();
    while bits.peek().is_some() {
        x.clear();
        x.extend(bits.by_ref().take(BLOCK));
        let y = &mut y[..x.len()];
        op.apply(&x, y);
        for (&x, &y) in x.iter().zip(&*y) {
            let want = exact(f64::from(x));
            let error = error_f32(y, want);
            if error > worst.0 || error.is_nan() {
                worst = (error, x);
            }
        }
    }
    worst
}

/// In units in the last place of the `f32` nearest to `want`.
fn error_f32(got: f32, want: f64) -> f64 {
    let nearest = want as f32;
    if nearest.is_nan() || nearest.is_infinite() || want == 0.0 {
        let same = got.to_bits() == nearest.to_bits() || (got.is_nan() && nearest.is_nan());
        return if same { 0.0 } else { f64::INFINITY };
    }
    let unit = f64::from(f32::from_bits(nearest.abs().to_bits() + 1)) - f64::from(nearest.abs());
    // Beyond the largest number the next would have been.
    let got = if got.is_infinite() { 2f64.powi(128).copysign(got.into()) } else { f64::from(got) };
    let error = (got - want).abs() / if unit.is_finite() { unit } else { 2f64.powi(104) };
    if got.is_sign_negative() == want.is_sign_negative() { error } else { f64::INFINITY }
}

fn gelu_gate(x: f64) -> f64 {
    1.0 / (1.0 + (-1.5957691216057308 * (x + 0.044715 * x * x * x)).exp())
}

fn mish_gate(x: f64) -> f64 {
    let w = x.exp() * (x.exp() + 2.0);
    if x > 40.0 { 1.0 } else { w / (w + 2.0) }
}

/// Of a number whose gate is 0 in `f64` too, 0.
fn gated(x: f64, gate: f64) -> f64 {
    if x < -1e3 { -0.0 } else { x * gate }
}

fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

fn exact(name: &str) -> fn(f64) -> f64 {
    match name {
        "exp" => f64::exp,
        "exp_m1" => f64::exp_m1,
        "ln" => f64::ln,
        "ln_1p" => f64::ln_1p,
        "tanh" => f64::tanh,
        "sech2" => |x| x.cosh().powi(-2),
        "sigmoid" => |x| 1.0 / (1.0 + (-x).exp()),
        "sigmoid_slope" => |x| 1.0 / (2.0 + x.exp() + (-x).exp()),
        "softplus" => |x| if x < 0.0 { x.exp().ln_1p() } else { x + (-x).exp().ln_1p() },
        "sin" => f64::sin,
        "cos" => f64::cos,
        "exp2" => f64::exp2,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sigmoid2" => |x| 1.0 / (1.0 + (-x).exp2()),
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "asinh" => libm::asinh,
        // The library's is a number far below 1, too.
        "acosh" => |x| if x < 1.0 { f64::NAN } else { libm::acosh(x) },
        "atanh" => libm::atanh,
        "sinc" => |x| {
            let integer = x == x.round_ties_even();
            if x == 0.0 {
                1.0
            } else if integer {
                0.0
            } else {
                sin_pi(x) / (std::f64::consts::PI * x)
            }
        },
        "silu" => |x| gated(x, 1.0 / (1.0 + (-x).exp())),
        "gelu_gate" => gelu_gate,
        "gelu_tanh" => |x| gated(x, gelu_gate(x)),
        "mish" => |x| gated(x, mish_gate(x)),
        "mish_gate" => mish_gate,
        "mish_gate_slope" => |x| {
            let e = (-x.abs()).exp();
            let below = if x > 0.0 { 1.0 + 2.0 * e * (1.0 + e) } else { 2.0 + e * (2.0 + e) };
            4.0 * e * (1.0 + e) * if x > 0.0 { e } else { 1.0 } / (below * below)
        },
        "gauss" => |x| (-x * x).exp(),
        "normal_pdf" => |x| (-0.5 * x * x).exp() * 0.398_942_280_401_432_7,
        "erf" => libm::erf,
        "erfc" => libm::erfc,
        "normal_cdf" => normal_cdf,
        "gelu" => |x| if x == f64::NEG_INFINITY { -0.0 } else { x * normal_cdf(x) },
        _ => panic!("{name}"),
    }
}

fn f32_within_two_units(stride: usize) {
    let worst = |f: Function<f32>| (f.name, worst_f32(f.op, exact(f.name), stride));
    let worst: Vec<_> = functions().into_par_iter().map(worst).collect();
    println!("{worst:#?}");
    for (name, (error, x)) in worst {
        assert!(error <= 2.0, "{name} of {x:?}: {error}");
    }
}

#[test]
fn some_f32_within_two_units_of_f64() {
    f32_within_two_units(10_007);
}

#[test]
#[ignore = "minutes: every number there is"]
fn every_f32_within_two_units_of_f64() {
    f32_within_two_units(1);
}
