//! Optimisers: [`Sgd`] and [`Adam`], for everything that has [`Parameters`].
//!
//! ```
//! use autodiff::Value;
//! use autodiff::optim::Sgd;
//!
//! let mut x: Value = Value::new(3.0);
//! let mut optimizer = Sgd::new(0.1);
//! for _ in 0..100 {
//!     x.square().backward();
//!     optimizer.step(&mut x);
//! }
//! assert!(x.item().abs() < 1e-8);
//! ```
//!
//! A value does not change, so a step makes new ones: it replaces each parameter of the model, in its place, by a
//! fresh leaf with the updated data and the old label. The gradient of a fresh leaf is zero: **there is no
//! `zero_grad` to call**, and gradients never run over from one step into the next. To add up the gradients of several
//! batches, call `backward` for each before the step. Handles that were taken from the model before a step keep the
//! old values, and so do its clones: what is given to the step is trained, and nothing else.
//!
//! - A parameter that is a constant, as `detach` makes one, is frozen: steps leave it as it is.
//! - A value that stands in several places (tied weights) is one parameter, and stays one.
//! - A parameter that no `backward` has reached has gradient zero, and is updated with that.
//! - A step happens as a whole or not at all: `try_step` returns an error, and [`step`](Adam::step) panics with it, before
//!   any parameter, and anything inside the optimiser, has changed.

use crate::nn::{Parameters, Path};
use crate::or_panic;
use autodiff_core::native::{all_finite, update};
use autodiff_core::{Backend, Scalar, Value, memory};
use ndarray::{ArcArray, ArrayD, IxDyn};
use std::collections::BTreeMap;

/// A step that cannot be taken. Nothing has changed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is nothing to train.
    #[error(
        "{optimizer}: the model has no parameters to train, expected at least one leaf, as Value::new makes"
    )]
    Empty {
        /// The optimiser.
        optimizer: &'static str,
    },
    /// More or fewer parameters than in the steps before.
    #[error(
        "{optimizer}: the model has {got} parameters, expected {expected} as in the steps before; another model needs an optimizer of its own"
    )]
    Count {
        /// The optimiser.
        optimizer: &'static str,
        /// The number of parameters now.
        got: usize,
        /// The number of parameters before.
        expected: usize,
    },
    /// A parameter of another shape than in the steps before.
    #[error(
        "{optimizer}: {} has shape {got:?}, expected {expected:?} as in the steps before; another model needs an optimizer of its own",
        parameter(name)
    )]
    Shape {
        /// The optimiser.
        optimizer: &'static str,
        /// The name of the parameter.
        name: String,
        /// Its shape now.
        got: Vec<usize>,
        /// Its shape before.
        expected: Vec<usize>,
    },
    /// A parameter that was computed from other values, which a step would not reach.
    #[error(
        "{optimizer}: {} is the result of `{op}`, expected a leaf (Value::new) or a constant (detach)",
        parameter(name)
    )]
    NotALeaf {
        /// The optimiser.
        optimizer: &'static str,
        /// The name of the parameter.
        name: String,
        /// The operation that made it.
        op: &'static str,
    },
    /// A gradient that is NaN or infinite somewhere.
    #[error(
        "{optimizer}: the gradient of {} is {value} at {index:?}, expected finite numbers; no parameter was changed",
        parameter(name)
    )]
    NonFinite {
        /// The optimiser.
        optimizer: &'static str,
        /// The name of the parameter.
        name: String,
        /// The first such element, as it prints.
        value: String,
        /// Where it is.
        index: Vec<usize>,
    },
}

debug_is_display!(Error);

/// How an error speaks of a parameter: one that is the whole model has no name, unless it has a label.
fn parameter(name: &str) -> String {
    if name.is_empty() { "the parameter".to_string() } else { format!("parameter \"{name}\"") }
}

/// Writes what the optimisers have in common, around a method `update` for one parameter.
macro_rules! optimizer {
    ($Optimizer:ident, $name:literal) => {
        impl<T: Scalar> $Optimizer<T> {
            /// The learning rate.
            #[must_use]
            pub fn learning_rate(&self) -> f64 {
                self.learning_rate
            }

            /// Changes the learning rate for the steps to come.
            ///
            /// # Panics
            ///
            /// Where it is negative, infinite or NaN.
            #[track_caller]
            pub fn set_learning_rate(&mut self, learning_rate: f64) {
                self.learning_rate = at_least_zero($name, "learning rate", learning_rate);
            }

            /// Moves each parameter of the model against its gradient, and starts the gradients again from zero.
            ///
            /// # Panics
            ///
            /// Where [`try_step`](Self::try_step) returns an error.
            #[track_caller]
            pub fn step<B: Backend<T>, P: Parameters<T, B> + ?Sized>(&mut self, model: &mut P) {
                or_panic(self.try_step(model));
            }

            /// Like [`step`](Self::step), but returns an error instead of panicking: where a gradient is not finite, a
            /// parameter is not a leaf, the model has nothing to train, or the number or the shapes of its parameters
            /// are not those of the steps before. Nothing has changed then.
            pub fn try_step<B: Backend<T>, P: Parameters<T, B> + ?Sized>(
                &mut self,
                model: &mut P,
            ) -> Result<(), Error> {
                let sources = gather($name, &*model, &self.slots)?;
                let mut places = Vec::with_capacity(sources.len());
                model.visit_mut(Path::ROOT, &mut |_, value| places.push(value));
                assert_eq!(
                    places.len(),
                    sources.len(),
                    "{}: `visit` and `visit_mut` of the model's Parameters differ in the number of values",
                    $name
                );
                if self.slots.is_empty() {
                    self.slots = places.iter().map(|value| Slot::new(value)).collect();
                }
                for (i, source) in sources.into_iter().enumerate() {
                    let fresh = match source {
                        Source::Frozen => continue,
                        Source::SameAs(first) => places[first].clone(),
                        Source::Own { data, grad } => {
                            let label = places[i].label();
                            *places[i] = Value::constant(T::zero());
                            let (old, mut updated) = place(data);
                            let old = old.as_ref().map(|old| old.as_standard_layout());
                            let grad = grad.as_standard_layout();
                            let slices = "row-major arrays are slices";
                            let old = old.as_ref().map(|old| old.as_slice().expect(slices));
                            let (x, g) =
                                (updated.as_slice_mut().expect(slices), grad.as_slice().expect(slices));
                            self.update(i, old, x, g);
                            match label {
                                Some(label) => Value::new(updated).with_label(label),
                                None => Value::new(updated),
                            }
                        }
                    };
                    *places[i] = fresh;
                }
                Ok(())
            }
        }
    };
}

/// Stochastic gradient descent, with momentum, Nesterov's or not, and weight decay.
///
/// For a parameter `x` with gradient `g`, as in PyTorch's `SGD` (without dampening):
///
/// ```text
/// g <- g + weight_decay x
/// v <- momentum v + g             (v = g in the first step)
/// x <- x - learning_rate v        (with nesterov: g + momentum v in the place of v)
/// ```
///
/// The form with momentum is that of Sutskever et al., "On the importance of initialization and momentum in deep
/// learning" (2013), with the learning rate taken out of `v`.
///
/// ```
/// use autodiff::Value;
/// use autodiff::optim::Sgd;
/// let mut w = Value::new(ndarray::array![1.0, -2.0]);
/// let mut optimizer = Sgd::new(0.25).momentum(0.9);
/// w.square().sum().backward();
/// optimizer.step(&mut w);
/// assert_eq!(w.data(), ndarray::array![0.5, -1.0].into_dyn());
/// ```
#[derive(Clone, Debug)]
pub struct Sgd<T: Scalar = f64> {
    learning_rate: f64,
    momentum: f64,
    weight_decay: f64,
    nesterov: bool,
    slots: Vec<Slot<Vec<T>>>,
}

optimizer!(Sgd, "Sgd");

impl<T: Scalar> Sgd<T> {
    /// Plain gradient descent: no momentum, no weight decay.
    ///
    /// # Panics
    ///
    /// Where the learning rate is negative, infinite or NaN.
    #[must_use]
    #[track_caller]
    pub fn new(learning_rate: f64) -> Self {
        let learning_rate = at_least_zero("Sgd", "learning rate", learning_rate);
        Sgd { learning_rate, momentum: 0.0, weight_decay: 0.0, nesterov: false, slots: Vec::new() }
    }

    /// With momentum, usually 0.9.
    ///
    /// # Panics
    ///
    /// Where it is negative, infinite or NaN.
    #[must_use]
    #[track_caller]
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = at_least_zero("Sgd", "momentum", momentum);
        self
    }

    /// With the gradient of `weight_decay x^2 / 2` added to that of each parameter `x`.
    ///
    /// # Panics
    ///
    /// Where it is negative, infinite or NaN.
    #[must_use]
    #[track_caller]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = at_least_zero("Sgd", "weight decay", weight_decay);
        self
    }

    /// With Nesterov's momentum: the step looks ahead to where `v` leads. Without momentum it changes nothing.
    #[must_use]
    pub fn nesterov(mut self) -> Self {
        self.nesterov = true;
        self
    }

    fn update(&mut self, i: usize, old: Option<&[T]>, x: &mut [T], g: &[T]) {
        let rate = T::of(self.learning_rate);
        let (momentum, decay) = (T::of(self.momentum), T::of(self.weight_decay));
        if self.momentum == 0.0 {
            update(
                old,
                [x],
                g,
                #[inline(always)]
                move |[x], g| [x - rate * decayed(g, decay, x)],
            );
            return;
        }
        let v = self.slots[i].state.get_or_insert_with(|| vec![T::zero(); x.len()]);
        let nesterov = self.nesterov;
        update(
            old,
            [x, v],
            g,
            #[inline(always)]
            move |[x, v], g| {
                let g = decayed(g, decay, x);
                let v = momentum * v + g;
                [x - rate * if nesterov { g + momentum * v } else { v }, v]
            },
        );
    }
}

/// Adam: steps whose sizes adapt to each number's own gradients.
///
/// Kingma and Ba, "Adam: A Method for Stochastic Optimization" (ICLR 2015), algorithm 1, with the bias corrections as
/// PyTorch's `Adam` writes them. For a parameter `x` with gradient `g`, in its step number `t` from 1:
///
/// ```text
/// g <- g + weight_decay x
/// m <- beta1 m + (1 - beta1) g
/// v <- beta2 v + (1 - beta2) g^2
/// x <- x - learning_rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + eps)
/// ```
///
/// ```
/// use autodiff::nn::{Linear, Module, rng};
/// use autodiff::{Value, optim::Adam};
/// use ndarray::array;
///
/// // y = 2 a - b + 0.5, from four points.
/// let x = Value::constant(array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
/// let y = array![[0.5], [2.5], [-0.5], [1.5]];
/// let mut model = Linear::<f64>::new(2, 1, &mut rng(0));
/// let mut optimizer = Adam::new(0.05);
/// for _ in 0..1000 {
///     (model.forward(&x) - &y).square().mean().backward();
///     optimizer.step(&mut model);
/// }
/// assert!((model.weight.data()[[0, 0]] - 2.0).abs() < 1e-3);
/// ```
#[derive(Clone, Debug)]
pub struct Adam<T: Scalar = f64> {
    learning_rate: f64,
    betas: (f64, f64),
    eps: f64,
    weight_decay: f64,
    slots: Vec<Slot<Moments<T>>>,
}

#[derive(Clone, Debug)]
struct Moments<T> {
    /// As each parameter has its own count, one that was frozen at first is corrected as it should be.
    steps: u32,
    first: Vec<T>,
    second: Vec<T>,
}

optimizer!(Adam, "Adam");

/// Adam with the learning rate of the paper, 1e-3.
impl<T: Scalar> Default for Adam<T> {
    fn default() -> Self {
        Adam::new(1e-3)
    }
}

impl<T: Scalar> Adam<T> {
    /// Adam with the other numbers as in the paper: betas (0.9, 0.999), eps 1e-8, no weight decay.
    ///
    /// # Panics
    ///
    /// Where the learning rate is negative, infinite or NaN.
    #[must_use]
    #[track_caller]
    pub fn new(learning_rate: f64) -> Self {
        let learning_rate = at_least_zero("Adam", "learning rate", learning_rate);
        Adam { learning_rate, betas: (0.9, 0.999), eps: 1e-8, weight_decay: 0.0, slots: Vec::new() }
    }

    /// With other rates at which the means of gradients and of their squares forget; each in `0 .. 1`.
    ///
    /// # Panics
    ///
    /// Where one is not.
    #[must_use]
    #[track_caller]
    pub fn betas(mut self, beta1: f64, beta2: f64) -> Self {
        for beta in [beta1, beta2] {
            assert!((0.0..1.0).contains(&beta), "Adam: got beta {beta}, expected at least 0 and below 1");
        }
        self.betas = (beta1, beta2);
        self
    }

    /// With another number in the place of 1e-8, which keeps steps finite where gradients vanish.
    ///
    /// # Panics
    ///
    /// Where it is negative, infinite or NaN.
    #[must_use]
    #[track_caller]
    pub fn eps(mut self, eps: f64) -> Self {
        self.eps = at_least_zero("Adam", "eps", eps);
        self
    }

    /// With the gradient of `weight_decay x^2 / 2` added to that of each parameter `x`.
    ///
    /// # Panics
    ///
    /// Where it is negative, infinite or NaN.
    #[must_use]
    #[track_caller]
    pub fn weight_decay(mut self, weight_decay: f64) -> Self {
        self.weight_decay = at_least_zero("Adam", "weight decay", weight_decay);
        self
    }

    fn update(&mut self, i: usize, old: Option<&[T]>, x: &mut [T], g: &[T]) {
        let zeros = || vec![T::zero(); x.len()];
        let fresh = || Moments { steps: 0, first: zeros(), second: zeros() };
        let Moments { steps, first, second } = self.slots[i].state.get_or_insert_with(fresh);
        *steps = steps.saturating_add(1);
        let (beta1, beta2) = self.betas;
        let t = f64::from(*steps);
        let rate = T::of(self.learning_rate / (1.0 - beta1.powf(t)));
        let unbias = T::of((1.0 - beta2.powf(t)).sqrt().recip());
        let (gain1, gain2) = (T::of(1.0 - beta1), T::of(1.0 - beta2));
        let (beta2, eps, decay) = (T::of(beta2), T::of(self.eps), T::of(self.weight_decay));
        update(
            old,
            [x, first, second],
            g,
            #[inline(always)]
            move |[x, m, v], g| {
                let g = decayed(g, decay, x);
                let m = m + gain1 * (g - m);
                let v = beta2 * v + gain2 * g * g;
                // Where eps is 0, a gradient that was always 0 moves nothing.
                let moved = x - rate * m / (v.sqrt() * unbias + eps);
                [if m == T::zero() { x } else { moved }, m, v]
            },
        );
    }
}

/// The gradient with that of `decay x^2 / 2` added; without decay, whatever `x` is.
#[inline(always)]
fn decayed<T: Scalar>(g: T, decay: T, x: T) -> T {
    if decay == T::zero() { g } else { g + decay * x }
}

#[track_caller]
fn at_least_zero(optimizer: &str, what: &str, number: f64) -> f64 {
    assert!(
        number >= 0.0 && number.is_finite(),
        "{optimizer}: got {what} {number}, expected a finite number of at least 0"
    );
    number
}

/// What an optimiser remembers of one place in the model.
#[derive(Clone, Debug)]
struct Slot<S> {
    shape: Box<[usize]>,
    /// Made when the parameter is first updated.
    state: Option<S>,
}

impl<S> Slot<S> {
    fn new<T: Scalar, B: Backend<T>>(value: &Value<T, B>) -> Self {
        Slot { shape: value.shape().into(), state: None }
    }
}

/// Where the new value of one place in the model comes from.
enum Source<T> {
    /// It stays.
    Frozen,
    /// It is the same leaf as at this place, which comes before.
    SameAs(usize),
    /// Its data and its gradient.
    Own { data: ArcArray<T, IxDyn>, grad: ArcArray<T, IxDyn> },
}

/// All that a step needs, for each place in the model, with all that can go wrong behind it.
fn gather<T: Scalar, B: Backend<T>, P: Parameters<T, B> + ?Sized, S>(
    optimizer: &'static str,
    model: &P,
    slots: &[Slot<S>],
) -> Result<Vec<Source<T>>, Error> {
    let mut values = Vec::with_capacity(slots.len());
    model.visit(Path::ROOT, &mut |_, value| values.push(value));
    if !slots.is_empty() && values.len() != slots.len() {
        return Err(Error::Count { optimizer, got: values.len(), expected: slots.len() });
    }
    let mut sources = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        if let Some(slot) = slots.get(i)
            && *slot.shape != *value.shape()
        {
            let (got, expected) = (value.shape().to_vec(), slot.shape.to_vec());
            return Err(Error::Shape { optimizer, name: name_of(model, i), got, expected });
        }
        sources.push(match value.op() {
            "constant" => Source::Frozen,
            "leaf" => {
                let grad = value.grad().data();
                if let Some((index, value)) = first_non_finite(&grad) {
                    return Err(Error::NonFinite { optimizer, name: name_of(model, i), value, index });
                }
                Source::Own { data: value.data(), grad }
            }
            op => return Err(Error::NotALeaf { optimizer, name: name_of(model, i), op }),
        });
    }
    tie(&values, &mut sources);
    match sources.iter().all(|source| matches!(source, Source::Frozen)) {
        true => Err(Error::Empty { optimizer }),
        false => Ok(sources),
    }
}

/// The array in row-major order where the next value of a parameter goes: the old one itself where nothing else holds it; else
/// another, and the old one.
fn place<T: Scalar>(data: ArcArray<T, IxDyn>) -> (Option<ArcArray<T, IxDyn>>, ArrayD<T>) {
    // In what earlier steps have left: fresh memory is slow.
    let beside = |old: ArcArray<T, IxDyn>| {
        let new = memory::array(old.shape());
        (Some(old), new)
    };
    match data.try_into_owned_nocopy() {
        Ok(array) if array.is_standard_layout() => (None, array),
        Ok(array) => beside(array.into_shared()),
        // A loss that is still there holds what it was computed from.
        Err(shared) => beside(shared),
    }
}

/// The name of parameter `i`, or, where the model is one value, its label.
fn name_of<T: Scalar, B: Backend<T>, P: Parameters<T, B> + ?Sized>(model: &P, i: usize) -> String {
    let (name, value) = model.named_parameters().swap_remove(i);
    match value.label() {
        Some(label) if name.is_empty() => label.to_string(),
        _ => name,
    }
}

fn first_non_finite<T: Scalar>(array: &ArcArray<T, IxDyn>) -> Option<(Vec<usize>, String)> {
    let finite = match array.as_slice_memory_order() {
        Some(slice) => all_finite(slice),
        None => array.iter().all(|x| x.is_finite()),
    };
    if finite {
        return None;
    }
    let (index, value) = array.indexed_iter().find(|(_, x)| !x.is_finite())?;
    Some((ndarray::Dimension::slice(&index).to_vec(), value.to_string()))
}

/// Finds the places that hold a leaf which an earlier place holds, too.
fn tie<T: Scalar, B: Backend<T>>(values: &[&Value<T, B>], sources: &mut [Source<T>]) {
    let mut firsts = BTreeMap::new();
    for (i, value) in values.iter().enumerate() {
        let Some(id) = value.id() else { continue };
        let first = *firsts.entry(id).or_insert(i);
        if first != i {
            sources[i] = Source::SameAs(first);
        }
    }
}
