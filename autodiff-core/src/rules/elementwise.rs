//! The elementwise rows of the table.
//!
//! A row reads: name, function of numbers, derivative over `Value`s, and the range its tests draw from. The
//! derivative's parameters are the inputs and the output; `_` is one it does not read, which is then not kept.
//!
//! The function's loop runs over vectors, so it is made of arithmetic, selections and [`math`]; `if rare => f` is a
//! function that does not vectorise, for the few elements where the first one is not exact.

use super::{Case, Listed, Needs, Recorded, Rule};
use crate::backend::{Backend, Elementwise};
use crate::graph::Primal;
use crate::native::math;
use crate::native::simd::{self, Kernel, Lanes};
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;
use std::ops::Range;

/// A partial derivative: a number everywhere, or an array.
pub(crate) enum Partial<T: Scalar, B: Backend<T>> {
    Number(f64),
    Array(Value<T, B>),
}

impl<T: Scalar, B: Backend<T>> Partial<T, B> {
    /// The product with a cotangent or a tangent.
    fn times(self, g: &Value<T, B>) -> Option<Value<T, B>> {
        match self {
            Partial::Number(0.0) => None,
            Partial::Number(1.0) => Some(g.clone()),
            Partial::Number(-1.0) => Some(-g),
            Partial::Number(c) => Some(c * g),
            Partial::Array(d) => Some(g.zip(Binary::chain, &d)),
        }
    }
}

impl<T: Scalar, B: Backend<T>> From<f64> for Partial<T, B> {
    fn from(c: f64) -> Self {
        Partial::Number(c)
    }
}

impl<T: Scalar, B: Backend<T>> From<Value<T, B>> for Partial<T, B> {
    fn from(d: Value<T, B>) -> Self {
        Partial::Array(d)
    }
}

impl<T: Scalar, B: Backend<T>> From<&Value<T, B>> for Partial<T, B> {
    fn from(d: &Value<T, B>) -> Self {
        Partial::Array(d.clone())
    }
}

/// Whether a derivative reads a parameter, and, if so, its name for the derivative's body.
macro_rules! reads {
    (_) => {
        false
    };
    ($name:ident) => {
        true
    };
}
macro_rules! bind {
    (_, $value:expr) => {};
    ($name:ident, $value:expr) => {
        let $name = &$value;
    };
}

/// A block of an operation's work: its loops run on the widest vectors.
struct Block<'a, Op, Operands, T> {
    op: Op,
    operands: Operands,
    y: &'a mut [T],
}

/// A loop of its own for each combination of operands, so that each vectorises.
macro_rules! loops {
    ($a:ident in $left:ident, $b:ident in $right:ident, $y:ident => $do:expr) => {
        match ($left, $right) {
            (Lanes::Each(a), Lanes::Each(b)) => {
                for (($y, &$a), &$b) in $y.iter_mut().zip(a).zip(b) {
                    $do;
                }
            }
            (Lanes::Each(a), Lanes::Same($b)) => {
                for ($y, &$a) in $y.iter_mut().zip(a) {
                    $do;
                }
            }
            (Lanes::Same($a), Lanes::Each(b)) => {
                for ($y, &$b) in $y.iter_mut().zip(b) {
                    $do;
                }
            }
            (Lanes::Same($a), Lanes::Same($b)) => {
                for $y in $y.iter_mut() {
                    $do;
                }
            }
        }
    };
}

macro_rules! unary {
    ($(
        $(#[doc = $doc:literal])+
        $vis:vis $name:ident($x:ident $(, $p:ident: $pt:ty = $samples:expr)?) = $f:expr $(, if $rare:expr => $then:expr)?;
            |$dx:tt, $dy:tt| $d:expr; $lo:literal .. $hi:literal
    )*) => {
        /// Elementwise operations on one array; see the methods of [`Value`] for their meaning.
        #[allow(non_camel_case_types, missing_docs)]
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Unary<T> { $( $(#[doc = $doc])+ $name $({ $p: $pt })?, )* }

        impl<T: Scalar> Unary<T> {
            /// The operation on a number.
            pub fn call(self, x: T) -> T {
                match self { $( Unary::$name $({ $p })? => {
                    let $x = x;
                    $(if $rare { return $then; })?
                    $f
                } )* }
            }

            /// Writes to `y` the operation's results on the elements of `x`, with the bits that `call` gives.
            pub(crate) fn apply(self, x: &[T], y: &mut [T]) {
                debug_assert_eq!(x.len(), y.len());
                simd::widest(Block { op: self, operands: x, y });
            }

            #[allow(unused_variables)] // not every derivative reads the parameter
            fn partial<B: Backend<T>>(self, at: &Primal<'_, T, B>) -> Partial<T, B> {
                match self { $(
                    Unary::$name $({ $p })? => {
                        bind!($dx, at.x(0));
                        bind!($dy, at.y());
                        Partial::from($d)
                    }
                )* }
            }
        }

        impl<T: Scalar> Kernel for Block<'_, Unary<T>, &[T], T> {
            #[inline(always)]
            fn run(self) {
                let (x, y) = (self.operands, self.y);
                match self.op { $(
                    Unary::$name $({ $p })? => {
                        for (y, &$x) in y.iter_mut().zip(x) {
                            *y = $f;
                        }
                        $(
                            let mut found = false;
                            for &$x in x {
                                found |= $rare;
                            }
                            if found {
                                for (y, &$x) in y.iter_mut().zip(x) {
                                    if $rare { *y = $then; }
                                }
                            }
                        )?
                    }
                )* }
            }
        }

        impl<T: Scalar, B: Backend<T>> Rule<T, B> for Unary<T> {
            fn name(&self) -> &'static str {
                match self { $( Unary::$name $({ $p: _ })? => stringify!($name), )* }
            }
            fn needs(&self, _: usize) -> Needs {
                match self { $( Unary::$name $({ $p: _ })? => Needs { inputs: reads!($dx) as u8, output: reads!($dy) }, )* }
            }
            fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
                Tensor::unary::<B>(*self, x[0])
            }
            fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
                self.partial(at).times(g)
            }
            fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
                self.partial(at).times(t)
            }
            fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
                Some(Recorded::Unary(*self))
            }
            fn broadcasts(&self) -> bool {
                true
            }
        }

        impl<T: Scalar, B: Backend<T>> Listed<T, B> for Unary<T> {
            fn cases() -> Vec<Case<T, B>> {
                let rows = [$( unary!(@cases $name, $lo .. $hi $(, $p, $samples)?) ),*];
                rows.into_iter().flatten().collect()
            }
            fn recorded(self) -> Recorded<T, B> {
                Recorded::Unary(self)
            }
        }

        impl<T: Scalar, B: Backend<T>> Value<T, B> { $(
            $(#[doc = $doc])+
            #[must_use]
            $vis fn $name(&self $(, $p: $pt)?) -> Self {
                Value::apply(Unary::$name $({ $p })?, &[self])
            }
        )* }
    };
    (@cases $name:ident, $range:expr) => { vec![one($range, Unary::$name)] };
    (@cases $name:ident, $range:expr, $p:ident, $samples:expr) => {
        $samples.into_iter().map(|$p| one($range, Unary::$name { $p })).collect()
    };
}

fn one<T: Scalar, B: Backend<T>>(range: Range<f64>, op: Unary<T>) -> Case<T, B> {
    let name = Rule::<T, B>::name(&op);
    let f = move |x: &[Value<T, B>]| Value::apply(op, &[&x[0]]);
    Case { elementwise: true, ..Case::new(name, &[(&[2, 3], range)], f) }
}

unary! {
    /// The negative, `-x`.
    pub(crate) neg(x) = -x; |_, _| -1.0; -2.0..2.0

    /// The exponential `e^x`; `d/dx = e^x`.
    pub exp(x) = math::exp(x); |_, y| y; -2.0..2.0

    /// `e^x - 1`, exact near 0; `d/dx = e^x`.
    pub exp_m1(x) = math::exp_m1(x); |x, _| x.exp(); -2.0..2.0

    /// The natural logarithm; `d/dx = 1 / x`. `ln(0)` is -inf with gradient +inf; both are NaN below 0.
    pub ln(x) = math::ln(x); |x, _| x.ln_slope(); 0.5..3.0

    /// The derivative of `ln`: `1 / x` on its domain, +inf at either zero.
    pub(crate) ln_slope(x) = if x < T::zero() { T::nan() } else { x.abs().recip() }; |_, y| -(y * y); 0.5..2.0

    /// `ln(1 + x)`, exact near 0; `d/dx = 1 / (1 + x)`. `ln_1p(-1)` is -inf with gradient +inf; both are NaN below -1.
    pub ln_1p(x) = math::ln_1p(x); |x, _| (x + T::one()).ln_slope(); -0.5..2.0

    /// The square root; `d/dx = 1 / (2 sqrt(x))`, +inf at 0; both are NaN below 0.
    pub sqrt(x) = x.sqrt(); |_, y| y.sqrt_slope(); 0.5..3.0

    /// The derivative of `sqrt` in terms of its result, `1 / (2 y)`, +inf at either zero.
    pub(crate) sqrt_slope(y) = T::of(0.5) / y.abs(); |_, d| -2.0 * (d * d); 0.5..2.0

    /// The square, `x x`; `d/dx = 2 x`.
    pub square(x) = x * x; |x, _| 2.0 * x; -2.0..2.0

    /// The reciprocal, `1 / x`; `d/dx = -1 / x^2`.
    pub recip(x) = x.recip(); |_, y| -(y * y); 0.5..2.0

    /// The sine of an angle in radians; `d/dx = cos(x)`.
    pub sin(x) = math::sin(x), if math::far(x) => x.sin(); |x, _| x.cos(); -2.0..2.0

    /// The cosine of an angle in radians; `d/dx = -sin(x)`.
    pub cos(x) = math::cos(x), if math::far(x) => x.cos(); |x, _| -x.sin(); -2.0..2.0

    /// The hyperbolic tangent; `d/dx = 1 / cosh(x)^2`, exact in both tails.
    pub tanh(x) = math::tanh(x); |x, _| x.sech2(); -2.0..2.0

    /// `1 / cosh(x)^2`, which `1 - tanh(x)^2` loses where tanh rounds to 1.
    pub(crate) sech2(x) = math::sech2(x); |x, y| -2.0 * (y * x.tanh()); -2.0..2.0

    /// The logistic function `1 / (1 + e^-x)`; `d/dx = sigmoid(x) sigmoid(-x)`, exact in both tails.
    pub sigmoid(x) = math::sigmoid(x); |x, _| x.sigmoid_slope(); -3.0..3.0

    /// The derivative of the logistic function, which `y (1 - y)` loses where sigmoid rounds to 1.
    pub(crate) sigmoid_slope(x) = math::sigmoid_slope(x); |x, y| -(y * (0.5 * x).tanh()); -3.0..3.0

    /// `ln(1 + e^x)`, at any magnitude; `d/dx = sigmoid(x)`.
    pub softplus(x) = math::softplus(x); |x, _| x.sigmoid(); -3.0..3.0

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
    pub powi(x, n: i32 = [-3, -1, 0, 1, 2, 3, 5]) = powi(x, n);
        |x, _| match n.checked_sub(1) {
            Some(-1) => Partial::from(0.0),
            Some(less) => Partial::from(f64::from(n) * x.powi(less)),
            None => Partial::from(f64::from(n) * x.powf(T::of(f64::from(n) - 1.0))),
        };
        0.5..2.0

    /// `x^p` for a constant exponent; `d/dx = p x^(p-1)`. `x^0` is 1 everywhere, with gradient 0; NaN for a
    /// negative `x` with a fractional `p`.
    pub powf(x, p: T = [T::of(2.5), T::of(-1.5), T::of(2.0), T::one(), T::zero()]) = x.to_power(p);
        |x, _| if p == T::zero() { Partial::from(0.0) } else { Partial::from(x.powf(p - T::one()) * p) };
        0.5..2.0

    /// Values limited to `bounds`, `(least, greatest)`, like NumPy's `clip`; NaN stays NaN. `d/dx` is 1 strictly
    /// inside and 0 elsewhere, at the bounds too.
    pub(crate) clip(x, bounds: (T, T) = [(T::of(-1.0), T::of(1.5)), (T::of(2.0), T::of(3.0))]) = {
            let above = if x < bounds.0 { bounds.0 } else { x };
            if above > bounds.1 { bounds.1 } else { above }
        };
        |x, _| x.inside(bounds); -2.0..2.0

    /// 1 strictly inside `bounds`, 0 elsewhere: the derivative of `clip`.
    pub(crate) inside(x, bounds: (T, T) = [(T::of(-1.0), T::of(1.5))]) =
        if x > bounds.0 && x < bounds.1 { T::one() } else if x.is_nan() { x } else { T::zero() };
        |_, _| 0.0; -2.0..2.0
}

/// By multiplication where that is exact enough, else by a logarithm.
#[inline(always)]
fn powi<T: Scalar>(x: T, n: i32) -> T {
    match n {
        0 => T::one(),
        1 => x,
        2 => x * x,
        3 => x * x * x,
        -1 => x.recip(),
        _ => x.to_integer_power(n),
    }
}

macro_rules! binary {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident($a:ident, $b:ident) = $f:expr $(, $y:ident if $rare:expr => $then:expr)?;
            |$ax:tt, $ab:tt, $ay:tt| $da:expr; |$bx:tt, $bb:tt, $by:tt| $db:expr; $alo:literal .. $ahi:literal, $blo:literal .. $bhi:literal
    )*) => {
        /// Elementwise operations on two arrays under broadcasting; see the methods of [`Value`] for their meaning.
        #[allow(non_camel_case_types, missing_docs)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Binary { $( $(#[doc = $doc])+ $name, )* }

        impl Binary {
            /// The operation's name.
            pub fn name(self) -> &'static str {
                match self { $( Binary::$name => stringify!($name), )* }
            }

            /// The operation on two numbers.
            pub fn call<T: Scalar>(self, a: T, b: T) -> T {
                match self { $( Binary::$name => {
                    let ($a, $b) = (a, b);
                    let y = $f;
                    $(let $y = y; if $rare { return $then; })?
                    y
                } )* }
            }

            /// Writes to `y` the operation's results on the elements of `a` and `b`, with the bits that `call` gives.
            pub(crate) fn apply<T: Scalar>(self, a: Lanes<'_, T>, b: Lanes<'_, T>, y: &mut [T]) {
                simd::widest(Block { op: self, operands: [a, b], y });
            }

            fn partial<T: Scalar, B: Backend<T>>(self, at: &Primal<'_, T, B>, i: usize) -> Partial<T, B> {
                match self { $(
                    Binary::$name if i == 0 => {
                        bind!($ax, at.x(0));
                        bind!($ab, at.x(1));
                        bind!($ay, at.y());
                        Partial::from($da)
                    }
                    Binary::$name => {
                        bind!($bx, at.x(0));
                        bind!($bb, at.x(1));
                        bind!($by, at.y());
                        Partial::from($db)
                    }
                )* }
            }
        }

        impl<T: Scalar> Kernel for Block<'_, Binary, [Lanes<'_, T>; 2], T> {
            #[inline(always)]
            fn run(self) {
                let ([a, b], y) = (self.operands, self.y);
                match self.op { $(
                    Binary::$name => {
                        loops!($a in a, $b in b, y => *y = $f);
                        $(
                            let mut found = false;
                            for &mut $y in &mut *y {
                                found |= $rare;
                            }
                            if found {
                                loops!($a in a, $b in b, y => { let $y = *y; if $rare { *y = $then; } });
                            }
                        )?
                    }
                )* }
            }
        }

        impl<T: Scalar, B: Backend<T>> Rule<T, B> for Binary {
            fn name(&self) -> &'static str {
                Binary::name(*self)
            }
            fn needs(&self, i: usize) -> Needs {
                match self { $(
                    Binary::$name if i == 0 =>
                        Needs { inputs: reads!($ax) as u8 | ((reads!($ab) as u8) << 1), output: reads!($ay) },
                    Binary::$name =>
                        Needs { inputs: reads!($bx) as u8 | ((reads!($bb) as u8) << 1), output: reads!($by) },
                )* }
            }
            fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
                Tensor::binary::<B>(*self, x[0], x[1])
            }
            fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
                self.partial(at, i).times(g)
            }
            fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
                self.partial(at, i).times(t)
            }
            fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
                Some(Recorded::Binary(*self))
            }
            fn broadcasts(&self) -> bool {
                true
            }
        }

        impl<T: Scalar, B: Backend<T>> Listed<T, B> for Binary {
            fn cases() -> Vec<Case<T, B>> {
                let rows = [$( two(Binary::$name, $alo..$ahi, $blo..$bhi) ),*];
                rows.into_iter().flatten().collect()
            }
            fn recorded(self) -> Recorded<T, B> {
                Recorded::Binary(self)
            }
        }
    };
}

fn two<T: Scalar, B: Backend<T>>(op: Binary, a: Range<f64>, b: Range<f64>) -> Vec<Case<T, B>> {
    let shapes: [(&[usize], &[usize]); 6] = [
        (&[2, 3], &[2, 3]),
        (&[2, 3], &[3]),
        (&[], &[2, 2]),
        (&[4, 1], &[1, 4]),
        (&[1, 3], &[0, 3]),
        (&[2, 1, 3], &[4, 1]),
    ];
    let case = |(left, right): (&[usize], &[usize])| {
        let f = move |x: &[Value<T, B>]| x[0].zip(op, &x[1]);
        let case = Case::new(op.name(), &[(left, a.clone()), (right, b.clone())], f);
        Case { elementwise: left == right, ..case }
    };
    shapes.map(case).into()
}

binary! {
    /// The sum, `a + b`.
    add(a, b) = a + b; |_, _, _| 1.0; |_, _, _| 1.0; -2.0..2.0, -2.0..2.0

    /// The difference, `a - b`.
    sub(a, b) = a - b; |_, _, _| 1.0; |_, _, _| -1.0; -2.0..2.0, -2.0..2.0

    /// The product, `a b`.
    mul(a, b) = a * b; |_, b, _| b; |a, _, _| a; -2.0..2.0, -2.0..2.0

    /// The quotient, `a / b`.
    div(a, b) = a / b; |_, b, _| b.recip(); |_, b, y| -y.zip(Binary::chain, &b.recip()); -2.0..2.0, 0.5..2.0

    /// The power, `a^b`.
    pow(a, b) = a.to_power(b);
        |a, b, _| b.zip(Binary::chain, &a.zip(Binary::pow, &(b - T::one())));
        |a, b, y| y.zip(Binary::chain, &a.zip(Binary::pow_ln, b));
        0.5..2.0, -2.0..2.0

    /// `ln(a)`, but 0 where `a` is 0 and `b` is not negative: `a^b` does not change with `b` there.
    pow_ln(a, b) = if a == T::zero() && b >= T::zero() { T::zero() } else { math::ln(a) };
        |a, _, _| a.ln_slope(); |_, _, _| 0.0; 0.5..2.0, -2.0..2.0

    /// The larger, NaN if either is.
    maximum(a, b) = if a > b || a.is_nan() { a } else { b };
        |a, b, _| a.zip(Binary::larger, b); |a, b, _| b.zip(Binary::larger, a); -2.0..2.0, -2.0..2.0

    /// The smaller, NaN if either is.
    minimum(a, b) = if a < b || a.is_nan() { a } else { b };
        |a, b, _| b.zip(Binary::larger, a); |a, b, _| a.zip(Binary::larger, b); -2.0..2.0, -2.0..2.0

    /// The share of `a` in the larger of the two: 1, 0, or a half where they are equal; NaN if either is.
    larger(a, b) = if a > b { T::one() } else if a < b { T::zero() } else if a == b { T::of(0.5) } else { a + b };
        |_, _, _| 0.0; |_, _, _| 0.0; -2.0..2.0, -2.0..2.0

    /// 1 where two elements are the same, NaN being the same as NaN, else 0.
    same(a, b) = if a == b || (a.is_nan() && b.is_nan()) { T::one() } else { T::zero() };
        |_, _, _| 0.0; |_, _, _| 0.0; -2.0..2.0, -2.0..2.0

    /// The product of a cotangent `g` and a derivative `d`, in which zero absorbs infinity, and a zero cotangent
    /// NaN too: what the result does not depend on has no say in its gradient.
    chain(g, d) = g * d, y if y.is_nan() =>
        if g == T::zero() || (d == T::zero() && !g.is_nan()) { T::zero() } else { y };
        |_, d, _| d; |g, _, _| g; -2.0..2.0, -2.0..2.0

    /// `x - m` for `m` at least `x`: 0 where both are +inf.
    below(x, m) = if x == m && m > T::neg_infinity() { T::zero() } else { x - m };
        |_, _, _| 1.0; |_, _, _| -1.0; -2.0..0.0, 0.0..1.0
}

/// `a` where the mask, the first input, is not 0, else `b`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Select;

impl Select {
    /// Writes to `y` the elements of `a` where those of `mask` are not 0, else those of `b`.
    pub(crate) fn apply<T: Scalar>(mask: Lanes<'_, T>, a: Lanes<'_, T>, b: Lanes<'_, T>, y: &mut [T]) {
        match mask {
            Lanes::Each(mask) => simd::widest(Block { op: Select, operands: (mask, a, b), y }),
            Lanes::Same(mask) => match if mask != T::zero() { a } else { b } {
                Lanes::Each(chosen) => y.copy_from_slice(chosen),
                Lanes::Same(chosen) => y.fill(chosen),
            },
        }
    }
}

impl<T: Scalar> Kernel for Block<'_, Select, (&[T], Lanes<'_, T>, Lanes<'_, T>), T> {
    #[inline(always)]
    fn run(self) {
        let ((mask, a, b), y) = (self.operands, self.y);
        let y = y.iter_mut().zip(mask);
        match (a, b) {
            (Lanes::Each(a), Lanes::Each(b)) => {
                for (((y, &mask), &a), &b) in y.zip(a).zip(b) {
                    *y = if mask != T::zero() { a } else { b };
                }
            }
            (Lanes::Each(a), Lanes::Same(b)) => {
                for ((y, &mask), &a) in y.zip(a) {
                    *y = if mask != T::zero() { a } else { b };
                }
            }
            (Lanes::Same(a), Lanes::Each(b)) => {
                for ((y, &mask), &b) in y.zip(b) {
                    *y = if mask != T::zero() { a } else { b };
                }
            }
            (Lanes::Same(a), Lanes::Same(b)) => {
                for (y, &mask) in y {
                    *y = if mask != T::zero() { a } else { b };
                }
            }
        }
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Select {
    fn name(&self) -> &'static str {
        "where"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 1, output: false }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        Tensor::elementwise::<B>(Elementwise::Select, x)
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let zero = Value::number(T::zero());
        match i {
            1 => Some(Value::apply(Select, &[&at.x(0), g, &zero])),
            2 => Some(Value::apply(Select, &[&at.x(0), &zero, g])),
            _ => None,
        }
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        self.vjp(at, t, i)
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(Select.recorded())
    }
    fn broadcasts(&self) -> bool {
        true
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Select {
    fn cases() -> Vec<Case<T, B>> {
        let mask = |n: usize| Value::constant(ndarray::Array1::from_shape_fn(n, |i| T::of((i % 2) as f64)));
        let shapes: [(&[usize], &[usize]); 3] = [(&[2, 3], &[2, 3]), (&[2, 1], &[]), (&[0, 3], &[1, 3])];
        let case = |(a, b)| {
            Case::new("where", &[(a, -2.0..2.0), (b, -2.0..2.0)], move |x| {
                Value::apply(Select, &[&mask(3), &x[0], &x[1]])
            })
        };
        shapes.map(case).into()
    }
}
