//! Gates of activations, and their products with the argument: where the gate alone would be subnormal, too.

use super::exp::{at_least, exp_in_parts, share};
use super::fma::MulAdd;
use super::real::Real;

/// Where the product of a number and its exponential rounds to 0.
#[inline(always)]
fn least<T: Real>() -> T {
    T::EXP_ZERO - T::constant(4.0)
}

/// The smaller; NaN if `x` is.
#[inline(always)]
fn at_most<T: Real>(x: T, most: T) -> T {
    if x > most { most } else { x }
}

/// A gate as a normal number, what its rounding has lost, and the factor that makes it subnormal.
struct Gate<T> {
    open: T,
    lost: T,
    factor: T,
}

impl<T: Real> Gate<T> {
    #[inline(always)]
    fn alone(self) -> T {
        self.open * self.factor
    }

    /// The product with a number, rounded once. The gate of a large one is 1, and the product in software would overflow.
    #[inline(always)]
    fn of<F: MulAdd>(self, x: T) -> T {
        let large = !F::NEAR && x > T::EXP_MOST;
        let y = F::mul_add(if large { T::EXP_MOST } else { x }, self.open, x * self.lost) * self.factor;
        if large { x } else { y }
    }
}

/// The logistic function of `z + rest`.
#[inline(always)]
fn logistic<F: MulAdd, T: Real>(z: T, rest: T) -> Gate<T> {
    let (e, factor, [last, before]) = exp_in_parts::<F, T>(at_least::<F, T>(-z.abs(), least()));
    let lost = last + before;
    let (zero, one, negative) = (T::zero(), T::one(), z < T::zero());
    let q = share::<F, T>(e, factor, if negative { lost + rest } else { lost - rest });
    let other = q * factor;
    let open = one - other;
    let lost = (one - open) - other;
    if negative { Gate { open: q, lost: zero, factor } } else { Gate { open, lost, factor: one } }
}

/// `x` times the logistic function.
#[inline(always)]
pub(crate) fn silu<F: MulAdd, T: Real>(x: T) -> T {
    let x = at_least::<F, T>(x, least());
    logistic::<F, T>(x, T::zero()).of::<F>(x)
}

/// From where on [`gelu_gate`] is 0, or, of positive numbers, 1.
#[inline(always)]
fn gelu_end<T: Real>() -> T {
    T::constant(25.0)
}

/// The size of arguments up to which what it takes the logistic function of is near.
pub(crate) const GELU_NEAR: f64 = 7.5;

/// `(1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`: the logistic function of `x (GELU[0] + GELU[1] x^2)`, whose
/// rounding would count by its size, and is made good.
#[inline(always)]
fn gelu_in_parts<F: MulAdd, T: Real>(x: T) -> Gate<T> {
    let [linear, cubic] = T::GELU;
    let x = if F::NEAR { x } else { at_most(at_least::<F, T>(x, -gelu_end::<T>()), gelu_end()) };
    let square = x * x;
    let square_rest = F::mul_add(x, x, -square);
    let more = cubic[0] * square;
    let more_rest =
        F::mul_add(cubic[0], square, -more) + F::mul_add(cubic[0], square_rest, cubic[1] * square);
    let factor = linear[0] + more;
    let (large, small) = if more > linear[0] { (more, linear[0]) } else { (linear[0], more) };
    let factor_rest = (small - (factor - large)) + (more_rest + linear[1]);
    let z = x * factor;
    logistic::<F, T>(z, F::mul_add(x, factor_rest, F::mul_add(x, factor, -z)))
}

#[inline(always)]
pub(crate) fn gelu_gate<F: MulAdd, T: Real>(x: T) -> T {
    gelu_in_parts::<F, T>(x).alone()
}

/// `x` times [`gelu_gate`].
#[inline(always)]
pub(crate) fn gelu_tanh<F: MulAdd, T: Real>(x: T) -> T {
    gelu_in_parts::<F, T>(x).of::<F>(at_least::<F, T>(x, -gelu_end::<T>()))
}

/// `tanh(ln(1 + e^x)) = n / (n + 2)` for `n = e^x (e^x + 2)`, as a normal number and the factor that makes it subnormal.
#[inline(always)]
fn mish_in_parts<F: MulAdd, T: Real>(x: T) -> (T, T) {
    let two = T::constant(2.0);
    // From here on it is 1.
    let x = at_most(at_least::<F, T>(x, least()), T::constant(24.0));
    let (e, factor, [lost, _]) = exp_in_parts::<F, T>(x);
    // Beside 2, without the factor.
    let small = e * factor;
    let sum = small + two;
    let n = e * sum;
    let n_lost = F::mul_add(e, sum, -n) + e * F::mul_add(lost, sum + small, small - (sum - two));
    let below = F::mul_add(n, factor, two);
    let below_lost = F::mul_add(n_lost, factor, F::mul_add(n, factor, -(below - two)));
    let y = T::one() / below;
    let q = n * y;
    let rest = F::mul_add(-q, below, n) + F::mul_add(-q, below_lost, n_lost);
    (F::mul_add(rest, y, q), factor)
}

#[inline(always)]
pub(crate) fn mish_gate<F: MulAdd, T: Real>(x: T) -> T {
    let (gate, factor) = mish_in_parts::<F, T>(x);
    gate * factor
}

/// `x` times [`mish_gate`].
#[inline(always)]
pub(crate) fn mish<F: MulAdd, T: Real>(x: T) -> T {
    let (gate, factor) = mish_in_parts::<F, T>(x);
    at_least::<F, T>(x, least()) * gate * factor
}

/// The derivative of [`mish_gate`], `4 e (1 + e) / d^2` for `d = 2 + e (2 + e)` and `e = e^x`; above 0, `4 e^2 (1 + e) / d^2` for
/// `d = 1 + 2 e (1 + e)` and `e = e^-x`.
#[inline(always)]
pub(crate) fn mish_gate_slope<F: MulAdd, T: Real>(x: T) -> T {
    let (one, two) = (T::one(), T::constant(2.0));
    let positive = x > T::zero();
    let (e, factor, [last, before]) = exp_in_parts::<F, T>(at_least::<F, T>(-x.abs(), least()));
    // What is missing from e counts twice where it is squared.
    let lost = last + before;
    let small = e * factor;
    // d = base + u v
    let (base, u) = if positive { (one, small + small) } else { (two, small) };
    let v = base + small;
    let product = u * v;
    let product_lost = F::mul_add(u, v, -product) + u * F::mul_add(lost, v + small, small - (v - base));
    let d = base + product;
    let d_lost = (product - (d - base)) + product_lost;
    let y = one / d;
    let missing = F::mul_add(-d_lost, y, F::mul_add(-d, y, one));
    // (4 e / d) ((1 + e) / d), and what is missing from the factors.
    let (sum, e) = (one + small, e * T::constant(4.0));
    let a = e * y;
    let sum_lost = F::mul_add(lost, small, small - (sum - one));
    let b = sum * y;
    let (a_lost, b_lost) = (F::mul_add(e, y, -a), F::mul_add(sum, y, -b) + sum_lost * y);
    let (scale, lost) = if positive { (small, lost + lost) } else { (one, lost) };
    // The square of e is subnormal before e is.
    let is_small = positive && x > T::constant(-0.5) * T::EXP_NORMAL;
    let lift = T::LIFT[1].recip();
    let (scale, down) = if is_small { (scale * lift * lift, T::LIFT[1]) } else { (scale, one) };
    let product = a * b;
    let rest = F::mul_add(a, b_lost, a_lost * b) + product * F::mul_add(two, missing, lost);
    F::mul_add(scale, product, scale * (F::mul_add(a, b, -product) + rest)) * factor * down * down
}
