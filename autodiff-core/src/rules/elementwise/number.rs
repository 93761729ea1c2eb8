//! Derivatives at plain numbers: what the table states over `Value`s, without their records.

use crate::backend::Binary;
use crate::scalar::Scalar;
use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number with the methods that derivatives in the table call on values.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number<T>(pub T);

/// One application of an operation to numbers, as a derivative sees it: what it reads is there.
pub(crate) struct Numbers<T> {
    pub inputs: [T; 2],
    pub output: T,
}

impl<T: Scalar> Numbers<T> {
    pub(super) fn x(&self, i: usize) -> Number<T> {
        Number(self.inputs[i])
    }

    pub(super) fn y(&self) -> Number<T> {
        Number(self.output)
    }
}

impl<T: Scalar> Number<T> {
    pub fn zip(self, op: Binary, other: &Self) -> Self {
        Number(op.call(self.0, other.0))
    }
}

/// Writes an operator between numbers by value and by reference, and between a number and one of `T` or `f64`.
macro_rules! operator {
    ($Op:ident $op:ident; $([$left:ty, $right:ty] |$a:ident, $b:ident| $lhs:expr, $rhs:expr;)*) => { $(
        impl<T: Scalar> $Op<$right> for $left {
            type Output = Number<T>;
            fn $op(self, other: $right) -> Number<T> {
                let ($a, $b) = (self, other);
                Number($Op::$op($lhs, $rhs))
            }
        }
    )* };
}

macro_rules! operators {
    ($($Op:ident $op:ident;)*) => { $(
        operator! { $Op $op;
            [Number<T>, Number<T>] |a, b| a.0, b.0;
            [Number<T>, &Number<T>] |a, b| a.0, b.0;
            [&Number<T>, Number<T>] |a, b| a.0, b.0;
            [&Number<T>, &Number<T>] |a, b| a.0, b.0;
            [Number<T>, T] |a, b| a.0, b;
            [&Number<T>, T] |a, b| a.0, b;
            [f64, Number<T>] |a, b| T::of(a), b.0;
            [f64, &Number<T>] |a, b| T::of(a), b.0;
        }
    )* };
}
operators! {
    Add add;
    Sub sub;
    Mul mul;
    Div div;
}

impl<T: Scalar> Neg for Number<T> {
    type Output = Self;
    fn neg(self) -> Self {
        Number(-self.0)
    }
}

impl<T: Scalar> Neg for &Number<T> {
    type Output = Number<T>;
    fn neg(self) -> Number<T> {
        Number(-self.0)
    }
}
