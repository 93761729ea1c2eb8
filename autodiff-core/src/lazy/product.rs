//! Matrix products that wait: each runs on its own, or with another that reads the same matrix.

use super::{Expr, Lazy, Op};
use crate::backend::Backend;
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;
use ndarray::Slice;
use std::ops::Range;

/// The product of two tensors under these leading axes: [`Tensor::matmul_of_distinct`].
pub(super) type Matmul<T> = fn(&Tensor<T>, &Tensor<T>, &[usize]) -> Tensor<T>;

/// The operand of a product that is by far the larger one: to have it read once for two products pays for putting the other
/// operands together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Larger {
    /// A matrix, times a vector. (Of several columns the results would not lie in one piece.)
    Left,
    /// A matrix, times few rows.
    Right,
}

impl Larger {
    fn of<T: Scalar>(a: &Tensor<T>, b: &Tensor<T>, batch: &[usize]) -> Option<Self> {
        let ([m, _], [_, n]) = (a.shape(), b.shape()) else { return None };
        if !batch.is_empty() {
            None
        } else if *n == 1 {
            Some(Larger::Left)
        } else {
            // The matrix is packed once, but the rows are copied: three layers of 512 took 0.96 of the time with 128 rows, and
            // three of 128 as many rows 1.05.
            (*m == 1 || 4 * m <= *n).then_some(Larger::Right)
        }
    }
}

/// Whether a product may have its larger operand in common with another.
pub(crate) fn may_share<T: Scalar>(a: &Tensor<T>, b: &Tensor<T>, batch: &[usize]) -> bool {
    Larger::of(a, b, batch).is_some()
}

/// The larger operand of both products, if it is the same.
fn common<T: Scalar>(first: &Expr<T>, second: &Expr<T>) -> Option<Larger> {
    let (Op::Product(_, batch), Op::Product(_, other)) = (&first.op, &second.op) else { return None };
    let (first, second) = (first.operands(), second.operands());
    let ([a, b], [c, d]) = (first.as_slice(), second.as_slice()) else { return None };
    let larger = Larger::of(a, b, batch).filter(|&larger| Larger::of(c, d, other) == Some(larger))?;
    let is_same = match larger {
        Larger::Left => a.is_same_memory(c),
        Larger::Right => b.is_same_memory(d),
    };
    is_same.then_some(larger)
}

impl<T: Scalar> Lazy<T> {
    /// The product, in case that it is looked at.
    pub fn product<B: Backend<T>>(a: &Tensor<T>, b: &Tensor<T>, batch: &[usize]) -> Self {
        let mut shape = Shape::from_slice(batch);
        shape.extend([a.shape()[batch.len()], b.shape()[batch.len() + 1]]);
        // Computed operands: products of products, each to be computed for the next, would recurse.
        let operands = [a, b].map(|x| x.ready().clone()).into();
        Self::new::<B>(
            Op::Product(Tensor::matmul_of_distinct::<B>, Shape::from_slice(batch)),
            shape,
            operands,
        )
    }

    /// Has both computed together if they are products with the same matrix, which is then read once.
    pub fn accompany_product(&self, other: &Self) {
        if common(&self.expr, &other.expr).is_some() {
            self.accompany(other);
        }
    }
}

/// Computes a product, and its companion where both are with the same matrix.
pub(super) fn compute<T: Scalar>(product: &Expr<T>, companion: Option<&Expr<T>>) {
    let Op::Product(matmul, batch) = &product.op else { return };
    let operands = product.operands();
    // No operands: another thread has just computed it.
    let [a, b] = operands.as_slice() else { return };
    let other = companion.and_then(|other| Some((other, common(product, other)?, other.operands())));
    match other.as_ref().map(|(other, larger, operands)| (other, larger, operands.as_slice())) {
        Some((other, Larger::Left, [_, d])) => {
            let turned = |x: &Tensor<T>| x.permute(&[1, 0]);
            let [first, second] = rows_together(*matmul, [&turned(b), &turned(d)], &turned(a));
            product.set(turned(&first));
            other.set(turned(&second));
        }
        Some((other, Larger::Right, [c, _])) => {
            let [first, second] = rows_together(*matmul, [a, c], b);
            product.set(first);
            other.set(second);
        }
        _ => product.set(matmul(a, b, batch)),
    }
}

/// The products of rows and a matrix: each lies in one piece.
fn rows_together<T: Scalar>(matmul: Matmul<T>, rows: [&Tensor<T>; 2], matrix: &Tensor<T>) -> [Tensor<T>; 2] {
    let both = matmul(&Tensor::concat(0, &rows), matrix, &[]);
    let part = |rows: Range<usize>| both.slice(&[Slice::from(rows).into(), Slice::from(..).into()]);
    let (first, all) = (rows[0].shape()[0], both.shape()[0]);
    [part(0..first), part(first..all)]
}
