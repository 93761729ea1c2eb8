//! Functions of users with derivatives of their own.

use super::{Case, Listed, Needs, Rule};
use crate::backend::Backend;
use crate::graph::{self, Primal};
use crate::scalar::Scalar;
use crate::shape::check_broadcast_to;
use crate::tensor::Tensor;
use crate::value::Value;
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

impl<T: Scalar, B: Backend<T>> Custom<T, B> {
    /// The derivative as it was stated, at a direction whose result has the shape `like`.
    fn stated(
        &self,
        at: &Primal<'_, T, B>,
        direction: &Value<T, B>,
        i: usize,
        like: &[usize],
    ) -> Value<T, B> {
        let inputs: Vec<_> = (0..at.count()).map(|j| at.x(j)).collect();
        let (Derivative::Vjp(f) | Derivative::Jvp(f)) = &self.derivative;
        let found = f(&inputs, &at.y(), direction, i);
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
    fn direct(
        &self,
        at: &Primal<'_, T, B>,
        direction: &Value<T, B>,
        i: usize,
        like: &[usize],
    ) -> Value<T, B> {
        if !at.is_attached() {
            return self.stated(at, direction, i, like).detach();
        }
        // It is linear in the direction: a result that depends on no leaf was computed by other means.
        let leaf =
            if direction.tracked().is_some() { direction.clone() } else { Value::new(direction.data()) };
        let found = self.stated(at, &leaf, i, like);
        if found.tracked().is_some() || found.data().iter().all(|&x| x == T::zero()) {
            return found;
        }
        let inputs: Vec<_> = (0..at.count()).map(|j| at.x(j)).collect();
        let operands: Vec<_> = [&found, direction].into_iter().chain(&inputs).collect();
        Value::apply(Last { name: self.name }, &operands)
    }

    /// The transpose of the derivative as it was stated.
    fn transposed(
        &self,
        at: &Primal<'_, T, B>,
        direction: &Value<T, B>,
        i: usize,
        from: &[usize],
        like: &[usize],
    ) -> Value<T, B> {
        let zero = Value::new(ndarray::ArrayD::zeros(from));
        let found = self.stated(at, &zero, i, like);
        let Some(root) = found.tracked() else {
            beyond(self.name);
        };
        let seed = match self.derivative {
            Derivative::Vjp(_) => direction.spread_to(found.shape()),
            Derivative::Jvp(_) => direction.clone().sum_to(found.shape()),
        };
        let along = zero.tracked().expect("a leaf");
        // It may have been made from an input, while the direction came in as an array.
        let found = graph::gradients(root, seed, at.is_attached(), None, &[along]).remove(0);
        let found = found.unwrap_or_else(|| beyond(self.name));
        if at.is_attached() { found } else { found.detach() }
    }
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
            Derivative::Vjp(_) => Some(self.direct(at, g, i, &input)),
            Derivative::Jvp(_) => Some(self.transposed(at, g, i, &input, g.shape())),
        })
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        let output = at.y();
        graph::recorded(|| match self.derivative {
            Derivative::Jvp(_) => Some(self.direct(at, t, i, output.shape())),
            Derivative::Vjp(_) => Some(self.transposed(at, t, i, output.shape(), t.shape())),
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
