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
