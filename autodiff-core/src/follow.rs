//! Tangents that are taken while a function runs, of what it computes.
//!
//! A sweep through what was recorded would take them all the same. But a product needs its operands at once: by the time of the
//! sweep a function of a product, `tanh(a b)`, has been computed alone, and its derivative takes the exponential again.
//! A tangent that is there when the product needs its operand is computed with it, in one pass.
//!
//! An operation is followed where its tangent waits until it is looked at, or is that of a linear map, which costs as little as the
//! operation did, if it never is. What comes of others, what other threads record, and all that depends on these, is left
//! to the sweep, which goes on from the tangents that are there.

use crate::backend::Backend;
use crate::node::{Node, Source};
use crate::numbering;
use crate::primal::Primal;
use crate::scalar::Scalar;
use crate::tensor::Tensor;
use crate::value::Value;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use triomphe::Arc;

/// The tangents of nodes, by their numbers; `None` where they depend on nothing that has one.
pub(crate) type Tangents<T, B> = FxHashMap<u64, Option<Value<T, B>>>;

/// A function at work whose tangents are taken.
struct Follower<T: Scalar, B: Backend<T>> {
    /// Nodes with smaller numbers were there before: of these, only those given have tangents.
    start: u64,
    known: RefCell<Tangents<T, B>>,
    /// The numbers of those that come from leaves among those given alone, which nothing else can be differentiated by: their tangents
    /// are not differentiated again.
    alone: RefCell<FxHashSet<u64>>,
}

/// The function that is innermost, and those around it.
struct Link {
    /// A [`Follower`] of some type of numbers and backend.
    follower: Rc<dyn Any>,
    outer: Option<Rc<Link>>,
}

thread_local! {
    static INNERMOST: RefCell<Option<Rc<Link>>> = const { RefCell::new(None) };
    /// Whether there is one.
    static FOLLOWING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` with other functions followed than now.
fn with<R>(innermost: Option<Rc<Link>>, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Rc<Link>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            set(self.0.take());
        }
    }
    fn set(innermost: Option<Rc<Link>>) -> Option<Rc<Link>> {
        FOLLOWING.set(innermost.is_some());
        INNERMOST.replace(innermost)
    }
    let _restore = Restore(set(innermost));
    f()
}

/// Runs `f` with no function followed.
#[inline]
pub(crate) fn followed_by_none<R>(f: impl FnOnce() -> R) -> R {
    if is_following() { with(None, f) } else { f() }
}

/// Runs `f`, and gives the tangents of what it recorded, as far as they are known, and those given, of what is there already. Leaves
/// among these are of this derivative alone.
pub(crate) fn following<T: Scalar, B: Backend<T>, R>(
    given: &[(&Arc<Node<T, B>>, Value<T, B>)],
    f: impl FnOnce() -> R,
) -> (R, Tangents<T, B>) {
    let known = given.iter().map(|(node, t)| (node.id, Some(t.clone()))).collect();
    let alone = given.iter().filter(|(node, _)| node.is_leaf()).map(|(node, _)| node.id).collect();
    let follower = Rc::new(Follower::<T, B> {
        start: numbering::boundary(),
        known: RefCell::new(known),
        alone: RefCell::new(alone),
    });
    let link = Link { follower: follower.clone(), outer: INNERMOST.with_borrow(Clone::clone) };
    let result = with(Some(Rc::new(link)), f);
    (result, follower.known.take())
}

/// Whether what this thread records is followed.
#[inline]
pub(crate) fn is_following() -> bool {
    FOLLOWING.get()
}

/// The links, the outermost first: the tangents that an inner one takes are themselves followed by the outer ones.
fn links() -> SmallVec<[Rc<Link>; 2]> {
    let mut links: SmallVec<[Rc<Link>; 2]> = INNERMOST.with_borrow(Clone::clone).into_iter().collect();
    while let Some(outer) = links.last().and_then(|link| link.outer.clone()) {
        links.push(outer);
    }
    links.reverse();
    links
}

/// Takes the tangents of what has just been recorded.
#[cold]
pub(crate) fn follow<T: Scalar, B: Backend<T>>(value: &Value<T, B>) {
    for link in links() {
        if let Some(follower) = link.follower.downcast_ref::<Follower<T, B>>() {
            with(link.outer.clone(), || follower.follow(value));
        }
    }
}

/// Computes what an operation is about to read, together with its tangents.
#[cold]
pub(crate) fn compute_together<T: Scalar, B: Backend<T>>(inputs: &[&Value<T, B>]) {
    let nodes = || inputs.iter().filter_map(|x| x.tracked());
    let tangents: SmallVec<[Value<T, B>; 4]> = links()
        .iter()
        .filter_map(|link| link.follower.downcast_ref::<Follower<T, B>>())
        .flat_map(|follower| nodes().filter_map(|node| follower.known.borrow().get(&node.id).cloned()))
        .flatten()
        .collect();
    Tensor::evaluate(inputs.iter().copied().chain(&tangents).map(Value::tensor));
}

impl<T: Scalar, B: Backend<T>> Follower<T, B> {
    fn follow(&self, value: &Value<T, B>) {
        let Some(node) = value.tracked() else { return };
        let Source::Operation(operation) = &node.source else { return };
        let rule = operation.rule();
        // Functions of users may have captured other values.
        let is_alone = !rule.has_functions() && {
            let alone = self.alone.borrow();
            operation.all_tracked().all(|input| alone.contains(&input.id))
        };
        if is_alone {
            self.alone.borrow_mut().insert(node.id);
        }
        let mut tangents = SmallVec::<[(usize, Value<T, B>); 2]>::new();
        for i in 0..operation.count() {
            let Some(input) = operation.tracked(i) else { continue };
            match self.known.borrow().get(&input.id) {
                Some(Some(t)) => tangents.push((i, t.clone())),
                Some(None) => {}
                None if input.id < self.start => {}
                // It may have a tangent, which is not known.
                None => return,
            }
        }
        if !tangents.is_empty() && !rule.is_followed() {
            return;
        }
        let attached = !is_alone || tangents.iter().any(|(_, t)| t.tracked().is_some());
        let at = Primal::new(node, operation, attached, None);
        let tangent = at.whole_tangent(&**rule, tangents.iter().map(|(i, t)| (*i, t)));
        let waiting = tangent.as_ref().and_then(|tangent| tangent.tensor().pending());
        if let Some((value, tangent)) = value.tensor().pending().zip(waiting) {
            value.accompany_product(tangent);
        }
        self.known.borrow_mut().insert(node.id, tangent);
    }
}
