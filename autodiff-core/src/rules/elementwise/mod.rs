//! The elementwise rows of the table.
//!
//! A row reads: name, function of numbers, derivative, and the range its tests draw from. The derivative's parameters
//! are the inputs and the output; `_` is one it does not read, which is then not kept. It is compiled over `Value`s, over plain
//! [`Number`]s and over a few [`Numbers`] at once, and so made of what all have: the operations of the table and the operators.
//!
//! A row that says `by calls` has a function that does not vectorise: its loop is compiled once, not for each kind of vector.
//!
//! A row that says `as "name"` is recorded under the name of the function that users call, or of the standard one it is but for
//! special values.
//!
//! The function's loop runs over vectors, so it is made of arithmetic, selections and [`math`]; `if rare => f` is a
//! function that does not vectorise, for the few elements where the first one is not exact. A row that says `with F`
//! passes on the way in which the machine multiplies and adds; `near` is the size of arguments up to which it then leaves out
//! what it does for large ones.

use super::{Case, Listed, Needs, Recorded, Rule};
use crate::backend::{Backend, Elementwise};
use crate::native::math::{self, MulAdd};
use crate::native::simd::{self, Kernel, Lanes};
use crate::primal::Primal;
use crate::scalar::{Scalar, is_same_number};
use crate::shape::same;
use crate::tensor::Tensor;
use crate::value::Value;
use std::ops::Range;

/// A partial derivative, of `V`, values or numbers, that depend on inputs or output.
pub(crate) enum Partial<V> {
    Constant(f64),
    Varying(V),
    /// The derivative of a product with a cotangent, by the other factor: that cotangent.
    Cotangent(V),
    /// A constant times what varies: the constant goes with the cotangent or the tangent, which may have fewer elements.
    Scaled(f64, V),
    /// What varies, times what varies with the input alone: of a broadcast input, the latter is the same for all terms of
    /// the sum that is its cotangent.
    Factored(V, V),
}

impl<T: Scalar, B: Backend<T>> Partial<Value<T, B>> {
    /// The product with the cotangent `g`, as the cotangent of input `i`. `None` is zero.
    fn pull(self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        match self {
            Partial::Constant(c) if c != 0.0 && c != 1.0 => {
                Partial::Constant(c).push(&at.undone(g.clone(), i))
            }
            Partial::Factored(d, factor) if !same(g.shape(), &at.shape(i)) => {
                let sum = at.undone(g.zip(Binary::chain, &d), i);
                Some(sum.zip(Binary::chain, &factor))
            }
            partial => partial.push(g),
        }
    }

    /// The product with the tangent `t`. `None` is zero.
    fn push(self, t: &Value<T, B>) -> Option<Value<T, B>> {
        match self {
            Partial::Constant(0.0) => None,
            Partial::Constant(1.0) => Some(t.clone()),
            Partial::Constant(-1.0) => Some(-t),
            Partial::Constant(c) => Some(c * t),
            Partial::Varying(d) => Some(t.zip(Binary::chain, &d)),
            Partial::Cotangent(g) => Some(t.zip(Binary::absorb, &g)),
            Partial::Scaled(c, d) => Some((c * t).zip(Binary::chain, &d)),
            Partial::Factored(d, factor) if !same(t.shape(), d.shape()) => {
                Some(t.zip(Binary::chain, &factor).zip(Binary::chain, &d))
            }
            Partial::Factored(d, factor) => Some(t.zip(Binary::chain, &d.zip(Binary::chain, &factor))),
        }
    }
}

impl<T: Scalar> Partial<Number<T>> {
    /// The product with a cotangent. `None` is zero.
    #[inline(always)] // with `slope`, so that each operation has a jump of its own to its product
    fn times(self, g: T) -> Option<T> {
        match self {
            Partial::Constant(0.0) => None,
            Partial::Constant(c) => Some(T::of(c) * g),
            Partial::Varying(Number(d)) => Some(Binary::chain.call(g, d)),
            Partial::Cotangent(Number(d)) => Some(Binary::absorb.call(g, d)),
            Partial::Scaled(c, Number(d)) => Some(Binary::chain.call(T::of(c) * g, d)),
            Partial::Factored(d, factor) => Some(Binary::chain.call(g, d.zip(Binary::chain, &factor).0)),
        }
    }
}

impl<T: Scalar> Partial<Numbers<T>> {
    /// Writes the product with a cotangent.
    pub(crate) fn times(self, g: Lanes<'_, T>, y: &mut [T]) {
        match self {
            Partial::Constant(c) => Binary::mul.apply(Lanes::Same(&T::of(c)), g, y),
            Partial::Varying(d) => Binary::chain.apply(g, Lanes::Each(d.elements()), y),
            Partial::Cotangent(d) => Binary::absorb.apply(g, Lanes::Each(d.elements()), y),
            Partial::Scaled(c, d) => {
                let scaled = c * Numbers::new(d.elements().len(), g);
                Binary::chain.apply(Lanes::Each(scaled.elements()), Lanes::Each(d.elements()), y);
            }
            Partial::Factored(d, factor) => {
                let d = d.zip(Binary::chain, &factor);
                Binary::chain.apply(g, Lanes::Each(d.elements()), y);
            }
        }
    }
}

impl<V> From<f64> for Partial<V> {
    fn from(c: f64) -> Self {
        Partial::Constant(c)
    }
}

macro_rules! varying {
    ($([$($generics:tt)*] $V:ty),*) => { $(
        impl<T: Scalar, $($generics)*> From<$V> for Partial<$V> {
            fn from(d: $V) -> Self {
                Partial::Varying(d)
            }
        }
        impl<T: Scalar, $($generics)*> From<&$V> for Partial<$V> {
            fn from(d: &$V) -> Self {
                Partial::Varying(d.clone())
            }
        }
    )* };
}
varying!([B: Backend<T>] Value<T, B>, [] Number<T>, [] Numbers<T>);

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

/// The name under which a row is recorded: its own, unless it says another.
macro_rules! recorded {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident $recorded:literal) => {
        $recorded
    };
}

/// Writes the derivatives of all rows, of one text, over values, over numbers and over a few numbers at once.
macro_rules! derivatives {
    ([$($generics:tt)*] ($self:ident, $at:ident $(, $i:ident)?) $body:block) => {
        #[allow(unused_variables)] // not every derivative reads the parameter
        fn partial<$($generics)* B: Backend<T>>($self, $at: &Primal<'_, T, B> $(, $i: usize)?) -> Partial<Value<T, B>> $body

        #[allow(unused_variables, clippy::op_ref, clippy::clone_on_copy)] // written for values
        #[inline(always)]
        fn slope<$($generics)*>($self, $at: &AtNumbers<T> $(, $i: usize)?) -> Partial<Number<T>> $body

        #[allow(unused_variables, clippy::op_ref, clippy::clone_on_copy)] // written for values
        pub(crate) fn slopes<$($generics)*>($self, $at: &AtFew<'_, T> $(, $i: usize)?) -> Partial<Numbers<T>> $body
    };
}

/// A block of an operation's work: its loops run on the widest vectors.
struct Block<'a, Op, Operands, T> {
    op: Op,
    operands: Operands,
    y: &'a mut [T],
}

/// A loop of its own for each combination of operands, not both of which are the same for all elements, so that each vectorises.
macro_rules! loops {
    ($a:ident in $left:ident, $b:ident in $right:ident, $y:ident => $do:expr) => {
        match ($left, $right) {
            (Lanes::Each(a), Lanes::Each(b)) => {
                for (($y, &$a), &$b) in $y.iter_mut().zip(a).zip(b) {
                    $do;
                }
            }
            (Lanes::Each(a), Lanes::Same(&$b)) => {
                for ($y, &$a) in $y.iter_mut().zip(a) {
                    $do;
                }
            }
            (Lanes::Same(&$a), Lanes::Each(b)) => {
                for ($y, &$b) in $y.iter_mut().zip(b) {
                    $do;
                }
            }
            (Lanes::Same(_), Lanes::Same(_)) => unreachable!("one result for all elements"),
        }
    };
}

/// The result on a number: that of a block of one element where the function takes the machine's way to multiply and
/// add, which is looked up there.
macro_rules! on_number {
    ([] |$y:ident| $block:expr, $direct:expr) => {
        $direct
    };
    ([$mul_add:ident] |$y:ident| $block:expr, $direct:expr) => {{
        let mut y = [T::zero()];
        let $y = &mut y;
        $block;
        y[0]
    }};
}

/// Whether a row says a word.
macro_rules! says {
    () => {
        false
    };
    ($word:ident) => {
        true
    };
}

/// The first of two blocks, or, of a row that says `by calls`, the second.
macro_rules! by_calls {
    ([] $vectors:block $calls:block) => {
        $vectors
    };
    ([calls] $vectors:block $calls:block) => {
        $calls
    };
}

/// What an operation is given beside its operands.
trait Parameter: Copy {
    /// Whether nothing tells the two apart: zeros of either sign are equal, and not the same.
    fn is_same(self, other: Self) -> bool;
}

impl<T: Scalar> Parameter for T {
    fn is_same(self, other: T) -> bool {
        is_same_number(self, other)
    }
}

impl<T: Scalar> Parameter for (T, T) {
    fn is_same(self, other: (T, T)) -> bool {
        self.0.is_same(other.0) && self.1.is_same(other.1)
    }
}

impl Parameter for i32 {
    fn is_same(self, other: i32) -> bool {
        self == other
    }
}

impl Parameter for u32 {
    fn is_same(self, other: u32) -> bool {
        self == other
    }
}

macro_rules! unary {
    ($(
        $(#[doc = $doc:literal])+
        $vis:vis $name:ident $(as $recorded:literal)? ($x:ident $(, $p:ident: $pt:ty = $samples:expr)?) $(with $mul_add:ident $(near $near:block)?)? $(by $calls:ident)? = $f:expr $(, if $rare:expr => $then:expr)?;
            |$dx:tt, $dy:tt| $d:expr; $lo:literal .. $hi:literal
    )*) => {
        /// Elementwise operations on one array; see the methods of [`Value`] for their meaning.
        #[allow(non_camel_case_types, missing_docs)]
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Unary<T> { $( $(#[doc = $doc])+ $name $({ $p: $pt })?, )* }

        impl<T: Scalar> Unary<T> {
            /// Whether both give the same bits for the same operand.
            pub(crate) fn is_same(self, other: Self) -> bool {
                match (self, other) {
                    $( (Unary::$name $({ $p })?, Unary::$name $({ $p: other })?) => true $(&& Parameter::is_same($p, other))?, )*
                    _ => false,
                }
            }

            /// The operation on a number.
            pub fn call(self, x: T) -> T {
                match self { $( Unary::$name $({ $p })? => Number(x).$name($($p)?).0, )* }
            }

            /// Whether it is computed by polynomials, which takes several times as long as arithmetic.
            pub(crate) fn is_function(self) -> bool {
                match self { $( Unary::$name $({ $p: _ })? => says!($($mul_add)?), )* }
            }

            /// Writes to `y` the operation's results on the elements of `x`, with the bits that `call` gives.
            pub(crate) fn apply(self, x: &[T], y: &mut [T]) {
                debug_assert_eq!(x.len(), y.len());
                let by_calls = match self { $( Unary::$name $({ $p: _ })? => says!($($calls)?), )* };
                match by_calls {
                    true => self.call_each(x, y),
                    false => simd::widest(Block { op: self, operands: x, y }),
                }
            }

            /// The same for what does not vectorise.
            #[allow(unused_variables)] // not every operation does so
            fn call_each(self, x: &[T], y: &mut [T]) {
                match self { $(
                    Unary::$name $({ $p })? => by_calls!([$($calls)?] { unreachable!("a loop over vectors") } {
                        for (y, &$x) in y.iter_mut().zip(x) {
                            *y = $f;
                        }
                    }),
                )* }
            }

            derivatives! {
                [] (self, at) {
                    match self { $(
                        Unary::$name $({ $p })? => {
                            bind!($dx, at.x(0));
                            bind!($dy, at.y());
                            Partial::from($d)
                        }
                    )* }
                }
            }

            /// The cotangent of a number, given that of the result, `g`. `None` is zero.
            #[inline(never)]
            pub(crate) fn number_vjp(self, at: &AtNumbers<T>, g: T) -> Option<T> {
                self.slope(at).times(g)
            }
        }

        impl<T: Scalar> Number<T> { $(
            #[inline]
            pub(crate) fn $name(&self $(, $p: $pt)?) -> Self {
                let $x = self.0;
                Number(on_number!([$($mul_add)?] |y| Unary::$name $({ $p })?.apply(&[$x], y), {
                    $(if $rare { return Number($then); })?
                    $f
                }))
            }
        )* }

        #[allow(dead_code)] // not every operation stands in a derivative
        impl<T: Scalar> Numbers<T> { $(
            pub(crate) fn $name(&self $(, $p: $pt)?) -> Self {
                self.map(Unary::$name $({ $p })?)
            }
        )* }

        impl<T: Scalar> Kernel for Block<'_, Unary<T>, &[T], T> {
            type Output = ();

            #[inline(always)]
            #[allow(unused_mut, unused_variables)] // not every operation has rare elements
            fn run<F: MulAdd>(self) {
                let (x, y) = (self.operands, self.y);
                match self.op { $(
                    Unary::$name $({ $p })? => by_calls!([$($calls)?] {
                        $($(
                            /// Whether all elements are near: else some results are wrong.
                            #[inline(always)]
                            fn near<F: MulAdd, T: Scalar>(x: &[T], y: &mut [T]) -> bool {
                                let mut beyond = T::Bits::default();
                                for (y, &$x) in y.iter_mut().zip(x) {
                                    *y = $f;
                                    beyond |= $x.beyond($near);
                                }
                                !T::is_marked(beyond)
                            }
                            if math::may_be_near(x, $near) && near::<math::Near<F>, T>(x, y) {
                                return;
                            }
                        )?)?
                        let mut found = false;
                        for (y, &$x) in y.iter_mut().zip(x) {
                            *y = $f;
                            $(found |= $rare;)?
                        }
                        $(if found {
                            for (y, &$x) in y.iter_mut().zip(x) {
                                if $rare { *y = $then; }
                            }
                        })?
                    } { unreachable!("called for one element after another") }),
                )* }
            }
        }

        impl<T: Scalar, B: Backend<T>> Rule<T, B> for Unary<T> {
            fn name(&self) -> &'static str {
                match self { $( Unary::$name $({ $p: _ })? => recorded!($name $($recorded)?), )* }
            }
            fn needs(&self, _: usize) -> Needs {
                match self { $( Unary::$name $({ $p: _ })? => Needs { inputs: reads!($dx) as u8, output: reads!($dy) }, )* }
            }
            fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
                Tensor::unary::<B>(*self, x[0])
            }
            fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
                self.partial(at).pull(at, g, 0)
            }
            fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
                self.partial(at).push(t)
            }
            fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
                Some(Recorded::Unary(*self))
            }
            fn is_followed(&self) -> bool {
                true
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

macro_rules! binary {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident $(as $recorded:literal)? ($a:ident, $b:ident) $(with $mul_add:ident)? $(by $calls:ident)? = $f:expr $(, $y:ident if nan => $then:expr)?;
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
                    on_number!([$($mul_add)?] |y| self.apply(Lanes::Each(&[$a]), Lanes::Each(&[$b]), y), {
                        let y = $f;
                        $(let $y = y; if $y.is_nan() { return $then; })?
                        y
                    })
                } )* }
            }

            /// Whether it is computed by polynomials, which takes several times as long as arithmetic.
            pub(crate) fn is_function(self) -> bool {
                match self { $( Binary::$name => says!($($mul_add)?), )* }
            }

            /// Writes to `y` the operation's results on the elements of `a` and `b`, with the bits that `call` gives.
            #[inline]
            pub(crate) fn apply<T: Scalar>(self, a: Lanes<'_, T>, b: Lanes<'_, T>, y: &mut [T]) {
                if let (Lanes::Same(&a), Lanes::Same(&b)) = (a, b) {
                    return y.fill(self.call(a, b));
                }
                let by_calls = match self { $( Binary::$name => says!($($calls)?), )* };
                match by_calls {
                    true => self.call_each(a, b, y),
                    false => simd::widest(Block { op: self, operands: [a, b], y }),
                }
            }

            /// The same for what does not vectorise.
            fn call_each<T: Scalar>(self, a: Lanes<'_, T>, b: Lanes<'_, T>, y: &mut [T]) {
                for (i, y) in y.iter_mut().enumerate() {
                    *y = self.call(a.at(i), b.at(i));
                }
            }

            derivatives! {
                [T: Scalar,] (self, at, i) {
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

            /// The cotangent of number `i`, given that of the result, `g`. `None` is zero.
            #[inline(never)] // nor Unary's: the sweep through numbers is to be small
            pub(crate) fn number_vjp<T: Scalar>(self, at: &AtNumbers<T>, g: T, i: usize) -> Option<T> {
                self.slope(at, i).times(g)
            }
        }

        impl<T: Scalar> Kernel for Block<'_, Binary, [Lanes<'_, T>; 2], T> {
            type Output = ();

            #[inline(always)]
            #[allow(unused_mut, unused_variables)] // not every operation has rare elements
            fn run<F: MulAdd>(self) {
                let ([a, b], y) = (self.operands, self.y);
                match self.op { $(
                    Binary::$name => by_calls!([$($calls)?] {
                        let mut found = T::Bits::default();
                        loops!($a in a, $b in b, y => {
                            *y = $f;
                            $(let $y = *y; found |= $y.beyond(T::infinity());)?
                        });
                        $(if T::is_marked(found) {
                            loops!($a in a, $b in b, y => { let $y = *y; if $y.is_nan() { *y = $then; } });
                        })?
                    } { unreachable!("called for one element after another") }),
                )* }
            }
        }

        impl<T: Scalar, B: Backend<T>> Rule<T, B> for Binary {
            fn name(&self) -> &'static str {
                match self { $( Binary::$name => recorded!($name $($recorded)?), )* }
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
                self.partial(at, i).pull(at, g, i)
            }
            fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
                self.partial(at, i).push(t)
            }
            fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
                Some(Recorded::Binary(*self))
            }
            fn is_followed(&self) -> bool {
                true
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

mod binary;
mod number;
mod pair;
mod select;
mod unary;

pub use binary::Binary;
pub(crate) use number::{AtFew, AtNumbers, Number, Numbers};
pub(crate) use pair::Pair;
pub(crate) use select::Select;
pub use unary::Unary;
