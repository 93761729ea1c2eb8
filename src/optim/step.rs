//! What the steps of all optimisers have in common.

use super::Error;
use crate::nn::{Parameters, Path, labelled, places};
use autodiff_core::native::all_finite;
use autodiff_core::{Backend, Scalar, Value, memory};
use ndarray::{ArcArray, ArrayD, IxDyn};
use std::collections::BTreeMap;

/// Writes the methods that the optimisers have in common, around one that gives the rule for a parameter.
macro_rules! optimizer {
    ($Optimizer:ident, $name:literal, new: $new:literal, states: $states:literal) => {
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
                self.learning_rate = at_least_zero::<T>($name, "learning rate", learning_rate);
            }

            /// With gradients scaled down, all together, where their norm as one vector is above `max_norm`, to that norm: as
            /// PyTorch's `clip_grad_norm_` does, but that it divides by the norm and not by 1e-6 more.
            ///
            /// # Panics
            ///
            /// Where it is negative, infinite or NaN.
            #[doc(alias = "clip_grad_norm")]
            #[must_use]
            #[track_caller]
            pub fn clip_norm(mut self, max_norm: f64) -> Self {
                self.max_norm = Some(at_least_zero::<T>($name, "norm", max_norm));
                self
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
                let rule = self.rule();
                take($name, model, None, self.max_norm, &mut self.slots, rule)
            }

            /// Moves each parameter of the model against its gradient in `gradients`, a struct of the same kind, as
            /// [`grad`](crate::grad) and [`value_and_grad`](crate::value_and_grad) give it; what `backward` has left is not
            /// looked at. A value that stands in several places moves against the sum of its gradients there.
            ///
            /// ```
            /// use autodiff::{Value, value_and_grad};
            #[doc = concat!("use autodiff::optim::", $name, ";")]
            /// let mut model: (Value, Value) = (Value::new(3.0), Value::new(-2.0));
            #[doc = concat!("let mut optimizer = ", $name, "::new(0.1);")]
            /// for _ in 0..200 {
            ///     let (_loss, gradients) = value_and_grad(|(a, b)| a.square() + b.square(), &model);
            ///     optimizer.step_with(&mut model, &gradients);
            /// }
            /// assert!(model.0.item().abs() < 1e-3 && model.1.item().abs() < 1e-3);
            /// ```
            ///
            /// # Panics
            ///
            /// Where [`try_step_with`](Self::try_step_with) returns an error.
            #[track_caller]
            pub fn step_with<B: Backend<T>, P: Parameters<T, B> + ?Sized>(
                &mut self,
                model: &mut P,
                gradients: &P,
            ) {
                or_panic(self.try_step_with(model, gradients));
            }

            /// Like [`step_with`](Self::step_with), but returns an error instead of panicking: as
            /// [`try_step`](Self::try_step) does, and where the gradients have not the number and the shapes of the
            /// model's values. Nothing has changed then.
            pub fn try_step_with<B: Backend<T>, P: Parameters<T, B> + ?Sized>(
                &mut self,
                model: &mut P,
                gradients: &P,
            ) -> Result<(), Error> {
                let rule = self.rule();
                take($name, model, Some(gradients), self.max_norm, &mut self.slots, rule)
            }

            /// What is remembered of the parameters of `model`, with which steps were taken: as constants, named after them.
            ///
            #[doc = concat!("They are, of a parameter `weight`, ", $states, ".")]
            /// The map is empty where nothing is remembered yet. [`io::save`](crate::io) writes it to a file, and
            /// [`load_state`](Self::load_state) takes it back, to go on as if there had been no interruption. The learning
            /// rate and the other settings are not in it.
            ///
            /// # Panics
            ///
            /// Where [`try_state`](Self::try_state) returns an error.
            #[track_caller]
            #[must_use]
            pub fn state<B: Backend<T>, P: Parameters<T, B> + ?Sized>(
                &self,
                model: &P,
            ) -> BTreeMap<String, Value<T, B>> {
                or_panic(self.try_state(model))
            }

            /// Like [`state`](Self::state), but returns an error instead of panicking: where the number or the shapes of
            /// the parameters are not those of the steps before, or two have one name.
            pub fn try_state<B: Backend<T>, P: Parameters<T, B> + ?Sized>(
                &self,
                model: &P,
            ) -> Result<BTreeMap<String, Value<T, B>>, Error> {
                state::store($name, model, &self.slots)
            }

            /// Goes on from `state`, as [`state`](Self::state) gave it for a model of the same names and shapes; what was
            /// remembered before is forgotten. A parameter of which `state` has nothing, as one that was frozen, starts anew.
            ///
            /// ```
            /// use autodiff::{Value, io};
            #[doc = concat!("use autodiff::optim::", $name, ";")]
            /// # let folder = std::env::temp_dir();
            #[doc = concat!("# let model_file = folder.join(\"", $name, "-model.safetensors\");")]
            #[doc = concat!("# let state_file = folder.join(\"", $name, "-state.safetensors\");")]
            #[doc = concat!("let new = || ", $new, ";")]
            /// let step = |optimizer: &mut _, x: &mut Value| {
            ///     x.square().backward();
            #[doc = concat!("    ", $name, "::step(optimizer, x);")]
            /// };
            /// let (mut x, mut optimizer) = (Value::new(3.0), new());
            /// step(&mut optimizer, &mut x);
            /// io::save(&model_file, &x)?;
            /// io::save(&state_file, &optimizer.state(&x))?;
            ///
            /// // Another day:
            /// let (mut y, mut again) = (Value::new(0.0), new());
            /// io::load(&model_file, &mut y)?;
            /// again.load_state(&y, &io::read(&state_file)?)?;
            /// step(&mut again, &mut y);
            /// step(&mut optimizer, &mut x);
            /// assert_eq!(y.item(), x.item());
            /// # std::fs::remove_file(model_file)?;
            /// # std::fs::remove_file(state_file)?;
            /// # Ok::<(), Box<dyn std::error::Error>>(())
            /// ```
            ///
            /// # Errors
            ///
            /// Where a name or a shape in `state` is not one that belongs to `model`, or numbers are not what can be
            /// remembered. Nothing has changed then.
            pub fn load_state<B: Backend<T>, P: Parameters<T, B> + ?Sized>(
                &mut self,
                model: &P,
                state: &BTreeMap<String, Value<T, B>>,
            ) -> Result<(), Error> {
                self.slots = state::restore($name, model, state)?;
                Ok(())
            }
        }
    };
}
pub(super) use optimizer;

/// One parameter in a step: `x` is to hold its new numbers, made of `old` ones, or, where there are none, of those it holds, with the
/// gradient `g` times `scale`.
pub(super) struct Numbers<'a, T> {
    pub old: Option<&'a [T]>,
    pub x: &'a mut [T],
    pub g: &'a [T],
    pub scale: T,
}

/// Takes a step by `rule`, which is called with what is remembered of each parameter; see the methods of optimisers.
pub(super) fn take<T: Scalar, B: Backend<T>, P: Parameters<T, B> + ?Sized, S>(
    optimizer: &'static str,
    model: &mut P,
    gradients: Option<&P>,
    max_norm: Option<f64>,
    slots: &mut Vec<Slot<S>>,
    rule: impl Fn(&mut Option<S>, Numbers<'_, T>),
) -> Result<(), Error> {
    let sources = gather(optimizer, &*model, gradients, slots)?;
    let scale = max_norm.map_or(T::one(), |max_norm| T::of(clipping::<T, B>(&sources, max_norm)));
    let mut places = places(optimizer, model);
    if slots.is_empty() {
        *slots = places.iter().map(|value| Slot::new(value)).collect();
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
                let numbers = Numbers {
                    old: old.as_ref().map(|old| old.as_slice().expect(slices)),
                    x: updated.as_slice_mut().expect(slices),
                    g: grad.as_slice().expect(slices),
                    scale,
                };
                rule(&mut slots[i].state, numbers);
                labelled(Value::new(updated), label)
            }
        };
        *places[i] = fresh;
    }
    Ok(())
}

/// The gradient with that of `decay x^2 / 2` added; without decay, whatever `x` is.
#[inline(always)]
pub(super) fn decayed<T: Scalar>(g: T, decay: T, x: T) -> T {
    if decay == T::zero() { g } else { g + decay * x }
}

#[track_caller]
pub(super) fn at_least_zero<T: Scalar>(optimizer: &str, what: &str, number: f64) -> f64 {
    assert!(
        number >= 0.0 && T::of(number).is_finite(),
        "{optimizer}: got {what} {number}, expected a finite number of at least 0"
    );
    number
}

/// What an optimiser remembers of one place in the model.
#[derive(Clone, Debug)]
pub(super) struct Slot<S> {
    pub shape: Box<[usize]>,
    /// Made when the parameter is first updated.
    pub state: Option<S>,
}

impl<S> Slot<S> {
    pub fn new<T: Scalar, B: Backend<T>>(value: &Value<T, B>) -> Self {
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

/// All that a step needs, for each place in the model, with all that can go wrong behind it. Gradients are those that the leaves have,
/// where none are given.
fn gather<T: Scalar, B: Backend<T>, P: Parameters<T, B> + ?Sized, S>(
    optimizer: &'static str,
    model: &P,
    gradients: Option<&P>,
    slots: &[Slot<S>],
) -> Result<Vec<Source<T>>, Error> {
    let (values, gradients) = (values_of(model), gradients.map(values_of));
    check_slots(optimizer, model, &values, slots)?;
    if let Some(gradients) = gradients.as_ref().filter(|gradients| gradients.len() != values.len()) {
        return Err(Error::Gradients { optimizer, got: gradients.len(), expected: values.len() });
    }
    let firsts = firsts(&values);
    let mut sources = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        let name = || name_of(model, i);
        let shape = |x: &Value<T, B>| x.shape().to_vec();
        match value.op() {
            "constant" => {
                sources.push(Source::Frozen);
                continue;
            }
            "leaf" => {}
            op => return Err(Error::NotALeaf { optimizer, name: name(), op }),
        }
        if let Some(gradient) = gradients.as_ref().map(|all| all[i]).filter(|g| g.shape() != value.shape()) {
            let (got, expected) = (shape(gradient), shape(value));
            return Err(Error::Gradient { optimizer, name: name(), got, expected });
        }
        if firsts[i] != i {
            sources.push(Source::SameAs(firsts[i]));
            continue;
        }
        let grad = match &gradients {
            None => value.grad(),
            Some(all) => {
                let here =
                    firsts.iter().zip(all).filter(|&(first, g)| *first == i && g.shape() == value.shape());
                here.map(|(_, g)| g.detach()).reduce(|sum, g| sum + g).expect("its own, at least")
            }
        };
        let grad = grad.data();
        if let Some((index, value)) = first_non_finite(&grad) {
            return Err(Error::NonFinite { optimizer, name: name(), value, index });
        }
        sources.push(Source::Own { data: value.data(), grad });
    }
    match sources.iter().all(|source| matches!(source, Source::Frozen)) {
        true => Err(Error::Empty { optimizer }),
        false => Ok(sources),
    }
}

/// Whether a model is one that steps were taken with, if any were.
pub(super) fn check_slots<T: Scalar, B: Backend<T>, P: Parameters<T, B> + ?Sized, S>(
    optimizer: &'static str,
    model: &P,
    values: &[&Value<T, B>],
    slots: &[Slot<S>],
) -> Result<(), Error> {
    if !slots.is_empty() && values.len() != slots.len() {
        return Err(Error::Count { optimizer, got: values.len(), expected: slots.len() });
    }
    match values.iter().zip(slots).position(|(value, slot)| *slot.shape != *value.shape()) {
        None => Ok(()),
        Some(i) => {
            let (got, expected) = (values[i].shape().to_vec(), slots[i].shape.to_vec());
            Err(Error::Shape { optimizer, name: name_of(model, i), got, expected })
        }
    }
}

pub(super) fn values_of<T: Scalar, B: Backend<T>, P: Parameters<T, B> + ?Sized>(
    model: &P,
) -> Vec<&Value<T, B>> {
    let mut values = Vec::new();
    model.visit(Path::ROOT, &mut |_, value| values.push(value));
    values
}

/// For each place, the first that holds the same leaf.
fn firsts<T: Scalar, B: Backend<T>>(values: &[&Value<T, B>]) -> Vec<usize> {
    let mut firsts = BTreeMap::new();
    let first =
        |(i, value): (usize, &&Value<T, B>)| value.id().map_or(i, |id| *firsts.entry(id).or_insert(i));
    values.iter().enumerate().map(first).collect()
}

/// What gradients are multiplied by so that their norm, as that of one vector, is at most `max_norm`.
fn clipping<T: Scalar, B: Backend<T>>(sources: &[Source<T>], max_norm: f64) -> f64 {
    let gradients = sources.iter().filter_map(|source| match source {
        Source::Own { grad, .. } if !grad.is_empty() => Some(Value::<T, B>::constant(grad.clone())),
        _ => None,
    });
    let gradients: Vec<_> = gradients.collect();
    let largest =
        gradients.iter().map(|g| g.abs().max().item()).fold(T::zero(), |a, b| if b > a { b } else { a });
    if largest == T::zero() {
        return 1.0;
    }
    // In units of the largest number, squares do not leave the range of numbers.
    let squares = gradients.iter().map(|g| (g / largest).square().sum().item().as_f64());
    let (norm, max_norm) = (squares.sum::<f64>().sqrt(), max_norm / largest.as_f64());
    if norm > max_norm { max_norm / norm } else { 1.0 }
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
    if all_finite(array) {
        return None;
    }
    let (index, value) = array.indexed_iter().find(|(_, x)| !x.is_finite())?;
    Some((ndarray::Dimension::slice(&index).to_vec(), value.to_string()))
}
