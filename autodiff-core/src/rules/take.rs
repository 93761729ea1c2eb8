//! Elements chosen by their places, and its transpose: the one rule behind sorting, gathering and scattering.

use super::linear::Linear;
use super::{Case, Listed};
use crate::backend::Backend;
use crate::primal::with_leading;
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::value::Value;
use std::sync::Arc;

/// The places in each of `n` arrays of `size` elements, one after the other.
fn in_each(places: &[usize], n: usize, size: usize) -> Arc<[usize]> {
    (0..n).flat_map(|i| places.iter().map(move |place| i * size + place)).collect()
}

/// The elements at the given places, counted in row-major order; a place may be repeated.
#[derive(Clone, Debug)]
pub(crate) struct Take {
    pub op: &'static str,
    pub places: Arc<[usize]>,
    pub from: Shape,
    pub to: Shape,
}

impl Linear for Take {
    fn name(&self) -> &'static str {
        self.op
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.take(&self.places, &self.to)
    }
    fn batched(&self, n: usize) -> Option<Self> {
        let places = in_each(&self.places, n, self.from.iter().product());
        Some(Take { op: self.op, places, from: with_leading(n, &self.from), to: with_leading(n, &self.to) })
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        let (from, to) = (self.to.clone(), self.from.clone());
        Value::apply(Put { places: self.places.clone(), from, to }, &[g])
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Take {
    fn cases() -> Vec<Case<T, B>> {
        let matrix: &[(&[usize], _)] = &[(&[2, 3], -2.0..2.0)];
        let places = |shape, list: &[usize]| {
            ndarray::ArrayD::from_shape_vec(ndarray::IxDyn(shape), list.to_vec())
                .expect("a place for each element")
        };
        let (few, many) = (places(&[1, 2], &[1, 1]), places(&[2, 4], &[2, 0, 2, 2, 1, 0, 1, 2]));
        let mask = ndarray::array![true, false, true];
        vec![
            Case::new("take_along_axis", matrix, move |x| x[0].take_along_axis(&many, 1)),
            Case::new("gather", matrix, move |x| x[0].gather(0, &few)),
            Case::new("masked_select", matrix, move |x| x[0].masked_select(&mask)),
            Case::new("sort", matrix, |x| x[0].sort(0)),
            Case::new("sort", &[(&[0, 3], -2.0..2.0)], |x| x[0].sort(1)),
            Case::new("topk", matrix, |x| x[0].topk(2, -1).0),
        ]
    }
}

/// Zeros to which elements are added at the given places: the transpose of [`Take`].
#[derive(Clone, Debug)]
pub(crate) struct Put {
    pub places: Arc<[usize]>,
    pub from: Shape,
    pub to: Shape,
}

impl Linear for Put {
    fn name(&self) -> &'static str {
        "put"
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.put(&self.places, &self.to)
    }
    fn batched(&self, n: usize) -> Option<Self> {
        let places = in_each(&self.places, n, self.to.iter().product());
        Some(Put { places, from: with_leading(n, &self.from), to: with_leading(n, &self.to) })
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        let (from, to) = (self.to.clone(), self.from.clone());
        Value::apply(Take { op: "take", places: self.places.clone(), from, to }, &[g])
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Put {
    fn cases() -> Vec<Case<T, B>> {
        let places = ndarray::array![[2, 0, 2], [1, 1, 0]];
        let rows: [&[usize]; 2] = [&[1, 0, 1], &[2, 2, 2]];
        vec![
            Case::new("put", &[(&[2, 2], -2.0..2.0)], |x| {
                let (from, to) = (Shape::from_slice(&[2, 2]), Shape::from_slice(&[3]));
                Value::apply(Put { places: [2, 0, 2, 2].into(), from, to }, &[&x[0]])
            }),
            Case::new("scatter_add", &[(&[3, 3], -2.0..2.0), (&[2, 3], -2.0..2.0)], move |x| {
                x[0].scatter_add(0, &places, &x[1])
            }),
            Case::new("index_put", &[(&[2, 3], -2.0..2.0), (&[3], -2.0..2.0)], move |x| {
                x[0].index_put(&rows, &x[1])
            }),
        ]
    }
}
