//! One pass over the operands per operation.

use crate::backend::Elementwise;
use crate::scalar::Scalar;
use crate::shape::broadcast;
use ndarray::{ArrayD, ArrayViewD, Dimension, IxDyn, Zip};

pub(super) fn elementwise<T: Scalar>(op: Elementwise<T>, operands: &[ArrayViewD<'_, T>]) -> ArrayD<T> {
    match (op, operands) {
        (Elementwise::Unary(op), [x]) => op.map(x),
        (Elementwise::Binary(op), [a, b]) => op.map(a, b),
        (Elementwise::Select, [mask, a, b]) => select(mask, a, b),
        _ => panic!("elementwise: {op:?} of {} operands", operands.len()),
    }
}

fn common<T: Scalar>(a: &ArrayViewD<'_, T>, b: &ArrayViewD<'_, T>) -> IxDyn {
    IxDyn(&broadcast("elementwise", a.shape(), b.shape()).expect("shapes are checked by the caller"))
}

fn spread<'a, T: Scalar>(x: &'a ArrayViewD<'_, T>, shape: &IxDyn) -> ArrayViewD<'a, T> {
    x.broadcast(shape.clone()).expect("operands broadcast to their common shape")
}

/// `f` of every element; the closure is a compile-time constant, so that each operation has its own loop.
#[inline]
pub(crate) fn map1<T: Scalar>(x: &ArrayViewD<'_, T>, f: impl Fn(T) -> T) -> ArrayD<T> {
    x.mapv(f)
}

/// `f` of every pair of elements under broadcasting; an operand of one element is read once.
#[inline]
pub(crate) fn map2<T: Scalar>(
    a: &ArrayViewD<'_, T>,
    b: &ArrayViewD<'_, T>,
    f: impl Fn(T, T) -> T,
) -> ArrayD<T> {
    let shape = common(a, b);
    let (wide_a, wide_b) = (spread(a, &shape), spread(b, &shape));
    match (a.len(), b.len()) {
        (_, 1) => {
            let b = *b.first().expect("one element");
            wide_a.mapv(|a| f(a, b))
        }
        (1, _) => {
            let a = *a.first().expect("one element");
            wide_b.mapv(|b| f(a, b))
        }
        _ => Zip::from(&wide_a).and(&wide_b).map_collect(|&a, &b| f(a, b)),
    }
}

fn select<T: Scalar>(mask: &ArrayViewD<'_, T>, a: &ArrayViewD<'_, T>, b: &ArrayViewD<'_, T>) -> ArrayD<T> {
    let pair = common(a, b);
    let shape = broadcast("select", mask.shape(), pair.slice()).expect("shapes are checked by the caller");
    let shape = IxDyn(&shape);
    Zip::from(&spread(mask, &shape))
        .and(&spread(a, &shape))
        .and(&spread(b, &shape))
        .map_collect(|&mask, &a, &b| if mask != T::zero() { a } else { b })
}
