//! A part of a computation that is done again when its derivatives are asked for.

use super::{Case, Listed, Needs, Recorded, Rule};
use crate::backend::Backend;
use crate::follow;
use crate::graph::{self, Sweep};
use crate::numbering;
use crate::origins;
use crate::primal::Primal;
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::transform::within;
use crate::value::Value;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

type Function<T, B> = Arc<dyn Fn(&Value<T, B>) -> Value<T, B> + Send + Sync>;

/// A function of the first input. The others are what it captured: it depends on them, and does not read them here.
#[derive(Clone)]
pub(crate) struct Checkpoint<T: Scalar, B: Backend<T>> {
    f: Function<T, B>,
    /// The result, until it is handed out.
    known: Arc<Mutex<Option<Tensor<T>>>>,
}

impl<T: Scalar, B: Backend<T>> Checkpoint<T, B> {
    /// `f(x)`, of which only `x` is kept.
    pub fn apply(f: Function<T, B>, x: &Value<T, B>) -> Value<T, B> {
        if !graph::is_recording() {
            return f(x);
        }
        // Tangents of what is inside would keep it; those of the whole are taken from outside.
        let Run { inner, boundary, y } = follow::followed_by_none(|| Run::of(&f, x));
        // An expression would keep its operands.
        Tensor::evaluate([y.tensor()]);
        let Some((root, leaf)) = y.tracked().zip(inner.tracked()) else { return y };
        let inputs: Vec<Value<T, B>> = (origins::captured(root, boundary).into_iter())
            .filter(|node| node.id != leaf.id)
            .map(|node| Value::from_parts(Tensor::full(T::zero(), node.shape()), Some(node)))
            .collect();
        let known = Arc::new(Mutex::new(Some(y.tensor().clone())));
        let inputs: Vec<_> = std::iter::once(x).chain(&inputs).collect();
        Value::apply(Checkpoint { f, known }, &inputs)
    }

    /// The computation once more.
    fn again(&self, at: &Primal<'_, T, B>) -> Run<T, B> {
        Run::of(&self.f, &at.single().x(0))
    }
}

/// The function at work.
struct Run<T: Scalar, B: Backend<T>> {
    /// Its input, apart from what it captured, which may be the same value.
    inner: Value<T, B>,
    /// What it was given or captured has smaller numbers than this, and what it made has not.
    boundary: u64,
    y: Value<T, B>,
}

impl<T: Scalar, B: Backend<T>> Run<T, B> {
    fn of(f: &Function<T, B>, x: &Value<T, B>) -> Self {
        let inner = within(x);
        let boundary = numbering::boundary();
        let y = f(&inner);
        Run { inner, boundary, y }
    }
}

impl<T: Scalar, B: Backend<T>> fmt::Debug for Checkpoint<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Checkpoint")
    }
}

impl<T: Scalar, B: Backend<T>> Rule<T, B> for Checkpoint<T, B> {
    fn name(&self) -> &'static str {
        "checkpoint"
    }
    fn needs(&self, _: usize) -> Needs {
        Needs { inputs: 1, output: false }
    }
    fn eval(&self, x: &[&Tensor<T>]) -> Tensor<T> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).take();
        known.unwrap_or_else(|| (self.f)(&Value::from_parts(x[0].clone(), None)).into_tensor())
    }
    fn vjp_all(&self, at: &Primal<'_, T, B>, g: &Value<T, B>) -> Option<Vec<Option<Value<T, B>>>> {
        graph::recorded(|| {
            let Run { inner, boundary, y } = self.again(at);
            let leaf = inner.tracked().expect("it was made to be differentiated with respect to");
            let nodes: Vec<_> =
                (0..at.count()).map(|i| if i == 0 { Some(leaf) } else { at.node(i) }).collect();
            let targets: Vec<_> = nodes.iter().flatten().copied().collect();
            let oldest = targets.iter().map(|node| node.id).min().unwrap_or(leaf.id);
            let sweep = Sweep { oldest, boundary, attached: at.is_attached(), batch: at.batch() };
            let mut found = match y.tracked() {
                Some(root) => graph::collected(root, g.clone(), sweep, &targets),
                None => vec![None; targets.len()],
            }
            .into_iter();
            Some(nodes.iter().map(|node| node.and_then(|_| found.next().flatten())).collect())
        })
    }
    fn vjp(&self, at: &Primal<'_, T, B>, g: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        self.vjp_all(at, g)?.swap_remove(i)
    }
    fn jvp_all(
        &self,
        at: &Primal<'_, T, B>,
        tangents: &[(usize, &Value<T, B>)],
    ) -> Option<Option<Value<T, B>>> {
        Some(graph::recorded(|| {
            let Run { inner, boundary, y } = self.again(at);
            let node = |i: usize| if i == 0 { inner.tracked() } else { at.node(i) };
            let known = tangents.iter().filter_map(|&(i, t)| Some((node(i)?.id, Some(t.clone()))));
            graph::forward(&[y.tracked()?], known.collect(), boundary, at.is_attached(), at.batch()).remove(0)
        }))
    }
    fn jvp(&self, at: &Primal<'_, T, B>, t: &Value<T, B>, i: usize) -> Option<Value<T, B>> {
        self.jvp_all(at, &[(i, t)])?
    }
    fn batched(&self, _: usize) -> Option<Recorded<T, B>> {
        Some(self.clone().recorded())
    }
    fn has_functions(&self) -> bool {
        true
    }
}

impl<T: Scalar, B: Backend<T>> Listed<T, B> for Checkpoint<T, B> {
    fn cases() -> Vec<Case<T, B>> {
        vec![
            Case::new("checkpoint", &[(&[2, 3], -2.0..2.0)], |x| {
                Checkpoint::apply(Arc::new(|x| (x.sin() * x).exp()), &x[0])
            }),
            // What is captured: the input itself.
            Case::new("checkpoint", &[(&[2, 3], -2.0..2.0)], |x| {
                let captured = x[0].clone();
                Checkpoint::apply(Arc::new(move |x| (&captured * x.sin()).exp()), &x[0])
            }),
            // Two values, one of which was made from the other and from the input.
            Case::new("checkpoint", &[(&[3], -2.0..2.0), (&[2, 3], -2.0..2.0)], |x| {
                let (a, b) = (x[1].clone(), &x[1] * &x[0]);
                Checkpoint::apply(Arc::new(move |x| (&a * x).sin() * &b), &x[0])
            }),
        ]
    }
}
