//! Derivatives of functions.

mod checkpoint;
mod custom;
mod gradient;
mod jacobian;
mod linear;

pub use checkpoint::checkpoint;
pub use custom::{custom_jvp, custom_root, custom_vjp};
pub use gradient::{
    grad, try_grad, try_value_and_grad, try_value_and_grad_aux, value_and_grad, value_and_grad_aux,
};
pub use jacobian::{
    hessian, hessian_diag, hvp, jacobian, try_hessian, try_hessian_diag, try_hvp, try_jacobian,
};
pub use linear::{LinearMap, jvp, linearize, try_jvp, vjp};

use crate::backend::Backend;
use crate::error::{Error, or_panic};
use crate::follow::{self, Tangents};
use crate::graph;
use crate::node::Node;
use crate::numbering;
use crate::origins::Alone;
use crate::parameters::{Parameters, replaced, values};
use crate::primal::with_leading;
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;
use std::sync::{Mutex, MutexGuard, PoisonError};
use triomphe::Arc;

/// What a function is given in the place of `x`, and what becomes of its results.
struct Inner<P> {
    x: P,
    /// The numbers of the leaves that stand for constants, rising.
    own: Vec<u64>,
    /// What is known to be made from these alone.
    alone: Mutex<Alone>,
}

impl<P> Inner<P> {
    fn of<T: Scalar, B: Backend<T>>(x: &P) -> Self
    where
        P: Parameters<T, B> + Clone,
    {
        // All that is there already has smaller numbers, whichever thread recorded it: a sweep ends at it.
        numbering::boundary();
        let mut own = Vec::new();
        let inner = |value: &Value<T, B>| {
            let inner = within(value);
            if value.tracked().is_none() {
                own.extend(inner.id());
            }
            inner
        };
        let x = graph::recorded(|| replaced(x, inner));
        Inner { x, own, alone: Mutex::default() }
    }

    /// A result as it is handed out: a constant inside `no_grad`, and where it was made from constants alone, which are no leaves
    /// but here.
    fn outside<T: Scalar, B: Backend<T>>(&self, y: Value<T, B>) -> Value<T, B> {
        let is_made_from_others = |node| self.alone().lacks(node, &self.own);
        match graph::is_recording() && y.tracked().is_some_and(is_made_from_others) {
            true => y,
            false => y.detach(),
        }
    }

    /// Whether derivatives of `y`, in directions that are given, can be differentiated again when they have been handed out.
    fn is_attached<'v, T: Scalar, B: Backend<T>>(
        &self,
        y: &Value<T, B>,
        directions: impl IntoIterator<Item = &'v Value<T, B>>,
    ) -> bool {
        let may_come_from_others = |node| {
            let mut alone = self.alone();
            alone.lacks(node, &self.own) || alone.has_functions
        };
        graph::is_recording()
            && (y.tracked().is_some_and(may_come_from_others)
                || directions.into_iter().any(|direction| direction.tracked().is_some()))
    }

    fn alone(&self) -> MutexGuard<'_, Alone> {
        // What is locked is changed by searches that have ended.
        self.alone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a function makes of `x`, and the tangents of those `of` it, given those of the values of `x`; most are taken while it runs.
    fn try_follow<T: Scalar, B: Backend<T>, R>(
        &self,
        op: &'static str,
        tangents: &[(&Value<T, B>, &Value<T, B>)],
        f: impl FnOnce(&P) -> Result<R, Error>,
        of: impl Fn(&R) -> Vec<&Value<T, B>>,
    ) -> Result<(R, Vec<Value<T, B>>), Error> {
        let given = given(op, tangents)?;
        let (made, known) = graph::recorded(|| follow::following(&given, || f(&self.x)));
        let made = made?;
        let of = of(&made);
        let attached = of.iter().any(|y| self.is_attached(y, tangents.iter().map(|&(_, t)| t)));
        let found = graph::recorded(|| rest(&of, known, &given, attached));
        Ok((made, found))
    }

    /// The gradients of `y` with respect to each value of `x`, given the cotangent of `y`, as they are handed out.
    fn gradients<T: Scalar, B: Backend<T>>(&self, y: &Value<T, B>, seed: Value<T, B>) -> P
    where
        P: Parameters<T, B> + Clone,
    {
        let all = values(&self.x);
        let attached = self.is_attached(y, [&seed]);
        let found = match y.tracked() {
            None => vec![None; all.len()],
            Some(root) => {
                let nodes: Vec<_> =
                    all.iter().map(|x| x.tracked().expect("made to be differentiated")).collect();
                graph::recorded(|| graph::gradients(root, seed, attached, None, &nodes))
            }
        };
        let mut found = found.into_iter().zip(&all).map(|(g, x)| self.outside(g.unwrap_or_else(|| zeros(x))));
        replaced(&self.x, |_| found.next().expect("one for each value"))
    }
}

/// `x` under an identity of its own, so that what a closure captured is told from what it was given.
pub(crate) fn within<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    match x.tracked() {
        Some(_) => x.alias(),
        None => Value::new(x.data()),
    }
}

fn zeros<T: Scalar, B: Backend<T>>(x: &Value<T, B>) -> Value<T, B> {
    Value::from_parts(Tensor::full(T::zero(), x.shape()), None)
}

impl<T: Scalar, B: Backend<T>> Value<T, B> {
    /// The gradients of this value with respect to others it was made from, leaves or not, as values that can be
    /// differentiated again. No `grad` changes.
    ///
    /// Of an array, it is the sum of the elements that is differentiated. The gradient is zero with respect to a
    /// value that this one does not depend on.
    ///
    /// ```
    /// use autodiff_core::native::Value;
    /// let (a, b) = (Value::new(3.0), Value::new(2.0));
    /// let y = &a * &a * &b;
    /// let [da, db] = y.grad_of(&[&a, &b]).try_into().unwrap();
    /// assert_eq!((da.item(), db.item()), (12.0, 9.0));
    /// assert_eq!(da.grad_of(&[&b])[0].item(), 6.0);
    /// ```
    ///
    /// # Panics
    ///
    /// Where this value, or one of the others, is a constant.
    #[track_caller]
    pub fn grad_of(&self, wrt: &[&Self]) -> Vec<Self> {
        or_panic(self.try_grad_of(wrt))
    }

    /// Like [`grad_of`](Self::grad_of), but returns an error instead of panicking.
    pub fn try_grad_of(&self, wrt: &[&Self]) -> Result<Vec<Self>, Error> {
        let root = self.require_tracked("grad_of")?;
        let mut nodes = Vec::with_capacity(wrt.len());
        for (index, x) in wrt.iter().enumerate() {
            let constant = || Error::Constant { op: "grad_of", index, shape: x.shape().to_vec() };
            nodes.push(x.tracked().ok_or_else(constant)?);
        }
        let seed = Value::from_parts(Tensor::full(T::one(), self.shape()), None);
        let found = graph::gradients(root, seed, true, None, &nodes);
        Ok(found.into_iter().zip(wrt).map(|(g, x)| g.unwrap_or_else(|| zeros(x))).collect())
    }

    /// The tangent of this value, given those of some that it was made from; `attached` where it can be differentiated again.
    pub(crate) fn try_tangent(
        &self,
        op: &'static str,
        tangents: &[(&Self, &Self)],
        attached: bool,
    ) -> Result<Self, Error> {
        let given = given(op, tangents)?;
        let known = given.iter().map(|(node, t)| (node.id, Some(t.clone()))).collect();
        Ok(rest(&[self], known, &given, attached).remove(0))
    }

    /// The tangents of this value, side by side, given those of `x`, `t` (n, ...), in one sweep; `attached` where they can be
    /// differentiated again.
    pub(crate) fn tangents(&self, x: &Self, t: Self, attached: bool) -> Self {
        let n = t.shape()[0];
        let root = self.tracked().zip(x.tracked());
        let found = root.and_then(|(root, x)| {
            graph::forward(&[root], Tangents::from_iter([(x.id, Some(t))]), x.id, attached, Some(n)).remove(0)
        });
        found.unwrap_or_else(|| {
            Value::from_parts(Tensor::full(T::zero(), &with_leading(n, self.shape())), None)
        })
    }

    /// The cotangents of values, which are to be differentiated with respect to, side by side, given those of this value, `g`
    /// (n, ...), in one sweep; `attached` where they can be differentiated again.
    pub(crate) fn cotangents(&self, wrt: &[&Self], g: Self, attached: bool) -> Vec<Self> {
        let n = g.shape()[0];
        let nodes: Option<Vec<_>> = wrt.iter().map(|x| x.tracked()).collect();
        let found = match self.tracked().zip(nodes) {
            Some((root, nodes)) => graph::gradients(root, g, attached, Some(n), &nodes),
            None => vec![None; wrt.len()],
        };
        let zeros = |x: &&Self| Value::from_parts(Tensor::full(T::zero(), &with_leading(n, x.shape())), None);
        found.into_iter().zip(wrt).map(|(found, x)| found.unwrap_or_else(|| zeros(x))).collect()
    }
}

/// Values that are given their tangents.
type Given<'a, T, B> = Vec<(&'a Arc<Node<T, B>>, Value<T, B>)>;

fn given<'a, T: Scalar, B: Backend<T>>(
    op: &'static str,
    tangents: &[(&'a Value<T, B>, &Value<T, B>)],
) -> Result<Given<'a, T, B>, Error> {
    let mut given = Vec::with_capacity(tangents.len());
    for (x, t) in tangents {
        given.push((x.require_tracked(op)?, (*t).clone()));
    }
    Ok(given)
}

/// The tangents of some values, in a sweep through what was not followed.
fn rest<T: Scalar, B: Backend<T>>(
    of: &[&Value<T, B>],
    known: Tangents<T, B>,
    given: &Given<'_, T, B>,
    attached: bool,
) -> Vec<Value<T, B>> {
    let oldest = given.iter().map(|(node, _)| node.id).min().unwrap_or(u64::MAX);
    let roots: Vec<_> = of.iter().filter_map(|y| y.tracked()).collect();
    let mut found = graph::forward(&roots, known, oldest, attached, None).into_iter();
    let tangent =
        |y: &&Value<T, B>| y.tracked().and_then(|_| found.next().flatten()).unwrap_or_else(|| zeros(y));
    of.iter().map(tangent).collect()
}

/// The values of `x`, each with its direction, of its shape; and what one direction is called, and several.
fn directed<'a, T: Scalar, B: Backend<T>, P: Parameters<T, B>>(
    op: &'static str,
    [one, several]: [&'static str; 2],
    x: &'a P,
    directions: &'a P,
) -> Result<Vec<(&'a Value<T, B>, &'a Value<T, B>)>, Error> {
    let (x, directions) = (values(x), values(directions));
    if x.len() != directions.len() {
        return Err(Error::Count { op, what: several, got: directions.len(), expected: x.len() });
    }
    let directed: Vec<_> = x.into_iter().zip(directions).collect();
    for (x, direction) in &directed {
        check_direction(op, [one, "an input"], direction, x)?;
    }
    Ok(directed)
}

/// Checks that `got`, which is the first of the names, has the shape of `like`, which is the second.
fn check_direction<T: Scalar, B: Backend<T>>(
    op: &'static str,
    [what, of]: [&'static str; 2],
    got: &Value<T, B>,
    like: &Value<T, B>,
) -> Result<(), Error> {
    if got.shape() == like.shape() {
        return Ok(());
    }
    Err(Error::Direction { op, what, got: got.shape().to_vec(), of, expected: like.shape().to_vec() })
}
