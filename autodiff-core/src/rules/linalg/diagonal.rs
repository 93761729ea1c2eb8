//! Diagonals of matrices, and matrices of a diagonal.

use super::{each, split};
use crate::backend::Backend;
use crate::memory;
use crate::primal::with_leading;
use crate::rules::linear::Linear;
use crate::rules::{Case, Listed};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::{ArrayView2, s};

/// The elements (i, i + offset) of each matrix.
#[derive(Clone, Debug)]
pub(crate) struct Diagonal {
    pub offset: isize,
    pub from: Shape,
}

/// Where a diagonal starts, and its length.
fn place(shape: &[usize], offset: isize) -> (usize, usize, usize) {
    let (_, m, n) = split(shape);
    let (row, column) = if offset < 0 { (offset.unsigned_abs().min(m), 0) } else { (0, offset as usize) };
    let column = column.min(n);
    (row, column, (m - row).min(n - column))
}

impl Linear for Diagonal {
    fn name(&self) -> &'static str {
        "diagonal"
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        let (row, column, length) = place(&self.from, self.offset);
        let one = |_: &[usize], [x]: [ArrayView2<'_, T>; 1]| {
            Ok([x.slice(s![row.., column..]).diag().to_owned().into_dyn()])
        };
        let [diagonal] =
            each(split(&self.from).0, [x], [&[length]], one).expect("every matrix has a diagonal");
        diagonal
    }
    fn batched(&self, n: usize) -> Option<Self> {
        Some(Diagonal { offset: self.offset, from: with_leading(n, &self.from) })
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        Value::apply(Embed { offset: self.offset, to: self.from.clone() }, &[g])
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Diagonal {
    fn cases() -> Vec<Case<T, B>> {
        let uses: [(&[usize], isize); 7] = [
            (&[3, 3], 0),
            (&[2, 4], 1),
            (&[4, 2], -1),
            (&[3, 2], 5),
            (&[2, 3, 3], -2),
            (&[0, 2, 3], 0),
            (&[0, 3], 0),
        ];
        let case =
            |(shape, offset)| Case::new("diagonal", &[(shape, -2.0..2.0)], move |x| x[0].diagonal(offset));
        uses.map(case).into()
    }
}

/// Zeros, with the elements of the last axis at (i, i + offset) of a matrix: the transpose of [`Diagonal`].
#[derive(Clone, Debug)]
pub(crate) struct Embed {
    pub offset: isize,
    pub to: Shape,
}

impl Linear for Embed {
    fn name(&self) -> &'static str {
        "diag"
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        let (_, m, n) = split(&self.to);
        let (row, column, _) = place(&self.to, self.offset);
        let mut whole = memory::zeros(&self.to);
        let elements = whole.as_slice_mut().expect("row-major");
        for (matrix, diagonal) in elements.chunks_exact_mut((m * n).max(1)).zip(x.view().rows()) {
            for (i, &x) in diagonal.iter().enumerate() {
                matrix[(row + i) * n + column + i] = x;
            }
        }
        Tensor::new(whole.into_shared())
    }
    fn batched(&self, n: usize) -> Option<Self> {
        Some(Embed { offset: self.offset, to: with_leading(n, &self.to) })
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        Value::apply(Diagonal { offset: self.offset, from: self.to.clone() }, &[g])
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Embed {
    fn cases() -> Vec<Case<T, B>> {
        let case = |(shape, offset, to): (&[usize], isize, &[usize])| {
            let to = Shape::from_slice(to);
            Case::new("diag", &[(shape, -2.0..2.0)], move |x| {
                Value::apply(Embed { offset, to: to.clone() }, &[&x[0]])
            })
        };
        let mut all: Vec<_> = vec![
            case((&[2], 1, &[2, 4])),
            case((&[2, 3], -1, &[2, 4, 3])),
            case((&[0, 2], 0, &[0, 2, 2])),
            case((&[0], 0, &[0, 3])),
        ];
        all.push(Case::new("diag", &[(&[3], -2.0..2.0)], |x| x[0].diag()));
        all
    }
}
