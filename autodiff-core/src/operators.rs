//! `+ - * /` and unary `-`: owned and borrowed values, numbers and arrays on either side.

use crate::backend::{Backend, Binary};
use crate::error::{Error, or_panic};
use crate::graph;
use crate::node::Node;
use crate::scalar::Scalar;
use crate::shape::{broadcast, covers};
use crate::tensor::Tensor;
use crate::value::{IntoValue, Operand, Value};
use ndarray::{ArrayBase, Data, Dimension};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};
use triomphe::Arc;

/// A value on a side of an operator.
pub(crate) trait Side<T: Scalar, B: Backend<T>> {
    fn value(&self) -> &Value<T, B>;

    /// The node, which a value that is given away gives away: it is not counted once more, to be counted down at once.
    fn into_node(self) -> Option<Arc<Node<T, B>>>;
}

impl<T: Scalar, B: Backend<T>> Side<T, B> for Value<T, B> {
    #[inline]
    fn value(&self) -> &Value<T, B> {
        self
    }

    #[inline]
    fn into_node(self) -> Option<Arc<Node<T, B>>> {
        Value::into_node(self)
    }
}

impl<T: Scalar, B: Backend<T>> Side<T, B> for &Value<T, B> {
    #[inline]
    fn value(&self) -> &Value<T, B> {
        self
    }

    #[inline]
    fn into_node(self) -> Option<Arc<Node<T, B>>> {
        self.node().cloned()
    }
}

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    pub(crate) fn try_binary(&self, op: Binary, other: &Self) -> Result<Self, Error> {
        let (left, right) = (self.shape(), other.shape());
        if !covers(left, right) && !covers(right, left) {
            broadcast(op.name(), left, right)?;
        }
        Ok(self.zip(op, other))
    }

    #[track_caller]
    #[inline]
    fn binary(op: Binary, left: impl Side<T, B>, right: impl Side<T, B>) -> Self {
        match (left.value().tensor(), right.value().tensor()) {
            (&Tensor::Scalar(a), &Tensor::Scalar(b)) => {
                graph::apply_to_numbers(op, (a, left.into_node()), (b, right.into_node()))
            }
            _ => or_panic(left.value().try_binary(op, right.value())),
        }
    }
}

/// An array or a view as a constant: one that is given away is not copied.
fn given<T: Scalar, B: Backend<T>, S: Data<Elem = T>, D: Dimension>(array: ArrayBase<S, D>) -> Value<T, B> {
    match array.try_into_owned_nocopy() {
        Ok(owned) => owned.into_value(),
        Err(shared) => (&shared).into_value(),
    }
}

/// Writes `impl Op<right> for left` from how each side becomes a value.
macro_rules! operator {
    ($Op:ident $op:ident; $([$($generics:tt)*] $left:ty, $right:ty; |$a:ident, $b:ident| $lhs:expr, $rhs:expr;)*) => { $(
        impl<T: Scalar, B: Backend<T>, $($generics)*> $Op<$right> for $left {
            type Output = Value<T, B>;
            #[track_caller]
            #[inline]
            fn $op(self, other: $right) -> Value<T, B> {
                let ($a, $b) = (self, other);
                Value::<T, B>::binary(Binary::$op, $lhs, $rhs)
            }
        }
    )* };
}

macro_rules! operators {
    ($($Op:ident $op:ident $try_op:ident $OpAssign:ident $op_assign:ident;)*) => { $(
        operator! { $Op $op;
            [] &Value<T, B>, &Value<T, B>; |a, b| a, b;
            [] &Value<T, B>, Value<T, B>; |a, b| a, b;
            [] Value<T, B>, &Value<T, B>; |a, b| a, b;
            [] Value<T, B>, Value<T, B>; |a, b| a, b;
            // On the right, numbers of the value's own type; on the left, of f64 alone, for every T. Rust then
            // infers the type of a literal on either side; a second implementation on the left would not let it.
            [] &Value<T, B>, T; |a, b| a, Value::number(b);
            [] Value<T, B>, T; |a, b| a, Value::number(b);
            [] f64, &Value<T, B>; |a, b| Value::number(T::of(a)), b;
            [] f64, Value<T, B>; |a, b| Value::number(T::of(a)), b;
            // As iterators give them.
            [] &Value<T, B>, &T; |a, b| a, Value::number(*b);
            [] Value<T, B>, &T; |a, b| a, Value::number(*b);
            [] &f64, &Value<T, B>; |a, b| Value::number(T::of(*a)), b;
            [] &f64, Value<T, B>; |a, b| Value::number(T::of(*a)), b;
            [S: Data<Elem = T>, D: Dimension] &Value<T, B>, &ArrayBase<S, D>; |a, b| a, b.into_value();
            [S: Data<Elem = T>, D: Dimension] Value<T, B>, &ArrayBase<S, D>; |a, b| a, b.into_value();
            [S: Data<Elem = T>, D: Dimension] &Value<T, B>, ArrayBase<S, D>; |a, b| a, given(b);
            [S: Data<Elem = T>, D: Dimension] Value<T, B>, ArrayBase<S, D>; |a, b| a, given(b);
            [S: Data<Elem = T>, D: Dimension] &ArrayBase<S, D>, &Value<T, B>; |a, b| a.into_value(), b;
            [S: Data<Elem = T>, D: Dimension] &ArrayBase<S, D>, Value<T, B>; |a, b| a.into_value(), b;
            [S: Data<Elem = T>, D: Dimension] ArrayBase<S, D>, &Value<T, B>; |a, b| given(a), b;
            [S: Data<Elem = T>, D: Dimension] ArrayBase<S, D>, Value<T, B>; |a, b| given(a), b;
        }

        impl<T: Scalar, B: Backend<T>> Value<T, B> {
            #[doc = concat!("The operator of [`", stringify!($Op), "`], but with an error instead of a panic where the shapes do not broadcast.")]
            ///
            /// ```
            /// use autodiff_core::native::Value;
            /// let (x, y) = (Value::new(ndarray::array![1.0, 2.0]), Value::new(ndarray::array![1.0, 2.0, 3.0]));
            #[doc = concat!("assert!(x.", stringify!($try_op), "(&y).is_err());")]
            #[doc = concat!("assert_eq!(x.", stringify!($try_op), "(2.0).unwrap().shape(), [2]);")]
            /// ```
            pub fn $try_op(&self, other: impl Operand<T, B>) -> Result<Self, Error> {
                self.try_binary(Binary::$op, &other.operand())
            }
        }

        /// Makes the name on the left stand for the result; the value it stood for is unchanged.
        impl<T: Scalar, B: Backend<T>, R> $OpAssign<R> for Value<T, B>
        where
            for<'a> &'a Value<T, B>: $Op<R, Output = Value<T, B>>,
        {
            #[track_caller]
            fn $op_assign(&mut self, other: R) {
                *self = $Op::$op(&*self, other);
            }
        }
    )* };
}

operators! {
    Add add try_add AddAssign add_assign;
    Sub sub try_sub SubAssign sub_assign;
    Mul mul try_mul MulAssign mul_assign;
    Div div try_div DivAssign div_assign;
}

impl<T: Scalar, B: Backend<T>> Neg for &Value<T, B> {
    type Output = Value<T, B>;
    fn neg(self) -> Value<T, B> {
        Value::neg(self)
    }
}

impl<T: Scalar, B: Backend<T>> Neg for Value<T, B> {
    type Output = Value<T, B>;
    fn neg(self) -> Value<T, B> {
        Value::neg(&self)
    }
}

macro_rules! of_iterators {
    ($(#[doc = $doc:literal] $Trait:ident $f:ident $of_none:ident $op:tt;)*) => { $(
        #[doc = $doc]
        impl<T: Scalar, B: Backend<T>> std::iter::$Trait for Value<T, B> {
            #[track_caller]
            fn $f<I: Iterator<Item = Self>>(values: I) -> Self {
                values.reduce(|all, x| all $op x).unwrap_or_else(|| Value::number(T::$of_none()))
            }
        }

        impl<'a, T: Scalar, B: Backend<T>> std::iter::$Trait<&'a Value<T, B>> for Value<T, B> {
            #[track_caller]
            fn $f<I: Iterator<Item = &'a Self>>(values: I) -> Self {
                values.cloned().$f()
            }
        }
    )* };
}
of_iterators! {
    /// The sum of values that broadcast together; 0 where there are none.
    Sum sum zero +;
    /// The product of values that broadcast together; 1 where there are none.
    Product product one *;
}
