//! One application of a rule, as its derivatives read it.

use crate::backend::Backend;
use crate::node::{Node, Operation};
use crate::rules::Rule;
use crate::scalar::Scalar;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::SliceInfoElem;
use smallvec::SmallVec;
use triomphe::Arc;

/// What a rule's derivative reads: the inputs and the output of one application of it.
pub(crate) struct Primal<'a, T: Scalar, B: Backend<T>> {
    node: &'a Arc<Node<T, B>>,
    operation: &'a Operation<T, B>,
    /// Whether the derivative is to be differentiated again.
    attached: bool,
    /// How many cotangents or tangents go through the derivative at once, side by side along a leading axis.
    batch: Option<usize>,
}

impl<'a, T: Scalar, B: Backend<T>> Primal<'a, T, B> {
    fn value(&self, data: Option<Tensor<T>>, node: Option<&Arc<Node<T, B>>>) -> Value<T, B> {
        let data =
            data.unwrap_or_else(|| panic!("{}: a derivative reads what it does not keep", self.node.op()));
        let value = Value::from_parts(data, node.filter(|_| self.attached).cloned());
        match self.batch {
            None => value,
            // The same for the whole batch.
            Some(_) => {
                let shape = with_leading(1, value.shape());
                value.with_shape("reshape", shape)
            }
        }
    }

    /// Input `i`; in a batch, with a leading axis of length 1.
    pub fn x(&self, i: usize) -> Value<T, B> {
        self.value(self.operation.input(i), self.operation.tracked(i))
    }

    /// The output; in a batch, with a leading axis of length 1.
    pub fn y(&self) -> Value<T, B> {
        self.value(self.operation.output(), Some(self.node))
    }

    /// The shape of the cotangent, or the tangent, of input `i`, which is not a constant.
    pub fn shape(&self, i: usize) -> Shape {
        let shape = self.input_shape(i);
        self.batch.map_or_else(|| Shape::from_slice(shape), |n| with_leading(n, shape))
    }

    /// The shape of input `i`, which is not a constant.
    fn input_shape(&self, i: usize) -> &[usize] {
        self.operation.tracked(i).expect("a tracked input").shape()
    }

    /// Whether the derivative is to be differentiated again.
    pub fn is_attached(&self) -> bool {
        self.attached
    }

    /// How many cotangents or tangents there are at once.
    pub fn batch(&self) -> Option<usize> {
        self.batch
    }

    /// The same without the leading axes of a batch.
    pub fn single(&self) -> Self {
        Primal { batch: None, ..*self }
    }

    /// Where the cotangent of input `i` goes.
    pub fn node(&self, i: usize) -> Option<&Arc<Node<T, B>>> {
        self.operation.tracked(i)
    }

    /// The number of inputs.
    pub fn count(&self) -> usize {
        self.operation.count()
    }

    /// For as many derivatives at once as the `batch` has; `attached` where they are to be differentiated again.
    pub fn new(
        node: &'a Arc<Node<T, B>>,
        operation: &'a Operation<T, B>,
        attached: bool,
        batch: Option<usize>,
    ) -> Self {
        Primal { node, operation, attached, batch }
    }

    /// What was recorded.
    pub fn operation(&self) -> &'a Operation<T, B> {
        self.operation
    }

    /// What is of the output's shape, summed over the axes along which input `i` was broadcast.
    pub fn undone(&self, part: Value<T, B>, i: usize) -> Value<T, B> {
        match self.batch {
            None => part.sum_to(self.input_shape(i)),
            Some(_) => part.sum_to_aligned(&self.shape(i), true),
        }
    }

    /// The cotangent of input `i`, of its shape.
    fn cotangent(&self, rule: &dyn Rule<T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let undone = |part| self.undone(part, i);
        match self.batch {
            None => rule.vjp(self, g, i).map(undone),
            Some(n) => match rule.batched(n) {
                Some(rule) => rule.vjp(self, g, i).map(undone),
                None => {
                    let at = self.single();
                    one_by_one(n, g, |g| at.cotangent(rule, g, i))
                }
            },
        }
    }

    /// The sum of the cotangent of input `i` and what others have brought.
    pub fn add_cotangent(
        &self,
        rule: &dyn Rule<T, B>,
        g: &Value<T, B>,
        i: usize,
        sum: Option<Value<T, B>>,
    ) -> Option<Value<T, B>> {
        let sum = match sum {
            Some(sum) if !self.attached && self.batch.is_none() => {
                match rule.add_vjp(g.tensor(), i, sum.into_tensor()) {
                    Ok(total) => return Some(Value::from_parts(total, None)),
                    Err(sum) => Some(Value::from_parts(sum, None)),
                }
            }
            sum => sum,
        };
        accumulated(sum, self.cotangent(rule, g, i))
    }

    /// The tangent of the output, of its shape, given those of inputs. `None` is zero.
    pub fn whole_tangent<'t>(
        &self,
        rule: &dyn Rule<T, B>,
        tangents: impl Iterator<Item = (usize, &'t Value<T, B>)>,
    ) -> Option<Value<T, B>> {
        let tangents: SmallVec<[_; 2]> = tangents.collect();
        if tangents.is_empty() {
            return None;
        }
        if !self.attached
            && self.batch.is_none()
            && let Some(tangent) = self.number_tangent(&tangents)
        {
            return Some(tangent);
        }
        let one_by_one = || {
            let each = tangents.iter().filter_map(|&(i, t)| self.tangent(rule, t, i));
            each.reduce(|sum, part| sum + part)
        };
        let sum = rule.jvp_all(self, &tangents).unwrap_or_else(one_by_one)?;
        Some(match self.batch {
            None => sum.spread_to(self.node.shape()),
            Some(n) => sum.spread_to(&with_leading(n, self.node.shape())),
        })
    }

    /// The same of an operation on numbers, without a value for each step of the derivative. `None` where it is no such operation.
    fn number_tangent(&self, tangents: &[(usize, &Value<T, B>)]) -> Option<Value<T, B>> {
        let Operation::Numbers { rule, at, .. } = self.operation else { return None };
        let mut sum = None;
        for &(i, t) in tangents {
            // The derivative by a number is its own transpose.
            if let Some(part) = rule.number_vjp(at, t.tensor().number()?, i) {
                sum = Some(sum.map_or(part, |sum| sum + part));
            }
        }
        Some(Value::number(sum.unwrap_or_else(T::zero)))
    }

    /// The tangent of the output due to that of input `i`, of a shape that broadcasts to the output's.
    fn tangent(&self, rule: &dyn Rule<T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let Some(n) = self.batch else { return rule.jvp(self, t, i) };
        match rule.batched(n) {
            Some(batched) if rule.broadcasts() => batched.jvp(self, &t.align(self.node.shape().len() + 1), i),
            Some(batched) => batched.jvp(self, t, i),
            None => {
                let at = self.single();
                one_by_one(n, t, |t| Some(rule.jvp(&at, t, i)?.spread_to(self.node.shape())))
            }
        }
    }
}

/// A sum and what is added to it, of which either may be nothing.
pub(crate) fn accumulated<T: Scalar, B: Backend<T>>(
    sum: Option<Value<T, B>>,
    part: Option<Value<T, B>>,
) -> Option<Value<T, B>> {
    match (sum, part) {
        (Some(sum), Some(part)) => Some(sum.accumulate(part)),
        (sum, part) => sum.or(part),
    }
}

/// `shape` after an axis of length `n`.
pub(crate) fn with_leading(n: usize, shape: &[usize]) -> Shape {
    std::iter::once(n).chain(shape.iter().copied()).collect()
}

/// What `f` gives for each part of `x` along the first axis, side by side again.
fn one_by_one<T: Scalar, B: Backend<T>>(
    n: usize,
    x: &Value<T, B>,
    f: impl Fn(&Value<T, B>) -> Option<Value<T, B>>,
) -> Option<Value<T, B>> {
    let part = |b: usize| {
        let mut info = vec![SliceInfoElem::from(..); x.ndim()];
        info[0] = SliceInfoElem::Index(b as isize);
        f(&x.slice(info))
    };
    let parts: Option<Vec<_>> = (0..n).map(part).collect();
    Some(Value::stack(&parts?, 0))
}
