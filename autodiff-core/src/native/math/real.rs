//! What the functions ask of a type of numbers, for `f64` and `f32`.

use super::fma::{self, MulAdd};
use super::{pow, trig};

/// A type of numbers: its bits and its polynomials.
pub trait Real: num_traits::Float + 'static {
    /// Adding this to a small number rounds it to an integer, which is then in the lowest bits: 1.5 times the power
    /// of two whose unit in the last place is 1.
    const SHIFT: Self;
    /// The logarithm of 2 in two parts, of which the first has so few digits that its product with an exponent is exact.
    const LN2: [Self; 2];
    const LOG2_E: Self;
    /// The logarithm of 2 in two numbers, the first rounded.
    const LN_2: [Self; 2];
    /// The logarithms of 2 and of e to base 2, in two numbers each; the product of the first one with an exponent is exact.
    const BASE_2: [[Self; 2]; 2];
    /// The same to base 10.
    const BASE_10: [[Self; 2]; 2];
    /// Twice `sqrt(2 / pi)`, and 0.044715 times that, in two numbers each.
    const GELU: [[Self; 2]; 2];
    /// An argument from which on `exp` has a normal result.
    const EXP_NORMAL: Self;
    /// The largest argument of `exp` that is near: neither its result nor that of its negative is subnormal or overflows.
    const EXP_NEAR: Self;
    /// Where 4 `exp` rounds to 0.
    const EXP_ZERO: Self;
    /// The largest argument of `exp` with a finite result.
    const EXP_MOST: Self;
    /// The largest argument of `cosh` with a finite result.
    const COSH_MOST: Self;
    /// The least argument of `exp2` with a normal result: that of 2 less it is infinite.
    const EXP2_NORMAL: Self;
    /// Where `exp` is less than a quarter of the rounding of 1.
    const EXP_NEGLIGIBLE: Self;
    /// An exponent that brings any subnormal result into the normal range, and 2 to the power of its negative.
    const LIFT: [Self; 2];

    /// `exp(r) = 1 + r + r^2 EXP(r)` for `|r| <= ln(2) / 2`.
    const EXP: &'static [Self];
    /// `ln((1 + s) / (1 - s)) = 2 s + s z LN(z)` for `z = s^2` and `(1 + s) / (1 - s)` in [sqrt(1/2), sqrt(2)].
    const LN: &'static [Self];
    /// The same for `s` in [0, 1/3].
    const LN_WIDE: &'static [Self];
    /// `2^r = 1 + r ln(2) + r^2 EXP2(r)` for `|r| <= 1 / 2`.
    const EXP2: &'static [Self];
    /// `sinh(x) = x + x z SINH(z)` for `z = x^2` up to 1.
    const SINH: &'static [Self];
    /// `sin(pi r) / (pi r) = 1 + z SINC(z)` for `z = r^2` up to 1/4.
    const SINC: &'static [Self];

    /// Constants in two numbers, each and what is missing from it.
    const FRAC_2_SQRT_PI: [Self; 2];
    const FRAC_1_SQRT_2: [Self; 2];
    const FRAC_1_SQRT_2_PI: [Self; 2];
    /// From where on `e^-x^2` rounds to 0, and twice that, and `erf` to 1.
    const GAUSS_ZERO: Self;
    const ERF_ONE: Self;
    /// `erf(x) = x (2 / sqrt(pi) + z ERF(z))` for `z = x^2` and `x` in [0, 0.477].
    const ERF: &'static [Self];
    /// `e^(a^2) erfc(a) (a + ERFC_MIDDLE) = ERFC_FIRST + t ERFC(t)` for `t = (a - ERFC_MIDDLE) / (a + ERFC_MIDDLE)` and
    /// all `a` from 0.4769 on.
    const ERFC_FIRST: [Self; 2];
    const ERFC: &'static [Self];
    const ERFC_MIDDLE: Self;

    /// As many bits as the number has.
    type Bits: Copy + Default + std::ops::BitOrAssign;

    /// Bits of which the first is set if the number is larger than a positive limit, whatever its sign, or NaN. Those of many are put
    /// together by `|` in fewer instructions than answers.
    fn beyond(self, limit: Self) -> Self::Bits;
    /// Whether the first is set.
    fn is_marked(bits: Self::Bits) -> bool;
    /// A constant.
    fn constant(x: f32) -> Self;
    /// `self 2^k` for a `k` that is given as `k + SHIFT`. The result is a normal number, or wrong.
    fn scaled(self, k: Self) -> Self;
    /// `self b + c` with one rounding, on machines without an instruction for it.
    fn mul_add_in_software(self, b: Self, c: Self) -> Self;
    /// `(k, m)` with `self = 2^k m` and `m` in [sqrt(1/2), sqrt(2)), for a positive finite number.
    fn exponent_and_rest(self) -> (Self, Self);

    /// The largest angle for which [`sine_and_cosine`] is right.
    const FAR: Self;
    /// `sin(self)` and `cos(self)`.
    fn sine_and_cosine<F: MulAdd>(self) -> (Self, Self);
    /// `self^y`.
    fn to_power(self, y: Self) -> Self;
    /// `self^n`.
    fn to_integer_power(self, n: i32) -> Self;
}

macro_rules! real {
    ($t:ident, $bits:ident, mantissa: $mantissa:literal, exponent: $exponent:literal, bias: $bias:literal,
        sine: $sine:ident, power: $power:path, mul_add: $mul_add:path; $($constants:tt)*) => {
        impl Real for $t {
            const SHIFT: $t = 1.5 * ((1 as $bits) << $mantissa) as $t;
            const LOG2_E: $t = std::$t::consts::LOG2_E;
            const EXP2_NORMAL: $t = ($t::MIN_EXP - 1) as $t;
            $($constants)*
            type Bits = $bits;

            #[inline(always)]
            fn beyond(self, limit: $t) -> $bits {
                limit.to_bits().wrapping_sub(self.abs().to_bits())
            }
            #[inline(always)]
            fn is_marked(bits: $bits) -> bool {
                bits > $bits::MAX / 2
            }
            #[inline(always)]
            fn constant(x: f32) -> $t {
                x.into()
            }
            #[inline(always)]
            fn scaled(self, k: $t) -> $t {
                $t::from_bits(self.to_bits().wrapping_add(k.to_bits() << $mantissa))
            }
            #[inline(always)]
            fn exponent_and_rest(self) -> ($t, $t) {
                const ONE: $bits = $bias << $mantissa;
                const UNIT: $t = ((1 as $bits) << $mantissa) as $t;
                // Subnormal numbers are multiplied out of their range first.
                let subnormal = self < $t::MIN_POSITIVE;
                let bits = (if subnormal { self * UNIT } else { self }).to_bits();
                let above = bits.wrapping_sub(std::$t::consts::FRAC_1_SQRT_2.to_bits());
                let rest = bits.wrapping_sub(above & ($exponent << $mantissa));
                // An integer in the last digits of `UNIT`: there is no conversion to call before AVX-512.
                let k = $t::from_bits((above.wrapping_add(ONE) >> $mantissa) | UNIT.to_bits());
                let base = UNIT + $bias as $t;
                let k = k - if subnormal { base + $mantissa as $t } else { base };
                (k, $t::from_bits(rest))
            }
            #[inline(always)]
            fn mul_add_in_software(self, b: $t, c: $t) -> $t {
                $mul_add(self, b, c)
            }
            #[inline(always)]
            fn sine_and_cosine<F: MulAdd>(self) -> ($t, $t) {
                trig::$sine::<F>(self)
            }
            #[inline(always)]
            fn to_power(self, y: $t) -> $t {
                $power(self, y.into())
            }
            #[inline(always)]
            fn to_integer_power(self, n: i32) -> $t {
                $power(self, n.into())
            }
        }
    };
}

real! {
    f64, u64, mantissa: 52, exponent: 0xfff, bias: 1023, sine: sine_and_cosine_f64, power: pow::pow_f64, mul_add: fma::mul_add_f64;
    const LN2: [f64; 2] = [0.6931471805598903, 5.497923018708371e-14];
    const EXP_ZERO: f64 = -748.0;
    // What the rounding of a product with it loses is a normal number, too: in software it is computed like any other.
    const EXP_NORMAL: f64 = -640.0;
    const EXP_NEAR: f64 = 700.0;
    const EXP_MOST: f64 = 709.782712893384;
    const EXP_NEGLIGIBLE: f64 = -44.0;
    const LIFT: [f64; 2] = [64.0, 1.0 / 18446744073709551616.0];
    const FAR: f64 = 1e5;
    const EXP: &'static [f64] = &[0.5000000000000001, 0.16666666666666669, 0.041666666666624164, 0.008333333333330065, 0.0013888888917196719, 0.00019841269863040545, 2.4801521322368692e-05, 2.7557268480310024e-06, 2.7620075879983367e-07, 2.5100375832561234e-08];
    const LN: &'static [f64] = &[0.666666666666667, 0.39999999999899505, 0.28571428625975487, 0.2222221113479508, 0.18182889125261723, 0.15331721600556042, 0.14616449685043406];
    const LN_WIDE: &'static [f64] = &[0.6666666666666666, 0.39999999999999525, 0.285714285716001, 0.2222222219823677, 0.18181819897962714, 0.1538454396486055, 0.13335178631449257, 0.11734279061303197, 0.10845178394880015, 0.07492143795550767, 0.1563057780092285];
    const COSH_MOST: f64 = 710.4758600739439;
    const LN_2: [f64; 2] = [std::f64::consts::LN_2, 2.3190468138462996e-17];
    const BASE_2: [[f64; 2]; 2] = [[1.0, 0.0], [std::f64::consts::LOG2_E, 2.0355273740931033e-17]];
    const BASE_10: [[f64; 2]; 2] = [[0.30102999566395283, 2.8363394551044964e-14], [std::f64::consts::LOG10_E, 1.098319650216765e-17]];
    const GELU: [[f64; 2]; 2] = [[1.5957691216057308, -9.96930880911092e-17], [0.07135481627260025, -6.175149918155315e-19]];
    const EXP2: &'static [f64] = &[0.24022650695910075, 0.05550410866482158, 0.009618129107618665, 0.0013333558146423213, 0.00015403530424776529, 1.5252733820795803e-05, 1.3215451633221434e-06, 1.0178067267449427e-07, 7.070977866508138e-09, 4.45410341058704e-10];
    const SINH: &'static [f64] = &[0.16666666666666666, 0.008333333333333299, 0.00019841269841324198, 2.7557319191381816e-06, 2.5052117695907823e-08, 1.6057679623801638e-10, 7.746178593018827e-13];
    const SINC: &'static [f64] = &[-1.6449340668482264, 0.8117424252833519, -0.19075182412194128, 0.026147847813078808, -0.0023460809634923995, 0.00014842817816693618, -6.972960555564221e-06, 2.459180384815939e-07];
    const FRAC_2_SQRT_PI: [f64; 2] = [std::f64::consts::FRAC_2_SQRT_PI, 1.533545961316588e-17];
    const FRAC_1_SQRT_2: [f64; 2] = [std::f64::consts::FRAC_1_SQRT_2, -4.833646656726457e-17];
    const FRAC_1_SQRT_2_PI: [f64; 2] = [0.3989422804014327, -2.49232720227773e-17];
    const GAUSS_ZERO: f64 = 27.3;
    const ERF_ONE: f64 = 6.0;
    const ERF: &'static [f64] = &[-0.3761263890318375, 0.11283791670953272, -0.026866170643417852, 0.005223977565076523, -0.0008548316568177494, 0.00012054347911487207, -1.4874061025079748e-05, 1.504355715117873e-06];
    const ERFC_FIRST: [f64; 2] = [1.095995661000491, 5.703718598560555e-17];
    const ERFC: &'static [f64] = &[-0.976548729080882, 0.7732087022652373, -0.5408538313132377, 0.33085158787799535, -0.17401093723982788, 0.07638151490981451, -0.026370053342403065, 0.006112055648166594, -0.0002809588428065742, -0.00045505262049383796, 0.0001768126676742015, -3.6355009370698155e-06, -1.8860246855593833e-05, 4.695518347183235e-06, 1.4224257048399816e-06, -8.486179047657112e-07, -7.237267300160128e-08, 1.2752222160832993e-07, -2.6111640526816968e-09, -1.8175937481362524e-08, 2.2464175475536516e-09, 1.9508639228021766e-09, -5.200548705103093e-10];
    const ERFC_MIDDLE: f64 = 4.0;
}

real! {
    f32, u32, mantissa: 23, exponent: 0x1ff, bias: 127, sine: sine_and_cosine_f32, power: pow::pow_f32, mul_add: fma::mul_add_f32;
    const LN2: [f32; 2] = [0.69314575, 1.4286068e-6];
    const EXP_ZERO: f32 = -106.0;
    const EXP_NORMAL: f32 = -87.0;
    const EXP_NEAR: f32 = 86.0;
    const EXP_MOST: f32 = 88.72283;
    const EXP_NEGLIGIBLE: f32 = -20.0;
    const LIFT: [f32; 2] = [64.0, 1.0 / 18446744073709551616.0];
    const FAR: f32 = 1e6;
    const EXP: &'static [f32] = &[0.5, 0.16666578, 0.041666556, 0.008363173, 0.0013926176];
    const LN: &'static [f32] = &[0.66666687, 0.3998878, 0.2957995];
    const LN_WIDE: &'static [f32] = &[0.6666667, 0.39999706, 0.28592357, 0.21706575, 0.2322433];
    const COSH_MOST: f32 = 89.415985;
    const LN_2: [f32; 2] = [std::f32::consts::LN_2, -1.9046542e-09];
    const BASE_2: [[f32; 2]; 2] = [[1.0, 0.0], [std::f32::consts::LOG2_E, 1.925963e-08]];
    const BASE_10: [[f32; 2]; 2] = [[0.30103302, -3.0243555e-06], [std::f32::consts::LOG10_E, -1.010305e-08]];
    const GELU: [[f32; 2]; 2] = [[1.5957692, -4.534068e-08], [0.071354814, 2.3988325e-09]];
    const EXP2: &'static [f32] = &[0.2402265, 0.05550381, 0.0096181035, 0.0013381302, 0.00015444883];
    const SINH: &'static [f32] = &[0.16666667, 0.008333339, 0.00019838102, 2.8062802e-06];
    const SINC: &'static [f32] = &[-1.644934, 0.8117424, -0.19075006, 0.02612806, -0.0022550628];
    const FRAC_2_SQRT_PI: [f32; 2] = [std::f32::consts::FRAC_2_SQRT_PI, -5.8635383e-8];
    const FRAC_1_SQRT_2: [f32; 2] = [std::f32::consts::FRAC_1_SQRT_2, 1.21016175e-8];
    const FRAC_1_SQRT_2_PI: [f32; 2] = [0.3989423, -1.133517e-8];
    const GAUSS_ZERO: f32 = 10.22;
    const ERF_ONE: f32 = 4.0;
    const ERF: &'static [f32] = &[-0.37612638, 0.112835556, -0.026813976, 0.004851735];
    const ERFC_FIRST: [f32; 2] = [1.0215827, -1.8527807e-08];
    const ERFC: &'static [f32] = &[-0.6871606, 0.27947217, -0.036444604, -0.021510806, 0.0065006637, 0.003081739, -0.00091291324, -0.00060943334, 0.00013560278, 5.5073033e-05];
    const ERFC_MIDDLE: f32 = 2.0;
}
