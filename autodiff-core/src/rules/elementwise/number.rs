//! Derivatives at plain numbers, one or a few: what the table states over `Value`s, without their records.

use super::Unary;
use crate::backend::Binary;
use crate::few::MOST;
use crate::native::simd::Lanes;
use crate::scalar::Scalar;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number with the methods that derivatives in the table call on values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<T>(pub T);

impl<T: Scalar> Number<T> {
    #[inline]
    pub fn zip(self, op: Binary, other: &Self) -> Self {
        Number(op.call(self.0, other.0))
    }

    #[inline]
    fn same(self, x: T) -> Self {
        Number(x)
    }
}

/// The elements of an array of a few, with the same methods.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers<T> {
    len: usize,
    elements: [T; MOST],
}

impl<T: Scalar> Numbers<T> {
    #[inline]
    pub fn new(len: usize, x: Lanes<'_, T>) -> Self {
        let mut elements = [T::zero(); MOST];
        match x {
            Lanes::Each(x) => elements.iter_mut().zip(x).for_each(|(to, &from)| *to = from),
            Lanes::Same(&x) => elements.fill(x),
        }
        Numbers { len, elements }
    }

    #[inline]
    pub fn elements(&self) -> &[T] {
        &self.elements[..self.len]
    }

    #[inline]
    fn filled(self, fill: impl FnOnce(&mut [T])) -> Self {
        let mut elements = [T::zero(); MOST];
        fill(&mut elements[..self.len]);
        Numbers { elements, ..self }
    }

    #[inline]
    pub fn map(&self, op: Unary<T>) -> Self {
        self.filled(|y| op.apply(self.elements(), y))
    }

    #[inline]
    pub fn zip(&self, op: Binary, other: &Self) -> Self {
        self.filled(|y| op.apply(Lanes::Each(self.elements()), Lanes::Each(other.elements()), y))
    }

    #[inline]
    fn same(&self, x: T) -> Self {
        Numbers { elements: [x; MOST], ..*self }
    }
}

/// One application of an operation to numbers, as a derivative sees it: what it reads is there.
pub(crate) struct AtNumbers<T> {
    pub inputs: [T; 2],
    pub output: T,
}

impl<T: Scalar> AtNumbers<T> {
    #[inline]
    pub(super) fn x(&self, i: usize) -> Number<T> {
        Number(self.inputs[i])
    }

    #[inline]
    pub(super) fn y(&self) -> Number<T> {
        Number(self.output)
    }
}

/// The same of arrays of a few elements.
pub(crate) struct AtFew<'a, T> {
    pub len: usize,
    pub inputs: [Lanes<'a, T>; 2],
    pub output: Lanes<'a, T>,
}

impl<T: Scalar> AtFew<'_, T> {
    pub(super) fn x(&self, i: usize) -> Numbers<T> {
        Numbers::new(self.len, self.inputs[i])
    }

    pub(super) fn y(&self) -> Numbers<T> {
        Numbers::new(self.len, self.output)
    }
}

/// An operation on numbers, of one or the other kind.
macro_rules! apply {
    (Number: $op:ident, $a:expr, $b:expr) => {
        Number($a.0.$op($b.0))
    };
    (Numbers: $op:ident, $a:expr, $b:expr) => {
        $a.zip(Binary::$op, &$b)
    };
}

/// Writes an operator between numbers by value and by reference, and between a number and one of `T` or `f64`.
macro_rules! operator {
    ($Op:ident $op:ident; $([$left:ty, $right:ty => $N:ident] |$a:ident, $b:ident| $lhs:expr, $rhs:expr;)*) => { $(
        impl<T: Scalar> $Op<$right> for $left {
            type Output = $N<T>;
            #[inline]
            fn $op(self, other: $right) -> $N<T> {
                let ($a, $b) = (self, other);
                apply!($N: $op, $lhs, $rhs)
            }
        }
    )* };
}

macro_rules! operators {
    ($N:ident: $($Op:ident $op:ident;)*) => {
        $(operator! { $Op $op;
            [$N<T>, $N<T> => $N] |a, b| a, b;
            [$N<T>, &$N<T> => $N] |a, b| a, b;
            [&$N<T>, $N<T> => $N] |a, b| a, b;
            [&$N<T>, &$N<T> => $N] |a, b| a, b;
            [$N<T>, T => $N] |a, b| a, a.same(b);
            [&$N<T>, T => $N] |a, b| a, a.same(b);
            [f64, $N<T> => $N] |a, b| b.same(T::of(a)), b;
            [f64, &$N<T> => $N] |a, b| b.same(T::of(a)), b;
        })*

        impl<T: Scalar> Neg for &$N<T> {
            type Output = $N<T>;
            fn neg(self) -> $N<T> {
                $N::neg(self)
            }
        }

        impl<T: Scalar> Neg for $N<T> {
            type Output = $N<T>;
            fn neg(self) -> $N<T> {
                $N::neg(&self)
            }
        }
    };
}
operators! { Number: Add add; Sub sub; Mul mul; Div div; }
operators! { Numbers: Add add; Sub sub; Mul mul; Div div; }

#[cfg(test)]
mod tests {
    use super::super::{Listed, Unary};
    use super::*;
    use crate::native::{Native, Value};

    /// Gradients that are plain numbers are those that come with a record, bit for bit, special values included.
    #[test]
    fn derivatives_at_numbers_are_those_of_values() {
        const POINTS: [f64; 13] = [
            0.0,
            -0.0,
            0.3,
            -0.7,
            1.0,
            -1.0,
            2.5,
            -40.0,
            5e-324,
            1e300,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NAN,
        ];
        let unary = <Unary<f64> as Listed<f64, Native>>::cases();
        let binary = <Binary as Listed<f64, Native>>::cases();
        for case in unary.into_iter().chain(binary) {
            for points in POINTS.iter().flat_map(|&a| POINTS.map(|b| [a, b])) {
                let x: Vec<Value> = points[..case.inputs.len()].iter().map(|&x| Value::new(x)).collect();
                let y = (case.f)(&x);
                y.backward();
                let recorded = y.grad_of(&x.iter().collect::<Vec<_>>());
                for (i, (x, recorded)) in x.iter().zip(recorded).enumerate() {
                    let (got, want) = (x.grad().item(), recorded.item());
                    let same = got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan());
                    assert!(same, "{} at {points:?}, input {i}: {got}, expected {want}", case.name);
                }
            }
        }
    }
}
