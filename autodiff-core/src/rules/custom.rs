//! Functions of users with derivatives of their own.

use super::{Case, Listed, Needs, Rule};
use crate::backend::Backend;
use crate::graph;
use crate::primal::Primal;
use crate::scalar::Scalar;
use crate::shape::check_broadcast_to;
use crate::tensor::Tensor;
use crate::value::Value;
use ndarray::ArrayD;
use std::fmt;
use std::sync::Arc;

type Function<T, B> = Arc<dyn Fn(&[Value<T, B>]) -> Value<T, B> + Send + Sync>;

/// From inputs, output, a cotangent or a tangent, and the number of an input.
pub(crate) type Along<T, B> =
    Arc<dyn Fn(&[Value<T, B>], &Value<T, B>, &Value<T, B>, usize) -> Value<T, B> + Send + Sync>;

/// The derivative as it was stated. The other mode is its transpose, as it is linear.
#[derive(Clone)]
pub(crate) enum Derivative<T: Scalar, B: Backend<T>> {
    Vjp(Along<T, B>),
    Jvp(Along<T, B>),
}

/// A function with its derivative.
#[derive(Clone)]
pub(crate) struct Custom<T: Scalar, B: Backend<T>> {
    pub name: &'static str,
    pub f: Function<T, B>,
    pub derivative: Derivative<T, B>,
}

impl<T: Scalar, B: Backend<T>> fmt::Debug for Custom<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What is asked for: the derivative at one application, with respect to input `i`, as a result of the shape `like`.
#[derive(Clone, Copy)]
struct Asked<'p, 'a, T: Scalar, B: Backend<T>> {
    at: &'p Primal<'a, T, B>,
    i: usize,
    like: &'p [usize],
}

impl<T: Scalar, B: Backend<T>> Custom<T, B> {
    /// The derivative as it was stated, in a direction.
    fn stated(&self, asked: Asked<'_, '_, T, B>, direction: &Value<T, B>) -> Value<T, B> {
        let Asked { at, i, like } = asked;
        let (Derivative::Vjp(f) | Derivative::Jvp(f)) = &self.derivative;
        let found = f(&inputs(at), &at.y(), direction, i);
        // Cotangents may be of a shape that the input was broadcast to.
        let fits = match &self.derivative {
            Derivative::Vjp(_) => check_broadcast_to(self.name, like, found.shape()),
            Derivative::Jvp(_) => check_broadcast_to(self.name, found.shape(), like),
        };
        if fits.is_err() {
            panic!(
                "{}: the derivative with respect to input {i} has shape {:?}, expected {like:?}",
                self.name,
                found.shape()
            );
        }
        found
    }

    /// The derivative as it was stated, which can be differentiated again if `at` is to be, or says that it can not.
    fn direct(&self, asked: Asked<'_, '_, T, B>, direction: &Value<T, B>) -> Value<T, B> {
        let found = self.stated(asked, direction);
        if !asked.at.is_attached() {
            return found.detach();
        }
        if found.tracked().is_some() || is_zero(&found) {
            return found;
        }
        // It is linear in the direction: a result that depends on no leaf, where that is one, was computed by other means.
        let is_recorded = direction.tracked().is_none()
            && self.stated(asked, &Value::new(direction.data())).tracked().is_some();
        if is_recorded {
            return found;
        }
        let inputs = inputs(asked.at);
        let operands: Vec<_> = [&found, direction].into_iter().chain(&inputs).collect();
        Value::apply(Last { name: self.name }, &operands)
    }

    /// The transpose of the derivative as it was stated, for directions of the shape `from`. `None` is zero.
    fn transposed(
        &self,
        asked: Asked<'_, '_, T, B>,
        direction: &Value<T, B>,
        from: &[usize],
    ) -> Option<Value<T, B>> {
        let is_attached = asked.at.is_attached();
        let along = Value::new(ArrayD::zeros(from));
        let found = self.stated(asked, &along);
        let by_direction = found.tracked().and_then(|root| {
            let seed = match self.derivative {
                Derivative::Vjp(_) => direction.spread_to(found.shape()),
                Derivative::Jvp(_) => direction.clone().sum_to(found.shape()),
            };
            graph::gradients(root, seed, is_attached, None, &[along.tracked()?]).remove(0)
        });
        if by_direction.is_none() {
            // No record leads to the direction: it has no say, or came in as an array.
            let mut next = T::one();
            let any = ArrayD::from_shape_simple_fn(from, || {
                next = next * T::of(0.75) + T::one();
                next
            });
            if !is_zero(&self.stated(asked, &Value::constant(any))) {
                beyond(self.name);
            }
        }
        by_direction.map(|found| if is_attached { found } else { found.detach() })
    }
}

/// The inputs of an application.
fn inputs<T: Scalar, B: Backend<T>>(at: &Primal<'_, T, B>) -> Vec<Value<T, B>> {
    (0..at.count()).map(|j| at.x(j)).collect()
}

fn is_zero<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> bool {
    x.data().iter().all(|&x| x == T::zero())
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Custom<T, B> {
    fn name(&self) -> &'static str {
        self.name
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 0xff, output: true }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        let inputs: Vec<_> = x.iter().map(|&x| Value::from_parts(x.clone(), None)).collect();
        let y = (self.f)(&inputs);
        assert!(
            y.tracked().is_none(),
            "{}: the function uses a value that is differentiated and not among its inputs; pass it as an input",
            self.name
        );
        y.into_tensor()
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let input = at.shape(i);
        graph::recorded(|| match self.derivative {
            Derivative::Vjp(_) => Some(self.direct(Asked { at, i, like: &input }, g)),
            Derivative::Jvp(_) => self.transposed(Asked { at, i, like: g.shape() }, g, &input),
        })
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let output = at.y();
        graph::recorded(|| match self.derivative {
            Derivative::Jvp(_) => Some(self.direct(Asked { at, i, like: output.shape() }, t)),
            Derivative::Vjp(_) => self.transposed(Asked { at, i, like: t.shape() }, t, output.shape()),
        })
    }
    fn has_functions(&self) -> bool {
        true
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Custom<T, B> {
    fn cases() -> Vec<Case<T, B>> {
        let f = |x: &[Value<T, B>]| x[0].square() * x[1].sin();
        let along = |x: &[Value<T, B>], _: &Value<T, B>, t: &Value<T, B>, i: usize| match i {
            0 => t * (&x[0] * x[1].sin() * T::of(2.0)),
            _ => t * (x[0].square() * x[1].cos()),
        };
        let shapes: [(&[usize], &[usize]); 3] = [(&[2, 3], &[2, 3]), (&[2, 3], &[3]), (&[], &[2])];
        let mut all = Vec::new();
        for (a, b) in shapes {
            for derivative in
                [Derivative::Vjp(Arc::new(along) as Along<T, B>), Derivative::Jvp(Arc::new(along))]
            {
                let rule = Custom { name: "custom", f: Arc::new(f), derivative };
                all.push(Case::new("custom", &[(a, -2.0..2.0), (b, -2.0..2.0)], move |x| {
                    Value::apply(rule.clone(), &[&x[0], &x[1]])
                }));
            }
        }
        all
    }
}

/// The first input, a derivative that was computed in a way that leaves no record, of the others.
#[derive(Clone, Debug)]
struct Last {
    name: &'static str,
}

fn beyond(name: &str) -> ! {
    panic!(
        "{name}: its derivative is asked for in a way that it does not support: it was computed from arrays, or from \
         constants. Compute it with operations on the values that it is given, for higher orders and for the other mode"
    )
}

impl<T> super::InTable<T> for Last {}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Last {
    fn cases() -> Vec<Case<T, B>> {
        Vec::new()
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Last {
    fn name(&self) -> &'static str {
        self.name
    }
    fn needs(&self, _: usize) -> Needs {
        Needs::NOTHING
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        x[0].clone()
    }
    fn vjp(&self, _: &Primal<'_, T, B>, _: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        beyond(self.name)
    }
    fn jvp(&self, _: &Primal<'_, T, B>, _: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        beyond(self.name)
    }
}

/// The same value, whose cotangent is changed, or looked at, on its way back.
#[derive(Clone)]
pub(crate) struct Hook<T: Scalar, B: Backend<T>>(pub Arc<dyn Fn(&Value<T, B>) -> Value<T, B> + Send + Sync>);

impl<T: Scalar, B: Backend<T>> fmt::Debug for Hook<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Hook<T, B> {
    fn name(&self) -> &'static str {
        "hook_grad"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs::NOTHING
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        x[0].clone()
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let found = (self.0)(g);
        let expected = at.shape(i);
        assert!(
            found.shape() == &*expected,
            "hook_grad: the function gave a gradient of shape {:?}, expected {expected:?}",
            found.shape()
        );
        // It may have read values that are differentiated.
        Some(if at.is_attached() { found } else { found.detach() })
    }
    fn jvp(&self, _: &Primal<'_, T, B>, t: &Value<T, B>, _: usize) -> Option<Value<T, B>> {
        Some(t.clone())
    }
    fn has_functions(&self) -> bool {
        true
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Hook<T, B> {
    fn cases() -> Vec<Case<T, B>> {
        vec![Case::new("hook_grad", &[(&[2, 3], -2.0..2.0)], |x| x[0].hook_grad(Value::clone))]
    }
}
