//! Slices, selections by index, and concatenation: linear maps that leave elements out or set them in zeros.

use super::linear::Linear;
use super::{Case, Listed, Needs, Recorded, Rule};
use crate::backend::Backend;
use crate::primal::{Primal, with_leading};
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::{SliceInfoElem, s};
use std::sync::Arc;

/// The same slice of each part along a leading axis.
fn all_of_leading(info: &[SliceInfoElem]) -> Arc<[SliceInfoElem]> {
    std::iter::once(SliceInfoElem::from(..)).chain(info.iter().copied()).collect()
}

/// A view of part of the elements.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    pub info: Arc<[SliceInfoElem]>,
    pub from: Shape,
}

impl Linear for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.slice(&self.info)
    }
    fn batched(&self, n: usize) -> Option<Self> {
        Some(Slice { info: all_of_leading(&self.info), from: with_leading(n, &self.from) })
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        Value::apply(Unslice { info: self.info.clone(), shape: self.from.clone() }, &[g])
    }
    fn add_transpose<T: Scalar>(&self, g: &Tensor<T>, sum: Tensor<T>) -> Result<Tensor<T>, Tensor<T>> {
        sum.add_to_slice(&self.info, g)
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Slice {
    fn cases() -> Vec<Case<T, B>> {
        vec![
            Case::new("slice", &[(&[5, 4], -2.0..2.0)], |x| x[0].slice(s![..;-2, 1..3])),
            Case::new("slice", &[(&[5, 4], -2.0..2.0)], |x| x[0].slice(s![-1, ..])),
            Case::new("slice", &[(&[5, 4], -2.0..2.0)], |x| x[0].slice(s![.., ndarray::NewAxis, 2..2])),
        ]
    }
}

/// Zeros with the input in the place of a slice: the transpose of [`Slice`].
#[derive(Clone, Debug)]
pub(crate) struct Unslice {
    pub info: Arc<[SliceInfoElem]>,
    pub shape: Shape,
}

impl Linear for Unslice {
    fn name(&self) -> &'static str {
        "unslice"
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.unslice(&self.info, &self.shape)
    }
    fn batched(&self, n: usize) -> Option<Self> {
        Some(Unslice { info: all_of_leading(&self.info), shape: with_leading(n, &self.shape) })
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        Value::apply(Slice { info: self.info.clone(), from: self.shape.clone() }, &[g])
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Unslice {
    fn cases() -> Vec<Case<T, B>> {
        vec![Case::new("unslice", &[(&[3, 2], -2.0..2.0)], |x| {
            let info = s![..;-2, 1..3];
            let rule = Unslice { info: info.as_ref().into(), shape: Shape::from_slice(&[5, 4]) };
            Value::apply(rule, &[&x[0]])
        })]
    }
}

/// The parts at the given indices of an axis, in their order, repeated where an index is.
#[derive(Clone, Debug)]
pub(crate) struct IndexSelect {
    pub axis: usize,
    pub indices: Arc<[usize]>,
    pub length: usize,
}

impl Linear for IndexSelect {
    fn name(&self) -> &'static str {
        "index_select"
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.index_select(self.axis, &self.indices)
    }
    fn batched(&self, _: usize) -> Option<Self> {
        Some(IndexSelect { axis: self.axis + 1, ..self.clone() })
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        Value::apply(IndexAdd { axis: self.axis, indices: self.indices.clone(), length: self.length }, &[g])
    }
    fn add_transpose<T: Scalar>(&self, g: &Tensor<T>, sum: Tensor<T>) -> Result<Tensor<T>, Tensor<T>> {
        sum.add_at_indices(self.axis, &self.indices, g)
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for IndexSelect {
    fn cases() -> Vec<Case<T, B>> {
        vec![
            Case::new("index_select", &[(&[3, 4], -2.0..2.0)], |x| x[0].index_select(0, [2, 0, 2, 2])),
            Case::new("index_select", &[(&[2, 3], -2.0..2.0)], |x| x[0].index_select(-1, [1])),
        ]
    }
}

/// Zeros to which the parts along an axis are added at the given indices: the transpose of [`IndexSelect`].
#[derive(Clone, Debug)]
pub(crate) struct IndexAdd {
    pub axis: usize,
    pub indices: Arc<[usize]>,
    pub length: usize,
}

impl Linear for IndexAdd {
    fn name(&self) -> &'static str {
        "index_add"
    }
    fn eval<T: Scalar, B: Backend<T>>(&self, x: &Tensor<T>) -> Tensor<T> {
        x.index_add(self.axis, &self.indices, self.length)
    }
    fn batched(&self, _: usize) -> Option<Self> {
        Some(IndexAdd { axis: self.axis + 1, ..self.clone() })
    }
    fn transpose<T: Scalar, B: Backend<T>>(&self, g: &Value<T, B>) -> Value<T, B> {
        Value::apply(
            IndexSelect { axis: self.axis, indices: self.indices.clone(), length: self.length },
            &[g],
        )
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for IndexAdd {
    fn cases() -> Vec<Case<T, B>> {
        vec![Case::new("index_add", &[(&[4, 2], -2.0..2.0)], |x| {
            Value::apply(IndexAdd { axis: 0, indices: [2, 0, 2, 2].into(), length: 3 }, &[&x[0]])
        })]
    }
}

/// Arrays joined along an axis.
#[derive(Clone, Debug)]
pub(crate) struct Concat {
    pub axis: usize,
    /// Where along the axis each input begins, and, last, where the result ends.
    pub starts: Arc<[usize]>,
    pub shape: Shape,
}

impl Concat {
    fn place(&self, i: usize) -> Arc<[SliceInfoElem]> {
        let range = SliceInfoElem::from(self.starts[i]..self.starts[i + 1]);
        let mut info = vec![SliceInfoElem::from(..); self.shape.len()];
        info[self.axis] = range;
        info.into()
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs::NOTHING
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        Tensor::concat(self.axis, x)
    }
    fn vjp(&self, _: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        Some(Value::apply(Slice { info: self.place(i), from: self.shape.clone() }, &[g]))
    }
    fn jvp(&self, _: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        Some(Value::apply(Unslice { info: self.place(i), shape: self.shape.clone() }, &[t]))
    }
    fn batched(&self, n: usize) -> Option<Recorded<T, B>> {
        let shape = with_leading(n, &self.shape);
        Some(Concat { axis: self.axis + 1, starts: self.starts.clone(), shape }.recorded())
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Concat {
    fn cases() -> Vec<Case<T, B>> {
        vec![
            Case::new("concat", &[(&[2, 3], -2.0..2.0), (&[1, 3], -2.0..2.0), (&[0, 3], -2.0..2.0)], |x| {
                Value::concat(x, 0)
            }),
            Case::new("stack", &[(&[2, 3], -2.0..2.0), (&[2, 3], -2.0..2.0)], |x| Value::stack(x, -1)),
        ]
    }
}
