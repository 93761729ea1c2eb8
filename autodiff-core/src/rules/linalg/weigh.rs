//! Triangles of matrices.

use super::{split, transposed};
use crate::backend::Backend;
use crate::copies;
use crate::rules::linear::Linear;
use crate::rules::{Case, Listed};
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;

/// Elements times a number that depends on where they are: below a diagonal, on it, or above.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weigh {
    pub op: &'static str,
    /// Which diagonal: that of the elements (i, i + offset).
    pub offset: isize,
    pub below: f64,
    pub on: f64,
    pub above: f64,
}

impl Weigh {
    /// The lower triangle with half of the diagonal.
    pub const HALVED: Weigh = Weigh { op: "tril", offset: 0, below: 1.0, on: 0.5, above: 0.0 };

    pub const fn tril(offset: isize) -> Self {
        Weigh { op: "tril", offset, below: 1.0, on: 1.0, above: 0.0 }
    }

    pub const fn triu(offset: isize) -> Self {
        Weigh { op: "triu", offset, below: 0.0, on: 1.0, above: 1.0 }
    }
}

impl Linear for Weigh {
    fn name(&self) -> &'static str {
        self.op
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        let (_, m, n) = split(x.shape());
        let mut y = copies::row_major(x.view());
        let elements = y.as_slice_mut().expect("row-major");
        let weigh = |part: &mut [T], weight: f64| match weight {
            // Zero, whatever was there.
            0.0 => part.fill(T::zero()),
            1.0 => {}
            _ => part.iter_mut().for_each(|x| *x = *x * T::of(weight)),
        };
        for (i, row) in elements.chunks_exact_mut(n.max(1)).enumerate() {
            let diagonal = ((i % m) as isize).saturating_add(self.offset);
            let clamped = |j: isize| j.clamp(0, n as isize) as usize;
            let (start, end) = (clamped(diagonal), clamped(diagonal.saturating_add(1)));
            weigh(&mut row[..start], self.below);
            weigh(&mut row[start..end], self.on);
            weigh(&mut row[end..], self.above);
        }
        Tensor::new(y.into_shared())
    }
    fn batched(&self, _: usize) -> Option<Self> {
        Some(*self)
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        Value::apply(*self, &[g])
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Weigh {
    fn cases() -> Vec<Case<T, B>> {
        let mut all = Vec::new();
        for shape in [&[3, 3][..], &[2, 4], &[4, 2], &[2, 3, 3], &[0, 3], &[3, 0]] {
            for k in [-1, 0, 2] {
                all.push(Case::new("tril", &[(shape, -2.0..2.0)], move |x| x[0].tril(k)));
                all.push(Case::new("triu", &[(shape, -2.0..2.0)], move |x| x[0].triu(k)));
            }
        }
        all.push(Case::new("tril", &[(&[3, 3], -2.0..2.0)], |x| {
            transposed(&Value::apply(Weigh::HALVED, &[&x[0]]))
        }));
        all
    }
}
